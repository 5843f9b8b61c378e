"""Files of the image data sets beside MNIST, and small stand-ins of the same form."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from repdyn.data import cifar_files, mnist_files
from repdyn.data.downloads import Assembly, File
from repdyn.data.pictures import SHAPES

Arrays = dict[str, np.ndarray]
FASHION = {  # Xiao, Rasul & Vollgraf 2017; of MNIST's form, and under its names
    "train_images": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train_labels": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "test_images": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "test_labels": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}


@dataclass(frozen=True)
class ImageFiles:
    """The files of a data set, how its four arrays are read from their folder, and what makes them if need be."""

    files: list[File]
    read: Callable[[str | Path], Arrays]
    assembly: Assembly | None = None


SETS = {
    "fashion_mnist": ImageFiles(
        [File(file.name, FASHION[name], file.size) for name, file in mnist_files.FILES.items()], mnist_files.read
    ),
    "cifar10": ImageFiles(list(cifar_files.FILES.values()), cifar_files.read, cifar_files.ASSEMBLY),
}


def synthetic(name: str) -> Arrays:
    """A small stand-in of a data set's form: that of MNIST with other shapes, in colours where there are any."""
    arrays = mnist_files.synthetic(seed=1 + list(SETS).index(name))
    colours, rows, _ = SHAPES[name]
    edge = (rows - mnist_files.SIDE) // 2
    draw = np.random.default_rng(0)
    for part in ("train", "test"):
        images = arrays[f"{part}_images"].reshape(-1, 1, mnist_files.SIDE, mnist_files.SIDE)
        tint = draw.uniform(0.5, 1, size=(len(images), colours, 1, 1)) if colours > 1 else 1
        images = np.pad(images * tint, ((0, 0), (0, 0), (edge, edge), (edge, edge)))
        arrays[f"{part}_images"] = images.astype(np.uint8).reshape(len(images), -1)
    return arrays
