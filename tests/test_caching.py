"""A cache that folders share: what is in it is not made twice, what differs is never taken from it."""

import hashlib
import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from conftest import Project
from test_environments import rules
from test_workflow import digests, edited

from repdyn.pipeline import caching

FITS = tuple(f"results/smoke/two_points/{setting}.csv" for setting in ("default", "gain_0.9"))
RESULTS = "results/smoke"


class Shared:
    """A cache, and projects that use it."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir()

    def start(self, project: Project, *targets: str, named: Sequence[str] = ()) -> subprocess.Popen:
        return project.start(*targets, "--cache", *named, SNAKEMAKE_OUTPUT_CACHE=str(self.folder))

    def run(self, project: Project, *targets: str, named: Sequence[str] = ()) -> tuple[set[str], str]:
        """What really ran, by its log, and what was printed; `named` are rules whose results are cached, or none."""
        shutil.rmtree(project.folder / RESULTS, ignore_errors=True)
        process = self.start(project, *targets, named=named)
        printed, _ = process.communicate()
        assert process.returncode == 0, printed
        logs = project.folder / RESULTS / "logs"
        written = [path for path in logs.rglob("*.log") if path.stat().st_size]  # what is taken has an empty one
        return {str(path.relative_to(logs).with_suffix("")) for path in written}, printed


@pytest.fixture(scope="module")
def filled(tmp_path_factory) -> Shared:
    """A cache filled with the smoke study by a project that is gone."""
    base = tmp_path_factory.mktemp("shared")
    shared, project = Shared(base / "cache"), Project(base / "first")
    ran, _ = shared.run(project, "all")
    assert {"two_points_train/default", "two_points_fit/default", "depth_plot"} <= ran
    shared.results = digests(project.folder / RESULTS)
    shutil.rmtree(project.folder)
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


def test_no_two_results_share_an_entry(filled, project):
    filled.run(project, "all")
    links = [path for path in (project.folder / RESULTS).rglob("*") if path.is_symlink()]
    shared = [entry for entry, times in Counter(os.readlink(path) for path in links).items() if times > 1]
    assert len(links) == len(filled.results) and not shared


FITTED = {"two_points_fit/default", "two_points_fit/gain_0.9"}
DEFAULT = {"two_points_train/default", "two_points_fit/default"}
BOTH = FITTED | {"two_points_train/default", "two_points_train/gain_0.9"}
CHANGES = {
    "a seed": ("config/config.yaml", "  init: 0", "  init: 7", BOTH),
    "a gain": ("config/settings/two_points_smoke.tsv", "default\tmlp\tleaky_relu\t1.0",
               "default\tmlp\tleaky_relu\t1.05", DEFAULT),
    "the task": ("config/config.yaml", "    dy2: 0.5", "    dy2: 0.6", BOTH | {"two_points_data"}),
    "a threshold": ("config/config.yaml", "discard_loss_above: 0.01", "discard_loss_above: 0.001", FITTED),
    "training code": ("workflow/scripts/repdyn/training/loop.py", "import logging", "import logging  # edited", BOTH),
    "theory code": ("workflow/scripts/repdyn/theory/effective.py", "import numpy", "\nimport numpy", FITTED),
    "a library's version": ("requirements.lock", "scipy==", "scipy==0.0+", BOTH | {"two_points_data"}),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_what_decides_a_result_is_in_its_key(change, filled, project):
    path, old, new, expected = CHANGES[change]
    with edited(project.folder / path, old, new):
        ran, _ = filled.run(project, *FITS)
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
    entry = Path(os.readlink(project.folder / FITS[0]))
    content = bytearray(entry.read_bytes())
    content[len(content) // 2] ^= 1
    entry.write_bytes(content)
    ran, printed = filled.run(project, FITS[0])
    assert ran == {"two_points_fit/default"}
    assert f"{entry}: not what it was when it was cached; removed, to be made again" in printed
    made = hashlib.sha256((project.folder / FITS[0]).read_bytes()).hexdigest()
    assert made == filled.results["two_points/default.csv"]
    assert filled.run(project, FITS[0])[0] == set()  # it is in the cache again


def test_two_runs_that_fill_a_cache_at_once(filled, tmp_path):
    shared = Shared(tmp_path / "cache")
    projects = [Project(tmp_path / name) for name in ("one", "two")]
    for printed, code in [(p.communicate()[0], p.returncode) for p in [shared.start(one, *FITS) for one in projects]]:
        assert code == 0, printed
    for one in projects:
        made = digests(one.folder / RESULTS)
        assert {str(Path(fit).relative_to(RESULTS)) for fit in FITS} < set(made)
        assert made == {name: filled.results[name] for name in made}
    assert caching.remove_changed(shared.folder) == []
    assert {path.suffix for path in shared.folder.iterdir()} == {".nc", ".csv", ".sha256"}
    assert len(list(shared.folder.iterdir())) == 2 * 5  # the points, two trainings, two fits; and their checksums


def test_checksums(tmp_path):
    for name in ("a.csv", "b.nc"):
        (tmp_path / name).write_text(name)
    (tmp_path / "preparing").mkdir()
    caching.record(tmp_path)
    assert caching.remove_changed(tmp_path) == []
    (tmp_path / "a.csv").write_text("something else")
    (tmp_path / "new.nc").write_text("not seen before")
    assert caching.remove_changed(tmp_path) == [tmp_path / "a.csv"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.nc", "b.nc.sha256", "new.nc", "preparing"]


def test_without_a_cache_nobody_speaks_of_it(smoke):
    assert "cach" not in smoke.snakemake("--dry-run").lower()
