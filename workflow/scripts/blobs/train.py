"""Train every network of one setting on blobs with context; keep its representation before and after training."""

import numpy as np

from repdyn.data import blobs

MOST_RECORDED = 60  # losses over all inputs


def main(row: dict, task: dict, batch: int, longer: float, device: str, output: str, **job) -> None:
    from repdyn.training import batches, ensemble, recorders
    from repdyn.training.job import Job

    data = blobs.make(**task)
    epochs = max(1, round(row["epochs"] * longer))
    job = Job(output, device, **job, row=row, task=task, batch=batch, epochs=epochs)
    source = batches.Epochs(data.inputs, data.targets, batch, row["batch_seed"])
    at = np.unique(np.linspace(0, epochs, MOST_RECORDED).round().astype(int))
    runs = job.run(
        ensemble.of_row(row, row["lr"], data.inputs.shape[1], 1),
        source,
        epochs * source.steps,
        [
            recorders.Look(lambda view: loss(view, data), at * source.steps, "epoch", {"loss": ()}),
            recorders.Look(lambda view: hidden(view, data, row), np.array([0, epochs * source.steps]), "when"),
        ],
        label=row["name"],
    )
    start, end = np.moveaxis(runs.hidden.values, 1, 0)
    job.write(
        {
            "hidden_start": (("seed", "input", "unit"), start),
            "hidden_end": (("seed", "input", "unit"), end),
            "loss": (("seed", "epoch"), runs.loss.values, {"long_name": "1/2 mean squared error over all inputs"}),
            "context": ("input", data.context, {"long_name": "0 where x is relevant, 1 where y is"}),
            "x": ("input", data.x, {"long_name": "number of the place"}),
            "y": ("input", data.y, {"long_name": "number of the place"}),
        },
        {"seed": range(row["networks"]), "epoch": at},
        setting=row["name"],
    )


def loss(view, data) -> dict[str, np.ndarray]:
    """1/2 MSE over all inputs, (network,)."""
    _, output = view.look(data.inputs)
    return {"loss": 0.5 * ((output.astype(float) - data.targets) ** 2).mean((1, 2))}


def hidden(view, data, row: dict) -> dict[str, np.ndarray]:
    """The row's hidden layer for all inputs, (network, input, unit)."""
    return {"hidden": view.look(data.inputs)[0][row["layer"]]}
