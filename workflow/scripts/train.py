"""Train every network of one setting on the two points and record H, Y, w, mean error and loss at every step."""

import logging

import numpy as np
import xarray as xr

from repdyn import artifacts, networks
from repdyn.jobs import run_training


def main(
    data: str, row: dict, device: str, output: str, threads: int = 1, code=(), checkpoint_seconds: int = 0
) -> None:
    import torch

    from repdyn.checkpoints import Checkpoint
    from repdyn.ensemble import Member
    from repdyn.training import choose_device, train

    torch.set_num_threads(threads)
    device = choose_device(device)
    points = artifacts.read_dataset(data)
    shape = networks.Shape(row["width"], row["depth"], row["activation"], row["in_dim"], row["out_dim"])
    # Smaller steps and more of them follow the same path; the theory speaks of the limit of infinitely small ones.
    lr, steps = row["lr"] / row["refine"], row["steps"] * row["refine"]
    members = [Member(seed, row["gain"], lr) for seed in range(row["networks"])]
    logging.info("%s: %d networks, %d steps, on %s", row["name"], row["networks"], steps, device)
    made_by = artifacts.provenance(code, artifacts.TRAINING, row=row)
    identity = {**made_by, "device": device, "data_sha256": artifacts.content_hash(data)}
    checkpoint = Checkpoint(output, identity, checkpoint_seconds)
    recorded = train(
        networks.layers(row["model"], shape),
        members,
        points["x"].values,
        points["y"].values,
        steps,
        row["optimiser"],
        device,
        row["init_seed"],
        row["dropout_seed"],
        label=row["name"],
        checkpoint=checkpoint,
        rest_loss=row["rest_loss"],
    )
    dataset = xr.Dataset(
        {
            "H": (("seed", "layer", "step"), recorded.H, {"long_name": "|h_A - h_B|^2"}),
            "Y": (("seed", "step"), recorded.Y, {"long_name": "|yhat_A - yhat_B|^2"}),
            "w": (("seed", "step"), recorded.w, {"long_name": "Y - <y_A - y_B, yhat_A - yhat_B>"}),
            "mean_error": (("seed", "step"), recorded.mean_error, {"long_name": "|mean(yhat - y)|^2"}),
            "loss": (("seed", "step"), recorded.loss, {"long_name": "1/2 mean squared error"}),
            "diverged_at": ("seed", recorded.diverged_at, {"long_name": "first step that is not finite, or -1"}),
        },
        coords={
            "seed": [member.seed for member in members],
            "layer": np.arange(recorded.H.shape[1]),
            "step": ("step", np.arange(steps), {"units": "optimiser steps"}),
        },
        attrs={
            "setting": row["name"],
            "learning_rate": lr,
            "device": device,
            **{name: points.attrs[name] for name in ("dx2", "dy2", "in_dim", "out_dim")},
            **made_by,
        },
    )
    artifacts.write_dataset(dataset, output)
    checkpoint.remove()
    for seed, step in enumerate(recorded.diverged_at):
        if step >= 0:
            logging.warning("seed %d diverged at step %d", seed, step)
    logging.info("final losses: %s", ", ".join(f"{loss:.2e}" for loss in recorded.loss[:, -1]))


if "snakemake" in globals():
    run_training(
        main,
        snakemake,
        data=snakemake.input.data,
        row=snakemake.params.row,
        output=snakemake.output.trajectories,
    )
