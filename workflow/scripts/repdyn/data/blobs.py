"""Blobs with context: which of two coordinates matters depends on two bits beside the picture.

An input is a Gaussian blob at a place (x, y) on a small grid of pixels, and two context bits. The target is x in
context x (bits 1, 0) and y in context y (bits 0, 1): in each context one coordinate is relevant and the other is not.
Places and pixels are evenly spaced on [-1, 1]; the blob has standard deviation `width` and its pixels sum to one.

Inputs are ordered by context, then x, then y.
"""

from dataclasses import dataclass

import numpy as np

FEATURES = ("context", "x", "y", "relevant", "irrelevant")


@dataclass(frozen=True)
class Blobs:
    """inputs (input, pixels^2 + 2), targets (input, 1), and of every input the number of its context and places.

    context: 0 where x is relevant, 1 where y is. x, y: which of the evenly spaced places, counted from 0.
    """

    inputs: np.ndarray
    targets: np.ndarray
    context: np.ndarray
    x: np.ndarray
    y: np.ndarray


def make(positions: int, pixels: int, width: float) -> Blobs:
    """positions^2 places in two contexts: 2 positions^2 inputs."""
    context, x, y = (index.ravel() for index in np.indices((2, positions, positions)))
    places, grid = np.linspace(-1, 1, positions), np.linspace(-1, 1, pixels)
    along_x, along_y = (np.exp(-((grid - places[index, None]) ** 2) / (2 * width**2)) for index in (x, y))
    blob = along_y[:, :, None] * along_x[:, None, :]  # (input, row of pixels, column of pixels)
    blob /= blob.sum((1, 2), keepdims=True)
    inputs = np.concatenate([blob.reshape(len(x), -1), np.stack([context == 0, context == 1], 1)], axis=1)
    return Blobs(inputs, places[np.where(context == 0, x, y)][:, None], context, x, y)


def features(context: np.ndarray, x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """What a representation can be organised by: the levels of every feature in FEATURES, (input,) each."""
    first = np.asarray(context) == 0
    return {
        "context": np.asarray(context),
        "x": np.asarray(x),
        "y": np.asarray(y),
        "relevant": np.where(first, x, y),
        "irrelevant": np.where(first, y, x),
    }


def explained(hidden: np.ndarray, levels: np.ndarray) -> float:
    """Share of the representation's variance that one feature explains.

    R2 of the regression of all units on one-hot levels: the variance between the means of the levels over the total
    one. hidden: (input, unit); levels: (input,). nan where the representation does not vary or is not finite.
    """
    hidden = hidden - hidden.mean(0)
    total = (hidden**2).sum()
    if not total > 0:
        return np.nan
    _, index, counts = np.unique(levels, return_inverse=True, return_counts=True)
    sums = np.zeros((len(counts), hidden.shape[1]))
    np.add.at(sums, index, hidden)
    return float((sums**2 / counts[:, None]).sum() / total)


def selectivity(shares: dict[str, float]) -> float:
    """(relevant - irrelevant) / (relevant + irrelevant): 1 if only what matters is represented, 0 if both alike."""
    return (shares["relevant"] - shares["irrelevant"]) / (shares["relevant"] + shares["irrelevant"])


def subsample(positions: int, side: int) -> np.ndarray:
    """Indices of the places that are drawn: at most `side` of `positions`, every second or third and so on."""
    return np.arange(0, positions, -(-positions // side))
