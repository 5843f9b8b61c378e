"""The library as it is installed and imported; every example of its page is run."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

import repdyn
from repdyn.own import command, verdict
from repdyn.pipeline import sources


def test_importing_takes_nothing_along():
    """No torch, no xarray, no pandas; fitting and drawing need numpy, scipy, pandas, matplotlib alone."""
    allowed = "numpy|scipy|pandas|matplotlib|repdyn"
    code = f"""
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in ('torch', 'xarray', 'seaborn', 'sklearn', 'numba', 'h5py', 'snakemake', 'yaml'):
            raise ImportError(name + ' is not among {allowed}')
sys.meta_path.insert(0, Refuse())
import repdyn
assert not [name for name in sys.modules if name.split('.')[0] in ('numpy', 'pandas')]
from repdyn.own import demo
report = repdyn.fit([demo.run(seed, steps=200) for seed in range(2)])
str(report), report.table, report.summary, repdyn.plot(report)
"""
    environment = {"PYTHONPATH": str(Path("workflow/scripts").resolve()), "PATH": "/usr/bin"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_the_public_names_are_there_and_typed():
    stub = Path("workflow/scripts/repdyn/__init__.pyi").read_text()
    assert set(repdyn.__all__) == {line.split(" as ")[1] for line in stub.splitlines() if " as " in line}
    for name in repdyn.__all__:
        assert getattr(repdyn, name).__doc__, name
    assert set(repdyn.__all__) <= set(dir(repdyn))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = repdyn.nothing


def test_the_workflow_does_not_depend_on_it():
    """The package's names are no imports, so nothing is trained again when they change. What judges networks of one's
    own judges those of modern, too."""
    for script in Path("workflow/scripts").glob("*/*.py"):
        if script.parent.name not in ("repdyn", "modern") or script.name == "train.py":
            assert not [path for path in sources.dependencies(script) if path.parent.name == "own"], script


def test_installed_from_the_repository(tmp_path):
    """What pip installs runs without the repository: the command, and the modules."""
    copy, target = tmp_path / "copy", tmp_path / "site"
    shutil.copytree(
        "workflow/scripts/repdyn", copy / "workflow/scripts/repdyn", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(name, copy)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", str(target), str(copy)], check=True)
    environment = {"PYTHONPATH": str(target), "PATH": "/usr/bin"}
    command = [sys.executable, str(target / "bin/repdyn"), "demo", "-o", str(tmp_path / "demo")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert "10 fits of 5 runs" in done.stdout and (tmp_path / "demo/figure.png").stat().st_size > 10_000
    assert (target / "repdyn/py.typed").exists()


PAGE = Path("docs/own_network.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def test_the_examples_of_the_page(tmp_path, monkeypatch, capsys):
    """In order, in one folder; the command line's as well."""
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in blocks("python"):
        exec(block, names)
    said = capsys.readouterr().out
    assert "layer 1, points 0 and 1: the theory" in said and "5 of 5 runs" in said and Path("figure.png").stat().st_size
    commands = [line.split("#")[0].split() for line in "".join(blocks("sh")).splitlines() if line.startswith("repdyn")]
    assert len(commands) == 4
    for _, *arguments in commands:
        given = [name for one in arguments for name in (sorted(map(str, Path().glob(one))) if "*" in one else [one])]
        assert command.main(given) in ((3,) if "--strict" in given else (0,))
    assert "10 fits of 5 runs" in capsys.readouterr().out and Path("figure.svg").stat().st_size


def test_the_page_names_every_verdict_failure_and_column():
    source = Path(verdict.__file__).read_text("utf-8")
    failures = set(re.findall(r'Failure\("([^"]+)"', source))
    assert len(failures) >= 9
    for name in (*failures, "H falls", "H rises", verdict.APPLIES, verdict.ORBIT_ONLY, verdict.NOT, verdict.UNKNOWN):
        assert name in PAGE, name
    columns = {one.name for one in fields(repdyn.PairFit)}
    described = {name for line in PAGE.splitlines() if line.startswith("| `") for name in re.findall(r"`(\w+)`", line)}
    assert described - {"_Y", "_w"} <= columns | {"eta_h_dx2"}


def test_the_worked_example(tmp_path):
    """At most six lines of it are about repdyn."""
    path = Path("examples/own_network.py").resolve()
    source = path.read_text("utf-8")
    assert source.count("# <--") <= 6 and source.count("repdyn.") <= 6
    environment = {"PYTHONPATH": str(Path("workflow/scripts").resolve()), "PATH": "/usr/bin", "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, path], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert "10 fits of 5 runs" in done.stdout and (tmp_path / "own_network.png").stat().st_size > 10_000


def test_the_notebook_is_the_example():
    """Its cells are the script, which the test above runs."""
    cells = json.loads(Path("examples/own_network.ipynb").read_text("utf-8"))["cells"]
    source = Path("examples/own_network.py").read_text("utf-8").split('"""')
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    assert code.split() == '"""'.join(source[2:]).split()
    assert "".join(cells[0]["source"]).split() == source[1].split()
