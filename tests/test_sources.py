"""Which modules a script depends on."""

import subprocess
import sys
from pathlib import Path

import pytest

from repdyn import sources

SCRIPTS = Path("workflow/scripts")


def names(script):
    return {path.stem for path in sources.dependencies(SCRIPTS / script)}


def test_training_does_not_depend_on_theory_nor_fits_on_training():
    assert {"train", "loop", "ensemble", "passes", "module", "measured_rates"} <= names("train.py")
    assert not {"theory", "fitting", "settings"} & names("train.py")
    assert {"fit", "fitting", "theory"} <= names("fit.py")
    assert not {"loop", "ensemble", "passes"} & names("fit.py")


def test_a_figure_depends_on_no_other_figure():
    assert "depth" in names("plot_depth.py")
    assert not {"losses", "gains"} & names("plot_depth.py")


@pytest.mark.parametrize("script", sorted(path.name for path in SCRIPTS.glob("*.py")))
def test_what_a_script_imports_is_among_its_dependencies(script):
    """Against Python itself: import the script in a new process and see which modules of the library came along."""
    found = (
        f"import sys; sys.path.insert(0, '.'); import {script.removesuffix('.py')}\n"
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
