"""Rules between keys, and between keys and rows of the tables, which no type or range can state.

`check` is `study._Check`: check.sound(path...) is the value there if nothing is wrong with it, else None;
check.complain(path, value, what is wrong); with lacking=EXPERIMENT the problem is that experiment's alone, and nothing
hinders the others.
"""

import os

from repdyn import networks
from repdyn.pipeline.checking import did_you_mean
from repdyn.pipeline.tables import hidden_layers, shape_of

SOURCE_FOLDERS = ("config", "workflow", "profiles", "tests", "benchmarks", "docs")


def check(check, rows: dict[str, dict]) -> None:
    """All rules below; check.selected becomes the names of the rows of two_points that are trained."""
    _check_results(check)
    _check_orders(check)
    _check_mnist(check)
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
    for experiment in ("falsification", "final_distance", "gains", "response_bridge"):
        wanted = check.sound(experiment, "rows")
        for name, path in _named(check, (experiment, "rows"), selected).items():
            if experiment == "gains" and name != wanted[0] and name in rows:
                _check_gain(check, path, rows[name], rows.get(wanted[0]))
            elif experiment == "response_bridge" and name in rows:
                _check_kernel(check, path, rows[name])
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


def _check_kernel(check, path, row) -> None:
    """The tangent kernel is that of one network, not of a new one at every step."""
    layers = networks.layers(row["model"], shape_of(row, **check.ends("two_points")))
    if isinstance(layers, list) and any(layer.dropout for layer in layers):
        told = f"{row['model']}: expected a row without dropout, for its tangent kernel"
        check.complain(path, row["name"], told)


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
    epochs, finer = (check.sound("mnist", key) for key in ("epochs", "finer"))
    if None not in (epochs, finer) and (epochs * finer < 0.5 or abs(epochs * finer - round(epochs * finer)) > 1e-6):
        told = f"expected a number whose product with mnist.epochs, {epochs}, is a whole number"
        check.complain(("mnist", "finer"), finer, told)


def _check_results(check) -> None:
    results = check.sound("results")
    if results is not None and (fault := results_fault(results, check.root)):
        check.complain(("results",), results, fault)


def results_fault(text, root):
    """What is wrong with the folder of results, or None."""
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


ROW_FAULTS = {"phase_diagram": _sweep_faults, "response": lambda row: ()}  # between the columns of a row
