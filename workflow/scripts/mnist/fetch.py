"""MNIST as one file of labelled arrays, from the first source that serves it; or a small synthetic stand-in."""

import logging

import numpy as np
import xarray as xr

from repdyn import artifacts
from repdyn.data import downloads, mnist, mnist_files


def main(images: str, download: dict, output: str, code=()) -> None:
    if images == "synthetic":
        arrays = mnist_files.synthetic()
        logging.info("a synthetic stand-in, not MNIST")
    else:
        files = list(mnist_files.FILES.values())
        served = downloads.fetch(files, download["sources"], download["cache"], download["timeout"])
        logging.info("MNIST from %s, every checksum right", " and ".join(served) or f"the cache, {download['cache']}")
        arrays = mnist_files.read(download["cache"])
    counts = {part: np.bincount(arrays[f"{part}_labels"], minlength=mnist.CLASSES) for part in ("train", "test")}
    logging.info("images of each digit: %s", "; ".join(f"{part} {list(map(int, n))}" for part, n in counts.items()))
    dataset = xr.Dataset(
        {
            "train_images": (("train", "pixel"), arrays["train_images"]),
            "train_labels": ("train", arrays["train_labels"]),
            "test_images": (("test", "pixel"), arrays["test_images"]),
            "test_labels": ("test", arrays["test_labels"]),
        },
        attrs={"images": images, **artifacts.provenance(code, ["numpy", "xarray"])},
    )
    artifacts.write_dataset(dataset, output)
