"""Which modules a script depends on."""

from pathlib import Path

import pytest

from repdyn import sources

SCRIPTS = Path("workflow/scripts")


def names(script):
    return {path.stem for path in sources.dependencies(SCRIPTS / script)}


def test_training_does_not_depend_on_theory_nor_fits_on_training():
    assert {"train", "training", "ensemble", "kernels", "networks"} <= names("train.py")
    assert not {"theory", "fitting", "settings"} & names("train.py")
    assert {"fit", "fitting", "theory"} <= names("fit.py")
    assert not {"training", "ensemble", "networks"} & names("fit.py")


def test_a_figure_depends_on_no_other_figure():
    assert "depth" in names("plot_depth.py")
    assert not {"losses", "gains"} & names("plot_depth.py")


@pytest.mark.parametrize("script", sorted(path.name for path in SCRIPTS.glob("*.py")))
def test_every_script_has_a_main_and_known_dependencies(script):
    assert (SCRIPTS / script) in sources.dependencies(SCRIPTS / script)
    assert "def main(" in (SCRIPTS / script).read_text()


def test_a_missing_module_is_named(tmp_path):
    (tmp_path / "repdyn").mkdir()
    (tmp_path / "repdyn" / "__init__.py").touch()
    (tmp_path / "job.py").write_text("from repdyn.nowhere import something")
    with pytest.raises(ModuleNotFoundError, match="repdyn.nowhere"):
        sources.dependencies(tmp_path / "job.py")
    (tmp_path / "relative.py").write_text("from . import theory")
    with pytest.raises(SyntaxError, match="by its full name"):
        sources.dependencies(tmp_path / "relative.py")
