"""The workflow is used from another folder, and as a module of another workflow, with the same bytes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import forked
import pytest
import yaml
from conftest import Project

MADE = "results/smoke/two_points/default.csv"
OUTER = """
from snakemake.common.configfile import load_configfile
from snakemake.utils import update_config

settings = load_configfile("{folder}/config/config.yaml")
update_config(settings, load_configfile("{folder}/config/smoke.yaml"))

module repdyn:
    snakefile: "{folder}/Snakefile"
    config: settings

use rule * from repdyn as repdyn_*

rule mine_plot:
    input: "{made}"
    output: "mine.txt"
    shell: "wc -l {{input}} > {{output}}"
"""

DEPLOYED = """
configfile: "config/config.yaml"

module repdyn:
    snakefile: {address}
    config: config

use rule * from repdyn
"""


@pytest.fixture(scope="module")
def workflow(tmp_path_factory) -> Path:
    return Project(tmp_path_factory.mktemp("a path") / "wörkflow").folder


def snakemake(folder: Path, *arguments: str | Path) -> str:
    words = ["--cores", "1", *map(str, arguments)]
    environment = {name: value for name, value in os.environ.items() if name != "SNAKEMAKE_OUTPUT_CACHE"}
    if {"--dry-run", "--rulegraph"} & set(words):
        status, printed = forked.snakemake(folder, words, environment)
        assert status == 0, printed
        return printed
    command = [sys.executable, "-m", "snakemake", *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_from_another_folder(workflow, smoke, tmp_path):
    where = ("--snakefile", workflow / "Snakefile", "--directory", tmp_path)
    settings = ("--configfile", workflow / "config/smoke.yaml")
    snakemake(Path("/"), *where, *settings, "--", MADE)
    assert (tmp_path / MADE).read_bytes() == (smoke.folder / MADE).read_bytes()
    assert not (workflow / "results/smoke").exists()
    assert "depth_plot" in snakemake(Path("/"), *where, *settings, "--dry-run", "--", "depth")


def test_as_a_module_of_another_workflow(workflow, smoke, tmp_path):
    (tmp_path / "Snakefile").write_text(OUTER.format(folder=workflow, made=MADE))
    snakemake(tmp_path, "mine.txt")
    assert (tmp_path / MADE).read_bytes() == (smoke.folder / MADE).read_bytes()
    assert (tmp_path / "mine.txt").read_text().endswith(f"{MADE}\n")
    assert (tmp_path / "results/smoke/logs/repdyn_two_points_fit/default.log").is_file()
    planned = snakemake(tmp_path, "--dry-run", "repdyn_all")
    assert "repdyn_depth_plot" in planned and "rule mine_plot" not in planned


def git(folder: Path, *arguments: str) -> None:
    named = ("-c", "user.name=Nobody", "-c", "user.email=nobody@localhost", "-c", "init.defaultBranch=main")
    subprocess.run(["git", *named, *arguments], cwd=folder, check=True, capture_output=True)


def test_deployed_from_an_address(workflow, smoke, tmp_path):
    """As snakedeploy does it: a copy of config/, and a Snakefile that names the repository and its branch."""
    source, mine = tmp_path / "source", tmp_path / "mine"
    shutil.copytree(workflow, source, ignore=shutil.ignore_patterns(".git", ".snakemake", "results"))
    for arguments in (("init",), ("add", "--all"), ("commit", "--message", "all")):
        git(source, *arguments)
    shutil.copytree(source / "config", mine / "config")
    address = f'gitfile("{source}", path="workflow/Snakefile", ref="main")'
    (mine / "Snakefile").write_text(DEPLOYED.format(address=address))
    snakemake(mine, "--configfile", "config/smoke.yaml", "--", MADE)
    assert (mine / MADE).read_bytes() == (smoke.folder / MADE).read_bytes()
    # another day: what has been committed since is followed
    (source / "Snakefile").write_text("rule all:\n    output: 'new.txt'\n    shell: 'touch {output}'\n")
    git(source, "commit", "--all", "--message", "new")
    assert "new.txt" in snakemake(mine, "--dry-run", "all")


def test_the_catalogue_draws_its_rules(workflow):
    """As Snakemake's workflow catalogue calls it: its Snakefile in workflow/, its folder .test/."""
    where = ("--snakefile", "workflow/Snakefile", "--directory", ".test")
    drawn = snakemake(workflow, *where, "--forceall", "--rulegraph")
    assert "digraph" in drawn and "two_points_train" in drawn and "depth_plot" in drawn
    planned = snakemake(workflow, *where, "--dry-run", "depth")
    assert "results/smoke/figures/depth.svg" in planned and "rule depth_plot" in planned


def test_the_catalogues_settings_are_those_that_it_knows():
    told = yaml.safe_load(Path(".snakemake-workflow-catalog.yml").read_text("utf-8"))["usage"]
    assert set(told) == {"mandatory-flags", "software-stack-deployment", "report"}
    assert set(told["mandatory-flags"]) == {"desc", "flags"}
    assert told["software-stack-deployment"]["conda"] == any(Path("workflow/envs").glob("*.yaml"))
    assert Path("config/README.md").is_file()
