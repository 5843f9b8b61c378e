"""Records from files, and to them. Whatever is wrong with a file is a `FileError`, one line that says where.

Two kinds of content, each as CSV (tab-separated if it ends in .tsv), netCDF (.nc) or numpy's .npz:

curves        step, H, Y, w; dy2, and dx2 if it is known; optional: run, layer, a, b (the points of a pair), loss,
              mean_error. A CSV file has a row a step (and run, layer and pair)
activations   step, point, hidden, output, target, and input if it is known. A CSV file has a row a step and point,
              with columns hidden_0, hidden_1, ... (of further layers hidden.NAME_0, ...), output_0, ..., target_0, ...

Arrays of netCDF and npz have the axes (run, layer, pair, step) or (step, point, unit); in netCDF dimensions go by their
names, in any order, and axes that are not there count as one. dx2 and dy2 may be attributes.
"""

import csv
from pathlib import Path

import numpy as np

from repdyn.own.arrays import read_netcdf, read_npz
from repdyn.own.content import CURVES, FileError
from repdyn.own.record import Record
from repdyn.own.tables import read_csv


def read(path: str | Path, dx2: float | None = None, dy2: float | None = None) -> list[Record]:
    """The runs of a file. dx2, dy2: of every pair, in place of what the file says. Raises FileError."""
    path = Path(path)
    readers = {".csv": read_csv, ".tsv": read_csv, ".nc": read_netcdf, ".npz": read_npz}
    for name, value, lowest in (("dx2", dx2, "above 0"), ("dy2", dy2, "at least 0")):
        if value is not None and not (np.isfinite(value) and value >= 0 and (name == "dy2" or value > 0)):
            raise FileError(f"{name} must be {lowest}, got {value:g}")
    if path.is_dir():
        raise FileError(f"{path}: a folder, expected a file")
    if not path.exists():
        raise FileError(f"{path}: no such file")
    if path.suffix.lower() not in readers:
        raise FileError(f"{path}: files end in {', '.join(readers)}, this one in {path.suffix or 'nothing'}")
    try:
        if not path.stat().st_size:
            raise FileError("empty")
        return readers[path.suffix.lower()](path, dx2, dy2)
    except FileError as error:
        raise FileError(f"{path}: {error}") from None
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}") from None


def write(run, path: str | Path) -> None:
    """The curves of a record (or an observer) as CSV: a row a layer, pair and step."""
    record = run if isinstance(run, Record) else run.record
    known = not record.dx2_is.startswith("set")
    names = ["run", "layer", "a", "b", "step", *CURVES, "dy2", *["dx2"] * known, "mean_error", "loss"]
    with open(path, "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(names)
        for n, layer in enumerate(record.layers):
            for m, (a, b) in enumerate(record.pairs):
                for i, step in enumerate(record.step):
                    ends = [None if record.mean_error is None else record.mean_error[m, i]]
                    ends.append(None if record.loss is None else record.loss[i])
                    curves = [
                        step,
                        record.H[n, m, i],
                        record.Y[m, i],
                        record.w[m, i],
                        record.dy2[m],
                        *[record.dx2[m]] * known,
                    ]
                    numbers = ["" if value is None else f"{value:.9g}" for value in (*curves, *ends)]
                    rows.writerow([record.name, layer, a, b, *numbers])
