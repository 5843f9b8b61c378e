"""Train every network of one MNIST experiment and record pairs of images, losses, accuracy and distances
between training and between test images."""

import logging

import numpy as np

from repdyn import artifacts, files
from repdyn.data import mnist

EARLY = 24  # recorded moments in the first epoch, logarithmically spaced
EVALUATED = 1000  # images of one evaluation pass
PARTS = ("train", "test")


def main(images: str, row: dict, device: str, output: str, **job) -> None:
    from repdyn.networks.observables import described, output_observables
    from repdyn.training import batches, ensemble, recorders
    from repdyn.training.job import Job

    data = artifacts.read_dataset(images)
    sets, labels = {}, {}
    for part in PARTS:
        labels[part] = data[f"{part}_labels"].values
        sets[part] = mnist.normalised(data[f"{part}_images"].values), mnist.one_hot(labels[part])
    x, y = sets["train"]
    pairs = mnist.draw_pairs(labels["train"], row["different"], row["same"], row["pair_seed"])
    probes = {part: mnist.first_of_each(labels[part], row["digits"]) for part in PARTS}
    seen_at_ends = np.stack([sets[part][0][probes[part]] for part in PARTS])
    # Larger steps and fewer of them follow the same path as long as they stay small.
    lr, epochs = row["lr"] / row["finer"], round(row["epochs"] * row["finer"])
    job = Job(output, device, **job, row=row, identity={"images_sha256": files.content_hash(images)})
    source = batches.Epochs(x, y, row["batch"], row["batch_seed"])
    of_epochs = source.steps * np.arange(1, epochs + 1)
    at, followed = schedule(source.steps, epochs), np.arange(2 * len(pairs)).reshape(-1, 2)
    runs = job.run(
        ensemble.of_row({**row, "dropout_seed": None}, lr, x.shape[1], y.shape[1]),
        source,
        epochs * source.steps,
        [
            recorders.Pairs(at, tuple(map(tuple, followed)), x[pairs.flatten()]),
            recorders.Look(lambda view: accuracy(view, *sets["test"]), of_epochs, "epoch", {"accuracy": ()}),
            recorders.Look(lambda view: probed(view, seen_at_ends), of_epochs[[-1]] * [0, 1], "when"),
            recorders.Look(lambda view: field(view, x, labels["train"], pairs), of_epochs[[0]] * 0, "first"),
        ],
        label=row["name"],
    )
    outputs = runs.output.values  # (network, step, point, output)
    seen = [output_observables(outputs[:, :, two], y[pair].astype(float)) for two, pair in zip(followed, pairs)]
    dx, dy = (a[pairs[:, 0]].astype(float) - a[pairs[:, 1]] for a in (x, y))
    Y, w = (np.stack([one[name] for one in seen], axis=1) for name in ("Y", "w"))  # (network, pair, time)
    losses = source.means(runs.batch_loss.values)
    diverged = ~np.isfinite(losses)
    job.write(
        {
            "H": (("seed", "layer", "pair", "step"), runs.distance.values, described("H")),
            "Y": (("seed", "pair", "step"), Y, described("Y")),
            "w": (("seed", "pair", "step"), w, described("w")),
            "dx2": ("pair", (dx**2).sum(1), {"long_name": "|x_A - x_B|^2 of normalised pixels"}),
            "dy2": ("pair", (dy**2).sum(1), {"long_name": "|y_A - y_B|^2"}),
            "image": (("pair", "point"), pairs, {"long_name": "index in the training set"}),
            "digit": (("pair", "point"), labels["train"][pairs]),
            "pixels": (("pair", "point", "pixel"), data["train_images"].values[pairs]),
            "loss": (("seed", "epoch"), losses, {"long_name": "1/2 mean squared error, mean over the epoch"}),
            "accuracy": (("seed", "epoch"), runs.accuracy.values, {"long_name": "share of test images that are right"}),
            "distance": (
                ("seed", "when", "part", "layer", "probe", "probe_b"),
                runs.probe_distance.values.astype(np.float32),
            ),
            "output": (("seed", "when", "part", "probe", "output_unit"), runs.probe_output.values),
            "field_distance": (
                ("seed", "layer", "mean_or_image", "mean_or_image_b"),
                runs.field_distance.values[:, 0],
                {"long_name": "initial |h_a - h_b|^2 of the means of digits 0 to 9 and the images of all pairs"},
            ),
            "field_output": (("seed", "mean_or_image", "output_unit"), runs.field_output.values[:, 0]),
            "field_dx2": (
                ("mean_or_image", "mean_or_image_b"),
                squared_distances(with_means(x, labels["train"], x[pairs.flatten()])[None])[0],
                {"long_name": "|x_a - x_b|^2 of the same"},
            ),
            "field_weight": (
                "mean_or_image",
                shares(labels["train"], 2 * len(pairs)),
                {"long_name": "share of images"},
            ),
            "probe_pixels": (
                ("part", "probe", "pixel"),
                np.stack([data[f"{part}_images"].values[probes[part]] for part in PARTS]),
            ),
            "probe_image": (("part", "probe"), np.stack([probes[part] for part in PARTS]), {"long_name": "index"}),
            "probe_digit": ("probe", labels["test"][probes["test"]]),
            "diverged_at": (
                "seed",
                np.where(diverged.any(1), diverged.argmax(1), -1),
                {"long_name": "first epoch that is not finite, or -1"},
            ),
        },
        {
            "seed": range(row["networks"]),
            "layer": np.arange(runs.sizes["layer"]),
            "step": ("step", at, {"units": "optimiser steps"}),
            "epoch": ("epoch", np.arange(1, epochs + 1), {"long_name": "epochs that are complete"}),
            "when": ["start", "end"],
            "part": list(PARTS),
        },
        images=data.attrs["images"],
        learning_rate=lr,
        steps_per_epoch=source.steps,
    )
    logging.info("accuracy on the test set: %s", ", ".join(f"{share:.4f}" for share in runs.accuracy.values[:, -1]))


def schedule(steps_per_epoch: int, epochs: int, early: int = EARLY) -> np.ndarray:
    """The recorded moments: 0, about `early` ones in the first epoch, the end of each epoch."""
    first = np.geomspace(1, steps_per_epoch, early).astype(int)
    return np.unique(np.concatenate([[0], first, steps_per_epoch * np.arange(1, epochs + 1)]))


def accuracy(view, x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """Share of the rows whose largest output is the one of the target, (network,)."""
    parts = [view.look(x[n : n + EVALUATED])[1].argmax(-1) for n in range(0, len(x), EVALUATED)]
    return {"accuracy": (np.concatenate(parts, 1) == y.argmax(-1)).mean(1)}


def probed(view, probes: np.ndarray) -> dict[str, np.ndarray]:
    """Of probes (part, probe, pixel): squared distances of all of a part, (network, part, layer, probe, probe), and
    outputs (network, part, probe, output)."""
    looks = [view.look(part) for part in probes]
    distances = [np.stack([squared_distances(h) for h in hidden], 1) for hidden, _ in looks]
    return {"probe_distance": np.stack(distances, 1), "probe_output": np.stack([output for _, output in looks], 1)}


def field(view, x: np.ndarray, labels: np.ndarray, pairs: np.ndarray) -> dict[str, np.ndarray]:
    """Of the mean of every digit and the images of all pairs: squared distances (network, layer, point, point) and
    outputs (network, point, output)."""
    images = x[pairs.flatten()]
    sums = None
    for n in range(0, len(x), EVALUATED):
        member = mnist.one_hot(labels[n : n + EVALUATED]).T  # (digit, image)
        hidden, output = view.look(x[n : n + EVALUATED])
        found = [member @ h for h in (*hidden, output)]
        sums = found if sums is None else [a + b for a, b in zip(sums, found)]
    counts = np.bincount(labels, minlength=mnist.CLASSES).clip(1)[:, None]
    hidden, output = view.look(images)
    *hidden, output = [np.concatenate([a / counts, b], -2) for a, b in zip(sums, (*hidden, output))]
    return {"field_distance": np.stack([squared_distances(h) for h in hidden], 1), "field_output": output}


def with_means(x: np.ndarray, labels: np.ndarray, images: np.ndarray) -> np.ndarray:
    """The mean of the images of every digit, and some images below: (10 + image, pixel)."""
    counts = np.bincount(labels, minlength=mnist.CLASSES).clip(1)[:, None]
    return np.concatenate([mnist.one_hot(labels).T @ x / counts, images])


def shares(labels: np.ndarray, images: int) -> np.ndarray:
    """What share of all images each digit's mean stands for, and 0 for each of so many images."""
    return np.r_[np.bincount(labels, minlength=mnist.CLASSES) / len(labels), np.zeros(images)]


def squared_distances(h: np.ndarray) -> np.ndarray:
    """(network, row, unit) -> |h_a - h_b|^2 of all rows, (network, row, row), in double precision."""
    h = h.astype(float)
    norms = (h**2).sum(-1)
    return (norms[:, :, None] + norms[:, None] - 2 * h @ h.swapaxes(1, 2)).clip(0)
