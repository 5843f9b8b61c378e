"""The study: configuration and tables of networks, checked together, returned as plain dicts.

Types, ranges, lists of values and descriptions are in `workflow/schemas/`; here is what a schema
can't say: rules between columns, between rows, and between the configuration and the tables.

    python -m repdyn.settings check [OVERLAY...]    report all problems of config/config.yaml and overlays
    python -m repdyn.settings describe              the parameter tables of config/README.md
"""

import copy
import functools
import sys
from pathlib import Path

import yaml

from repdyn.crosschecks import check_grid, check_mnist, check_names, check_response, check_rest, results_fault
from repdyn.networks import architectures
from repdyn.networks.activations import ACTIVATIONS
from repdyn.tables import drops_units, read_table, sweep_faults
from repdyn.training.optimisers import FLOW, SOLVERS
from repdyn.validation import (
    COMMAND_LINE,
    MISSING,
    ConfigurationError,
    as_number,
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
# stages with a table of their own: what a row is (a schema), and under which key of the study its rows are
OWN_TABLES = {
    "depth_gain": ("depth_gain", "depths"),
    "xor": ("two_points", "xor_rows"),
    "blobs": ("blobs", "blobs_rows"),
    "response": ("response", "response_rows"),
}
SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"
QUICK = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # for schemas; users' files need the messages of the other one


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
    table, and `depths`, `xor_rows`, `blobs_rows` and `response_rows`, those of the other tables;
    `final_distance.rows` are names, in the order of the table too.
    Use it in place of `config`, where Snakemake leaves nested numbers of --config as text. A row holds all that decides
    its training: the columns of the table, `networks`, `refine` (lr and steps are not refined yet), `rest_loss`, dx2,
    dy2, in_dim, out_dim, init_seed, dropout_seed (None where no layer drops units), and where its solver is flow the
    tolerance. `training.device` is no part of a row: the train rule passes it as a parameter of its own, so asking for
    another device trains again, while `auto` on another machine does not. Keys and columns of type number hold floats,
    also in lists, so 1 and 1.0 are the same.
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
    if results is not None and (fault := results_fault(results, root)):
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
            selected = check_names(sound, complain, found, names, table, ends)
            grid = check_grid(sound, complain, names, selected, table)
            check_response(sound, complain, found, names, selected, table, ends)
    options = {
        "depth_gain": {"row_faults": sweep_faults},
        "xor": {"in_dim": 2},
        "blobs": {"in_dim": (sound("blobs", "task", "pixels") or 5) ** 2 + 2},
        "response": {"row_faults": lambda row: ()},
    }
    own = {}
    for stage, (kind, _) in OWN_TABLES.items():
        table = sound(stage, "table")
        if table is not None:
            own[stage], _, faults = read_table(root / table, table, schema(kind), **options[stage])
            if own[stage] is None:
                complain((stage, "table"), table, faults[0])
                faults = []
            problems += faults
    check_mnist(sound, complain)
    check_rest(sound, complain)
    if problems:
        raise ConfigurationError(problems)

    _floats(config)
    points, seeds, training = config["two_points"], config["seeds"], config["training"]
    trained = {key: training[key] for key in ("refine", "rest_loss")}
    shared = {"networks": points["networks"], **trained, **points["task"]}

    def tolerance(row):
        return {"tolerance": training["flow_tolerance"]} if row["solver"] == FLOW else {}

    rows = {
        name: {
            **found[name],
            **shared,
            "init_seed": seeds["init"],
            "dropout_seed": seeds["dropout"] if drops_units(found[name], **ends) else None,
            **tolerance(found[name]),
        }
        for name in selected
    }
    added = {
        "depth_gain": {
            "fraction": config["depth_gain"]["fraction"],
            "rest_loss": training["rest_loss"],
            **points["task"],
        },
        "xor": {},
        "blobs": {"batch_seed": seeds["batches"]},
        "response": {"batch_seed": seeds["batches"]},
    }
    for stage, of_stage in own.items():
        shared = {"networks": config[stage]["networks"], "init_seed": seeds["init"], **added[stage]}
        own[stage] = {name: {**row, **shared} for name, row in of_stage.items()}
        if "in_dim" in options[stage]:  # networks of any architecture
            for row in own[stage].values():
                row["dropout_seed"] = seeds["dropout"] if drops_units(row, **options[stage]) else None
                row |= tolerance(row)
    final_distance = {**config["final_distance"], "rows": grid}
    stages = {key: own[stage] for stage, (_, key) in OWN_TABLES.items()}
    return {**config, "rows": rows, "final_distance": final_distance, **stages}


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


def _documents(config_files, root):
    """The YAML files from the base to the last overlay, each once, under the names that a reader knows."""
    base = root.resolve()
    paths = list(dict.fromkeys((base / file).resolve() for file in config_files))
    ordered = paths[-1:] + paths[:-1]
    return [read_yaml(p, p.relative_to(base).as_posix() if base in p.parents else p.as_posix()) for p in ordered]


@functools.cache
def schema(name):
    """A schema by name: config, depth_gain, response, two_points (of all architectures), blobs (the same by epochs)."""
    if name == "blobs":
        row = copy.deepcopy(schema("two_points"))
        row["required"] = ["epochs" if column == "steps" else column for column in row["required"]]
        steps = {**row["properties"]["steps"], "description": "Passes through the data, before `blobs.epochs_share`."}
        row["properties"] = {
            ("epochs" if column == "steps" else column): (steps if column == "steps" else sub)
            for column, sub in row["properties"].items()
        }
        return row
    return _filled_in(yaml.load((SCHEMAS / f"{name}.schema.yaml").read_text(encoding="utf-8"), QUICK))


REGISTRIES = {"activations": lambda: [*ACTIVATIONS], "solvers": lambda: SOLVERS, "architectures": architectures}


def _filled_in(found):
    """A schema whose enumerations that name a registry hold what is registered."""
    if isinstance(found, dict):
        enum = found.get("enum")
        known = {"enum": REGISTRIES[enum]()} if isinstance(enum, str) else {}
        return {key: _filled_in(value) for key, value in found.items()} | known
    return found


def describe(root=Path(".")):
    """{"config": ..., "two_points": ..., "depth_gain": ..., "response": ...}: a Markdown table from each schema."""
    values = read_yaml(Path(root) / BASE, BASE)
    config = ["| key | laptop | allowed | what it does |", "| --- | --- | --- | --- |"]
    for path, sub in leaves(schema("config")).items():
        value = values.get(path)
        shown = ", ".join(map(str, value)) if isinstance(value, list) else value
        config.append(f"| `{dotted(path)}` | `{shown}` | {expected(sub)} | {sub['description']} |")
    tables = {"config": "\n".join(config)}
    for name in ("two_points", "depth_gain", "response"):
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
