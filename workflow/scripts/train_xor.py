"""Train every network of one setting on XOR and record the distances of all pairs of points in all hidden layers."""

import logging

import numpy as np
import xarray as xr

from repdyn import artifacts, networks, xor
from repdyn.jobs import run_training


def main(
    row: dict, lr_factor: float, device: str, output: str, threads: int = 1, code=(), checkpoint_seconds: int = 0
) -> None:
    import torch

    from repdyn import point_sets, training
    from repdyn.checkpoints import Checkpoint
    from repdyn.ensemble import Member

    torch.set_num_threads(threads)
    device = training.choose_device(device)
    shape = networks.Shape(row["width"], row["depth"], row["activation"], xor.INPUTS.shape[1], xor.TARGETS.shape[1])
    lr = row["lr"] * lr_factor
    members = [Member(seed, row["gain"], lr) for seed in range(row["networks"])]
    logging.info("%s: %d networks, %d steps, on %s", row["name"], row["networks"], row["steps"], device)
    made_by = artifacts.provenance(code, artifacts.TRAINING, row=row, lr_factor=lr_factor)
    checkpoint = Checkpoint(output, {**made_by, "device": device}, checkpoint_seconds)
    recorded = point_sets.train(
        networks.layers(row["model"], shape),
        members,
        xor.INPUTS,
        xor.TARGETS,
        row["steps"],
        row["optimiser"],
        device,
        row["init_seed"],
        row["dropout_seed"],
        label=row["name"],
        checkpoint=checkpoint,
    )
    dataset = xr.Dataset(
        {
            "distance": (("seed", "layer", "pair", "step"), recorded.distances, {"long_name": "|h_a - h_b|^2"}),
            "output": (("seed", "point", "output_unit", "step"), recorded.outputs),
            "loss": (("seed", "step"), recorded.loss, {"long_name": "1/2 mean squared error"}),
            "diverged_at": ("seed", recorded.diverged_at, {"long_name": "first recorded step not finite, or -1"}),
            "x": (("point", "input_unit"), xor.INPUTS),
            "y": (("point", "output_unit"), xor.TARGETS),
        },
        coords={
            "seed": [member.seed for member in members],
            "layer": np.arange(recorded.distances.shape[1]),
            "point": xor.NAMES,
            "pair": xor.PAIR_NAMES,
            "step": ("step", recorded.steps, {"units": "optimiser steps"}),
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
    logging.info("final losses: %s", ", ".join(f"{loss:.2e}" for loss in recorded.loss[:, -1]))


if "snakemake" in globals():
    run_training(
        main,
        snakemake,
        row=snakemake.params.row,
        lr_factor=snakemake.params.lr_factor,
        output=snakemake.output.runs,
    )
