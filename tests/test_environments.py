"""Environments and container hold what the rules need, in the versions of requirements.lock, which holds all of it."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest
import snakemake.api  # before snakemake.workflow, which can't be imported first
import snakemake.workflow
import yaml

from repdyn.pipeline import sources

SCRIPTS = Path("workflow/scripts")
LOCK = dict(line.split("==") for line in Path("requirements.lock").read_text().lower().split() if "==" in line)
CONDA_NAMES = {"pytorch": "torch"}
IMPORTED_AS = {"scikit-learn": "sklearn", "pytorch": "torch", "pillow": "PIL"}


def rules() -> dict[str, tuple[str, str]]:
    """The environment and the script of every rule that has one; Snakemake runs run.py, which runs the script."""
    found = {}
    for path in Path("workflow/rules").glob("*.smk"):
        for name, body in re.findall(r"^rule (\w+):\n(.*?)(?=^\S|\Z)", path.read_text(), re.MULTILINE | re.DOTALL):
            if not re.search(r"^    (output|script):", body, re.MULTILINE):
                continue  # a target
            (script,) = re.findall(r'^\s+code=code\("([\w/]+.py)"\),$', body, re.MULTILINE)
            assert re.findall(r'script:\n\s+"(.*)"', body) == ["../scripts/run.py"]
            found[name] = "training" if name.endswith("_train") else "analysis", script
    return found


def imported(script: str) -> set[str]:
    """What a script, run.py and the modules of the library that they use import, but for Python's own."""
    names = set()
    for path in {path for part in (script, "run.py") for path in sources.dependencies(SCRIPTS / part)}:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - {"repdyn"}


def test_a_rule_is_named_after_its_script():
    """EXPERIMENT_STEP runs EXPERIMENT/STEP.py, or the same step of an experiment that it shares the script with."""
    for rule, (_, script) in rules().items():
        assert rule.split("_")[-1] == Path(script).stem and (SCRIPTS / script).is_file(), (rule, script)


@pytest.mark.parametrize("rule", sorted(rules()))
def test_an_environment_holds_what_the_rule_imports(rule):
    environment, script = rules()[rule]
    pins = yaml.safe_load(Path(f"workflow/envs/{environment}.yaml").read_text())["dependencies"]
    names = [pin.split("=")[0] for pin in pins]
    assert imported(script) <= {IMPORTED_AS.get(name, name) for name in names}


def test_the_container_holds_the_lock():
    text = Path("workflow/envs/repdyn.def").read_text()
    ((source, target),) = re.findall(r"%files\n\s+(\S+) (\S+)\n", text)
    assert source == "requirements.lock" and f"pip install --no-cache-dir -r {target}\n" in text
    version = tomllib.loads(Path("pyproject.toml").read_text())["project"]["requires-python"].removeprefix(">=")
    assert f"From: python:{version}-" in text


@pytest.mark.parametrize("path", sorted(Path("workflow/envs").glob("*.yaml")), ids=lambda path: path.stem)
def test_conda_pins_are_the_lock(path):
    dependencies = yaml.safe_load(path.read_text())["dependencies"]
    assert dependencies[0] == "python=3.11"
    for pin in dependencies[1:]:
        name, version = pin.split("=")
        assert LOCK[CONDA_NAMES.get(name, name)] == version, name


def test_everything_asked_for_is_locked():
    project = tomllib.loads(Path("pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    for names in (project["project"]["dependencies"], *extras.values(), project["dependency-groups"]["dev"]):
        for wanted in names:
            assert re.match(r"[\w-]+", wanted).group() in LOCK, wanted


def test_the_lock_fits_any_machine():
    """No build for one kind of machine, no address of a registry."""
    text = Path("requirements.lock").read_text()
    assert "+" not in text and "://" not in text and "nvidia" not in text


def test_the_workflow_hides_nothing_of_snakemake():
    """Names of a Snakefile are names of Snakemake's own module, which uses them later."""
    hidden = set()
    for path in (Path("Snakefile"), *Path("workflow/rules").glob("*.smk")):
        text = path.read_text("utf-8")
        hidden |= set(re.findall(r"^(?:def |class )?(\w+)(?:\(.*\):| = .*)$", text, re.MULTILINE))
        for names in re.findall(r"^(?:from [\w.]+ )?import (.+)$", text, re.MULTILINE):
            hidden |= {name.split(" as ")[-1].strip() for name in names.split(",")}
    same = {"Path", "WorkflowError", "os", "re", "sys"}  # the same things under the same names
    assert {"CheckedCache", "study", "code", "sources"} <= hidden
    assert {name for name in hidden if hasattr(snakemake.workflow, name)} == same
