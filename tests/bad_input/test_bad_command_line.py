"""What Snakemake prints of a broken configuration, and of targets that are not there: no traceback."""

import os
import shutil
from pathlib import Path

import forked
import pytest

from bad_input.broken import BASE, MINE, OVERLAY, ROOT, ROWS, TABLE, line_of


def snakemake(project, *arguments):
    """A dry run in a copy of the project -> exit status, all that it printed, the paths that it left behind."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "workflow", project / "workflow", ignore=ignored, dirs_exist_ok=True)
    shutil.copytree(ROOT / "profiles", project / "profiles", dirs_exist_ok=True)
    for file in ("Snakefile", "requirements.lock"):
        shutil.copy(ROOT / file, project / file)

    def files():
        return {p.relative_to(project).as_posix() for p in project.rglob("*")}

    before = files()
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "XDG_CACHE_HOME": str(project.parent / "cache")}
    status, told = forked.snakemake(project, [*arguments, "-n", "--cores", "1"], environment)
    return status, told, files() - before


def test_command_line_tells_all_problems(project):
    (project / MINE).write_text(OVERLAY + "training: {finr: 2}\n")
    (project / TABLE).write_text(ROWS.replace("\tresnet", "\tresnett"))
    status, told, made = snakemake(project, "--configfile", MINE, "--config", "intervals={confidence: 95}")
    assert status == 1
    assert "The configuration has 3 problems; nothing was run." in told
    assert f"{MINE}:3: training.finr = 2: unknown key; did you mean 'finer'? Known keys here: device, " in told
    assert f"{TABLE}: row 5 (skip), column 'model' = resnett: expected one of" in told
    assert "command line (--config): intervals.confidence = 95.0: expected a finite number > 0 and < 1" in told
    assert "Traceback" not in told
    assert made == set()


def test_command_line_tells_where_the_configuration_is_no_yaml(project):
    (project / BASE).write_text("results: results\n two_points: 3\n")
    status, told, made = snakemake(project)
    assert status == 1
    assert f"{BASE}:2: not valid YAML (column 12)" in told
    assert "Traceback" not in told
    assert made == set()


def test_command_line_refuses_an_overlay_that_is_no_yaml(project):
    """Snakemake reads overlays before the Snakefile: its own message, without the file's name."""
    (project / MINE).write_text("a:\n  b: 2\n c: 3\n")
    status, told, made = snakemake(project, "--configfile", MINE)
    assert status == 1
    assert "Config file is not valid JSON or YAML" in told
    assert "Traceback" not in told
    assert made == set()


def test_command_line_names_an_overlay_that_is_not_there(project):
    """With a traceback of Snakemake, which reads overlays before the Snakefile."""
    status, told, made = snakemake(project, "--configfile", "config/absent.yaml")
    assert status == 1 and "No such file or directory: 'config/absent.yaml'" in told
    assert made == set()


@pytest.mark.parametrize(
    "target, meant", [("clok", "clock"), ("results/tables/two_point.csv", "results/tables/two_points.csv")]
)
def test_command_line_suggests_the_target_that_was_meant(project, target, meant):
    shutil.copy(ROOT / BASE, project / BASE)
    status, told, made = snakemake(project, "depth", target)
    assert status == 1 and f"{target}: nothing makes this; did you mean '{meant}'?" in told
    assert "Traceback" not in told and made == set()


SELECTED = ("--config", "two_points={rows: [tanh]}")
# experiments that compare rows -> the key that names some which are not selected
LACKING = {
    "depth": "depth.row",
    "gains": "gains.rows",
    "falsification": "falsification.rows",
    "final_distance": "final_distance.rows",
    "out_of_sample": "final_distance.rows",
    "measured_rates": "measured_rates.rows",
    "repeatability": "repeatability.rows",
}


@pytest.mark.parametrize("target", ["gains", "results/tables/out_of_sample.csv"])
def test_command_line_refuses_an_experiment_whose_rows_are_not_selected(project, target):
    shutil.copy(ROOT / BASE, project / BASE)
    status, told, made = snakemake(project, target, *SELECTED)
    name = Path(target).stem
    (line,) = [line for line in told.splitlines() if "not selected by two_points.rows: expected one of tanh" in line]
    assert status == 1 and f"{name} can't be made.\n{line}" in told
    key = LACKING[name]
    group = line_of(project, BASE, f"{key.partition('.')[0]}:")
    place, _, rest = line.partition(f": {key} = ")
    assert place.startswith(f"{BASE}:") and int(place.rpartition(":")[2]) > group and "default" in rest
    assert "Job stats" not in told and "Traceback" not in told and made == set()


def test_command_line_plans_all_experiments_whose_rows_are_selected(project):
    shutil.copy(ROOT / BASE, project / BASE)
    status, told, _ = snakemake(project, "all", "--quiet", "rules", *SELECTED)
    assert status == 0, told
    planned = {line.split()[0].removesuffix("_plot") for line in told.splitlines() if "_plot " in line}
    experiments = {path.parent.name for path in (ROOT / "workflow/scripts").glob("*/plot.py")}
    assert LACKING.keys() < experiments
    assert experiments - planned == LACKING.keys() and not any(f"{name}_" in told for name in LACKING)
