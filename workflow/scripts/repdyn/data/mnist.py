"""MNIST as the networks and the theory see it: how pixels are scaled, what targets are, which pairs are looked at."""

import numpy as np

from repdyn.data.pictures import CLASSES

MEAN, STD = 0.1307, 0.3081  # of all training pixels / 255
SIDE = 28
TITLES = {"mnist": "MNIST: ", "synthetic": "SYNTHETIC STAND-IN, NOT MNIST: "}  # how the title of a figure begins


def normalised(images: np.ndarray) -> np.ndarray:
    """Pixels as the networks see them: (pixel / 255 - 0.1307) / 0.3081, mean 0 and variance 1 over the training set."""
    return ((images.astype(np.float32) / np.float32(255)) - np.float32(MEAN)) / np.float32(STD)


def one_hot(labels: np.ndarray) -> np.ndarray:
    """Targets: 1 at the image's digit, 0 elsewhere."""
    return np.eye(CLASSES, dtype=np.float32)[labels]


def draw_pairs(labels: np.ndarray, different: int, same: int, seed: int) -> np.ndarray:
    """Indices (pair, 2) of images: first pairs of two digits, then pairs of one digit.

    The digits come from a random order of all ten, two for a pair of different ones and one for a pair of the same,
    over and over, so that few pairs show many digits; the images are drawn from those of the digit, no image twice
    within a pair.
    """
    draw = np.random.default_rng(seed)
    digits = np.concatenate([draw.permutation(CLASSES) for _ in range(1 + (2 * different + same) // CLASSES)])
    pairs: list = []
    for n in range(different):
        pairs.append([draw.choice(np.flatnonzero(labels == digit)) for digit in digits[2 * n : 2 * n + 2]])
    for digit in digits[2 * different : 2 * different + same]:
        pairs.append(draw.choice(np.flatnonzero(labels == digit), size=2, replace=False))
    return np.array(pairs, dtype=int).reshape(-1, 2)


def first_of_each(labels: np.ndarray, count: int) -> np.ndarray:
    """Indices of the first `count` images of every digit, digit by digit: (10 * count,)."""
    return np.concatenate([np.flatnonzero(labels == digit)[:count] for digit in range(CLASSES)])
