"""The study of record: what is kept of it, and how another study is held against it."""

import numpy as np
import pandas as pd
import pytest
import yaml
from claims import compare

from repdyn import artifacts
from repdyn.pipeline import record
from repdyn.statistics import intervals


def claims(value, n, spread=0.0, **columns) -> pd.DataFrame:
    """A table of one claim with its t interval, of n networks with this standard deviation."""
    draw = np.random.default_rng(0).normal(size=n)
    estimate = intervals.mean(value + spread * (draw - draw.mean()) / (draw.std(ddof=1) if n > 1 else 1))
    row = {"name": "a", "group": "", "verdict": "supported", **estimate.columns("value", "n")}
    return pd.DataFrame([row | columns]).rename(columns={"value_low": "low", "value_high": "high"}).set_index("name")


def agrees(mine, theirs, scale="linear"):
    return compare.compared("a", mine.loc["a"], theirs, scale, 0.95)["agrees"]


def test_a_mean_of_four_agrees_within_its_own_scatter_and_not_beyond():
    theirs = claims(1.0, 20, 0.1)
    assert agrees(claims(1.1, 4), theirs) == "yes"
    assert agrees(claims(1.13, 4), theirs) == "no"
    assert agrees(claims(1.13, 2), theirs) == "yes"


def test_one_in_twenty_disagrees_by_chance():
    draw, apart = np.random.default_rng(0), 0
    for _ in range(2000):
        theirs, mine = draw.normal(size=20), draw.normal(size=5)
        half = 2.0930 * theirs.std(ddof=1) / np.sqrt(20)
        centre = theirs.mean()
        row = {"name": "a", "group": "", "verdict": "", "value": centre, "low": centre - half, "high": centre + half}
        table = pd.DataFrame([row | {"n": 20}]).set_index("name")
        apart += agrees(claims(mine.mean(), 5), table) == "no"
    assert 0.035 <= apart / 2000 <= 0.065


def test_what_cannot_be_compared_says_why():
    theirs = claims(1.0, 20, 0.1)
    assert agrees(claims(np.nan, 1), theirs) == "no number here"
    assert "another group" in agrees(claims(1.0, 4, group="tanh"), theirs)
    assert agrees(claims(1.0, 4), claims(1.0, 3)) == "the record has no interval"
    assert compare.compared("b", claims(1.0, 4).loc["a"], theirs, "linear", 0.95)["agrees"] == "not in the record"


def test_the_words_count(tmp_path):
    for name, table in (("mine", claims(1.05, 4)), ("theirs", claims(1.0, 20, 0.1))):
        artifacts.write_table(table.reset_index(), tmp_path / f"{name}.csv")
    compare.main(str(tmp_path / "mine.csv"), str(tmp_path / "theirs.csv"), {}, 0.95, str(tmp_path / "compared.md"))
    words = (tmp_path / "compared.md").read_text()
    assert words.startswith("1 of 1 numbers agree with the study of record; 0 do not.")
    assert "| a | 1.05 | 4 | 1 | 20 | yes |" in words


@pytest.fixture
def overlay(tmp_path):
    """A configuration whose results are a folder of the test's own."""
    (tmp_path / "own.yaml").write_text(f"results: {tmp_path / 'results'}\ntwo_points: {{networks: 7}}\n")
    return str(tmp_path / "own.yaml")


def test_what_is_kept_is_small_and_says_what_made_it(tmp_path, overlay):
    results, kept = tmp_path / "results", tmp_path / "record"
    (results / "tables").mkdir(parents=True)
    for path, size in (("claims.csv", 9), ("claims.md", 9), ("tables/small.csv", 99), ("tables/large.csv", 99_999)):
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
