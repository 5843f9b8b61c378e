"""Train every network of one setting on the two points and record H, Y, w, mean error and loss at every step.

Beside them the tangent kernel of the outputs before and after training.
"""

import numpy as np

from repdyn import artifacts, files


def main(data: str, row: dict, device: str, output: str, **job) -> None:
    from repdyn.networks import tangent_kernel
    from repdyn.networks.observables import described, output_observables
    from repdyn.training import batches, ensemble, recorders
    from repdyn.training.job import Job

    points = artifacts.read_dataset(data)
    x, y = points["x"].values, points["y"].values

    def kernel(view):
        return tangent_kernel.of_networks(*view.trainer.modules(), x)

    # Smaller steps and more of them follow the same path; the theory speaks of the limit of infinitely small ones.
    lr, steps = row["lr"] / row["finer"], row["steps"] * row["finer"]
    job = Job(output, device, **job, row=row, identity={"data_sha256": files.content_hash(data)})
    runs = job.run(
        ensemble.of_row(row, lr, row["in_dim"], row["out_dim"]),
        batches.Points(x, y),
        steps,
        [
            recorders.Pairs(recorders.every(1, steps - 1)),
            recorders.Look(lambda view: {"first_kernel": kernel(view)}, np.array([0]), "start"),
            recorders.AtEnd(lambda view: {"last_kernel": kernel(view)}),
        ],
        label=row["name"],
        rest_loss=row["rest_loss"],
    )
    job.write(
        {
            "H": (("seed", "layer", "step"), runs.distance.values[:, :, 0], described("H")),
            **{
                name: (("seed", "step"), values, described(name))
                for name, values in output_observables(runs.output.values, y).items()
            },
            "kernel": (
                ("seed", "end", "output", "other_output"),
                np.stack([runs.first_kernel.values[:, 0], runs.last_kernel.values], 1),
                {"long_name": "tangent kernel, point by point"},
            ),
            "diverged_at": ("seed", runs.diverged_at.values, {"long_name": "first step that is not finite, or -1"}),
        },
        {
            "seed": range(row["networks"]),
            "end": ["start", "end"],
            "layer": np.arange(runs.sizes["layer"]),
            "step": ("step", runs.step.values, {"units": "optimiser steps"}),
        },
        setting=row["name"],
        learning_rate=lr,
        **{name: points.attrs[name] for name in ("dx2", "dy2", "in_dim", "out_dim")},
    )
