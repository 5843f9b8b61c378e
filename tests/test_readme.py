"""What the README says is so: its example works, its targets exist, its figures are all there."""

import re
import subprocess
import sys
from pathlib import Path

README = Path("README.md").read_text()


EXPERIMENTS = set(re.findall(r"^\| `(\w+)` \|", README, flags=re.MULTILINE))


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_adding_an_architecture(smoke):
    """The README's file and row, as they stand there, in the smoke study: the new row is trained, no other again."""
    (source,), (row,) = blocks("python"), blocks("tsv")
    module = smoke.folder / re.search(r"`(workflow/scripts/repdyn/networks/architectures/\w+\.py)`", README).group(1)
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


def test_the_rule_graph_names_every_rule(smoke):
    (graph,) = blocks("mermaid")
    command = [sys.executable, "-m", "snakemake", "--list-rules"]
    rules = subprocess.run(command, cwd=smoke.folder, capture_output=True, text=True, check=True).stdout.splitlines()
    for rule in (line.split()[0] for line in rules):
        if "_" in rule and rule not in EXPERIMENTS:
            assert re.search(rf"\b{rule}\b", graph), rule


def test_files_that_it_names_are_there():
    for path in re.findall(r"\]\(([^)h][^)]*)\)", README):
        assert Path(path).exists(), path
    for path in re.findall(r"`((?:workflow|config|tests|benchmarks|profiles)/[\w./]+)`", README):
        assert Path(path).exists() or "bottleneck" in path, path
