"""Fixtures that the tests share: a copy of the project, and Snakemake run in it."""

import atexit
import fcntl
import gc
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import forked
import pytest
import scipy.linalg  # noqa: F401  (its BLAS has to be there to be limited)
import threadpoolctl
import torch

# As the workflow's jobs: with more threads a product's order of additions depends on what is stacked beside it.
torch.set_num_threads(1)
threadpoolctl.threadpool_limits(1)

ROOT = Path(__file__).parents[1]
GENERATED = (".git", ".venv", ".snakemake", "__pycache__")
GENERATED += (".pytest_cache", ".hypothesis", ".mypy_cache", ".ruff_cache")


class Project:
    """A copy of the project in a folder of its own, run with this interpreter's Snakemake."""

    def __init__(self, folder: Path, made: Path | None = None):
        """A copy of the sources, or of a project with all that has been made in it."""
        self.folder = folder
        shutil.copytree(made or ROOT, folder, ignore=None if made else self._ignored)
        (folder / "results").mkdir(exist_ok=True)

    @staticmethod
    def _ignored(folder: str, names: list[str]) -> list[str]:
        if Path(folder) == ROOT:
            return [name for name in names if name in (*GENERATED, "results", "cache", "downloads")]
        return [name for name in names if name in GENERATED]

    def asked(self, arguments: tuple[str, ...]) -> list[str]:
        """Arguments of Snakemake on the smoke study; without a target among the first ones it makes everything."""
        if not arguments or arguments[0].startswith("-"):
            arguments = ("all", *arguments)
        return [*arguments, "--configfile", "config/smoke.yaml"]

    @staticmethod
    def _environment(variables: dict[str, str]) -> dict[str, str]:
        own = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **variables}
        # bytecode is kept, or each job would compile the library anew
        return {name: value for name, value in {**os.environ, **own}.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def start(self, *arguments: str, gpus: str | None = None, new_session=False, **variables) -> subprocess.Popen:
        """Snakemake on the smoke study, its output in one pipe; `gpus` limits which GPUs its jobs can see.

        `variables` are those of the environment.
        """
        command = [sys.executable, "-m", "snakemake", *self.asked(arguments)]
        environment = self._environment(variables)
        if gpus is not None:
            environment["CUDA_VISIBLE_DEVICES"] = gpus
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen(command, cwd=self.folder, env=environment, **pipes, start_new_session=new_session)

    def snakemake(self, *arguments: str, **variables) -> str:
        """Run Snakemake to its end; returns what it printed. Fails the test if it failed.

        Unlike with `start` it and its jobs are forks of processes that have loaded their libraries.
        """
        environment = self._environment({**forked.jobs(), **variables})
        status, printed = forked.snakemake(self.folder, self.asked(arguments), environment)
        assert status == 0, printed
        return printed

    @staticmethod
    def ended(process: subprocess.Popen) -> str:
        """What a started Snakemake printed until its end. Fails the test if it failed."""
        printed, _ = process.communicate()
        assert process.returncode == 0, printed
        return printed

    def reasons(self, *arguments: str) -> dict[tuple[str, str], set[str]]:
        """What a dry run would do, as (rule, the value of its wildcard or ""), and the changed files that say so.

        Targets make nothing, so they are not among it.
        """
        printed = self.snakemake(*arguments, "--dry-run")
        if "Nothing to be done" in printed:
            return {}
        blocks = re.split(r"^ *(?:local)?rule (\w+):$", printed, flags=re.MULTILINE)[1:]  # in groups they are indented
        assert blocks, printed
        jobs = {}
        for rule, body in zip(blocks[::2], blocks[1::2], strict=True):
            wildcard = re.search(r"wildcards: \w+=(\S+)", body)
            if "    output: " in body:
                changed = re.search(r"reason: .*Updated input files: ([^;\n]*)", body)
                files = set(changed.group(1).split(", ")) if changed else set()
                jobs[(rule, wildcard.group(1) if wildcard else "")] = files
        return jobs

    def planned(self, *arguments: str) -> set[tuple[str, str]]:
        """What a dry run would do, as (rule, the value of its wildcard or "")."""
        return set(self.reasons(*arguments))


@dataclass
class SmokeStudy:
    """The smoke study as it was made from nothing: the project's folder, and the cache that it filled."""

    folder: Path
    cache: Path


@pytest.fixture(scope="session")
def smoke_study(tmp_path_factory) -> SmokeStudy:
    """Made once for all processes of a test run; tests change copies of it only."""
    base = tmp_path_factory.getbasetemp()
    base = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "smoke_study"
    base.mkdir(exist_ok=True)
    study = SmokeStudy(base / "repdyn", base / "cache")
    with open(base / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the first process makes it, the others wait
        if not study.folder.exists():
            shutil.rmtree(base / "unfinished", ignore_errors=True)
            project = Project(base / "unfinished")
            study.cache.mkdir(exist_ok=True)
            project.snakemake("--cache", SNAKEMAKE_OUTPUT_CACHE=str(study.cache))
            project.folder.rename(study.folder)
    return study


@pytest.fixture(scope="session")
def smoke(smoke_study, tmp_path_factory) -> Project:
    """A project in which the smoke study has been made. Tests leave its files as they found them."""
    return Project(tmp_path_factory.mktemp("project") / "repdyn", smoke_study.folder)


def pytest_collection_modifyitems(items):
    """Modules that need the smoke study come first, then those of many tests: none is alone at the end."""
    studied = {item.path for item in items if "smoke_study" in item.fixturenames}
    tests = Counter(item.path for item in items)
    items.sort(key=lambda item: (item.path not in studied, -tests[item.path], item.path))


def pytest_collection_finish():
    """What is loaded by now is no garbage: nobody has to look for it among that, nor at the end."""
    gc.freeze()
    atexit.register(gc.freeze)


def pytest_terminal_summary(terminalreporter):
    """A skipped test is a gap: say so where it can't be overlooked."""
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2].removeprefix("Skipped: ")
        terminalreporter.line(f"NOT TESTED  {report.nodeid}: {reason}", red=True, bold=True)
