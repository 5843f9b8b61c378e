"""Train the networks of a row of the two-point study once more, and take their tangent kernel as they learn.

Beside it the outputs before and after the next step, which show how far a real step goes as the kernel says. Training
ends where the last of the networks came to rest in the study itself.
"""

import numpy as np
import xarray as xr

from repdyn import artifacts


def main(data: str, runs: str, row: dict, times: int, device: str, output: str, **job) -> None:
    from repdyn.networks.tangent_kernel import of_networks
    from repdyn.training import batches, ensemble, recorders
    from repdyn.training.job import Job

    points = artifacts.read_dataset(data)
    x, y = points.x.values, points.y.values
    lr = row["lr"] / row["finer"]
    steps = steps_to_rest(artifacts.read_dataset(runs))
    # learning takes a few hundred or thousand steps somewhere in the run: even spacing beside the logarithmic one
    even = np.linspace(0, steps - 1, times // 2).round().astype(int)
    at = np.unique(np.r_[recorders.log_spaced(steps - 1, times - times // 2), even])
    identity = {"times": times, "steps": steps, "data_sha256": artifacts.content_hash(data)}
    job = Job(output, device, **job, row=row, identity=identity)

    def kernel(view) -> dict[str, np.ndarray]:
        whole = of_networks(*view.trainer.modules(), x).reshape(len(view.index), *y.shape, *y.shape)
        return {"kernel": np.einsum("npkqk->npq", whole) / y.shape[1]}

    seen = job.run(
        ensemble.of_row(row, lr, row["in_dim"], row["out_dim"]),
        batches.Points(x, y),
        steps,
        [recorders.Pairs(np.unique(np.r_[at, at + 1])), recorders.Look(kernel, at)],
        label=row["name"],
    )
    here = ("seed", "time")
    job.write(
        {
            "kernel": ((*here, "point", "point_"), seen.kernel.values, {"long_name": "tangent kernel"}),
            "output": ((*here, "point", "output_unit"), seen.output.sel(step=at).values),
            "after": (
                (*here, "point", "output_unit"),
                seen.output.sel(step=at + 1).values,
                {"long_name": "a step later"},
            ),
            "target": (("point", "output_unit"), y),
        },
        {"seed": range(row["networks"]), "time": ("time", at, {"units": "optimiser steps"})},
        setting=row["name"],
        learning_rate=lr,
        **{name: points.attrs[name] for name in ("dx2", "dy2", "in_dim", "out_dim")},
    )


def steps_to_rest(runs: xr.Dataset) -> int:
    """The number of recorded steps up to the first at which no network moves any more; at least 2."""
    moving = (runs.w.values[:, 1:] != runs.w.values[:, :-1]).any(0)
    return int(np.append(np.flatnonzero(moving), 0).max()) + 2
