"""Every command that a page shows is run by a test, or is in a list that says why not."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGES = [Path("README.md"), Path("CONTRIBUTING.md"), Path("config/README.md"), *Path("docs").glob("*.md")]

# planned by the test below, on the smoke study: the targets are there
PLANNED = {
    "snakemake key_figure",
    "snakemake results/two_points/two_layer.nc",
    "snakemake results/two_points/two_layer.csv",
    "snakemake results/tables/two_points.csv",
    "snakemake claims",
}
# run by the test below it
RUN = {"grep '^two_layer' config/settings/two_points.tsv": "two_layer\tmlp\tnone\t0.1\t"}
# run by another test
ELSEWHERE = {
    "python examples/own_network.py": "test_library.py::test_the_worked_example",
    "PYTHONPATH=workflow/scripts python examples/own_network.py": "test_library.py::test_the_worked_example",
    "repdyn demo": "test_library.py::test_the_examples_of_the_page",
    "repdyn fit repdyn-demo/run_0.csv": "test_library.py::test_the_examples_of_the_page",
    "repdyn fit repdyn-demo/run_*.csv --strict": "test_library.py::test_the_examples_of_the_page",
    "repdyn plot repdyn-demo/run_0.csv -o figure.svg --layer tanh4": "test_library.py::test_the_examples_of_the_page",
    "PYTHONPATH=workflow/scripts python -m repdyn.pipeline.cost --configfile config/paper.yaml --cores 16": (
        "test_cost.py::test_what_is_printed"
    ),
    "SNAKEMAKE_OUTPUT_CACHE=/path/to/folder snakemake all --cache": "conftest.py::smoke_study",
    "make CACHE=/path/to/folder": "test_caching.py::test_make_takes_a_folder_with_a_blank",
    "make archive": "test_archive.py::test_it_holds_results_project_and_a_description_of_each",
    "make verify": ("test_verify.py::test_results_are_made_again_elsewhere_and_a_changed_digit_is_found"),
    "make claim NAME=deep_orbit_late": "test_agreement.py::test_a_claim_is_told_with_number_criterion_table_and_record",
    "make report": "test_report.py::test_every_figure_can_be_seen_without_a_network",
    **dict.fromkeys(
        (
            "snakemake --workflow-profile profiles/slurm",
            "snakemake all --workflow-profile profiles/slurm",
            "snakemake all --workflow-profile profiles/slurm --dry-run --quiet",
        ),
        "slurm/test_slurm.py::test_the_smoke_study_gives_the_same_bytes",
    ),
}
# run by no test, and why
NOT_RUN = {
    "make": "the laptop study takes minutes; continuous integration makes the smoke study in its place",
    "make test": "it is what runs this test",
    "make record": "takes hours; what it calls is tested in test_record.py",
    "make environment": "continuous integration begins with it",
    "source .venv/bin/activate": "a shell's own",
    "git clone URL repdyn && cd repdyn": "the address is the reader's",
    "pip install '.[torch]'": "would fetch torch; test_library.py installs the package without it",
    "squeue --me": "SLURM's own",
    "tail -f results/logs/two_points_train/default.log": "does not end",
    "pip install snakemake-executor-plugin-kubernetes snakemake-storage-plugin-s3": "no Kubernetes; the page says so",
    "generate-slurm-partition-config > profiles/slurm/partitions.yaml": "describes the reader's own cluster",
}
# every block of this page is run by test_site.py, in a kernel
NOTEBOOK = Path("docs/tutorial.md")


def commands(page: Path) -> list[str]:
    """Of all blocks of the shell: lines that go on are joined, comments left out, spaces made one."""
    blocks = re.findall(r"^```sh\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    bare = [re.sub(r"\s+", " ", re.sub(r"(^|\s)#.*", "", line)).strip() for line in lines]
    return [line for line in bare if line]


SHOWN = {command for page in PAGES if page != NOTEBOOK for command in commands(page)}


def known(command: str) -> bool:
    """Kubernetes' command has the reader's words in it and is known by its beginning."""
    return command in {*PLANNED, *RUN, *ELSEWHERE, *NOT_RUN} or command.startswith(
        "snakemake all --workflow-profile none --executor kubernetes"
    )


def test_every_command_is_run_or_has_a_reason():
    lost = sorted(command for command in SHOWN if not known(command))
    assert not lost, f"add to PLANNED, ELSEWHERE or NOT_RUN of tests/test_docs.py: {lost}"


def test_no_list_has_a_command_that_no_page_shows():
    assert {*PLANNED, *RUN, *ELSEWHERE, *NOT_RUN} <= SHOWN


@pytest.mark.parametrize("place", sorted(set(ELSEWHERE.values())))
def test_what_runs_it_is_there(place):
    file, _, name = place.partition("::")
    assert f"def {name}" in Path("tests", file).read_text("utf-8")


def test_targets_of_pages_are_those_of_the_workflow():
    """In one plan, of the laptop study."""
    targets = [command.removeprefix("snakemake ") for command in sorted(PLANNED)]
    plan = [sys.executable, "-m", "snakemake", *targets, "--dry-run", "--quiet"]
    done = subprocess.run(plan, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("command", RUN)
def test_commands_of_the_shell(command):
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(RUN[command])
