"""Train networks of one depth at several gains and seeds, each at the same fraction of its stable learning rate."""

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
    from repdyn.ensemble import Ensemble, Member
    from repdyn.tangent import stable_rate, tangent_kernel
    from repdyn.training import choose_device, train

    torch.set_num_threads(threads)
    points = artifacts.read_dataset(data)
    shape = networks.Shape(row["width"], row["depth"], row["activation"], row["in_dim"], row["out_dim"])
    layers = networks.layers("mlp", shape)
    gains = np.linspace(row["lowest_gain"], row["highest_gain"], row["gains"])
    cells = [(gain, seed) for gain in gains for seed in range(row["networks"])]
    still = Ensemble(layers, [Member(seed, gain, 0.0) for gain, seed in cells], init_seed=row["init_seed"])
    kernel = tangent_kernel(still, torch.as_tensor(points.x.values, dtype=torch.float32))
    rates = row["fraction"] * stable_rate(kernel).numpy()
    members = [Member(seed, gain, float(lr)) for (gain, seed), lr in zip(cells, rates, strict=True)]
    device = choose_device(device)
    logging.info("%s: %d networks, %d steps, on %s", row["name"], len(members), row["steps"], device)
    made_by = artifacts.provenance(code, artifacts.TRAINING, row=row)
    identity = {**made_by, "device": device, "data_sha256": artifacts.content_hash(data)}
    checkpoint = Checkpoint(output, identity, checkpoint_seconds)
    runs = train(
        layers,
        members,
        points.x.values,
        points.y.values,
        row["steps"],
        "sgd",
        device,
        row["init_seed"],
        label=row["name"],
        checkpoint=checkpoint,
        rest_loss=row["rest_loss"],
    )
    network = {"dims": "network", "coords": {"gain": ("network", [gain for gain, _ in cells])}}
    network["coords"]["seed"] = ("network", [seed for _, seed in cells])
    dataset = xr.Dataset(
        {
            "H": (("network", "layer", "step"), runs.H, {"long_name": "|h_A - h_B|^2"}),
            "Y": (("network", "step"), runs.Y, {"long_name": "|yhat_A - yhat_B|^2"}),
            "w": (("network", "step"), runs.w, {"long_name": "Y - <y_A - y_B, yhat_A - yhat_B>"}),
            "loss": (("network", "step"), runs.loss, {"long_name": "1/2 mean squared error"}),
            "lr": ("network", rates, {"long_name": "learning rate"}),
            "kernel": (("network", "point", "point_"), kernel.numpy(), {"long_name": "tangent kernel at step 0"}),
            "diverged_at": ("network", runs.diverged_at, {"long_name": "first step that is not finite, or -1"}),
        },
        coords={
            **network["coords"],
            "layer": np.arange(runs.H.shape[1]),
            "step": ("step", np.arange(row["steps"]), {"units": "optimiser steps"}),
        },
        attrs={
            "device": device,
            **{name: points.attrs[name] for name in ("dx2", "dy2", "in_dim", "out_dim")},
            **made_by,
        },
    )
    artifacts.write_dataset(dataset, output)
    checkpoint.remove()


if "snakemake" in globals():
    run_training(
        main,
        snakemake,
        data=snakemake.input.data,
        row=snakemake.params.row,
        output=snakemake.output.runs,
    )
