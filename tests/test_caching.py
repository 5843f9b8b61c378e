"""A cache that folders share: what is in it is not made twice, what differs is never taken from it."""

import asyncio
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import AsyncMock

import pytest
import yaml
from conftest import Project
from snakemake.caching.local import OutputFileCache
from snakemake.caching.rule import CacheFlag
from snakemake.exceptions import CacheMissException
from snakemake.logging import logger
from test_environments import rules
from test_workflow import digests, edited

from repdyn.pipeline import caching

FITS = tuple(f"results/smoke/two_points/{setting}.csv" for setting in ("default", "gain_0.9"))
RUNS = "results/smoke/two_points/default.nc"
RESULTS = "results/smoke"


class Shared:
    """A cache, and projects that use it."""

    def __init__(self, folder: Path, filled: Path | None = None):
        self.folder = folder
        shutil.copytree(filled, folder) if filled else folder.mkdir()

    def start(self, project: Project, *targets: str) -> subprocess.Popen:
        return project.start(*targets, "--cache", SNAKEMAKE_OUTPUT_CACHE=str(self.folder))

    def run(self, project: Project, *targets: str, named: Sequence[str] = ()) -> tuple[set[str], str]:
        """What really ran, by its log, and what was printed; `named` are rules whose results are cached, or none."""
        shutil.rmtree(project.folder / RESULTS, ignore_errors=True)
        printed = project.snakemake(*targets, "--cache", *named, SNAKEMAKE_OUTPUT_CACHE=str(self.folder))
        logs = project.folder / RESULTS / "logs"
        written = [path for path in logs.rglob("*.log") if path.stat().st_size]  # what is taken has an empty one
        return {str(path.relative_to(logs).with_suffix("")) for path in written}, printed


@pytest.fixture(scope="module")
def filled(smoke_study, tmp_path_factory) -> Shared:
    """A cache filled with the smoke study by another project."""
    shared = Shared(tmp_path_factory.mktemp("shared") / "cache", smoke_study.cache)
    shared.results = digests(smoke_study.folder / RESULTS)
    return shared


@pytest.fixture(scope="module")
def project(filled, tmp_path_factory) -> Project:
    return Project(tmp_path_factory.mktemp("project") / "second")


def test_what_the_slurm_profile_says_takes_every_result_from_it(filled, project):
    """One name; as a comment, for Snakemake stops where a cache is wanted and no folder is named."""
    (line,) = re.findall(r"^# (cache: .*)$", Path("profiles/slurm/profile.yaml").read_text(), re.MULTILINE)
    (named,) = yaml.safe_load(line)["cache"]
    assert named in rules()
    ran, _ = filled.run(project, FITS[0], named=[named])
    assert ran == set()


def test_another_clone_makes_the_study_without_running_anything(filled, project):
    ran, printed = filled.run(project, "all")
    assert ran == set()
    assert digests(project.folder / RESULTS) == filled.results
    assert len(re.findall(r"^Symlinking output file .* from cache", printed, re.MULTILINE)) == len(filled.results)
    entries = [os.readlink(path) for path in (project.folder / RESULTS).rglob("*") if path.is_symlink()]
    assert len(entries) == len(set(entries)) == len(filled.results)  # no two results share one


FITTED = {"two_points_fit/default"}
TRAINED = {"two_points_train/default"}
CHANGES = {
    "a seed": ("config/config.yaml", "  init: 0", "  init: 7", TRAINED),
    "a gain": ("config/settings/two_points_smoke.tsv", "default\tmlp\tleaky_relu\t1.0",
               "default\tmlp\tleaky_relu\t1.05", TRAINED | FITTED),
    "the task": ("config/config.yaml", "    dy2: 0.5", "    dy2: 0.6", TRAINED | {"two_points_data"}),
    "a threshold": ("config/config.yaml", "discard_loss_above: 0.01", "discard_loss_above: 0.001", FITTED),
    "training code": ("workflow/scripts/repdyn/training/loop.py", "import logging", "import logging  # edited",
                      TRAINED),
    "theory code": ("workflow/scripts/repdyn/theory/effective.py", "import numpy", "\nimport numpy", FITTED),
    "a library's version": ("requirements.lock", "scipy==", "scipy==0.0+", TRAINED | {"two_points_data"}),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_what_decides_a_result_is_in_its_key(change, filled, project):
    """The change of one row leaves another row's results there. What is made of a result has its key in its own."""
    path, old, new, expected = CHANGES[change]
    with edited(project.folder / path, old, new):
        ran, _ = filled.run(project, *(FITS if change == "a gain" else [FITS[0] if expected == FITTED else RUNS]))
    assert ran == expected


def test_what_decides_nothing_is_not_in_the_key(filled, project):
    """How often checkpoints are written, which other rows there are, and which layer is looked at."""
    with (
        edited(project.folder / "config/config.yaml", "checkpoint_seconds: 300", "checkpoint_seconds: 60"),
        edited(project.folder / "config/settings/two_points_smoke.tsv", "dropout\tdropout", "# dropout\tdropout"),
    ):
        ran, _ = filled.run(project, FITS[0])
    assert ran == set()


def test_an_entry_that_was_changed_is_not_believed(filled, project):
    filled.run(project, FITS[0])
    entry = damage(project.folder / FITS[0])
    ran, printed = filled.run(project, FITS[0])
    assert ran == {"two_points_fit/default"}
    assert f"{entry}: not what it was when it was cached; to be made again" in printed
    made = hashlib.sha256((project.folder / FITS[0]).read_bytes()).hexdigest()
    assert made == filled.results["two_points/default.csv"]
    assert filled.run(project, FITS[0])[0] == set()  # it is in the cache again


def test_a_result_that_links_to_a_changed_entry_is_made_again_by_one_run(filled, project):
    filled.run(project, FITS[0])
    damage(project.folder / FITS[0])
    process = filled.start(project, FITS[0])
    assert process.wait() == 0, process.stdout.read()
    assert (
        hashlib.sha256((project.folder / FITS[0]).read_bytes()).hexdigest() == filled.results["two_points/default.csv"]
    )


def damage(result: Path) -> Path:
    """Turn a bit of the entry that a result links to; returns the entry."""
    entry = result.readlink()
    content = bytearray(entry.read_bytes())
    content[len(content) // 2] ^= 1
    entry.write_bytes(content)
    return entry


def test_two_runs_that_fill_a_cache_at_once(filled, tmp_path):
    shared = Shared(tmp_path / "cache")
    projects = [Project(tmp_path / name) for name in ("one", "two")]
    for process in [shared.start(one, FITS[0]) for one in projects]:
        Project.ended(process)
    for one in projects:
        made = digests(one.folder / RESULTS)
        assert str(Path(FITS[0]).relative_to(RESULTS)) in made
        assert made == {name: filled.results[name] for name in made}
    entries = [path for path in shared.folder.iterdir() if path.suffix != ".sha256"]
    assert all(map(caching.is_sound, entries)) and {path.stat().st_mode & 0o777 for path in entries} == {0o644}
    assert {path.suffix for path in shared.folder.iterdir()} == {".nc", ".csv", ".sha256"}
    assert len(list(shared.folder.iterdir())) == 2 * 3  # the points, the training, the fit; and their checksums


class Kept(OutputFileCache):
    """A cache in a folder, with one entry."""

    def __init__(self, folder: Path, output: Path):
        self.folder, self.output = folder, output

    async def get_outputfiles_and_cachefiles(self, job):
        return [(self.output, self.folder / "key.csv")]

    async def store(self, job):
        shutil.move(self.output, self.folder / "key.csv")
        self.output.symlink_to(self.folder / "key.csv")


@pytest.fixture
def asked(tmp_path, caplog):
    """What Snakemake asks of a cached rule, with one output that has just been made."""
    (tmp_path / "cache").mkdir()
    output = tmp_path / "made.csv"
    output.write_text("made")
    cache = Kept(tmp_path / "cache", output)
    rule = SimpleNamespace(workflow=SimpleNamespace(output_file_cache=cache))
    job = SimpleNamespace(output=[str(output)])
    caplog.handler.setLevel(0)
    logger.addHandler(caplog.handler)
    yield SimpleNamespace(
        cache=cache,
        output=output,
        entry=tmp_path / "cache" / "key.csv",
        do=lambda what: asyncio.run(getattr(caching.CheckedCache(rule, CacheFlag.output), what)(job)),
    )
    logger.removeHandler(caplog.handler)


def test_an_entry_counts_while_it_is_what_was_put_there(asked, caplog):
    assert not asked.do("exists")
    asked.do("store")
    assert asked.do("exists") and asked.output.is_symlink() and asked.entry.stat().st_mode & 0o777 == 0o644
    asked.entry.write_text("something else")
    assert not asked.do("exists") and not asked.entry.exists()
    assert f"{asked.entry}: not what it was when it was cached; to be made again" in caplog.text


def test_an_entry_without_a_checksum_is_not_used(asked, caplog):
    asked.do("store")
    asked.entry.with_name("key.csv.sha256").unlink()
    assert not asked.do("exists")
    assert f"{asked.entry}: has no checksum beside it; not used" in caplog.text


def refuse(*_, **__):
    raise PermissionError(13, "Permission denied")


def test_what_cannot_be_written_is_said_and_the_result_stays(asked, caplog, monkeypatch):
    monkeypatch.setattr(caching, "whole", refuse)
    asked.do("store")
    assert asked.output.read_text() == "made" and not asked.output.is_symlink()
    assert f"not kept in the cache: {asked.output} ([Errno 13] Permission denied)" in caplog.text


def test_what_cannot_be_read_or_removed_is_said_and_not_used(asked, caplog, monkeypatch):
    asked.do("store")
    with monkeypatch.context() as patched:
        patched.setattr(caching, "content_hash", refuse)
        assert not asked.do("exists")
    assert f"{asked.entry}: Permission denied; not used" in caplog.text
    asked.entry.write_text("something else")
    monkeypatch.setattr(Path, "unlink", refuse)
    assert not asked.do("exists") and asked.entry.exists()
    with pytest.raises(CacheMissException):
        asked.do("fetch")


def test_another_run_may_have_stored_the_same_in_the_meantime(asked):
    asked.do("store")
    asked.output.unlink()
    asked.output.write_text("made")
    asked.cache.fetch = AsyncMock()
    asked.do("store")
    asked.cache.fetch.assert_awaited_once()


@pytest.mark.parametrize("named", [None, ""])
def test_a_cache_without_a_folder_is_no_cache(smoke, named):
    variables = {} if named is None else {"SNAKEMAKE_OUTPUT_CACHE": named}
    printed = smoke.snakemake("--cache", "two_points_fit", "--dry-run", **variables)
    assert "no cache location specified" in printed


def test_make_takes_a_folder_with_a_blank(tmp_path):
    show = '\nshow:\n\t@echo "$$SNAKEMAKE_OUTPUT_CACHE"\n'
    (tmp_path / "Makefile").write_text(Path("Makefile").read_text() + show)
    # --no-print-directory: a make that another make started names the folders that it enters
    make = ["make", "--no-print-directory", "CACHE=a b", "show"]
    done = subprocess.run(make, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == f"{tmp_path / 'a b'}\n" and (tmp_path / "a b").is_dir()
    assert not (tmp_path / "a").exists()


def test_without_a_cache_nobody_speaks_of_it(smoke):
    assert "cach" not in smoke.snakemake("--dry-run").lower()
