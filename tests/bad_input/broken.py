"""A project to break, and what is said of it: shared by the tests of this folder."""

from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config

from repdyn.pipeline.checking import ConfigurationError
from repdyn.pipeline.study import load_study

ROOT = Path(__file__).resolve().parents[2]
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
OVERLAY = """\
two_points: {table: config/settings/mine.tsv}
gains: {rows: [default, gain_0.9]}
"""
# what the small table has other rows for
GRID_ROWS = "rows: [default, tanh, gain_1.4, two_layer]"
FALSIFIED_ROWS = "rows: [default, elu, tanh, swish, skip, two_layer, one_unit]"
MEASURED_ROWS = "rows: [linear, tanh, swish, elu, recurrent, skip, default, dropout, layernorm]"
REPEATED_ROWS = "rows: [default, tanh, skip]"
NAME = "a name of a-z, 0-9, '_', '.' and '-' that begins with a letter or digit, without '/' or '..', at most 64 long, "
NAME += "that does not end in 20 times the same"
WIDTH = "a whole number >= 1 and <= 100000"


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
