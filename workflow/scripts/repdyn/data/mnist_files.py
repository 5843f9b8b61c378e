"""Which files MNIST is and how they are read, and a small stand-in of the same form.

The files are LeCun, Cortes and Burges' idx files: 60,000 training and 10,000 test images of 28 x 28 grey pixels.
"""

from pathlib import Path

import numpy as np

from repdyn.data.downloads import File
from repdyn.data.mnist import CLASSES, SIDE

FILES = {
    "train_images": File(
        "train-images-idx3-ubyte", "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db", 47_040_016
    ),
    "train_labels": File(
        "train-labels-idx1-ubyte", "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5", 60_008
    ),
    "test_images": File(
        "t10k-images-idx3-ubyte", "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7", 7_840_016
    ),
    "test_labels": File(
        "t10k-labels-idx1-ubyte", "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2", 10_008
    ),
}


def read_idx(path: str | Path) -> np.ndarray:
    """An idx file of bytes: two zeros, the type 8, the number of axes, their lengths (big endian), the values."""
    raw = Path(path).read_bytes()
    if len(raw) < 4 or raw[:3] != b"\0\0\x08":
        raise ValueError(f"{path}: not an idx file of bytes")
    start = 4 + 4 * raw[3]
    shape = tuple(int(length) for length in np.frombuffer(raw[4:start], ">u4"))
    if len(raw) != start + int(np.prod(shape)):
        raise ValueError(f"{path}: {len(raw)} bytes, expected {start + int(np.prod(shape))} for the shape {shape}")
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)


def read(folder: str | Path) -> dict[str, np.ndarray]:
    """The four arrays by name: images (image, 784) and labels (image,), all of type uint8."""
    arrays = {name: read_idx(Path(folder) / file.name) for name, file in FILES.items()}
    return {name: array.reshape(len(array), -1) if "images" in name else array for name, array in arrays.items()}


def synthetic(train: int = 3000, test: int = 500, seed: int = 0) -> dict[str, np.ndarray]:
    """A small stand-in for MNIST, of the same form: ten smooth shapes, moved about and with noise. Not digits."""
    draw = np.random.default_rng(seed)
    grid = np.arange(SIDE)
    strokes = draw.uniform(6, 22, size=(CLASSES, 5, 2))  # five soft spots a class
    spots = np.exp(-((grid - strokes[..., None]) ** 2) / 12)  # (class, spot, axis, position)
    shapes = np.minimum((spots[:, :, 0, :, None] * spots[:, :, 1, None, :]).sum(1), 1)
    arrays = {}
    for part, count in (("train", train), ("test", test)):
        labels = (np.arange(count) % CLASSES).astype(np.uint8)
        images = shapes[labels] * draw.uniform(0.7, 1, size=(count, 1, 1))
        moves = draw.integers(-2, 3, size=(count, 2))
        images = np.stack([np.roll(image, move, (0, 1)) for image, move in zip(images, moves)])
        images = np.clip(images + 0.1 * draw.standard_normal(images.shape), 0, 1)
        arrays[f"{part}_images"] = (255 * images).astype(np.uint8).reshape(count, -1)
        arrays[f"{part}_labels"] = labels
    return arrays
