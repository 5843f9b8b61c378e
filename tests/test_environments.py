"""The conda environments hold the same versions as requirements.lock, which holds what pyproject.toml asks for."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

LOCK = dict(line.split("==") for line in Path("requirements.lock").read_text().lower().split() if "==" in line)
CONDA_NAMES = {"pytorch": "torch"}


@pytest.mark.parametrize("path", sorted(Path("workflow/envs").glob("*.yaml")), ids=lambda path: path.stem)
def test_conda_pins_are_the_lock(path):
    dependencies = yaml.safe_load(path.read_text())["dependencies"]
    assert dependencies[0] == "python=3.11"
    for pin in dependencies[1:]:
        name, version = pin.split("=")
        assert LOCK[CONDA_NAMES.get(name, name)] == version, name


def test_everything_asked_for_is_locked():
    project = tomllib.loads(Path("pyproject.toml").read_text())
    for wanted in project["project"]["dependencies"] + project["dependency-groups"]["dev"]:
        assert re.match(r"[\w-]+", wanted).group() in LOCK, wanted


def test_the_lock_fits_any_machine():
    """No build for one kind of machine, no address of a registry."""
    text = Path("requirements.lock").read_text()
    assert "+" not in text and "://" not in text and "nvidia" not in text
