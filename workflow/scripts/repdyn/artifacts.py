"""Reading and writing results: labelled arrays as netCDF, tables as CSV, whole or not at all.

Nothing that changes between two runs of the same code (dates, timings, host names) is written.
"""

import json
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import xarray as xr

from repdyn.files import code_hash, whole


class DamagedError(Exception):
    """A result is not what was written; the text names the file and how it is made again."""

    def __init__(self, path: str | Path, reason: object):
        super().__init__(
            f"{path} was damaged after it was made ({reason}). Make it again, and what depends on it: "
            f"snakemake --force {path}"
        )


def write_dataset(dataset: xr.Dataset, path: str | Path) -> None:
    """Write labelled arrays as netCDF, with checksums (Fletcher's) of the values."""
    values = [
        name for name, array in dataset.variables.items() if array.size and array.ndim and array.dtype.kind in "iufb"
    ]
    with whole(path) as temporary:
        dataset.to_netcdf(temporary, engine="h5netcdf", encoding={name: {"fletcher32": True} for name in values})


def read_dataset(path: str | Path) -> xr.Dataset:
    """Read labelled arrays into memory. Raises DamagedError for a file that is cut off or fails its checksums."""
    try:
        return xr.load_dataset(path, engine="h5netcdf")
    except FileNotFoundError:
        raise
    except Exception as error:  # damage shows as almost any error of HDF5
        raise DamagedError(path, error) from error


def write_table(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table as CSV with nine significant digits."""
    with whole(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.9g", lineterminator="\n")


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a table; names and reasons stay text, whatever they look like.

    Raises DamagedError for one that is empty or cut off within a line.
    """
    if (last := Path(path).read_bytes()[-1:]) != b"\n":
        raise DamagedError(
            path, f"it ends in {last.decode(errors='replace')!r} in the midst of a line" if last else "it is empty"
        )
    text = {"setting": str, "reason": str}
    table = pd.read_csv(path, dtype=text, keep_default_na=False, na_values=[""])
    if "reason" in table:
        table["reason"] = table["reason"].fillna("")
    return table


TRAINING = ("numpy", "scipy", "numba", "torch", "xarray")  # libraries that decide what training gives


def provenance(code: Iterable[str | Path], packages: Iterable[str], **settings) -> dict[str, str]:
    """Attributes that say what made an artifact: its settings, the code (a hash of it), the versions of libraries."""
    return {
        **{name: json.dumps(value, sort_keys=True) for name, value in settings.items()},
        "code_sha256": code_hash(code),
        "libraries": ", ".join(f"{package} {version(package)}" for package in sorted(packages)),
    }
