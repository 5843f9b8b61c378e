"""Train the networks of one row on the encoding task by every method; measure their training response as they learn."""

import logging

import numpy as np
import xarray as xr

from repdyn import artifacts, encoding, networks
from repdyn.jobs import run_training


def main(
    row: dict,
    task: dict,
    methods: dict,
    times: int,
    radius: float,
    device: str,
    output: str,
    threads: int = 1,
    code=(),
    checkpoint_seconds: int = 0,
) -> None:
    import torch

    from repdyn import response_training, training
    from repdyn.checkpoints import Checkpoint
    from repdyn.ensemble import Member

    torch.set_num_threads(threads)
    device = training.choose_device(device)
    made = encoding.make(row["shape"], task["bits"], task["finer"])
    layers = networks.layers("mlp", networks.Shape(row["width"], 1, row["activation"], 2, task["bits"]))
    at = response_training.times(row["steps"], times)
    made_by = artifacts.provenance(code, artifacts.TRAINING, row=row, task=task, methods=methods)
    identity = {**made_by, "device": device, "times": times, "radius": radius}
    checkpoint = Checkpoint(output, identity, checkpoint_seconds)
    runs = []
    for number, (name, method) in enumerate(methods.items()):
        adam = method["optimiser"] == "adam"
        members = [Member(seed, row["gain"], row["adam_lr"] if adam else row["lr"]) for seed in range(row["networks"])]
        logging.info("%s, %s: %d networks, %d steps, on %s", row["name"], name, len(members), row["steps"], device)
        runs.append(
            response_training.train(
                layers,
                members,
                made,
                row["steps"],
                method["batch"] or len(made.points),
                method["optimiser"],
                at,
                row["lr"],
                radius,
                row["init_seed"],
                row["batch_seed"],
                device,
                label=f"{row['name']}, {name}",
                checkpoint=checkpoint,
                number=number,
            )
        )
    here = ("method", "seed", "time")
    dims = {
        "loss": (here, "1/2 mean squared error over all points"),
        "residual": ((*here, "point"), "|f(x0) - y0|"),
        "kernel": ((*here, "place", "point"), "tangent kernel K(x, x0), trace over outputs by their number"),
        "along": ((*here, "place", "point"), "<e, K(x, x0) e> / |e|^2 along the residual e at x0"),
        "response": ((*here, "place", "point"), "the same from the change of the output after one step at x0"),
        "variances": ((*here, "component"), "variance of the hidden layer in its principal directions"),
        "jacobian": ((*here, "point", "output", "input"), "d output / d input"),
        "perturbed": ((*here, "point", "direction"), "change of the output for a perturbation of length `radius`"),
    }
    variables = {
        name: (dim, np.stack([getattr(run, name) for run in runs]).astype(np.float32), {"long_name": told})
        for name, (dim, told) in dims.items()
    }
    dataset = xr.Dataset(
        {
            **variables,
            "x": (("point", "input"), made.points),
            "y": (("point", "output"), made.targets),
            "grid": (("place", "input"), made.grid),
            "steps_apart": (("place", "point"), made.steps, {"long_name": "steps of the grid between x and x0"}),
        },
        coords={
            "method": list(methods),
            "seed": list(range(row["networks"])),
            "time": ("time", at, {"units": "optimiser steps"}),
            "distance": ("distance", made.distance, {"long_name": "|x - x0| that many steps of the grid apart"}),
        },
        attrs={
            **{key: row[key] for key in ("shape", "activation", "gain", "width")},
            "setting": row["name"],
            "step_size": row["lr"],
            "radius": radius,
            "device": device,
            **made_by,
        },
    )
    artifacts.write_dataset(dataset, output)
    checkpoint.remove()
    for name, losses in zip(methods, dataset.loss.values[..., -1], strict=True):
        logging.info("%s: final losses %s", name, ", ".join(f"{loss:.1e}" for loss in losses))


if "snakemake" in globals():
    run_training(
        main,
        snakemake,
        row=snakemake.params.row,
        task=snakemake.params.task,
        methods=snakemake.params.methods,
        times=snakemake.params.times,
        radius=snakemake.params.radius,
        output=snakemake.output.runs,
    )
