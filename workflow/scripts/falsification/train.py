"""Train the networks of a row on pairs of points in general position, with one output and with several.

Every network has a pair of its own. The loss is a mean over outputs, so the learning rate is multiplied by their
number: steps mean the same. H of every hidden layer, Y and w are kept every EVERY steps.
"""

import numpy as np

from repdyn.data import two_points

EVERY = 5


def main(row: dict, inputs: int, outputs: list[int], seed: int, device: str, output: str, **job) -> None:
    from repdyn.networks.observables import described, output_observables
    from repdyn.training import batches, ensemble, recorders
    from repdyn.training.job import Job

    steps, dx, dy = row["steps"] * row["finer"], row["dx2"] ** 0.5, row["dy2"] ** 0.5
    job = Job(output, device, **job, row=row, inputs=inputs, outputs=outputs, seed=seed)
    runs, curves = [], []
    for count in outputs:
        pairs = [two_points.general_position(dx, dy, inputs, count, (seed, n)) for n in range(row["networks"])]
        x, y = (np.stack(each) for each in zip(*pairs))
        run = job.run(
            ensemble.of_row(row, row["lr"] / row["finer"] * count, inputs, count),
            batches.Points(x, y),
            steps,
            [recorders.Pairs(recorders.every(EVERY, steps - 1))],
            label=f"{row['name']}, {count} outputs",
            rest_loss=row["rest_loss"],
        )
        seen = [output_observables(one, target) for one, target in zip(run.output.values, y, strict=True)]
        runs.append(run)
        curves.append({name: np.stack([one[name] for one in seen]) for name in ("Y", "w", "loss")})
    job.write(
        {
            "H": (
                ("network", "layer", "step"),
                np.concatenate([run.distance.values[:, :, 0] for run in runs]),
                described("H"),
            ),
            **{
                name: (("network", "step"), np.concatenate([one[name] for one in curves]), described(name))
                for name in ("Y", "w", "loss")
            },
            "diverged_at": (
                "network",
                np.concatenate([run.diverged_at.values for run in runs]),
                {"long_name": "first step that is not finite, or -1"},
            ),
        },
        {
            "outputs": ("network", np.repeat(outputs, row["networks"])),
            "seed": ("network", np.tile(np.arange(row["networks"]), len(outputs))),
            "layer": np.arange(runs[0].sizes["layer"]),
            "step": ("step", runs[0].step.values, {"units": "optimiser steps"}),
        },
        setting=row["name"],
        dx2=row["dx2"],
        dy2=row["dy2"],
    )
