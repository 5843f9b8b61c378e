"""The study of record: what is kept of it."""

import numpy as np
import pytest
import yaml

from repdyn.pipeline import record


@pytest.fixture
def overlay(tmp_path):
    """A configuration whose results are a folder of the test's own."""
    (tmp_path / "own.yaml").write_text(f"results: {tmp_path / 'results'}\ntwo_points: {{networks: 7}}\n")
    return str(tmp_path / "own.yaml")


def test_what_is_kept_is_small_and_says_what_made_it(tmp_path, overlay):
    results, kept = tmp_path / "results", tmp_path / "record"
    (results / "tables").mkdir(parents=True)
    for path, size in (("claims.csv", 9), ("claims.md", 9), ("tables/small.csv", 99), ("tables/large.csv", 400_000)):
        (results / path).write_text("x" * size)
    logs = results / "logs" / "depth_fit"
    logs.mkdir(parents=True)
    for name, ended in (("a", "2.5 s"), ("b", "3.0 s, at most 512 MB")):
        (logs / f"{name}.log").write_text(f"2026-11-25 10:00:00,000 started\n2026-11-25 10:00:03,000 done in {ended}\n")
    (results / "logs" / "depth_plot.log").write_text("2026-11-25 10:00:03,000 done in 1.5 s\n")
    (kept / "tables").mkdir(parents=True)
    (kept / "tables" / "gone.csv").write_text("of an older study")
    assert record.main([overlay, str(kept)]) == 0
    names = {path.relative_to(kept).as_posix() for path in kept.rglob("*") if path.is_file()}
    assert names == {"claims.csv", "claims.md", "about.yaml", "cost.csv", "tables/small.csv"}
    costs = [line.split(",") for line in (kept / "cost.csv").read_text().splitlines()]
    assert costs[0] == ["rule", "jobs", "seconds", "peak_mb", "work"]
    assert [line[:4] for line in costs[1:]] == [["depth_fit", "2", "5.5", "512"], ["depth_plot", "1", "1.5", ""]]
    assert all(float(line[4]) > 7 * 25 for line in costs[1:])  # networks times layers of all rows of two points
    about = yaml.safe_load((kept / "about.yaml").read_text())
    assert len(about["commit"]) == 40 or about["commit"] == "unknown"
    assert about["libraries"]["numpy"] == np.__version__ and about["core seconds"] == 7 and about["megabytes"] == 0
    assert about["networks"] == 7 and about["configuration"].endswith("own.yaml")


def test_there_is_no_record_of_a_study_that_was_not_made(tmp_path, overlay, capsys):
    assert record.main([overlay, str(tmp_path / "record")]) == 1
    assert "make the study first" in capsys.readouterr().err
    assert not (tmp_path / "record").exists()
