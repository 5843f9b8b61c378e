"""Train every network of a row on two points or on images, and follow pairs of points in all hidden layers.

Images are normalised by mean and standard deviation of all training pixels of their data set, colour by colour; a part
of them, drawn by a seed, is trained on in mini-batches. Pairs are of these images. All probes go through a network
together, so that batch normalisation sees as many images as in training, and rates are measured along the gradient of
the loss on them.
"""

import logging

import numpy as np

from repdyn import artifacts, files
from repdyn.data import images, mnist, pictures

TESTED = 1000  # test images of the accuracy


def main(
    data: str,
    row: dict,
    layer: int,
    probes: int,
    different: int,
    same: int,
    moments: int,
    rates: dict,
    device: str,
    output: str,
    **job,
) -> None:
    from repdyn.networks.observables import described, output_observables
    from repdyn.training import batches, ensemble, recorders
    from repdyn.training.job import Job

    asked = {"probes": probes, "different": different, "same": same, "moments": moments, "rates": rates}
    task = _points(data) if row["data"] == "two_points" else _images(data, row, probes, different, same)
    x, y, classes, pairs = (task[name] for name in ("probe_x", "probe_y", "probe_class", "pairs"))
    steps = row["steps"]
    at = recorders.every(1 if row["data"] == "two_points" else max(1, steps // moments), steps)
    rated = pairs[(y[pairs[:, 0]] != y[pairs[:, 1]]).any(1)][: rates["pairs"]]
    rates_at = at[np.unique(np.searchsorted(at, recorders.log_spaced(at[-1], rates["moments"])))]
    record = [
        recorders.Pairs(at, tuple(map(tuple, pairs)), x if row["data"] != "two_points" else None),
        recorders.measured_rates_of_pairs(x, y, rated, rates_at, [layer]),
    ]
    source = batches.Points(x, y)
    if row["data"] != "two_points":
        source = batches.Epochs(task["train_x"], task["train_y"], row["batch"], row["batch_seed"])
        record.append(recorders.AtEnd(lambda view: accuracy(view, task["test_x"], task["test_class"])))
    job = Job(
        output, device, **job, row=row, identity={"layer": layer, **asked, "data_sha256": files.content_hash(data)}
    )
    runs = job.run(
        ensemble.of_row({**row, "dropout_seed": None}, row["lr"], x.shape[1], y.shape[1]),
        source,
        steps,
        record,
        label=row["name"],
    )
    outputs = runs.output.values  # (network, step, probe, output)
    seen = [output_observables(outputs[:, :, pair], y[pair].astype(float)) for pair in pairs]
    dx, dy = (a[pairs[:, 0]].astype(float) - a[pairs[:, 1]] for a in (x, y))
    last = runs.batch_loss.values[:, -max(1, row["images"] // row["batch"]) :]
    variables = {
        "H": (("seed", "layer", "pair", "step"), runs.distance.values, described("H")),
        **{
            name: (("seed", "pair", "step"), np.stack([one[name] for one in seen], 1), described(name))
            for name in ("Y", "w", "mean_error")
        },
        "dx2": ("pair", (dx**2).sum(1), {"long_name": "|x_A - x_B|^2 of normalised pixels"}),
        "dy2": ("pair", (dy**2).sum(1), {"long_name": "|y_A - y_B|^2"}),
        "class": (("pair", "point"), classes[pairs]),
        "loss": (("seed", "last"), last.mean(1, keepdims=True), {"long_name": "1/2 mean squared error, last epoch"}),
        "diverged_at": ("seed", runs.diverged_at.values, {"long_name": "first step that is not finite, or -1"}),
        **{
            name: (("seed", "rates_step", "rated"), runs[name].values[..., 0], {"units": "per unit of learning rate"})
            for name in recorders.RATES
        },
    }
    if "accuracy" in runs:
        variables["accuracy"] = ("seed", runs.accuracy.values, {"long_name": "share of test images that are right"})
        logging.info("accuracy on test images: %s", ", ".join(f"{one:.3f}" for one in runs.accuracy.values))
    job.write(
        variables,
        {
            "seed": range(row["networks"]),
            "layer": np.arange(runs.sizes["layer"]),
            "step": ("step", at, {"units": "optimiser steps"}),
            "rates_step": ("rates_step", rates_at, {"units": "optimiser steps"}),
        },
        setting=row["name"],
        learning_rate=row["lr"],
        **task["said"],
    )


def _points(path: str) -> dict:
    """The two points, which are the only pair."""
    points = artifacts.read_dataset(path)
    x, y = points.x.values, points.y.values
    pairs = np.array([[0, 1]])
    return {"probe_x": x, "probe_y": y, "probe_class": np.array([0, 1]), "pairs": pairs, "said": {"images": "none"}}


def _images(path: str, row: dict, probes: int, different: int, same: int) -> dict:
    """Training images of a row, the probes and pairs among them, and test images."""
    data = artifacts.read_dataset(path)
    colours = pictures.SHAPES[row["data"]][0]
    mean, std = images.statistics(data.train_images.values, colours)
    logging.info("mean %s and standard deviation %s of pixels / 255, colour by colour", mean.round(4), std.round(4))
    sets = {}
    for part, count in (("train", row["images"]), ("test", TESTED)):
        labels = data[f"{part}_labels"].values
        count = min(count, mnist.CLASSES * np.bincount(labels, minlength=mnist.CLASSES).min())
        chosen = images.balanced(labels, count, row["pair_seed"])
        sets[part] = images.normalised(data[f"{part}_images"].values[chosen], mean, std), labels[chosen]
    x, labels = sets["train"]
    y = mnist.one_hot(labels)
    pairs = mnist.draw_pairs(labels, different, same, row["pair_seed"])
    shown, places = images.probes(len(x), pairs, probes, row["pair_seed"])
    return {
        "train_x": x,
        "train_y": y,
        "probe_x": x[shown],
        "probe_y": y[shown],
        "probe_class": labels[shown],
        "pairs": places,
        "test_x": sets["test"][0],
        "test_class": sets["test"][1],
        "said": {"images": data.attrs["images"], "mean": mean, "std": std},
    }


def accuracy(view, x: np.ndarray, classes: np.ndarray) -> dict[str, np.ndarray]:
    """Share of the points whose largest output is the one of their class, (network,)."""
    return {"accuracy": (view.look(x)[1].argmax(-1) == classes).mean(1)}
