"""What every file of a run must hold, whatever it is written in. What is wrong is a `FileError`."""

import numpy as np

from repdyn.own.record import Record

CURVES = ("H", "Y", "w")


class FileError(ValueError):
    """What is wrong with a file, in one line."""


def of_activations(step, hidden, output, target, x, dx2) -> Record:
    """The record of activations, see `Record.of_activations`."""
    try:
        return Record.of_activations(step, hidden, output, target, x, dx2)
    except ValueError as error:
        raise FileError(str(error)) from None


def possible(record: Record) -> Record:
    """The record, if there are outputs and representations with these distances."""
    for name in "HY":
        if (getattr(record, name) < 0).any():
            raise FileError(f"{name} is a squared distance, but below 0 somewhere")
    along, size = record.Y - record.w, np.sqrt(record.dy2[:, None] * record.Y)
    off = np.abs(along) > size * (1 + 1e-3) + 1e-6 * (record.dy2[:, None] + record.Y)
    for m, i in np.argwhere(off)[:1]:
        raise FileError(
            f"no outputs have these Y, w and dy2: at step {record.step[i]:g} <dy, dyh> = Y - w = {along[m, i]:.4g} "
            f"exceeds |dy| |dyh| = {size[m, i]:.4g}"
        )
    return record
