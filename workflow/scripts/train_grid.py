"""Train one setting on a grid of distances between the two inputs and between the two targets, until it has learned."""

import logging
from itertools import product

import numpy as np
import xarray as xr

from repdyn import artifacts, networks, tasks
from repdyn.jobs import run_training

SAMPLES = 400  # of each trajectory, evenly spaced over it, both ends among them


def main(
    row: dict, grid: dict, device: str, output: str, threads: int = 1, code=(), checkpoint_seconds: int = 0
) -> None:
    import torch

    from repdyn import convergence, training
    from repdyn.checkpoints import Checkpoint
    from repdyn.ensemble import Member

    torch.set_num_threads(threads)
    device = training.choose_device(device)
    shape = networks.Shape(row["width"], row["depth"], row["activation"], row["in_dim"], row["out_dim"])
    lr = row["lr"] / grid["slower"]
    # a seed is one initial network, in every cell as in the two-point study
    cells = list(product(grid["dx"], grid["dy"], range(grid["networks"])))
    x, y = (
        np.stack(points)
        for points in zip(*(tasks.two_points(dx, dy, row["in_dim"], row["out_dim"]) for dx, dy, _ in cells))
    )
    logging.info("%s: %d networks, at most %d steps, on %s", row["name"], len(cells), grid["steps"], device)
    made_by = artifacts.provenance(code, artifacts.TRAINING, row=row, grid=grid)
    checkpoint = Checkpoint(output, {**made_by, "device": device}, checkpoint_seconds)
    recorded = convergence.train_until(
        networks.layers(row["model"], shape),
        [Member(seed, row["gain"], lr) for _, _, seed in cells],
        x,
        y,
        grid["steps"],
        grid["stop_loss"],
        row["optimiser"],
        device,
        row["init_seed"],
        row["dropout_seed"],
        label=row["name"],
        checkpoint=checkpoint,
    )
    dataset = xr.Dataset(
        {
            "step": (("network", "sample"), thinned(recorded.step, recorded.last), {"units": "optimiser steps"}),
            "H": (("network", "layer", "sample"), thinned(recorded.H, recorded.last), {"long_name": "|h_A - h_B|^2"}),
            "Y": (("network", "sample"), thinned(recorded.Y, recorded.last), {"long_name": "|yhat_A - yhat_B|^2"}),
            "w": (
                ("network", "sample"),
                thinned(recorded.w, recorded.last),
                {"long_name": "Y - <y_A - y_B, yhat_A - yhat_B>"},
            ),
            "loss": (("network", "sample"), thinned(recorded.loss, recorded.last), {"long_name": "1/2 MSE"}),
            "rotation": (
                ("network", "layer"),
                recorded.rotation,
                {"long_name": "cosine between h_A - h_B at the first and at the last sample"},
            ),
        },
        coords={
            **{name: ("network", list(values)) for name, values in zip(("dx", "dy", "seed"), zip(*cells))},
            "layer": np.arange(recorded.H.shape[1]),
        },
        attrs={
            "setting": row["name"],
            "learning_rate": lr,
            "device": device,
            **made_by,
        },
    )
    artifacts.write_dataset(dataset, output)
    checkpoint.remove()
    for (dx, dy, seed), loss, last in zip(cells, recorded.loss, recorded.last):
        logging.info("dx %g, dy %g, seed %d: loss %.2e at step %d", dx, dy, seed, loss[last], recorded.step[last])


def thinned(values: np.ndarray, last: np.ndarray) -> np.ndarray:
    """At most SAMPLES of each network's samples 0 to last, evenly spaced; NaN beyond its end.

    values: (network, ..., sample), or (sample,), the same for all. Returns (network, ..., min(SAMPLES, max(last) + 1)).
    """
    size = min(SAMPLES, last.max() + 1)
    parts = []
    for n, end in enumerate(last):
        index = np.unique(np.linspace(0, end, min(size, end + 1)).round().astype(int))
        part = (values if values.ndim == 1 else values[n])[..., index].astype(
            values.dtype if values.ndim > 1 else float
        )
        parts.append(np.pad(part, [(0, 0)] * (part.ndim - 1) + [(0, size - index.size)], constant_values=np.nan))
    return np.stack(parts)


if "snakemake" in globals():
    run_training(
        main,
        snakemake,
        row=snakemake.params.row,
        grid=snakemake.params.grid,
        output=snakemake.output.trajectories,
    )
