"""Runs from CSV: a row a step (and run, layer and pair), or a row a step and point. What columns mean: `files`."""

import csv
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from repdyn.own.content import CURVES, FileError, of_activations, possible
from repdyn.own.record import Record

_NUMBERED = re.compile(r"(hidden(?:\.(?P<layer>.+))?|output|target|input)_(?P<number>\d+)$")


def read_csv(path: Path, dx2, dy2) -> list[Record]:
    """The runs of a table."""
    columns = _columns(path)
    if any(name.startswith(("hidden", "output")) for name in columns):
        return [_activation_table(columns, dx2)]
    return _curve_table(columns, dx2, dy2)


def _columns(path: Path) -> dict[str, list[str]]:
    """The cells of every column, as text."""
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise FileError("not a text in UTF-8") from None
    if "\0" in text:
        raise FileError("not a text file")
    lines = list(csv.reader(text.splitlines(), delimiter="\t" if path.suffix.lower() == ".tsv" else ","))
    rows = [(number, line) for number, line in enumerate(lines, 1) if line]
    if not rows:
        raise FileError("empty")
    (_, header), *body = rows
    header = [name.strip() for name in header]
    for name in header:
        if not name:
            raise FileError("a column has no name")
        if header.count(name) > 1:
            raise FileError(f"two columns are called {name}")
    if not body:
        raise FileError("no row below the names of the columns")
    for number, line in body:
        if len(line) != len(header):
            raise FileError(f"line {number}: {len(line)} cells, the header has {len(header)}")
    return {name: [line[n].strip() for _, line in body] for n, name in enumerate(header)}


def _numbers(columns: Mapping[str, list[str]], name: str, finite: bool = False) -> np.ndarray:
    if name not in columns:
        there = ", ".join(columns)
        raise FileError(f"no column {name}; there are: {there if len(there) < 120 else there[:116] + ' ...'}")
    values = []
    for row, cell in enumerate(columns[name]):
        try:
            values.append(float(cell))
        except ValueError:
            what = f"{cell!r} is no number" if cell else "empty"
            raise FileError(f"column {name}, row {row + 1}: {what}") from None
        if finite and not np.isfinite(values[-1]):
            raise FileError(f"column {name}, row {row + 1}: {cell} is not finite")
    return np.array(values)


def _whole(columns, name: str) -> np.ndarray:
    values = _numbers(columns, name, finite=True)
    wrong = values[(values != np.floor(values)) | (values < 0)]
    if len(wrong):
        raise FileError(f"column {name}: points are numbered 0, 1, ..., got {wrong[0]:g}")
    return values.astype(int)


def _curve_table(columns, dx2, dy2) -> list[Record]:
    step = _numbers(columns, "step", finite=True)
    curves = {name: _numbers(columns, name) for name in CURVES}
    known = dx2 is not None or "dx2" in columns
    dx2 = (
        np.full(len(step), 1.0 if dx2 is None else dx2)
        if dx2 is not None or not known
        else _numbers(columns, "dx2", True)
    )
    if dy2 is None and "dy2" not in columns:
        raise FileError("|dy|^2 is missing: a column dy2, or --dy2")
    dy2 = _numbers(columns, "dy2", True) if dy2 is None else np.full(len(step), dy2)
    optional = {
        name: _numbers(columns, name) for name in ("loss", "mean_error") if name in columns and any(columns[name])
    }
    nothing = [""] * len(step)
    runs, layers = columns.get("run", nothing), columns.get("layer", ["hidden"] * len(step))
    if ("a" in columns) != ("b" in columns):
        raise FileError("a pair needs both columns, a and b")
    a, b = (_whole(columns, name) if name in columns else np.full(len(step), n) for n, name in enumerate("ab"))
    for n in np.flatnonzero(a == b)[:1]:
        raise FileError(f"row {n + 1}: a and b are both {a[n]}")
    rows: dict[str, dict[tuple, list[int]]] = {}
    for n, (run, layer) in enumerate(zip(runs, layers)):
        rows.setdefault(run, {}).setdefault((layer, int(a[n]), int(b[n])), []).append(n)
    return [
        _run_of_rows(
            run, groups, step, curves, dx2, dy2, optional, "given" if known else "set to 1: no inputs are known"
        )
        for run, groups in rows.items()
    ]


def _run_of_rows(run: str, groups, step, curves, dx2, dy2, optional, dx2_is: str) -> Record:
    layers = list(dict.fromkeys(layer for layer, _, _ in groups))
    pairs = list(dict.fromkeys((a, b) for _, a, b in groups))
    where = f"run {run}, " if run else ""
    if len(groups) != len(layers) * len(pairs):
        raise FileError(f"{where}not every pair is there at every layer".lstrip(", "))
    first = next(iter(groups.values()))
    for (layer, a, b), rows in groups.items():
        who = f"{where}layer {layer}, points {a} and {b}"
        later = np.diff(step[rows])
        if (later <= 0).any():
            n = rows[int(np.argmax(later <= 0)) + 1]
            raise FileError(
                f"{who}: steps must increase, row {n + 1} has {step[n]:g} after {step[rows[rows.index(n) - 1]]:g}"
            )
        if len(rows) != len(first) or (step[rows] != step[first]).any():
            raise FileError(f"{who}: recorded at other steps than the first layer and pair of its run")
        for name, values, lowest in (("dx2", dx2, "above 0"), ("dy2", dy2, "at least 0")):
            if np.ptp(values[rows]):
                raise FileError(f"{who}: {name} changes from row to row, it belongs to the pair")
            if values[rows[0]] < 0 or (name == "dx2" and values[rows[0]] == 0):
                raise FileError(f"{who}: {name} must be {lowest}, got {values[rows[0]]:g}")
        same = groups[layers[0], a, b]
        for name in "Yw":
            if not np.array_equal(curves[name][rows], curves[name][same], equal_nan=True):
                raise FileError(f"{who}: {name} is another one than at layer {layers[0]}, but outputs have no layer")

    def of_pairs(values):
        return np.array([values[groups[layers[0], a, b]] for a, b in pairs])

    record = Record(
        step[first],
        np.array([[curves["H"][groups[layer, a, b]] for a, b in pairs] for layer in layers]),
        *(of_pairs(curves[name]) for name in "Yw"),
        dx2=of_pairs(dx2)[:, 0],
        dy2=of_pairs(dy2)[:, 0],
        layers=tuple(layers),
        pairs=tuple(pairs),
        mean_error=of_pairs(optional["mean_error"]) if "mean_error" in optional else None,
        loss=optional["loss"][first] if "loss" in optional else None,
        dx2_is=dx2_is,
        name=run,
    )
    return possible(record)


def _activation_table(columns, dx2) -> Record:
    step, point = _numbers(columns, "step", finite=True), _whole(columns, "point")
    numbered: dict[str, dict[int, str]] = {}
    for name in columns:
        match = _NUMBERED.match(name)
        if match:
            numbered.setdefault(match[1], {})[int(match["number"])] = name
        elif name not in ("step", "point"):
            raise FileError(
                f"column {name} is none of step, point, hidden_0, hidden.NAME_0, output_0, target_0, input_0, ..."
            )
    layers = [kind for kind in numbered if kind.startswith("hidden")]
    for kind in ("hidden_0", "output_0", "target_0"):
        if not (layers if kind == "hidden_0" else numbered.get(kind[:-2])):
            raise FileError(f"no column {kind}")
    for kind, numbers in numbered.items():
        if sorted(numbers) != list(range(len(numbers))):
            raise FileError(f"columns {kind}_0, {kind}_1, ...: one is missing among {len(numbers)}")
    moments, points = np.unique(step), np.unique(point)
    if len(points) < 2:
        raise FileError("a pair needs two points, only one is there")
    if len(step) != len(moments) * len(points):
        product = len(moments) * len(points)
        raise FileError(f"{len(moments)} steps of {len(points)} points make {product} rows, there are {len(step)}")
    order = np.lexsort((point, step))
    if (point[order].reshape(len(moments), -1) != points).any():
        raise FileError("not every point is there at every step")

    def array(kind):
        values = np.stack([_numbers(columns, numbered[kind][n]) for n in range(len(numbered[kind]))], -1)
        return values[order].reshape(len(moments), len(points), -1)

    fixed = {kind: array(kind) for kind in ("target", "input") if kind in numbered}
    for kind, values in fixed.items():
        if not np.isfinite(values).all():
            raise FileError(f"an {kind} is not finite" if kind == "input" else f"a {kind} is not finite")
        if np.ptp(values, axis=0).any():
            raise FileError(f"the {kind} of a point changes from step to step")
    hidden = {kind.partition(".")[2] or "hidden": array(kind) for kind in layers}
    return of_activations(moments, hidden, array("output"), fixed["target"][0], fixed.get("input", [None])[0], dx2)
