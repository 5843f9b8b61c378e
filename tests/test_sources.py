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


TRAINING = {f"repdyn/training/{module}" for module in ("loop", "ensemble", "passes/layer", "module")}


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


# Imports each script in a process of its own, which begins with the libraries of others loaded, and says which modules
# of this one came along.
IMPORTS = """
import builtins, importlib, os, sys
import matplotlib.figure, numba, pandas, scipy.optimize, scipy.stats, sklearn.manifold, torch, xarray

builtins.snakemake = None
sys.path.insert(0, ".")
for script in sys.argv[1:]:
    if not os.fork():
        if script == "run.py":
            import repdyn.pipeline.jobs
            repdyn.pipeline.jobs.run_rule = bool
        importlib.import_module(script.removesuffix(".py").replace("/", "."))
        print(script, *(m.__file__ for n, m in sys.modules.items() if n.split(".")[0] == "repdyn"), flush=True)
        os._exit(0)
    if os.wait()[1]:
        sys.exit(f"{script} can't be imported")
"""


def test_what_a_script_imports_is_among_its_dependencies():
    """Against Python itself."""
    command = [sys.executable, "-c", IMPORTS, *ALL, "run.py"]
    done = subprocess.run(command, cwd=SCRIPTS, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = {
        script: {Path(file).resolve() for file in files} for script, *files in map(str.split, done.stdout.splitlines())
    }
    assert found.keys() == {*ALL, "run.py"}
    for script, imported in found.items():
        assert imported and imported <= {path.resolve() for path in sources.dependencies(SCRIPTS / script)}, script


def test_a_missing_module_is_named(tmp_path):
    (tmp_path / "repdyn").mkdir()
    (tmp_path / "repdyn" / "__init__.py").touch()
    (tmp_path / "job.py").write_text("from repdyn.nowhere import something")
    with pytest.raises(ModuleNotFoundError, match="repdyn.nowhere"):
        sources.dependencies(tmp_path / "job.py")
    (tmp_path / "relative.py").write_text("from . import theory")
    with pytest.raises(SyntaxError, match="by its full name"):
        sources.dependencies(tmp_path / "relative.py")
