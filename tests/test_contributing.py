"""What CONTRIBUTING.md says is so: its map is the tree, its examples work, what a new experiment lacks is named."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from runs import X, Y, after, ensemble

import repdyn
from repdyn.networks import Shape, activations
from repdyn.training import optimisers
from repdyn.training.ensemble import Member

TEXT = Path("CONTRIBUTING.md").read_text("utf-8")
SCRIPTS = Path("workflow/scripts")
ROOMS = re.findall(r"^    (\w+)  ", repdyn.__doc__, flags=re.MULTILINE)
EXPERIMENTS = sorted(path.parent.name for path in SCRIPTS.glob("*/plot.py")) + ["architectures"]


def block(beginning: str) -> str:
    """The example that begins so."""
    (found,) = [text for text in re.findall(r"```\w+\n(.*?)```", TEXT, flags=re.DOTALL) if text.startswith(beginning)]
    return found


def test_the_map_is_the_tree():
    package = SCRIPTS / "repdyn"
    there = {path.stem for path in package.iterdir() if path.name[:1] not in "_." and path.name != "py.typed"}
    assert set(ROOMS) == there
    assert re.findall(r"^\| `(\w+)` \|", TEXT, flags=re.MULTILINE) == ROOMS


def imported(path: Path) -> set[str]:
    """The rooms that a module imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "repdyn":
            names = node.module.split(".")[1:2] or [alias.name for alias in node.names]
            found |= set(names) & set(ROOMS)
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_no_room_imports_one_below_it(room):
    package = SCRIPTS / "repdyn"
    modules = [package / f"{room}.py"] if (package / f"{room}.py").is_file() else sorted((package / room).rglob("*.py"))
    for path in modules:
        below = {name for name in imported(path) if ROOMS.index(name) > ROOMS.index(room)}
        assert not below, f"{path} imports {', '.join(sorted(below))}: {room} stands above, so it can't"


def test_paths_from_the_configuration_to_a_figure_have_at_most_ten_files():
    paths = re.findall(r"^- \*[^*]*\*: (.*?)(?=^- |\n\n)", TEXT, flags=re.MULTILINE | re.DOTALL)
    assert len(paths) == 3
    for path in paths:
        files = re.findall(r"`([\w./]+)`", path)
        assert len(files) <= 10
        for file in files:
            places = [Path(file), Path("workflow") / file, SCRIPTS / file]
            assert any(place.is_file() for place in places), file


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_has_all_that_belongs_to_it(name):
    """What to add, and where, is in the message."""
    rules = "\n".join(path.read_text("utf-8") for path in Path("workflow/rules").glob("*.smk"))
    listed = Path("docs/experiments.md").read_text("utf-8")
    assert re.search(rf"^rule {name}_plot:", rules, re.MULTILINE), f"workflow/rules: a rule {name}_plot"
    assert re.search(rf"^rule {name}:", rules, re.MULTILINE), f"workflow/rules: the target, a rule {name}"
    assert Path(f"workflow/report/{name}.rst").is_file(), f"workflow/report/{name}.rst: a caption"
    assert f"| `{name}` |" in listed, f"docs/experiments.md: a row | `{name}` | ... of the table"
    told = f"tests: a module that tests scripts/{name}, for instance tests/test_{name}.py"
    used = f"from {'two_points' if name == 'architectures' else name} import"
    assert any(used in path.read_text("utf-8") for path in Path("tests").glob("test_*.py")), told


def test_every_rule_says_what_it_does():
    for path in Path("workflow/rules").glob("*.smk"):
        for name, following in re.findall(r"^rule (\w+):\n\s+(.*)", path.read_text("utf-8"), flags=re.MULTILINE):
            assert following.startswith('"""'), f"{path}: rule {name}: a docstring, one sentence"


def test_a_new_row_is_trained_and_nothing_else(smoke):
    table = smoke.folder / "config/settings/two_points_smoke.tsv"
    before = table.read_text()
    try:
        table.write_text(before + block("wide"))
        assert {job for job in smoke.planned() if job[1] and job[0].endswith("_train")} == {
            ("two_points_train", "wide")
        }
    finally:
        table.write_text(before)


def test_a_new_activation(monkeypatch):
    """The page's entry, beside torch's function of that name: value and slope."""
    monkeypatch.setattr(activations, "ACTIVATIONS", dict(activations.ACTIVATIONS))
    exec(block("def _hardswish"), vars(activations))
    entry = activations.ACTIVATIONS["hardswish"]
    z = torch.linspace(-5, 5, 41, dtype=torch.float64).requires_grad_()
    a = entry.on_tensors(z)
    (slope,) = torch.autograd.grad(a.sum(), z)
    for value, f, s in zip(z.tolist(), a.tolist(), slope.tolist(), strict=True):
        assert entry.function(value) == pytest.approx(f)
        assert abs(abs(value) - 3) < 1e-9 or entry.slope(value, f) == pytest.approx(s)


def test_a_new_optimiser(monkeypatch):
    """The page's entry trains as torch's own does."""
    from repdyn.training.module import ModuleTrainer

    monkeypatch.setitem(optimisers.OPTIMISERS, "nesterov", None)
    exec(block("def _nesterov"), vars(optimisers))
    together = ensemble("mlp", Shape(20, 3, "tanh"), [Member(0, 1.0, 0.01)], "nesterov")
    trainer = ModuleTrainer(together)
    module, _, (start,) = trainer.modules()
    module.load_state_dict(start)
    stepper = torch.optim.SGD(module.parameters(), lr=0.01, momentum=0.9, nesterov=True)
    x, y = (torch.tensor(values, dtype=torch.float32) for values in (X, Y))
    for _ in range(25):
        stepper.zero_grad()
        (0.5 * torch.nn.functional.mse_loss(module(x), y)).backward()
        stepper.step()
    np.testing.assert_allclose(after(trainer, X, Y, 25).look(X)[1][0], module(x).detach(), rtol=1e-4)


def test_a_new_data_set_is_trained_on(tmp_path):
    """The page's two files, in a copy of the library's folder of data."""
    folder = tmp_path / "spirals"
    folder.mkdir()
    (tmp_path / "spirals.py").write_text(block('"""Two spirals'))
    (folder / "train.py").write_text(block('"""Train the networks of a row on two spirals'))
    row = {"name": "arms", "model": "mlp", "activation": "tanh", "gain": 1.0, "lr": 0.01, "width": 30, "depth": 2}
    row |= {"steps": 600, "solver": "adam", "networks": 2, "init_seed": 0, "dropout_seed": None}
    code = (
        f"import sys; sys.path[:0] = ['workflow/scripts', {str(folder)!r}]\n"
        f"import repdyn.data; repdyn.data.__path__.append({str(tmp_path)!r})\n"
        f"import train; train.main({row!r}, 40, 'cpu', {str(tmp_path / 'runs.nc')!r})"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    from repdyn import artifacts

    loss = artifacts.read_dataset(tmp_path / "runs.nc").loss
    assert loss.shape[0] == 2 and (loss[:, -1] < 0.7 * loss[:, 0]).all()


RULES = '''
rule halves_analyse:
    """Halve the rates of every network."""
    input:
        code=code("halves/analyse.py"),
        fits=rules.two_points_collect.output.table,
    output:
        table=table("halves", "half of every rate", "Halves"),
    script:
        "../scripts/run.py"


rule halves_plot:
    """Draw them."""
    input:
        code=code("halves/plot.py"),
        table=rules.halves_analyse.output.table,
    output:
        **figure("halves", "half of every rate", "Halves"),
    script:
        "../scripts/run.py"


rule halves:
    """Half of every rate."""
    input:
        rules.halves_plot.output,
'''
ANALYSE = """
from repdyn import artifacts


def main(fits: str, output: str) -> None:
    table = artifacts.read_table(fits)
    artifacts.write_table(table.assign(half=table.eta_h / 2)[["setting", "seed", "layer", "half"]], output)
"""
PLOT = """
import pandas as pd
from matplotlib.figure import Figure

from repdyn import artifacts


def main(table: str) -> tuple[Figure, pd.DataFrame]:
    numbers, page = artifacts.read_table(table), Figure()
    page.subplots().plot(numbers.layer, numbers.half, ".")
    return page, numbers
"""


def test_a_new_experiment_is_a_folder_a_rule_file_and_captions(smoke):
    """Seven files, one of which is there already; no profile, no list of rules, no schema."""
    workflow, snakefile = smoke.folder / "workflow", smoke.folder / "Snakefile"
    before = snakefile.read_text()
    new = {
        workflow / "rules/halves.smk": RULES,
        workflow / "scripts/halves/analyse.py": ANALYSE,
        workflow / "scripts/halves/plot.py": PLOT,
        workflow / "report/halves.rst": "Half of every rate.",
        workflow / "report/halves_table.rst": "Half of every rate.",
    }
    made = [smoke.folder / f"results/smoke/{name}" for name in ("tables/halves.csv", "figures/halves.svg")]
    try:
        for path, text in new.items():
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        last = 'include: "workflow/rules/response.smk"\n'
        snakefile.write_text(before.replace(last, last + 'include: "workflow/rules/halves.smk"\n'))
        assert smoke.planned("all") == {("halves_analyse", ""), ("halves_plot", ""), ("overview_write", "")}
        smoke.snakemake("halves")
        assert all(path.stat().st_size for path in made)
    finally:
        snakefile.write_text(before)
        for path in [*new, *(smoke.folder / "results/smoke").glob("*/halves.*")]:
            path.unlink(missing_ok=True)
        shutil.rmtree(workflow / "scripts/halves")
