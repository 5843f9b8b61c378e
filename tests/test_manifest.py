"""The manifest of results: what it says of each file, what it notices, and that it believes no changed digit."""

import json
import os
import shutil
from base64 import urlsafe_b64encode
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from repdyn import artifacts, files
from repdyn.pipeline import manifest, provenance

RUN = {"configuration": {"files": ["config/smoke.yaml"], "overrides": {"mnist": {"images": "synthetic"}}}}
TABLE, RUNS, FIGURE = "results/tables/depth.csv", "results/two_points/tanh.nc", "results/figures/depth.csv"


def make(path: str, draw) -> None:
    """A job: it writes the file, and Snakemake notes when."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    values = draw.random((4, 50))
    if path.endswith(".nc"):
        artifacts.write_dataset(xr.Dataset({"H": (("seed", "step"), values)}), path)
    else:
        artifacts.write_table(pd.DataFrame(values).rename(columns=str), path)
    record = manifest.RECORDS / urlsafe_b64encode(path.encode()).decode()
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps({"endtime": os.stat(path).st_mtime}))


def job(path: str) -> manifest.Job:
    return manifest.Job("depth_analyse", [RUNS], ["analyse.py"], {"row": {"lr": np.inf}}, "results/logs/a.log", [path])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Three results, made and noted."""
    monkeypatch.chdir(tmp_path)
    Path("analyse.py").write_text("")
    for path in (TABLE, RUNS, FIGURE):
        make(path, np.random.default_rng(0))
    manifest.update("results", map(job, (TABLE, RUNS, FIGURE)), RUN)


def changed(**options) -> set[str]:
    return {path for path, _ in manifest.changed("results", **options)}


def test_every_file_leads_to_what_made_it_and_to_the_command_that_makes_it_again(folder):
    noted = manifest.read("results")
    entry = noted["files"]["tables/depth.csv"]
    assert entry["sha256"] == files.content_hash(TABLE) and entry["rule"] == "depth_analyse"
    assert entry["inputs"] == [RUNS] and entry["params"] == {"row": {"lr": "Infinity"}}
    options = '--configfile config/smoke.yaml --config \'mnist={"images": "synthetic"}\''
    assert entry["command"] == f"snakemake --force {TABLE} {options}"
    assert noted["runs"] == {entry["run"]: RUN}


def test_a_run_of_a_part_renews_that_part_and_forgets_what_is_gone(folder):
    before = manifest.read("results")["files"]
    Path(RUNS).unlink()
    make(TABLE, np.random.default_rng(1))
    other = {**RUN, "commit": "another"}
    manifest.update("results", [job(TABLE)], other)
    noted = manifest.read("results")
    assert set(noted["files"]) == {"tables/depth.csv", "figures/depth.csv"}
    assert noted["files"]["figures/depth.csv"] == before["figures/depth.csv"]
    after = noted["files"]["tables/depth.csv"]
    assert after["sha256"] == files.content_hash(TABLE) != before["tables/depth.csv"]["sha256"]
    assert noted["runs"][after["run"]] == other and len(noted["runs"]) == 2


def test_any_digit_of_a_table_and_any_byte_of_arrays_is_noticed_until_made_again(folder):
    draw = np.random.default_rng(2)
    for path in (TABLE, FIGURE, RUNS) * 8:
        content = Path(path).read_bytes()
        damaged = bytearray(content)
        places = [n for n, c in enumerate(content) if chr(c).isdigit()] if path != RUNS else range(len(content))
        place = draw.choice(places)
        damaged[place] = ord(str((int(chr(content[place])) + 1) % 10)) if path != RUNS else content[place] ^ 4
        Path(path).write_bytes(damaged)
        assert changed() == {path}
        manifest.update("results", map(job, (TABLE, RUNS, FIGURE)), RUN)  # a run that believes it forgets nothing
        assert changed() == {path}
        Path(path).write_bytes(content)
        assert changed() == set()
    ((_, entry),) = [(name, entry) for name, entry in manifest.read("results")["files"].items() if "tables" in name]
    assert manifest.told(TABLE, entry).startswith(
        f"{TABLE} was changed after it was made. Make it again: snakemake --f"
    )


def test_what_a_killed_run_made_is_not_taken_for_changed_by_hand(folder):
    make(TABLE, np.random.default_rng(3))
    assert changed() == set() == changed(thoroughly=True)


def test_a_touch_or_a_copy_changes_nothing_and_rot_under_the_same_time_is_found_by_reading_all(folder):
    os.utime(TABLE, (1, 1))
    assert changed() == set()
    status, content = os.stat(RUNS), Path(RUNS).read_bytes()
    Path(RUNS).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(RUNS, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert changed() == set() and changed(thoroughly=True) == {RUNS}


def test_where_nothing_was_made_nothing_is_written(folder):
    manifest.update("elsewhere", [], RUN)
    assert not Path("elsewhere").exists()


def test_a_damaged_manifest_is_said_and_written_anew(folder):
    Path("results/manifest.json").write_text('{"runs": ')
    with pytest.raises(manifest.DamagedError, match=r"results/manifest\.json was damaged after it was written"):
        manifest.read("results")
    manifest.update("results", [job(TABLE)], RUN)
    assert set(manifest.read("results")["files"]) == {"tables/depth.csv"}


def test_the_commit_is_that_of_the_workflow_and_of_no_repository_around_it(tmp_path):
    around = provenance.surroundings()
    assert around["commit"] == "unknown" or len(around["commit"]) == 40
    assert provenance.surroundings(tmp_path)["commit"] == "unknown"
    (tmp_path / "inner").mkdir()
    if git := shutil.which("git"):
        os.spawnl(os.P_WAIT, git, git, "init", "--quiet", str(tmp_path))
    assert provenance.surroundings(tmp_path / "inner")["commit"] == "unknown"
