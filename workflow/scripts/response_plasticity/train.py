"""Train the networks of a row on one encoding, and at several ages on another one; beside them fresh networks."""

import numpy as np

from repdyn import networks
from repdyn.data import encoding


def main(
    row: dict,
    task: dict,
    methods: list[str],
    minibatch: int,
    ages: list[float],
    times: int,
    device: str,
    output: str,
    **job,
) -> None:
    from repdyn.training import batches, recorders
    from repdyn.training.compiled import CompiledTrainer
    from repdyn.training.continued import continued_trainer, weights_at
    from repdyn.training.ensemble import Ensemble, Member
    from repdyn.training.job import Job

    made = encoding.make(row["shape"], task["bits"], 1)
    x, first, second = made.points, made.targets, encoding.shifted(made.targets)
    shape = networks.Shape(row["width"], 1, row["activation"], 2, task["bits"])
    at = recorders.log_spaced(row["steps"], times)
    moments = np.unique((np.array(ages) * row["steps"]).round().astype(int))
    identity = {"times": times, "minibatch": minibatch}
    job = Job(output, device, **job, row=row, task=task, methods=methods, ages=ages, identity=identity)

    def run(method, targets, trainer, label, *record):
        lr = row["adam_lr"] if method == "adam" else row["lr"]
        members = tuple(Member(seed, row["gain"], lr) for seed in range(row["networks"]))
        batch = {"single": 1, "minibatch": minibatch}.get(method, len(x))
        data = batches.Points(x, targets) if batch >= len(x) else batches.Subsets(x, targets, batch, row["batch_seed"])
        ensemble = Ensemble("mlp", shape, members, "adam" if method == "adam" else "sgd", row["init_seed"])
        loss = recorders.Look(lambda view: {"loss": 0.5 * np.square(view.look(x)[1] - targets).mean((1, 2))}, at)
        label = f"{row['name']}, {method}, {label}"
        return job.run(ensemble, data, row["steps"], [loss, *record], label=label, trainer=trainer)

    on_first, on_second = [], []
    for method in methods:
        young = run(method, first, CompiledTrainer, "first encoding", weights_at(moments))
        fresh = run(method, second, CompiledTrainer, "second encoding, fresh")
        old = [
            run(method, second, continued_trainer(young.theta.values[:, a]), f"second encoding, after {age} steps")
            for a, age in enumerate(moments)
        ]
        on_first.append(young.loss.values)
        on_second.append(np.stack([one.loss.values for one in (fresh, *old)]))
    job.write(
        {
            "first": (("method", "seed", "time"), np.stack(on_first), {"long_name": "loss on the first encoding"}),
            "second": (
                ("method", "age", "seed", "time"),
                np.stack(on_second),
                {"long_name": "loss on the second encoding, of networks that learned the first one for `age` steps"},
            ),
        },
        {
            "method": methods,
            "age": ("age", np.r_[0, moments], {"units": "optimiser steps"}),
            "seed": range(row["networks"]),
            "time": ("time", at, {"units": "optimiser steps"}),
        },
        setting=row["name"],
        activation=row["activation"],
        shape=row["shape"],
    )
