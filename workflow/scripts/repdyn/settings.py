"""The study: configuration and tables of networks, checked together, returned as plain dicts.

Types, ranges, lists of values and descriptions are in `workflow/schemas/`; here is what a schema
can't say: rules between columns, between rows, and between the configuration and the tables.

    python -m repdyn.settings check [OVERLAY...]    report all problems of config/config.yaml and overlays
    python -m repdyn.settings describe              the parameter tables of config/README.md
"""

import copy
import functools
import os
import sys
from pathlib import Path

import yaml

from repdyn.networks import architectures
from repdyn.tables import drops_units, hidden_layers, read_table, sweep_faults
from repdyn.validation import (
    COMMAND_LINE,
    MISSING,
    ConfigurationError,
    as_number,
    did_you_mean,
    dotted,
    expected,
    leaves,
    read_yaml,
    show,
    violations,
    where,
    yaml_hint,
)

BASE = "config/config.yaml"
OWN_TABLES = {"xor": "two_points", "blobs": "blobs"}  # stages with a table of their own -> what its rows are
SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"
SOURCE_FOLDERS = ("config", "workflow", "profiles", "tests", "benchmarks", "docs")


def check_yaml(config_files=(BASE,), root=Path(".")):
    """Raise ConfigurationError for files that are absent or no proper YAML; for use before `configfile:`."""
    problems = [p for document in _documents(config_files, Path(root)) for p in document.problems]
    if problems:
        raise ConfigurationError(problems)


def load_study(config: dict, config_files=(BASE,), root=Path(".")) -> dict:
    """Check a merged configuration and its tables; return the study or raise with ALL problems.

    config        what Snakemake merged
    config_files  as Snakemake lists them in `workflow.configfiles`: overlays in their order, the base last
    root          folder that relative paths start from

    The result is a copy of the configuration with `rows` added, {name: row} of the selected rows in the order of the
    table, `depths`, the rows of the phase diagram, `xor_rows` and `blobs_rows`, those of their tables;
    `final_distance.rows` are names, in the order of the table too.
    Use it in place of `config`, where Snakemake leaves nested numbers of --config as text. A row holds all that decides
    its training: the columns of the table, `networks`, `refine` (lr and steps are not refined yet), dx2, dy2, in_dim,
    out_dim, init_seed, and dropout_seed (None where no layer drops units). `training.device` is no part of a row: the
    train rule passes it as a parameter of its own, so asking for another device trains again, while `auto` on another
    machine does not. Keys and columns of type number hold floats, also in lists, so 1 and 1.0 are the same.
    """
    root = Path(root)
    documents = _documents(config_files, root)
    problems = [p for document in documents for p in document.problems]
    config = _command_line_numbers(config, documents)
    allowed = leaves(schema("config"))
    broken = violations(config, schema("config"))
    for v in broken:
        if v.value is MISSING:
            place = documents[0].shown if documents else COMMAND_LINE
            problems.append(f"{place}: {dotted(v.path)} is missing: {v.told}")
        else:
            told = v.told + yaml_hint(v.value, allowed.get(v.path, {}))
            problems.append(f"{where(documents, v.path, v.value)}: {dotted(v.path)} = {show(v.value)}: {told}")

    def sound(*path):
        """The value at a path if the schema has no complaint about it, else None."""
        if any(v.path[: len(path)] == path or path[: len(v.path)] == v.path for v in broken):
            return None
        return functools.reduce(lambda group, key: group[key], path, config)

    def complain(path, value, told):
        problems.append(f"{where(documents, path, value)}: {dotted(path)} = {show(value)}: {told}")

    results = sound("results")
    if results is not None and (fault := _results_fault(results, root)):
        complain(("results",), results, fault)

    table = sound("two_points", "table")
    ends = {key: sound("two_points", "task", key) or 1 for key in ("in_dim", "out_dim")}
    if table is not None:
        found, names, faults = read_table(root / table, table, schema("two_points"), **ends)
        if found is None:
            complain(("two_points", "table"), table, faults[0])
            faults = []
        problems += faults
        if names:
            selected = _check_names(sound, complain, found, names, table, ends)
            grid = _check_grid(sound, complain, names, selected, table)
    sweep = sound("depth_gain", "table")
    if sweep is not None:
        depths, _, faults = read_table(root / sweep, sweep, schema("depth_gain"), row_faults=sweep_faults)
        if depths is None:
            complain(("depth_gain", "table"), sweep, faults[0])
            faults = []
        problems += faults
    inputs = {"xor": 2, "blobs": (sound("blobs", "task", "pixels") or 5) ** 2 + 2}
    own = {}
    for stage, in_dim in inputs.items():
        table = sound(stage, "table")
        if table is not None:
            own[stage], _, faults = read_table(root / table, table, schema(OWN_TABLES[stage]), in_dim=in_dim)
            if own[stage] is None:
                complain((stage, "table"), table, faults[0])
                faults = []
            problems += faults
    _check_mnist(sound, complain)
    if problems:
        raise ConfigurationError(problems)

    _floats(config)
    points, seeds = config["two_points"], config["seeds"]
    shared = {"networks": points["networks"], "refine": config["training"]["refine"], **points["task"]}
    rows = {
        name: {
            **found[name],
            **shared,
            "init_seed": seeds["init"],
            "dropout_seed": seeds["dropout"] if drops_units(found[name], **ends) else None,
        }
        for name in selected
    }
    diagram = {key: config["depth_gain"][key] for key in ("networks", "fraction")}
    depths = {name: {**row, **diagram, **points["task"], "init_seed": seeds["init"]} for name, row in depths.items()}
    grid = {**config["final_distance"], "rows": grid}
    for stage, in_dim in inputs.items():
        shared = {"networks": config[stage]["networks"], "init_seed": seeds["init"]}
        if stage == "blobs":
            shared["batch_seed"] = seeds["batches"]
        own[stage] = {
            name: {**row, **shared, "dropout_seed": seeds["dropout"] if drops_units(row, in_dim=in_dim) else None}
            for name, row in own[stage].items()
        }
    stages = {f"{stage}_rows": of_stage for stage, of_stage in own.items()}
    return {**config, "rows": rows, "depths": depths, "final_distance": grid, **stages}


def _command_line_numbers(config, documents):
    """A copy in which numbers below the top level that --config set are numbers: Snakemake hands them over as text."""
    config = copy.deepcopy(config)
    for path, wanted in leaves(schema("config")).items():
        *groups, key = path
        try:
            group = functools.reduce(lambda inner, name: inner[name], groups, config)
            if where(documents, path, group[key]) == COMMAND_LINE:
                value, item = group[key], wanted.get("items", {})
                group[key] = (
                    [as_number(v, item) for v in value] if isinstance(value, list) else as_number(value, wanted)
                )
        except (KeyError, TypeError):  # no such value: told by the schema
            continue
    return config


def _floats(config):
    """Make every value whose type is number a float, also in lists, in place."""
    for (*groups, key), wanted in leaves(schema("config")).items():
        group = functools.reduce(lambda inner, name: inner[name], groups, config)
        if wanted.get("type") == "number":
            group[key] = float(group[key])
        elif wanted.get("items", {}).get("type") == "number":
            group[key] = [float(value) for value in group[key]]


def _check_names(sound, complain, rows, names, table, ends):
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


def _check_grid(sound, complain, names, selected, table):
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


def _check_mnist(sound, complain):
    """Rules between the keys of mnist."""
    layer, depth = (sound("mnist", "network", key) for key in ("layer", "depth"))
    if None not in (layer, depth) and layer >= depth:
        told = f"there are {depth} hidden layers, counted from 0: expected at most {depth - 1}"
        complain(("mnist", "network", "layer"), layer, told)
    epochs, coarsen = (sound("mnist", key) for key in ("epochs", "coarsen"))
    if None not in (epochs, coarsen) and epochs % coarsen:
        complain(("mnist", "coarsen"), coarsen, f"expected a divisor of mnist.epochs, which is {epochs}")


def _results_fault(text, root):
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


def _documents(config_files, root):
    """The YAML files from the base to the last overlay, each once, under the names that a reader knows."""
    base = root.resolve()
    paths = list(dict.fromkeys((base / file).resolve() for file in config_files))
    ordered = paths[-1:] + paths[:-1]
    return [read_yaml(p, p.relative_to(base).as_posix() if base in p.parents else p.as_posix()) for p in ordered]


@functools.cache
def schema(name):
    """A schema by name: config, depth_gain, two_points (models: the registered ones), blobs (the same by epochs)."""
    if name == "blobs":
        row = copy.deepcopy(schema("two_points"))
        row["required"] = ["epochs" if column == "steps" else column for column in row["required"]]
        steps = {**row["properties"]["steps"], "description": "Passes through the data, before `blobs.epochs_share`."}
        row["properties"] = {
            ("epochs" if column == "steps" else column): (steps if column == "steps" else sub)
            for column, sub in row["properties"].items()
        }
        return row
    found = yaml.safe_load((SCHEMAS / f"{name}.schema.yaml").read_text(encoding="utf-8"))
    if name == "two_points":
        found["properties"]["model"]["enum"] = architectures()
    return found


def describe(root=Path(".")):
    """{"config": ..., "two_points": ..., "depth_gain": ...}: a Markdown table of parameters from each schema."""
    values = read_yaml(Path(root) / BASE, BASE)
    config = ["| key | laptop | allowed | what it does |", "| --- | --- | --- | --- |"]
    for path, sub in leaves(schema("config")).items():
        value = values.get(path)
        shown = ", ".join(map(str, value)) if isinstance(value, list) else value
        config.append(f"| `{dotted(path)}` | `{shown}` | {expected(sub)} | {sub['description']} |")
    tables = {"config": "\n".join(config)}
    for name in ("two_points", "depth_gain"):
        columns = ["| column | allowed | meaning |", "| --- | --- | --- |"]
        for column, sub in schema(name)["properties"].items():
            columns.append(f"| `{column}` | {sub.get('manual') or expected(sub)} | {sub['description']} |")
        tables[name] = "\n".join(columns)
    return tables


def main(arguments):
    if arguments[:1] == ["describe"]:
        print("\n\n".join(describe().values()))
        return 0
    if arguments[:1] != ["check"]:
        print(__doc__, file=sys.stderr)
        return 2
    files = [*arguments[1:], BASE]
    try:
        check_yaml(files)
        study = load_study(_merged(_documents(files, Path("."))), files)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 1
    networks = study["two_points"]["networks"]
    print(f"The configuration is sound: {len(study['rows'])} rows, {networks} networks of each.")
    return 0


def _merged(documents):
    """Overlays over the base, as Snakemake merges them: groups key by key, anything else replaced."""

    def merge(under, over):
        if isinstance(over, dict):
            under = under if isinstance(under, dict) else {}
            return {**under, **{key: merge(under.get(key), value) for key, value in over.items()}}
        return over

    return functools.reduce(merge, (document.data for document in documents), {})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
