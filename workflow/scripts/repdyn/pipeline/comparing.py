"""Two makings of one result: the same bytes, or numbers within the tolerances that were measured, or where they differ.

Tolerances are those of the experiment repeatability for additions in another order, which is what other machines and
versions of libraries come to: beyond them one network in twenty would lie. H, Y, w and rates are held against their
own, networks with an activation that was repeated against that activation's, others against the largest. All other
numbers follow from H, Y and w, so they are held against the largest tolerance of these three, relative to the largest
of them in their column.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from repdyn import artifacts
from repdyn.statistics import differences

CURVES, RATES = ("H", "Y", "w"), ("eta_h", "eta_y")
KIND = "order of additions"
IDENTICAL, WITHIN, DIFFERS = "identical", "within tolerance", "differs"


@dataclass(frozen=True)
class Outcome:
    """What came of a comparison, and in words where and by how much."""

    verdict: str
    words: str = ""


@dataclass(frozen=True)
class Tolerances:
    """Of an activation, by quantity: H, Y, w, eta_h, eta_y."""

    of: dict[str, float]

    @classmethod
    def read(cls, table: str | Path, activation: str | None = None) -> "Tolerances":
        """From repeatability_summary.csv: the largest over settings with this activation, or over all."""
        rows = artifacts.read_table(table).query("kind == @KIND")
        if (rows.activation == activation).any():
            rows = rows[rows.activation == activation]
        return cls(rows.groupby("quantity").tolerance.max().to_dict())

    def allowed(self, name: str) -> float:
        """For a variable or column of this name."""
        return self.of[name] if name in self.of else max(self.of[curve] for curve in CURVES)


def compare(made: str | Path, again: str | Path, tolerances: Tolerances) -> Outcome:
    """Compare a result with the same one, made again. A picture is judged by the table of its numbers beside it."""
    made, again = Path(made), Path(again)
    if made.read_bytes() == again.read_bytes():
        return Outcome(IDENTICAL)
    if made.suffix in (".svg", ".png"):
        numbers = compare(made.with_suffix(".csv"), again.with_suffix(".csv"), tolerances)
        return Outcome(DIFFERS if numbers.verdict == DIFFERS else WITHIN, f"other bytes; its numbers: {_said(numbers)}")
    try:
        parts = list({".nc": _arrays, ".csv": _columns}.get(made.suffix, _lines)(made, again))
    except artifacts.DamagedError as error:
        return Outcome(DIFFERS, str(error))
    if without := [words for words, amount, _ in parts if amount is None]:
        return Outcome(DIFFERS, without[0])
    shares = [(amount / tolerances.allowed(name), words, amount, name) for words, amount, name in parts]
    if not shares:
        return Outcome(WITHIN, "other bytes, the same numbers")
    share, words, amount, name = max(shares)
    told = f"{words} by {amount:.2g}, tolerance {tolerances.allowed(name):.2g}"
    return Outcome(DIFFERS if share > 1 else WITHIN, told)


def _said(outcome: Outcome) -> str:
    return ", ".join(filter(None, (outcome.verdict, outcome.words)))


# Each yields (where, how far, the quantity's name); how far is None for what has no tolerance.
Part = tuple[str, float | None, str]


def _arrays(made: Path, again: Path) -> Iterator[Part]:
    with artifacts.read_dataset(made) as before, artifacts.read_dataset(again) as after:
        if set(before.variables) != set(after.variables):
            yield (
                f"variables {sorted(map(str, set(before.variables) ^ set(after.variables)))} are in one alone",
                None,
                "",
            )
            return
        for name in before.variables:
            yield from _array(str(name), before[name], after[name])


def _array(name: str, before: xr.DataArray, after: xr.DataArray) -> Iterator[Part]:
    if before.shape != after.shape:
        yield f"{name} has the shape {before.shape}, again {after.shape}", None, name
    elif before.dtype.kind != "f" and not before.equals(after):
        yield f"{name} has other values", None, name
    elif before.dtype.kind == "f" and not before.equals(after):
        for place in np.ndindex(before.shape[:-1] if name in CURVES else ()):
            at = ", ".join(f"{dim} {index}" for dim, index in zip(before.dims, place))
            yield from _numbers(f"{name}{f' ({at})' if at else ''}", before.values[place], after.values[place], name)


def _columns(made: Path, again: Path) -> Iterator[Part]:
    before, after = artifacts.read_table(made), artifacts.read_table(again)
    if list(before) != list(after) or len(before) != len(after):
        yield (
            f"{len(before)} rows of {len(before.columns)} columns, again {len(after)} of {len(after.columns)}",
            None,
            "",
        )
        return
    for name in before:
        if pd.api.types.is_float_dtype(before[name]) and pd.api.types.is_float_dtype(after[name]):
            yield from _numbers(f"column {name}", before[name].to_numpy(), after[name].to_numpy(), name)
        else:
            same = (before[name] == after[name]) | (before[name].isna() & after[name].isna())
            for row in np.flatnonzero(~same)[:1]:
                yield f"column {name}, row {row + 1}: {before[name][row]}, again {after[name][row]}", None, name


def _numbers(where: str, before: np.ndarray, after: np.ndarray, name: str) -> Iterator[Part]:
    """How far numbers are apart in the measure of their tolerance; nothing where they are the same."""
    before, after = np.atleast_1d(before).ravel(), np.atleast_1d(after).ravel()
    finite = np.isfinite(before)
    if (finite != np.isfinite(after)).any() or not np.array_equal(before[~finite], after[~finite], equal_nan=True):
        yield f"{where}: numbers here that are none there", None, name
        return
    before, after = before[finite], after[finite]
    if np.array_equal(before, after):
        return
    if name in CURVES and np.ptp(before) > 0:
        yield where, differences.of_curves(before, after), name
        return
    positive = (before > 0) & (after > 0)
    if name in RATES and positive.all():
        factors = [differences.of_rates(*pair) for pair in zip(before, after)]
        worst = int(np.argmax(factors))
        yield f"{where}, row {worst + 1}: {before[worst]:.9g}, again {after[worst]:.9g}", factors[worst], name
        return
    worst = int(np.argmax(abs(after - before)))
    scale = max(abs(before).max(), abs(after).max())
    words = f"{where}, place {worst + 1}: {before[worst]:.9g}, again {after[worst]:.9g}"
    yield words, float(abs(after - before)[worst] / scale), name


def _lines(made: Path, again: Path) -> Iterator[Part]:
    pairs = zip(made.read_text("utf-8").splitlines(), again.read_text("utf-8").splitlines())
    place = next((n for n, (a, b) in enumerate(pairs, 1) if a != b), None)
    yield f"line {place} is another" if place else "one has more lines", None, ""
