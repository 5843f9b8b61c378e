"""What README and docs say is so: examples work, targets, figures and files exist, numbers are those of the record."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from repdyn.pipeline import prose

PAGES = [Path("README.md"), Path("CONTRIBUTING.md"), *Path("docs").glob("*.md")]
TABLE = Path("docs/experiments.md").read_text("utf-8").split("## What numbers mean")[0]
EXPERIMENTS = set(re.findall(r"^\| `(\w+)` \|", TABLE, flags=re.MULTILINE))


def test_adding_an_architecture(smoke):
    """The file and row of CONTRIBUTING.md, as they stand there: the new row is trained, no other again."""
    text = (
        Path("CONTRIBUTING.md").read_text("utf-8").split("## Add an architecture")[1].split("## Add an activation")[0]
    )
    (source,), (row,) = (re.findall(rf"```{kind}\n(.*?)```", text, flags=re.DOTALL) for kind in ("python", "tsv"))
    module = smoke.folder / re.search(r"`(workflow/scripts/repdyn/networks/architectures/\w+\.py)`", text).group(1)
    table = smoke.folder / "config/settings/two_points_smoke.tsv"
    before = table.read_text()
    cells = row.rstrip("\n").split("\t")
    cells[5:9] = ["50", "5", "300", "2"]  # the smoke study's size
    made = smoke.folder / "results/smoke/two_points/bottleneck.csv"
    try:
        module.write_text(source)
        table.write_text(before + "\t".join(cells) + "\n")
        planned = smoke.planned()
        steps = ("two_points_train", "two_points_fit", "two_points_curves")
        assert {job for job in planned if job[1]} <= {(step, "bottleneck") for step in steps}
        assert {("two_points_train", "bottleneck"), ("architectures_plot", ""), ("two_points_plot", "")} <= planned
        smoke.snakemake(str(made.relative_to(smoke.folder)))
        lines = made.read_text().splitlines()
        assert len(lines) == 1 + 2 * 5 and lines[1].startswith("bottleneck,0,0,")
    finally:
        module.unlink()
        table.write_text(before)
        made.unlink(missing_ok=True)
        made.with_suffix(".nc").unlink(missing_ok=True)


def test_the_table_of_figures_is_complete(smoke):
    command = [sys.executable, "-m", "snakemake", "--list-target-rules"]
    listed = subprocess.run(command, cwd=smoke.folder, capture_output=True, text=True, check=True).stdout.split()
    assert set(listed) >= EXPERIMENTS
    made = {path.stem for path in (smoke.folder / "results/smoke/figures").glob("*.svg")}
    assert made == EXPERIMENTS


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_files_that_it_names_are_there(page):
    text = page.read_text("utf-8")
    for path in re.findall(r"\]\(([^)h#][^)#]*)(?:#[^)]*)?\)", text):
        assert (page.parent / path).exists(), path
    for path in re.findall(r"`((?:workflow|config|tests|benchmarks|profiles|docs)/[\w./]+)`", text):
        assert Path(path).exists() or re.search(r"bottleneck|NAME|spirals", path), path


def test_pages_are_what_their_templates_make_of_the_record():
    for path, text in prose.rendered().items():
        assert path.read_text("utf-8") == text, f"{path}: python -m repdyn.pipeline.prose writes it"


def test_no_number_is_typed_where_something_was_found():
    """In what the templates say before the commands a number comes from the record, in {{ }}."""
    text = Path("docs/templates/README.md.jinja").read_text("utf-8").split("## Two commands")[0]
    typed = re.sub(r"\{\{.*?\}\}|\$.*?\$|\(\S*\)|`[^`]*`|2024|[HYwηh]_\w", "", text, flags=re.DOTALL)
    assert re.findall(r"\d+(?:\.\d+)?", typed) == []


def test_the_readme_is_short():
    assert len(Path("README.md").read_text("utf-8").splitlines()) <= 130
