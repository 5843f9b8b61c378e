"""Train every network of one setting on blobs with context; keep its representation before and after training."""

import logging

import xarray as xr

from repdyn import artifacts, blobs, networks
from repdyn.jobs import run_training


def main(
    row: dict,
    task: dict,
    batch: int,
    share: float,
    device: str,
    output: str,
    threads: int = 1,
    code=(),
    checkpoint_seconds: int = 0,
) -> None:
    import torch

    from repdyn import blobs_training, training
    from repdyn.checkpoints import Checkpoint
    from repdyn.ensemble import Member

    torch.set_num_threads(threads)
    device = training.choose_device(device)
    data = blobs.make(**task)
    shape = networks.Shape(row["width"], row["depth"], row["activation"], data.inputs.shape[1], 1)
    epochs = max(1, round(row["epochs"] * share))
    members = [Member(seed, row["gain"], row["lr"]) for seed in range(row["networks"])]
    logging.info("%s: %d networks, %d epochs, on %s", row["name"], row["networks"], epochs, device)
    made_by = artifacts.provenance(code, artifacts.TRAINING, row=row, task=task, batch=batch, epochs=epochs)
    checkpoint = Checkpoint(output, {**made_by, "device": device}, checkpoint_seconds)
    recorded = blobs_training.train(
        networks.layers(row["model"], shape),
        members,
        data.inputs,
        data.targets,
        epochs,
        batch,
        row["layer"],
        row["optimiser"],
        device,
        row["init_seed"],
        row["batch_seed"],
        row["dropout_seed"],
        label=row["name"],
        checkpoint=checkpoint,
    )
    dataset = xr.Dataset(
        {
            "hidden_start": (("seed", "input", "unit"), recorded.hidden_start),
            "hidden_end": (("seed", "input", "unit"), recorded.hidden_end),
            "loss": (("seed", "epoch"), recorded.loss, {"long_name": "1/2 mean squared error over all inputs"}),
            "context": ("input", data.context, {"long_name": "0 where x is relevant, 1 where y is"}),
            "x": ("input", data.x, {"long_name": "number of the place"}),
            "y": ("input", data.y, {"long_name": "number of the place"}),
        },
        coords={"seed": [member.seed for member in members], "epoch": recorded.epochs},
        attrs={
            "setting": row["name"],
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
        task=snakemake.params.task,
        batch=snakemake.params.batch,
        share=snakemake.params.share,
        output=snakemake.output.runs,
    )
