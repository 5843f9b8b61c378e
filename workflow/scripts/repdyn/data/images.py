"""Image data sets as networks see them: their normalisation, and balanced parts of them."""

import numpy as np

from repdyn.data.mnist import CLASSES

LEVELS = 256


def statistics(images: np.ndarray, colours: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (colour,) of all pixels / 255 of images (image, units) of type uint8."""
    planes = images.reshape(len(images), colours, -1)
    counts = np.stack([np.bincount(planes[:, n].ravel(), minlength=LEVELS) for n in range(colours)])
    share, level = counts / counts.sum(1, keepdims=True), np.arange(LEVELS) / (LEVELS - 1)
    mean = share @ level
    return mean, np.sqrt((share * (level - mean[:, None]) ** 2).sum(1))


def normalised(images: np.ndarray, mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    """(pixel / 255 - mean) / std, colour by colour: float32 (image, units)."""
    planes = images.reshape(len(images), len(mean), -1).astype(np.float32) / np.float32(LEVELS - 1)
    return ((planes - mean[:, None]) / std[:, None]).astype(np.float32).reshape(len(images), -1)


def balanced(labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Indices (count,) of images drawn by a seed, equally many of each class, in random order.

    Raises ValueError where `count` is no multiple of the classes, or a class has too few images.
    """
    draw, each = np.random.default_rng(seed), count // CLASSES
    fewest = np.bincount(labels, minlength=CLASSES).min()
    if count % CLASSES or not 0 < each <= fewest:
        raise ValueError(
            f"{count} images: expected a multiple of {CLASSES}, at most {CLASSES * fewest}, that many of each class"
        )
    chosen = [draw.choice(np.flatnonzero(labels == digit), each, replace=False) for digit in range(CLASSES)]
    return draw.permutation(np.concatenate(chosen))


def probes(total: int, pairs: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images to look at together: indices (count,), first those of pairs (pair, 2) and then others drawn by a seed, and
    where the pairs stand among them, (pair, 2).

    Raises ValueError where there are fewer than `count` images in all, or more of them in pairs.
    """
    first, places = np.unique(pairs, return_inverse=True)
    rest = np.setdiff1d(np.arange(total), first)
    if not 0 <= count - len(first) <= len(rest):
        raise ValueError(f"{count} images of {total} can't hold the {len(first)} images of pairs")
    more = np.random.default_rng(seed).choice(rest, count - len(first), replace=False)
    return np.concatenate([first, more]), places.reshape(pairs.shape)
