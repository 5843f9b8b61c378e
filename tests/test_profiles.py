"""The profiles: every rule has its place, many jobs are few submissions, none is lost, and no folder is shared."""

import os
import re
import subprocess
import sys
from pathlib import Path

import forked
import pytest
import yaml
from conftest import Project
from snakemake.cli import parse_args
from snakemake.utils import available_cpu_count
from test_environments import rules

PROFILES = {path.parent.name: yaml.safe_load(path.read_text()) for path in Path("profiles").glob("*/profile.yaml")}
LAPTOP, SLURM = PROFILES["default"], PROFILES["slurm"]
ARRAYS = {name for name in rules() if name.endswith("_train")}
ON_CPU = {"repeatability_train", "response_plasticity_train"}  # networks too small for a GPU to be of use
PREPARED = {"two_points_data", "mnist_fetch", "modern_fetch"}  # where snakemake runs
PROFILE = ("--workflow-profile", "profiles/slurm")


def snakemake(*arguments: str, folder: str | Path = ".") -> str:
    """What a run that makes nothing prints."""
    status, printed = forked.snakemake(Path(folder).resolve(), list(arguments), dict(os.environ))
    assert status == 0, printed
    return printed


def groups(printed: str) -> list[tuple[str, set[str]]]:
    """Every group of jobs in a dry run: its name and its rules."""
    found = re.split(r"Group job (\w+) \(.*\n", printed)
    blocks = [re.match(r"(?:\s*\n| +.*\n)*", block).group() for block in found[2::2]]
    return [(name, set(re.findall(r"rule (\w+):", block))) for name, block in zip(found[1::2], blocks, strict=True)]


def alone(printed: str) -> list[str]:
    """The rules of all jobs in a dry run that are in no group."""
    return re.findall(r"^(?:local)?rule (\w+):", printed, flags=re.MULTILINE)


@pytest.fixture(scope="module")
def laptop(tmp_path_factory) -> str:
    """A dry run of the laptop study with the SLURM profile, from nothing."""
    nothing = tmp_path_factory.mktemp("nothing") / "results"
    return snakemake("all", "--dry-run", *PROFILE, "--config", f"results={nothing}")


def submissions(printed: str) -> int:
    """How often sbatch is called for everything, from a dry run with the SLURM profile: once a group, once an array."""
    single = alone(printed)
    assert set(single) == ARRAYS | PREPARED | {"all"} and SLURM["slurm-array-jobs"] == "all"
    return len(groups(printed)) + sum(-(-single.count(rule) // SLURM["slurm-array-limit"]) for rule in ARRAYS)


def test_the_laptop_study_makes_few_submissions(laptop):
    made = submissions(laptop)
    assert made <= 40
    assert f"{made} submissions" in Path("docs/clusters.md").read_text()


def test_every_rule_has_its_place(laptop):
    """What trains is an array, and what follows a row's training is in other groups than what follows all rows'."""
    shared: dict[str, set[str]] = {}
    for name, members in groups(laptop):
        shared[name] = shared.get(name, set()) | members
    places = [ARRAYS, *shared.values(), PREPARED]
    assert set().union(*places) == set(rules())
    assert sum(map(len, places)) == len(rules())
    assert set(SLURM["group-components"]) < set(shared)


def words(value) -> set[str]:
    """All words of a profile, which is nothing but groups, lists and texts; comments are no part of it."""
    if isinstance(value, dict):
        return set().union(*map(words, value), *map(words, value.values()))
    return set().union(*map(words, value)) if isinstance(value, list) else set(re.findall(r"\w+", str(value)))


def test_no_profile_names_a_rule():
    for name, profile in PROFILES.items():
        assert not words(profile) & set(rules()), name


NEW = """
rule novel_train:
    output: "<results>/novel/{two_points}.nc"
    script: "../scripts/run.py"

rule novel_measure:
    input: "<results>/novel/{two_points}.nc"
    output: "<results>/novel/{two_points}.csv"
    script: "../scripts/run.py"

rule novel_plot:
    input: expand("<results>/novel/{two_points}.csv", two_points=POINTS)
    output: "<results>/figures/novel.svg"
    script: "../scripts/run.py"
"""


def test_a_new_experiment_changes_no_profile(tmp_path):
    folder = Project(tmp_path / "repdyn").folder
    (folder / "workflow/rules/novel.smk").write_text(NEW)
    snakefile, last = folder / "Snakefile", 'include: "workflow/rules/response.smk"\n'
    before = snakefile.read_text()
    assert last in before
    snakefile.write_text(before.replace(last, f'{last}include: "workflow/rules/novel.smk"\n'))
    printed = snakemake("results/figures/novel.svg", "--dry-run", *PROFILE, folder=folder)
    assert set(alone(printed)) == {"novel_train"}
    made = groups(printed)
    assert [members for name, members in made if name == "figures"] == [{"novel_plot"}]
    fits = [members for name, members in made if name == "fits"]
    assert len(fits) == -(-alone(printed).count("novel_train") // SLURM["group-components"]["fits"])
    assert set().union(*fits) == {"novel_measure"}


def test_rules_that_train_are_those_of_the_training_environment():
    assert {name for name, (environment, _) in rules().items() if environment == "training"} == ARRAYS


def test_what_both_profiles_say_is_the_same():
    of_one = {"cores"}  # of this machine; of a job in which many share a submission
    assert {key: SLURM.get(key) for key in set(LAPTOP) - of_one} == {key: LAPTOP[key] for key in set(LAPTOP) - of_one}


def test_as_workflow_profile_it_is_read_alone():
    """And as --profile it is not: then the laptop's number of cores wins."""
    _, alone = parse_args([*PROFILE, "all"])
    _, merged = parse_args(["--profile", "profiles/slurm", "all"])
    assert alone.executor == merged.executor == "slurm"
    assert alone.cores == SLURM["cores"] and merged.cores == available_cpu_count()


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_training_asks_for_a_gpu_unless_the_configuration_says_cpu(tmp_path, device):
    asked = resources(tmp_path, f"training={{device: {device}}}")
    assert {name for name, wants in asked.items() if "gpu" in wants} == (ARRAYS - ON_CPU if device != "cpu" else set())


def test_memory_and_time_double_with_the_second_attempt(tmp_path):
    first, second = (resources(tmp_path, "training={device: cpu}", "--attempt", n) for n in "12")
    assert set(first) == set(rules())
    for rule, asked in first.items():
        assert int(asked["mem_mb"]) >= 500, rule  # each job starts a snakemake of its own
        for name in ("mem_mb", "runtime"):
            assert int(second[rule][name]) == 2 * int(asked[name]), rule


def resources(tmp_path: Path, config: str, *arguments: str) -> dict[str, dict[str, str]]:
    """What every rule asks the cluster for."""
    printed = snakemake("all", "--dry-run", *PROFILE, *arguments, "--config", f"results={tmp_path}/none", config)
    found = re.findall(r"rule (\w+):\n(?:.+\n)*?\s+resources: (.*)", printed)
    return {rule: dict(item.split("=", 1) for item in line.split(", ")) for rule, line in found if rule != "all"}


CALLS = {
    "sbatch": 'echo "$@" >> "$CALLS"; wc -l < "$CALLS"',
    "squeue": 'for n in $(seq 9); do for task in $(seq 200); do echo "${n}_$task|FAILED"; done; done',
    "scontrol": "printf 'MaxArraySize = 1001\\nMinJobAge = 300 sec\\n'",
    "sacct": "exit 1",
    "sinfo": "exit 1",
}


@pytest.fixture
def commands(tmp_path) -> dict[str, str]:
    """SLURM's commands as far as the executor uses them: sbatch only takes a note, and every job fails at once."""
    (tmp_path / "bin").mkdir()
    for name, does in CALLS.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    return {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "CALLS": f"{tmp_path}/calls"}


def test_every_row_of_a_long_table_is_submitted(commands, tmp_path):
    """None is left out of an array (snakemake would wait for ever), and the arrays fit into a command line."""
    folder = Project(tmp_path / "repdyn").folder
    table = folder / "config/settings/two_points_smoke.tsv"
    lines = table.read_text().splitlines()
    (row,) = [line for line in lines if line.startswith("skip\t")]
    lines += [row.replace("skip", f"another_row_with_a_long_name_{n}", 1) for n in range(90)]
    table.write_text("\n".join(lines) + "\n")
    rows = sum(not line.startswith(("#", "name")) for line in lines)
    profile = (*PROFILE, "--slurm-init-seconds-before-status-checks", "1", "--retries", "0")
    target = ("two_points", "--until", "two_points_train", "--configfile", "config/smoke.yaml")
    command = [sys.executable, "-m", "snakemake", *target, *profile]
    environment = {**os.environ, **commands}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
    assert "status is: 'FAILED'" in done.stdout + done.stderr
    calls = Path(commands["CALLS"]).read_text().splitlines()
    tasks = [tuple(map(int, re.search(r"--array=(\d+)-(\d+)", call).groups())) for call in calls]
    assert sorted(n for first, last in tasks for n in range(first, last + 1)) == list(range(1, rows + 1))
    assert len(calls) == -(-rows // SLURM["slurm-array-limit"]) and not any("/dev/stdin" in call for call in calls)
    assert max(map(len, calls)) < 131_072


def test_no_folder_has_to_be_shared(tmp_path):
    """With all files in a storage: code comes with the workflow, every other input is made by a rule."""
    storage = ("--default-storage-provider", "fs", "--default-storage-prefix", str(tmp_path))
    printed = snakemake("all", "--dry-run", *storage, "--shared-fs-usage", "sources", "persistence")
    assert "rule all" in printed and f"{tmp_path}/results/figures/depth.svg (send to storage)" in printed
    assert f"{tmp_path}/workflow" not in printed
