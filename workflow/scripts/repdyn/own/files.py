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
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from repdyn.own.record import Record

AXES = {
    "run": ("run", "seed", "network"),
    "layer": ("layer",),
    "pair": ("pair",),
    "step": ("step", "time", "moment"),
    "point": ("point",),
}
_NUMBERED = re.compile(r"(hidden(?:\.(?P<layer>.+))?|output|target|input)_(?P<number>\d+)$")
_CURVES = ("H", "Y", "w")


class FileError(ValueError):
    """What is wrong with a file, in one line."""


def read(path: str | Path, dx2: float | None = None, dy2: float | None = None) -> list[Record]:
    """The runs of a file. dx2, dy2: of every pair, in place of what the file says. Raises FileError."""
    path = Path(path)
    readers = {".csv": _read_csv, ".tsv": _read_csv, ".nc": _read_netcdf, ".npz": _read_npz}
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
    names = ["run", "layer", "a", "b", "step", *_CURVES, "dy2", *["dx2"] * known, "mean_error", "loss"]
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


# CSV


def _read_csv(path: Path, dx2, dy2) -> list[Record]:
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
    curves = {name: _numbers(columns, name) for name in _CURVES}
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
    return _possible(record)


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
    return _of_activations(moments, hidden, array("output"), fixed["target"][0], fixed.get("input", [None])[0], dx2)


def _of_activations(step, hidden, output, target, x, dx2) -> Record:
    try:
        return Record.of_activations(step, hidden, output, target, x, dx2)
    except ValueError as error:
        raise FileError(str(error)) from None


def _possible(record: Record) -> Record:
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


# netCDF and npz


def _read_netcdf(path: Path, dx2, dy2) -> list[Record]:
    variables, attributes = _netcdf(path)
    return _of_arrays(variables, attributes, dx2, dy2)


def _netcdf(path: Path) -> tuple[dict[str, tuple[tuple[str, ...], np.ndarray]], dict]:
    """Variables, with the names of their dimensions, and attributes."""
    start = path.open("rb").read(4)
    if start[:3] == b"CDF":
        from scipy.io import netcdf_file

        try:
            with netcdf_file(path, mmap=False) as file:
                found = {
                    name: (one.dimensions, np.array(one[...])) for name, one in file.variables.items() if one.shape
                }
                return found, dict(file._attributes)
        except (ValueError, TypeError, IndexError, KeyError, AssertionError):
            raise FileError("damaged: it can't be read as netCDF") from None
    if start != b"\x89HDF":
        raise FileError("not a netCDF file")
    try:
        import h5py
    except ImportError:
        raise FileError("netCDF 4 needs h5py: pip install repdyn[netcdf]") from None
    try:
        with h5py.File(path) as file:
            found = {}
            for name, one in file.items():
                if isinstance(one, h5py.Dataset) and one.shape:
                    dims = tuple(Path(d[0].name).name if len(d) else name for d in one.dims)
                    found[name] = dims, one.asstr()[...] if h5py.check_string_dtype(one.dtype) else one[...]
            return found, dict(file.attrs)
    except (OSError, RuntimeError, KeyError):
        raise FileError("damaged: it can't be read as netCDF") from None


def _read_npz(path: Path, dx2, dy2) -> list[Record]:
    with path.open("rb") as file:
        if file.read(2) != b"PK":
            raise FileError("not an npz file")
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except Exception as error:  # numpy's, zipfile's, and whatever damaged numbers raise
        pickled = "pickle" in str(error)
        raise FileError(
            "it holds Python objects, expected arrays of numbers" if pickled else f"damaged: {error}"
        ) from None
    curve, point = ("run", "layer", "pair", "step"), ("step", "point", "unit")
    axes = {"H": curve, **dict.fromkeys(("Y", "w", "mean_error"), ("run", "pair", "step")), "loss": ("run", "step")}
    variables = {}
    for name, values in arrays.items():
        if name in axes:  # leading axes may be missing
            if values.ndim > len(axes[name]) or not values.ndim:
                raise FileError(f"{name}: axes ({', '.join(axes[name])}) expected, got the shape {values.shape}")
            names = axes[name][-values.ndim :] if values.ndim != 2 or name != "H" else ("layer", "step")
            variables[name] = names, values
        elif name in ("output", "input", "target") or name.startswith("hidden"):
            variables[name] = (point if name in ("output",) or name.startswith("hidden") else point[1:]), values
        else:
            variables[name] = (("layer",) if name == "layers" else (name,)), values
    attributes = {name: arrays[name] for name in ("dx2", "dy2") if name in arrays}
    return _of_arrays(variables, attributes, dx2, dy2)


def _of_arrays(variables, attributes, dx2, dy2) -> list[Record]:
    names = {name: kind for kind, all_names in AXES.items() for name in all_names}
    if "step" not in variables:
        raise FileError(f"no variable step; there are: {', '.join(variables) or 'none'}")
    step = _increasing(variables["step"][1])
    if "output" in variables or any(name.startswith("hidden") for name in variables):
        for name in ("output", "target"):
            if name not in variables:
                raise FileError(f"no variable {name}")
        layers = {n.partition(".")[2] or n: v for n, (_, v) in variables.items() if n.startswith("hidden")}
        if not layers:
            raise FileError("no variable hidden")
        if len(variables["output"][1]) != len(step):
            raise FileError(f"output has {len(variables['output'][1])} moments, step {len(step)}")
        x = variables.get("input", (None, None))[1]
        return [_of_activations(step, layers, variables["output"][1], variables["target"][1], x, dx2)]

    def arranged(name, wanted) -> np.ndarray:
        """A variable with the axes wanted, all others of length 1."""
        dims, values = variables[name]
        if values.dtype.kind not in "fiu":
            raise FileError(f"{name} holds no numbers")
        kinds = []
        for dim in dims:
            kind = names.get(dim, dim)
            if kind not in wanted:
                raise FileError(f"{name} has an axis {dim}; expected {', '.join(wanted)}")
            kinds.append(kind)
        values = np.transpose(values.astype(float), [kinds.index(kind) for kind in wanted if kind in kinds])
        for axis, kind in enumerate(wanted):
            if kind not in kinds:
                values = np.expand_dims(values, axis)
        if values.shape[-1] != len(step):
            raise FileError(f"{name} has {values.shape[-1]} steps, step {len(step)}")
        return values

    for name in _CURVES:
        if name not in variables:
            raise FileError(f"no variable {name}; there are: {', '.join(variables)}")
    H = arranged("H", ("run", "layer", "pair", "step"))
    Y, w = (arranged(name, ("run", "pair", "step")) for name in "Yw")
    runs, layers, pairs, _ = H.shape
    if Y.shape != (runs, pairs, len(step)) or w.shape != Y.shape:
        raise FileError(f"H is of {runs} runs and {pairs} pairs, Y of {Y.shape[:2]}, w of {w.shape[:2]}")

    def distances(name, given):
        value = given if given is not None else variables[name][1] if name in variables else attributes.get(name)
        if value is None:
            return None
        try:
            values = np.broadcast_to(np.asarray(value, float).ravel(), (pairs,))
        except ValueError:
            raise FileError(f"{name} must be one number, or one for each of {pairs} pairs") from None
        if not np.isfinite(values).all() or (values < 0).any() or (name == "dx2" and (values == 0).any()):
            raise FileError(f"{name} must be {'above' if name == 'dx2' else 'at least'} 0, got {values.min():g}")
        return values

    dx2, dy2 = distances("dx2", dx2), distances("dy2", dy2)
    if dy2 is None:
        raise FileError("|dy|^2 is missing: an attribute dy2, or --dy2")
    labels = _labels(variables, ("layer", "layers"), layers)
    labels = labels or (["hidden"] if layers == 1 else [str(n) for n in range(layers)])
    run_names = (_labels(variables, AXES["run"], runs) or [str(n) for n in range(runs)]) if runs > 1 else [""]
    return [
        _possible(
            Record(
                step,
                H[n],
                Y[n],
                w[n],
                dx2=np.ones(pairs) if dx2 is None else dx2,
                dy2=dy2,
                layers=tuple(labels),
                pairs=((0, 1),) if pairs == 1 else tuple((m, m + 1) for m in range(0, 2 * pairs, 2)),
                dx2_is="set to 1: no inputs are known" if dx2 is None else "given",
                name=run_names[n],
            )
        )
        for n in range(runs)
    ]


def _labels(variables, names: Iterable[str], length: int) -> list[str] | None:
    for name in names:
        if name in variables and len(variables[name][1]) == length:
            return [f"{value:g}" if isinstance(value, np.number) else str(value) for value in variables[name][1]]
    return None


def _increasing(step: np.ndarray) -> np.ndarray:
    if step.dtype.kind not in "fiu" or step.ndim != 1:
        raise FileError("step must be one axis of numbers")
    step = step.astype(float)
    if not np.isfinite(step).all():
        raise FileError("a step is not finite")
    if (np.diff(step) <= 0).any():
        raise FileError("steps must increase")
    return step
