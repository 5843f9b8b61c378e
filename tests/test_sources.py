"""Which modules a script depends on."""

import subprocess
import sys
from pathlib import Path

import pytest

from repdyn.pipeline import sources

SCRIPTS = Path("workflow/scripts")
ALL = sorted(f"{path.parent.name}/{path.name}" for path in SCRIPTS.glob("*/*.py") if path.parent.name != "repdyn")


def names(script):
    """The script and the modules of the library that decide what it makes, as paths."""
    found = {path for part in (script, "run.py") for path in sources.dependencies(SCRIPTS / part)}
    return {path.relative_to(SCRIPTS).as_posix().removesuffix(".py") for path in found}


def in_packages(script, *packages):
    return {name for name in names(script) if name.startswith(tuple(f"repdyn/{package}" for package in packages))}


TRAINING = {f"repdyn/training/{module}" for module in ("loop", "ensemble", "passes", "module")}


def test_training_does_not_depend_on_theory_nor_fits_on_training():
    assert TRAINING | {"two_points/train", "repdyn/networks/measured_rates"} <= names("two_points/train.py")
    assert not in_packages("two_points/train.py", "theory", "fitting", "pipeline/study", "pipeline/options")
    assert {"two_points/fit", "repdyn/fitting/rates", "repdyn/theory/effective"} <= names("two_points/fit.py")
    assert not in_packages("two_points/fit.py", "training", "networks")


def test_how_figures_look_decides_nothing_but_figures():
    for script in ALL:
        assert bool(in_packages(script, "plotting")) == script.endswith("/plot.py"), script


def test_a_figure_depends_on_no_other_figure():
    assert {name for name in names("depth/plot.py") if name.endswith("/plot")} == {"depth/plot"}


@pytest.mark.parametrize("script", [*ALL, "run.py"])
def test_what_a_script_imports_is_among_its_dependencies(script):
    """Against Python itself: import the script in a new process and see which modules of the library came along."""
    before = "import builtins; builtins.snakemake = None; import repdyn.pipeline.jobs as jobs; jobs.run_rule = bool"
    module = script.removesuffix(".py").replace("/", ".")
    found = (
        f"import sys; sys.path.insert(0, '.'); {before if script == 'run.py' else 'pass'}; import {module}\n"
        "print(*(m.__file__ for n, m in sys.modules.items() if n.split('.')[0] == 'repdyn'))"
    )
    done = subprocess.run([sys.executable, "-c", found], cwd=SCRIPTS, capture_output=True, text=True, check=True)
    imported = {Path(name).resolve() for name in done.stdout.split()}
    assert imported and imported <= {path.resolve() for path in sources.dependencies(SCRIPTS / script)}


def test_a_missing_module_is_named(tmp_path):
    (tmp_path / "repdyn").mkdir()
    (tmp_path / "repdyn" / "__init__.py").touch()
    (tmp_path / "job.py").write_text("from repdyn.nowhere import something")
    with pytest.raises(ModuleNotFoundError, match="repdyn.nowhere"):
        sources.dependencies(tmp_path / "job.py")
    (tmp_path / "relative.py").write_text("from . import theory")
    with pytest.raises(SyntaxError, match="by its full name"):
        sources.dependencies(tmp_path / "relative.py")
