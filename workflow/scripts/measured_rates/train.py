"""Train the networks of a row of the two-point study, and measure the theory's rates as they learn.

A network that has learned the mean of the two targets has the loss |dy|^2 (1 - u)^2 / (8 outputs), where its outputs
are u |dy| apart along dy: rates are measured where the loss falls to those of evenly spaced u, and training ends soon
after the last of them.
"""

import numpy as np

from repdyn import artifacts, files

FIRST, LAST = 0.1, 0.99  # of u
LOOKS = 500  # at the loss, evenly spaced over the steps


def main(data: str, row: dict, layers: list[int], moments: int, device: str, output: str, **job) -> None:
    from repdyn.networks.observables import described, output_observables
    from repdyn.training import batches, ensemble, recorders
    from repdyn.training.job import Job
    from repdyn.training.trace import Stop

    points = artifacts.read_dataset(data)
    x, y = points.x.values, points.y.values
    lr, steps = row["lr"] / row["finer"], row["steps"] * row["finer"]
    levels = points.dy2 / (8 * y.shape[1]) * (1 - np.linspace(FIRST, LAST, moments)) ** 2
    every = max(1, steps // LOOKS)
    identity = {"layers": layers, "moments": moments, "data_sha256": files.content_hash(data)}
    job = Job(output, device, **job, row=row, identity=identity)
    runs = job.run(
        ensemble.of_row(row, lr, row["in_dim"], row["out_dim"]),
        batches.Points(x, y),
        steps,
        [
            recorders.Pairs(recorders.every(1, steps)),
            recorders.measured_rates(x, y, levels, layers, every),
        ],
        stop=Stop(levels[-1] / 2, every),
        label=row["name"],
    )
    seen = slice(0, runs.ended_at.values.max() + 1)
    curves = output_observables(runs.output.values[:, seen], y)
    job.write(
        {
            "H": (("seed", "layer", "step"), runs.distance.values[:, layers, 0, seen], described("H")),
            **{name: (("seed", "step"), curves[name], described(name)) for name in ("Y", "w", "loss")},
            **{
                name: (("seed", "moment", "layer"), runs[name].values, {"units": "per unit of learning rate"})
                for name in recorders.RATES
            },
            "moment_step": (("seed", "moment"), runs.level_step.values, {"long_name": "when, or -1: never"}),
            "ended_at": ("seed", runs.ended_at.values),
            "diverged_at": ("seed", runs.diverged_at.values, {"long_name": "first step that is not finite, or -1"}),
        },
        {"seed": range(row["networks"]), "layer": layers, "step": ("step", runs.step.values[seen])},
        setting=row["name"],
        learning_rate=lr,
        **{name: points.attrs[name] for name in ("dx2", "dy2", "in_dim", "out_dim")},
    )
