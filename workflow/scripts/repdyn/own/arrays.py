"""Runs from arrays: netCDF, by the names of dimensions, and numpy's npz. What variables mean: `files`."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from repdyn.own.content import CURVES, FileError, of_activations, possible
from repdyn.own.record import Record

AXES = {
    "run": ("run", "seed", "network"),
    "layer": ("layer",),
    "pair": ("pair",),
    "step": ("step", "time", "moment"),
    "point": ("point",),
}


def read_netcdf(path: Path, dx2, dy2) -> list[Record]:
    """The runs of a netCDF file, of either version."""
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


def read_npz(path: Path, dx2, dy2) -> list[Record]:
    """The runs of an npz file; axes go by their order."""
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
        return [of_activations(step, layers, variables["output"][1], variables["target"][1], x, dx2)]

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

    for name in CURVES:
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
        possible(
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
