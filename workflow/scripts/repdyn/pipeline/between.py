"""Rules between keys, and between keys and rows of the tables, which no type or range can state.

`check` is `study._Check`: check.sound(path...) is the value there if nothing is wrong with it, else None;
check.complain(path, value, what is wrong); with lacking=EXPERIMENT the problem is that experiment's alone, and nothing
hinders the others.
"""

import os

from repdyn import networks
from repdyn.data.pictures import CLASSES, units
from repdyn.pipeline.checking import did_you_mean
from repdyn.pipeline.tables import hidden_layers, memory, row_faults, shape_of
from repdyn.training.optimisers import FLOW

SYNTHETIC_DIGITS = 50  # test images of each digit that data.mnist_files.synthetic makes
SOURCE_FOLDERS = ("config", "workflow", "profiles", "tests", "benchmarks", "docs")


def check(check, rows: dict[str, dict]) -> None:
    """All rules below; check.selected becomes the names of the rows of two_points that are trained."""
    _check_folders(check)
    _check_orders(check)
    _check_mnist(check)
    _check_modern(check, rows["modern"])
    _check_memory(check, rows)
    if names := check.names.get("two_points"):
        check.selected = _selected(check, names)
        _check_compared(check, rows["two_points"])


def _selected(check, names) -> list[str]:
    """The rows of two_points that are trained, in the order of the table."""
    wanted, known = check.sound("two_points", "rows"), _named(check, ("two_points", "rows"), names)
    every = not isinstance(wanted, list) or len(known) < len(wanted)
    return names if every else [name for name in names if name in wanted]


def _named(check, path, selected) -> dict[str, tuple]:
    """{row: where it stands} of the selected rows that a key names.

    One that is not in the table is wrong, one that is not selected is missed by that experiment alone.
    """
    said, names, table = check.sound(*path), check.names["two_points"], check.sound("two_points", "table")
    if isinstance(said, list):
        stands = {name: (*path, i) for i, name in enumerate(said)}
    else:
        stands = {} if said is None or path[-1] == "rows" else {said: path}
    for name in [name for name in stands if name not in names]:
        close = did_you_mean(name, selected)
        check.complain(stands[name], name, f"no such row in {table}{close or ';'} Rows: {', '.join(selected)}")
    if missed := [name for name in stands if name in names and name not in selected]:
        told = f"not selected by two_points.rows: expected one of {', '.join(selected)}"
        told = f"{', '.join(missed)} {told}" if isinstance(said, list) else told
        check.complain(path, said, told, lacking=path[0])
    return {name: where for name, where in stands.items() if name in selected}


def _check_compared(check, rows) -> None:
    """Rows that an experiment compares have to be there, selected, and of its kind."""
    selected = check.selected
    for experiment in ("falsification", "final_distance", "gains", "measured_rates", "repeatability"):
        wanted = check.sound(experiment, "rows")
        for name, path in _named(check, (experiment, "rows"), selected).items():
            if experiment == "gains" and name != wanted[0] and name in rows:
                _check_gain(check, path, rows[name], rows.get(wanted[0]))
            elif experiment == "measured_rates" and name in rows:
                _check_measured(check, path, rows[name])
            elif experiment == "repeatability" and name in rows:
                _check_reordered(check, path, rows[name])
    if "final_distance" in check.faults:  # the same trajectories
        check.faults["out_of_sample"] = check.faults["final_distance"]
    row = check.sound("depth", "row")
    known = _named(check, ("depth", "row"), selected).keys() & rows.keys()
    if known and hidden_layers(rows[row], **check.ends("two_points")) < 2:
        told = "this row has one hidden layer: expected a row with at least 2, to compare them"
        check.complain(("depth", "row"), row, told)


def _check_gain(check, path, row, first) -> None:
    """A row of gains against the first one: another gain, perhaps another lr, and the same all else."""
    if first is None:
        return
    others = [column for column in row if column not in ("name", "gain", "lr") and row[column] != first[column]]
    for column in others:
        told = f"its {column} is {row[column]}, that of {first['name']} is {first[column]}"
        check.complain(path, row["name"], f"{told}: expected rows that differ in gain and lr only")
    if not others and row["gain"] == first["gain"]:
        told = f"its gain is {row['gain']}, as that of {first['name']}: expected rows of different gains"
        check.complain(path, row["name"], told)


def _check_measured(check, path, row) -> None:
    """Rates are measured along the gradient, at a width that the row's architecture may not have."""
    if row["solver"] not in ("sgd", FLOW):
        told = f"its solver is {row['solver']}: expected a row that descends the gradient, by sgd or {FLOW}"
        check.complain(path, row["name"], told)
    width = check.sound("measured_rates", "width")
    if width is not None and width < row["width"]:
        try:
            hidden_layers({**row, "width": width}, **check.ends("two_points"))
        except ValueError as error:
            told = f"{row['name']} is trained with so many units: expected a shape that can be built: {error}"
            check.complain(("measured_rates", "width"), width, told)


def _check_reordered(check, path, row) -> None:
    """Units of dense hidden layers can be put in another order, and plain steps can be made smaller."""
    layers = networks.layers(row["model"], shape_of(row, **check.ends("two_points")))
    dense = isinstance(layers, list) and all(isinstance(layer.weights, networks.Dense) for layer in layers)
    if not dense or any(layer.dropout for layer in layers):
        told = f"{row['model']}: expected a row of dense layers without dropout, whose units can be reordered"
        check.complain(path, row["name"], told)
    elif row["solver"] == FLOW:
        check.complain(path, row["name"], f"{FLOW}: expected a row that is trained in steps, to make them smaller")


def _check_orders(check) -> None:
    """Numbers of which one has to be the larger."""
    rest, stop = ("training", "rest_loss"), ("final_distance", "stop_loss")
    for smaller, larger in (
        (rest, ("runs", "discard_loss_above")),  # a loss that counts as learned is reached before a network is at rest
        (rest, ("phase_diagram", "converged_below")),
        (stop, ("final_distance", "drop_loss")),
    ):
        low, high = check.sound(*smaller), check.sound(*larger)
        if None not in (low, high) and high < low:
            check.complain(larger, high, f"expected a number >= {'.'.join(smaller)}, {low:g}")
    early, late = (check.sound("response_law", key) for key in ("early", "late"))
    if None not in (early, late) and late >= early:
        check.complain(("response_law", "late"), late, f"expected a number < response_law.early, {early:g}")
    methods = check.sound("response", "methods")
    if methods and "full" not in methods:
        told = "expected full among them, with which others are compared"
        check.complain(("response", "methods"), methods, told)


def _check_mnist(check) -> None:
    layer, depth = (check.sound("mnist", "network", key) for key in ("layer", "depth"))
    if None not in (layer, depth) and layer >= depth:
        told = f"there are {depth} hidden layers, counted from 0: expected at most {depth - 1}"
        check.complain(("mnist", "network", "layer"), layer, told)
    steps = ("mnist_structure", "steps")
    sizes = check.sound(*steps, "finer")
    _check_epochs(check, ("mnist", "epochs"), ("mnist", "finer"), check.sound("mnist", "finer"))
    for i, finer in enumerate(sizes if isinstance(sizes, list) else ()):
        _check_epochs(check, (*steps, "epochs"), (*steps, "finer", i), finer)
    digits = check.sound("mnist_structure", "digits")
    if check.sound("mnist", "images") == "synthetic" and digits is not None and digits > SYNTHETIC_DIGITS:
        told = f"there are {SYNTHETIC_DIGITS} synthetic test images of each digit: expected at most so many"
        check.complain(("mnist_structure", "digits"), digits, told)


def _check_modern(check, rows) -> None:
    """Pairs lie among the probes, and these among the images of every row."""
    probes, *pairs = (check.sound("modern", key) for key in ("probes", "different", "same"))
    if None not in (probes, *pairs) and 2 * sum(pairs) > probes:
        told = f"{sum(pairs)} pairs are followed: expected at least {2 * sum(pairs)}"
        check.complain(("modern", "probes"), probes, told)
    for row in rows.values():
        if probes is not None and row["data"] != "two_points" and row["images"] < probes:
            told = f"row {row['name']} has {row['images']} images: expected at most so many"
            check.complain(("modern", "probes"), probes, told)
            break
    rated, different = check.sound("modern", "rates", "pairs"), check.sound("modern", "different")
    if None not in (rated, different) and rated > different:
        told = f"there are {different} pairs of two classes: expected at most so many"
        check.complain(("modern", "rates", "pairs"), rated, told)


def _check_epochs(check, path, finer_path, finer) -> None:
    """Epochs times what makes them finer are whole epochs."""
    epochs = check.sound(*path)
    if None not in (epochs, finer) and (epochs * finer < 0.5 or abs(epochs * finer - round(epochs * finer)) > 1e-6):
        told = f"expected a number whose product with {'.'.join(path)}, {epochs}, is a whole number"
        check.complain(finer_path, finer, told)


def _check_memory(check, rows) -> None:
    """What is recorded at every step of two points, and the pictures of blobs, have to fit into memory."""
    count, finer = check.sound("two_points", "networks"), check.sound("training", "finer")
    if None not in (count, finer):
        for name, row in rows["two_points"].items():
            needed = 4 * count * hidden_layers(row, **check.ends("two_points")) * row["steps"] * finer
            _compare_with_memory(check, ("two_points", "networks"), count, needed, f"the distances of row {name}")
    positions, pixels = (check.sound("blobs", "task", key) for key in ("positions", "pixels"))
    if None not in (positions, pixels):
        needed = 4 * 2 * positions**2 * (pixels**2 + 2)
        _compare_with_memory(check, ("blobs", "task", "positions"), positions, needed, "the pictures")


def _compare_with_memory(check, path, value, needed, what) -> None:
    if needed > memory():
        told = f"{what} take {needed / 1e9:,.0f} GB, and this machine has {memory() / 1e9:,.0f}"
        check.complain(path, value, f"expected what fits into memory: {told}")


def _check_folders(check) -> None:
    for path in (("results",), ("mnist", "download", "cache"), ("modern", "download", "cache")):
        folder = check.sound(*path)
        if folder is not None and (fault := folder_fault(folder, check.root)):
            check.complain(path, folder, fault)


def folder_fault(text, root):
    """What is wrong with a folder in which things are made, or None."""
    parts = text.removeprefix("/").split("/")
    if ".." in parts or "." in parts or "" in parts:
        return "expected a folder such as results/mine, without '.', '..', '//' or a '/' at the end"
    base = root.resolve()
    folder = (base / text).resolve()
    if folder == base or folder in base.parents:
        return "expected a folder of its own, not one that holds the project"
    inside = folder.relative_to(base).parts if base in folder.parents else ("",)
    if inside[0] in SOURCE_FOLDERS or inside[0].startswith("."):
        return f"expected a folder outside of {inside[0]}/, which holds the project's own files"
    for place in (folder, *folder.parents):
        if os.path.exists(place) and not os.path.isdir(place):
            shown = place.relative_to(base) if base in place.parents else place
            return f"expected a folder, new or existing, but {shown.as_posix()} is a file"
    return None


def _sweep_faults(row):
    """Rules between the columns of a row of the phase diagram."""
    if row["gains"] > 1 and row["lowest_gain"] >= row["highest_gain"]:
        place = f"column 'highest_gain' = {row['highest_gain']}"
        yield place, f"expected a number > {row['lowest_gain']}, the lowest gain"


def _modern_faults(row):
    """Rules between the columns of a row of modern: what its data allow, and a network that can be built for them."""
    points = row["data"] == "two_points"
    for column in ("images", "batch"):
        if points and row[column] != 2:
            yield f"column '{column}' = {row[column]}", "expected 2: there are two points, seen together"
    if not points and row["images"] % CLASSES:
        yield f"column 'images' = {row['images']}", f"expected a multiple of {CLASSES}, as many of each class"
    if row["batch"] > row["images"]:
        yield f"column 'batch' = {row['batch']}", f"expected at most the images, {row['images']}"
    yield from row_faults(row, **ends_of(row["data"]))


def ends_of(data: str) -> dict[str, int]:
    """Units at the two ends of a network of modern."""
    return {"in_dim": 1, "out_dim": 1} if data == "two_points" else {"in_dim": units(data), "out_dim": CLASSES}


ROW_FAULTS = {  # between the columns of a row
    "phase_diagram": _sweep_faults,
    "modern": _modern_faults,
    "response": lambda row: (),
}
