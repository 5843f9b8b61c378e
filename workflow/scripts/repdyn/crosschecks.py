"""What the configuration's schema can't say: rules between its keys, and between keys and rows of the tables.

Each check gets `sound`, the value at a path if the schema has no complaint about it, else None, and `complain`, which
takes a path, its value and what is wrong with it.
"""

import functools
import os

from repdyn import networks
from repdyn.tables import hidden_layers
from repdyn.validation import did_you_mean

SOURCE_FOLDERS = ("config", "workflow", "profiles", "tests", "benchmarks", "docs")


def check_names(sound, complain, rows, names, table, ends):
    """Rules between configuration and table; returns the selected names, in the order of the table."""

    known = functools.partial(_known, complain, names, table)
    wanted = sound("two_points", "rows")
    selected = names
    if isinstance(wanted, list):
        found = [known(("two_points", "rows", i), name, names) for i, name in enumerate(wanted)]
        if all(found):  # else what is selected is unclear, and no figure is blamed for it
            selected = [name for name in names if name in wanted]

    tried, shown = sound("alternatives", "rows"), sound("alternatives", "shown")
    if not isinstance(tried, list) or not all(
        [known(("alternatives", "rows", i), name, selected) for i, name in enumerate(tried)]
    ):
        tried = selected  # all of them, or unclear and complained about already
    if shown is not None and known(("alternatives", "shown"), shown, selected) and shown not in tried:
        among = ", ".join(tried)
        complain(("alternatives", "shown"), shown, f"not among alternatives.rows: expected one of {among}")

    depth = sound("figures", "depth")
    comparable = depth is not None and known(("figures", "depth"), depth, selected) and depth in rows
    if comparable and hidden_layers(rows[depth], **ends) < 2:
        told = "this row has one hidden layer: expected a row with at least 2, to compare them"
        complain(("figures", "depth"), depth, told)

    gains = sound("figures", "gains") or []
    present = [g for i, g in enumerate(gains) if known(("figures", "gains", i), g, selected) and g in rows]
    for name in present[1:]:
        _check_gain(complain, gains.index(name), rows[name], rows[present[0]])
    return selected


def _known(complain, names, table, path, name, among):
    """Whether a name is one of the rows `among`; complains if not."""
    if name not in names:
        close = did_you_mean(name, among)
        complain(path, name, f"no such row in {table}{close or ';'} Rows: {', '.join(among)}")
    elif name not in among:
        complain(path, name, f"not selected by two_points.rows: expected one of {', '.join(among)}")
    return name in among


def check_grid(sound, complain, names, selected, table):
    """Rules of final_distance; returns the names of its rows, in the order of the table."""
    wanted = sound("final_distance", "rows")
    if isinstance(wanted, list):
        for i, name in enumerate(wanted):
            _known(complain, names, table, ("final_distance", "rows", i), name, selected)
    stop, drop = sound("final_distance", "stop_loss"), sound("final_distance", "drop_loss")
    if None not in (stop, drop) and drop < stop:
        complain(("final_distance", "drop_loss"), drop, f"expected a number >= final_distance.stop_loss, {stop:g}")
    return [name for name in selected if not isinstance(wanted, list) or name in wanted]


def _check_gain(complain, i, row, first):
    """A row of figures.gains against the first one: another gain, perhaps another lr, and the same all else."""
    path, name = ("figures", "gains", i), row["name"]
    others = [column for column in row if column not in ("name", "gain", "lr") and row[column] != first[column]]
    for column in others:
        told = f"its {column} is {row[column]}, that of {first['name']} is {first[column]}"
        complain(path, name, f"{told}: expected rows that differ in gain and lr only")
    if not others and row["gain"] == first["gain"]:
        complain(path, name, f"its gain is {row['gain']}, as that of {first['name']}: expected rows of different gains")


def check_response(sound, complain, rows, names, selected, table, ends):
    """Rules of response: its bridge needs selected rows without dropout, for their tangent kernel."""
    for i, name in enumerate(sound("response", "bridge", "rows") or []):
        path = ("response", "bridge", "rows", i)
        if _known(complain, names, table, path, name, selected) and name in rows:
            row = rows[name]
            layers = networks.layers(
                row["model"], networks.Shape(row["width"], row["depth"], row["activation"], *ends.values())
            )
            if isinstance(layers, list) and any(layer.dropout for layer in layers):
                told = f"{row['model']}: expected a row without dropout, for its tangent kernel"
                complain(path, name, told)
    methods = sound("response", "methods")
    if methods and "full" not in methods:
        complain(("response", "methods"), methods, "expected full among them, with which others are compared")
    early, late = (sound("response", "stages", key) for key in ("early", "late"))
    if None not in (early, late) and late >= early:
        complain(("response", "stages", "late"), late, f"expected a number < response.stages.early, {early:g}")


def check_rest(sound, complain):
    """A loss that counts as learned is reached before a network is at rest."""
    rest = sound("training", "rest_loss")
    for path in (("runs", "discard_loss_above"), ("depth_gain", "converged_below")):
        threshold = sound(*path)
        if None not in (rest, threshold) and threshold < rest:
            complain(path, threshold, f"expected a number >= training.rest_loss, {rest:g}")


def check_mnist(sound, complain):
    """Rules between the keys of mnist."""
    layer, depth = (sound("mnist", "network", key) for key in ("layer", "depth"))
    if None not in (layer, depth) and layer >= depth:
        told = f"there are {depth} hidden layers, counted from 0: expected at most {depth - 1}"
        complain(("mnist", "network", "layer"), layer, told)
    epochs, coarsen = (sound("mnist", key) for key in ("epochs", "coarsen"))
    if None not in (epochs, coarsen) and epochs % coarsen:
        complain(("mnist", "coarsen"), coarsen, f"expected a divisor of mnist.epochs, which is {epochs}")


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
