"""Train every network of one MNIST experiment and record pairs of images, losses, accuracy and distances of digits."""

import logging

import numpy as np
import xarray as xr

from repdyn import artifacts, mnist, networks
from repdyn.jobs import run_training


def main(
    images: str, row: dict, device: str, output: str, threads: int = 1, code=(), checkpoint_seconds: int = 0
) -> None:
    import torch

    from repdyn import mnist_training
    from repdyn.checkpoints import Checkpoint
    from repdyn.ensemble import Member
    from repdyn.observables import output_observables
    from repdyn.training import choose_device

    torch.set_num_threads(threads)
    device = choose_device(device)
    data = artifacts.read_dataset(images)
    sets, labels = {}, {}
    for part in ("train", "test"):
        labels[part] = data[f"{part}_labels"].values
        sets[part] = mnist.normalised(data[f"{part}_images"].values), mnist.one_hot(labels[part])
    x, y = sets["train"]
    pairs = mnist.draw_pairs(labels["train"], row["different"], row["same"], row["pair_seed"])
    probes = mnist.first_of_each(labels["test"], row["digits"])
    # Larger steps and fewer of them follow the same path as long as they stay small.
    lr, epochs = row["lr"] * row["coarsen"], row["epochs"] // row["coarsen"]
    shape = networks.Shape(row["width"], row["depth"], row["activation"], x.shape[1], y.shape[1])
    members = [Member(seed, row["gain"], lr) for seed in range(row["networks"])]
    logging.info("%s: %d networks, %d epochs of %d images, on %s", row["name"], len(members), epochs, len(x), device)
    made_by = artifacts.provenance(code, artifacts.TRAINING, row=row)
    identity = {**made_by, "device": device, "images_sha256": artifacts.content_hash(images)}
    checkpoint = Checkpoint(output, identity, checkpoint_seconds)
    runs = mnist_training.train(
        *(networks.layers(row["model"], shape), members),
        *(sets["train"], sets["test"], pairs, sets["test"][0][probes]),
        *(epochs, row["batch"], device, row["init_seed"], row["batch_seed"]),
        label=row["name"],
        checkpoint=checkpoint,
    )
    seen = [output_observables(runs.outputs[:, :, n], y[pair].astype(float)) for n, pair in enumerate(pairs)]
    dx, dy = (a[pairs[:, 0]].astype(float) - a[pairs[:, 1]] for a in (x, y))
    Y, w = (np.stack([one[name] for one in seen], axis=1) for name in ("Y", "w"))  # (network, pair, time)
    dataset = xr.Dataset(
        {
            "H": (("seed", "layer", "pair", "step"), runs.H, {"long_name": "|h_A - h_B|^2"}),
            "Y": (("seed", "pair", "step"), Y, {"long_name": "|yhat_A - yhat_B|^2"}),
            "w": (("seed", "pair", "step"), w, {"long_name": "Y - <y_A - y_B, yhat_A - yhat_B>"}),
            "dx2": ("pair", (dx**2).sum(1), {"long_name": "|x_A - x_B|^2 of normalised pixels"}),
            "dy2": ("pair", (dy**2).sum(1), {"long_name": "|y_A - y_B|^2"}),
            "image": (("pair", "point"), pairs, {"long_name": "index in the training set"}),
            "digit": (("pair", "point"), labels["train"][pairs]),
            "pixels": (("pair", "point", "pixel"), data["train_images"].values[pairs]),
            "loss": (("seed", "epoch"), runs.loss, {"long_name": "1/2 mean squared error, mean over the epoch"}),
            "accuracy": (("seed", "epoch"), runs.accuracy, {"long_name": "share of test images that are right"}),
            "distance": (("seed", "when", "layer", "probe", "probe_b"), runs.distances.astype(np.float32)),
            "output": (("seed", "when", "probe", "output_unit"), runs.probe_outputs),
            "probe_pixels": (("probe", "pixel"), data["test_images"].values[probes]),
            "probe_image": ("probe", probes, {"long_name": "index in the test set"}),
            "probe_digit": ("probe", labels["test"][probes]),
            "diverged_at": ("seed", runs.diverged_at, {"long_name": "first epoch that is not finite, or -1"}),
        },
        coords={
            "seed": [member.seed for member in members],
            "layer": np.arange(runs.H.shape[1]),
            "step": ("step", runs.step, {"units": "optimiser steps"}),
            "epoch": ("epoch", np.arange(1, epochs + 1), {"long_name": "epochs that are complete"}),
            "when": ["start", "end"],
        },
        attrs={
            "images": data.attrs["images"],
            "learning_rate": lr,
            "steps_per_epoch": -(-len(x) // row["batch"]),
            "device": device,
            **made_by,
        },
    )
    artifacts.write_dataset(dataset, output)
    checkpoint.remove()
    for seed, epoch in enumerate(runs.diverged_at):
        if epoch >= 0:
            logging.warning("seed %d diverged in epoch %d", seed, epoch + 1)
    logging.info("accuracy on the test set: %s", ", ".join(f"{share:.4f}" for share in runs.accuracy[:, -1]))


if "snakemake" in globals():
    run_training(
        main,
        snakemake,
        images=snakemake.input.images,
        row=snakemake.params.row,
        output=snakemake.output.runs,
    )
