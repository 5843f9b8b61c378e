"""Images beside MNIST as one file of labelled arrays, from the first source that serves them; or a small stand-in."""

import logging
from pathlib import Path

import numpy as np
import xarray as xr

from repdyn import artifacts
from repdyn.data import downloads, image_files
from repdyn.data.mnist import CLASSES


def main(name: str, images: str, sources: list[str], cache: str, timeout: float, output: str, code=()) -> None:
    if images == "synthetic":
        arrays = image_files.synthetic(name)
        logging.info("a synthetic stand-in, not %s", name)
    else:
        kept, folder = image_files.SETS[name], Path(cache) / name
        served = downloads.fetch(kept.files, sources, folder, timeout, kept.assembly)
        logging.info("%s from %s, every checksum right", name, " and ".join(served) or f"the cache, {folder}")
        arrays = kept.read(folder)
    for part in ("train", "test"):
        counts = np.bincount(arrays[f"{part}_labels"], minlength=CLASSES)
        logging.info("%s images of each class: %s", part, list(map(int, counts)))
    variables = {f"{part}_images": ((part, "pixel"), arrays[f"{part}_images"]) for part in ("train", "test")}
    variables |= {f"{part}_labels": (part, arrays[f"{part}_labels"]) for part in ("train", "test")}
    attributes = {"images": images, **artifacts.provenance(code, ["numpy", "xarray"])}
    artifacts.write_dataset(xr.Dataset(variables, attrs=attributes), output)
