"""Train the networks of one row on the encoding task by every method; measure their training response as they learn."""

import numpy as np

from repdyn import networks
from repdyn.data import encoding

SOLVERS = {"single": "sgd", "minibatch": "sgd", "full": "sgd", "adam": "adam"}


def main(
    row: dict,
    task: dict,
    methods: list[str],
    minibatch: int,
    times: int,
    radius: float,
    device: str,
    output: str,
    **job,
) -> None:
    from repdyn.networks.response import Measurement, parameters
    from repdyn.training import batches, recorders
    from repdyn.training.ensemble import Ensemble, Member
    from repdyn.training.job import Job

    made = encoding.make(row["shape"], task["bits"], task["finer"])
    shape = networks.Shape(row["width"], 1, row["activation"], 2, task["bits"])
    at = recorders.log_spaced(row["steps"], times)
    identity = {"times": times, "radius": radius, "minibatch": minibatch}
    job = Job(output, device, **job, row=row, task=task, methods=methods, identity=identity)
    measure = Measurement(made, row["activation"], row["lr"], radius, job.device)
    runs = []
    for name in methods:
        lr = row["adam_lr"] if name == "adam" else row["lr"]
        members = tuple(Member(seed, row["gain"], lr) for seed in range(row["networks"]))
        batch = {"single": 1, "minibatch": minibatch}.get(name, len(made.points))
        full = batch >= len(made.points)
        source = (made.points, made.targets) if full else (made.points, made.targets, batch, row["batch_seed"])
        runs.append(
            job.run(
                Ensemble("mlp", shape, members, SOLVERS[name], row["init_seed"]),
                batches.Points(*source) if full else batches.Subsets(*source),
                row["steps"],
                [recorders.Look(lambda view: measure(parameters(view.trainer)), at)],
                label=f"{row['name']}, {name}",
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
    job.write(
        {
            **{
                name: (dim, np.stack([run[name].values for run in runs]).astype(np.float32), {"long_name": told})
                for name, (dim, told) in dims.items()
            },
            "x": (("point", "input"), made.points),
            "y": (("point", "output"), made.targets),
            "grid": (("place", "input"), made.grid),
            "steps_apart": (("place", "point"), made.steps, {"long_name": "steps of the grid between x and x0"}),
        },
        {
            "method": methods,
            "seed": list(range(row["networks"])),
            "time": ("time", at, {"units": "optimiser steps"}),
            "distance": ("distance", made.distance, {"long_name": "|x - x0| that many steps of the grid apart"}),
        },
        **{key: row[key] for key in ("shape", "activation", "gain", "width")},
        setting=row["name"],
        step_size=row["lr"],
        radius=radius,
    )
