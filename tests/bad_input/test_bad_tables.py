"""Broken tables of networks: each cell, row, header and file is refused with its place and what was expected."""

import pytest

from bad_input.broken import MINE, NAME, OVERLAY, ROWS, TABLE, WIDTH, problems
from repdyn.networks import known_architectures
from repdyn.networks.activations import ACTIVATIONS

LINES = {line.split("\t")[0]: i for i, line in enumerate(ROWS.splitlines(), 1)}  # part of the messages
COLUMNS = "name, model, activation, gain, lr, width, depth, steps, layer, solver"
MODEL = f"one of {', '.join(known_architectures())}"
ACTIVATION = f"one of {', '.join(ACTIVATIONS)}"
SOLVER = "one of sgd, momentum, adam, flow"
UP_TO_100 = "a finite number > 0 and <= 100"
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


def test_two_rows_of_one_gain(project):
    (project / TABLE).write_text(ROWS.replace("leaky_relu\t0.9", "leaky_relu\t1.0"))
    assert problems(project) == [
        f"{MINE}:2: gains.rows[1] = 'gain_0.9': its gain is 1.0, as that of default: expected rows of different gains"
    ]
