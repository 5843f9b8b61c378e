"""The study: configuration and tables of networks, checked together, returned as plain dictionaries.

`options` says which keys and columns there are, `between` the rules between them, `checking` how problems are told.

    python -m repdyn.pipeline.study [OVERLAY...]    report all problems of config/config.yaml and overlays
"""

import copy
import functools
import sys
import zlib
from pathlib import Path

from repdyn.pipeline import between
from repdyn.pipeline.checking import (
    COMMAND_LINE,
    MISSING,
    ConfigurationError,
    as_number,
    dotted,
    leaves,
    read_yaml,
    show,
    violations,
    where,
    yaml_hint,
)
from repdyn.pipeline.options import CONFIGURATION, TABLES
from repdyn.pipeline.tables import drops_units, read_table
from repdyn.training.optimisers import FLOW

BASE = "config/config.yaml"
SHIPPED = Path(__file__).resolve().parents[4]  # of the workflow's own tables, where it is used from another folder


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

    The result is a copy of the configuration, in which numbers of type float are floats. `rows` of an experiment with a
    table are its rows, {name: row}, those of two_points the selected ones; elsewhere they are names, in the order of
    the table. `faults` says of each experiment what it lacks, where rows that it compares are not selected.

    A row holds all that decides its training: the columns of the table, `networks`, how it is made finer, `rest_loss`,
    dx2, dy2, in_dim, out_dim, init_seed, dropout_seed (None where no layer drops units), and where its solver is flow
    the tolerance. `training.device` is no part of a row: the train rules pass it as a parameter of its own, so asking
    for another device trains again, while `auto` on another machine does not.
    """
    root = Path(root)
    check = _Check(config, _documents(config_files, root), root)
    rows = {name: check.table(name) for name in TABLES}
    between.check(check, rows)
    if check.problems:
        raise ConfigurationError(check.problems)
    return _study(_floats(check.config), rows, check)


def read_study(overlays=()) -> dict:
    """The checked study of config.yaml with these overlays, in this folder. Raises ConfigurationError."""
    files = [*overlays, BASE]
    check_yaml(files)
    return load_study(_merged(_documents(files, Path("."))), files)


class _Check:
    """A configuration under examination, and everything that was found wrong with it."""

    def __init__(self, config, documents, root):
        self.documents, self.root = documents, root
        self.config = _command_line_numbers(config, documents)
        self.problems = [problem for document in documents for problem in document.problems]
        self.names: dict[str, list[str]] = {}  # of all rows of a table, faulty ones too
        self.faults: dict[str, list[str]] = {}
        known = leaves(CONFIGURATION)
        self.broken = violations(self.config, CONFIGURATION)
        for v in self.broken:
            if v.value is MISSING:
                place = documents[0].shown if documents else COMMAND_LINE
                self.problems.append(f"{place}: {dotted(v.path)} is missing: {v.told}")
            else:
                self.complain(v.path, v.value, v.told + yaml_hint(v.value, known.get(v.path)))

    def sound(self, *path):
        """The value at a path if nothing is wrong with it so far, else None."""
        if any(v.path[: len(path)] == path or path[: len(v.path)] == v.path for v in self.broken):
            return None
        return functools.reduce(lambda group, key: group[key], path, self.config)

    def complain(self, path, value, told, lacking: str | None = None):
        """Note a problem of a value; one that only an experiment has, if it is asked for, is `lacking` to it."""
        text = f"{where(self.documents, path, value)}: {dotted(path)} = {show(value)}: {told}"
        (self.faults.setdefault(lacking, []) if lacking else self.problems).append(text)

    def ends(self, experiment) -> dict[str, int]:
        """Units at the two ends of every network of a table."""
        if experiment in ("two_points", "clock", "width"):
            return {key: self.sound("two_points", "task", key) or 1 for key in ("in_dim", "out_dim")}
        pixels = self.sound("blobs", "task", "pixels") or 5
        return {"in_dim": {"xor": 2, "blobs": pixels**2 + 2}.get(experiment, 1), "out_dim": 1}

    def table(self, experiment) -> dict:
        """The rows of an experiment's table that have no fault."""
        table = self.sound(experiment, "table")
        if table is None:
            return {}
        columns, faults = TABLES[experiment], between.ROW_FAULTS.get(experiment)
        places = [self.root / table, SHIPPED / table]
        path = next(filter(Path.is_file, places), places[0])
        found, self.names[experiment], problems = read_table(
            path, table, columns, **self.ends(experiment), faults_of=faults
        )
        if found is None:
            self.complain((experiment, "table"), table, problems[0])
            return {}
        self.problems += problems
        return found


def _study(study, rows, check):
    """The configuration, with rows in place of tables and of the word `all`."""
    seeds, training, points = study["seeds"], study["training"], study["two_points"]["task"]
    trained = {key: training[key] for key in ("finer", "rest_loss")}
    added = {
        "two_points": {**trained, **points},
        "clock": {**trained, **points},
        "width": {**trained, **points},
        "phase_diagram": {
            "fraction": study["phase_diagram"]["fraction"],
            "rest_loss": training["rest_loss"],
            **points,
        },
        "xor": {},
        "blobs": {"batch_seed": seeds["batches"]},
        "modern": {"batch_seed": seeds["batches"], "pair_seed": seeds["pairs"]},
        "response": {"batch_seed": seeds["batches"]},
    }
    for experiment, found in rows.items():
        shared = {"networks": study[experiment]["networks"], **added[experiment]}
        paired = study["gains"]["rows"] if experiment == "two_points" else []
        whole = {
            name: {
                **row,
                **shared,
                "init_seed": _init_seed(seeds["init"], experiment, "gains" if name in paired else name),
            }
            for name, row in found.items()
        }
        for row in whole.values() if "solver" in TABLES[experiment] else ():
            row["dropout_seed"] = seeds["dropout"] if drops_units(row, **check.ends(experiment)) else None
            if row["solver"] == FLOW:
                row["tolerance"] = training["flow_tolerance"]
        study[experiment]["rows"] = whole
    chosen = check.selected
    study["two_points"]["rows"] = {name: study["two_points"]["rows"][name] for name in chosen}
    for experiment in ("falsification", "final_distance"):
        wanted = study[experiment]["rows"]
        study[experiment]["rows"] = chosen if wanted == "all" else [name for name in chosen if name in wanted]
    return {**study, "faults": check.faults}


def _init_seed(seed: int, *setting: str) -> int:
    """The seed of a setting's initial weights: settings share networks only where one compares them on purpose.

    Rows of `gains` do, so that network 3 is the same at every gain but for the scale of its weights.
    """
    return zlib.crc32(" ".join((str(seed), *setting)).encode())


def _command_line_numbers(config, documents):
    """A copy in which numbers below the top level that --config set are numbers: Snakemake hands them over as text."""
    config = copy.deepcopy(config)
    for path, option in leaves(CONFIGURATION).items():
        *groups, key = path
        try:
            group = functools.reduce(lambda inner, name: inner[name], groups, config)
            if where(documents, path, group[key]) == COMMAND_LINE:
                group[key] = as_number(group[key], option.kind)
        except (KeyError, TypeError):  # no such value: told by the check
            continue
    return config


def _floats(config):
    """A configuration without faults in which numbers that need not be whole are floats: 1 and 1.0 are the same."""
    for (*groups, key), option in leaves(CONFIGURATION).items():
        group = functools.reduce(lambda inner, name: inner[name], groups, config)
        if option.kind.words.startswith("a finite number"):
            group[key] = float(group[key])
        elif option.kind.item and option.kind.item.words.startswith("a finite number"):
            group[key] = [float(value) for value in group[key]]
    return config


def _documents(config_files, root):
    """The YAML files from the base to the last overlay, each once, under the names that a reader knows."""
    base = root.resolve()
    paths = list(dict.fromkeys((base / file).resolve() for file in config_files))
    ordered = paths[-1:] + paths[:-1]
    return [read_yaml(p, p.relative_to(base).as_posix() if base in p.parents else p.as_posix()) for p in ordered]


def _merged(documents):
    """Overlays over the base, as Snakemake merges them: groups key by key, anything else replaced."""

    def merge(under, over):
        if isinstance(over, dict):
            under = under if isinstance(under, dict) else {}
            return {**under, **{key: merge(under.get(key), value) for key, value in over.items()}}
        return over

    return functools.reduce(merge, (document.data for document in documents), {})


def main(overlays) -> int:
    """Report every problem of the configuration with these overlays; returns the exit status."""
    try:
        study = read_study(overlays)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 1
    for experiment, lacks in study["faults"].items():
        print(f"{experiment} can't be made:", *lacks, sep="\n  ")
    points = study["two_points"]
    print(f"The configuration is sound: {len(points['rows'])} rows, {points['networks']} networks of each.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
