"""What a study takes, estimated before it runs, beside what studies took."""

import re
from pathlib import Path

import pandas as pd
import pytest

from repdyn.pipeline import cost, study, workload

LAPTOP = pd.read_csv("docs/record/laptop_cost.csv")


@pytest.fixture(scope="module")
def laptop() -> dict:
    return study.read_study()


def by_rule(jobs) -> pd.Series:
    return pd.Series([job.seconds for job in jobs], [job.rule for job in jobs]).groupby(level=0).sum()


def test_the_laptop_study_is_right_within_a_factor_of_two():
    """All of it, and each rule that takes a minute, from whatever study the record is."""
    found, took = by_rule(cost.of_configuration([])), LAPTOP.set_index("rule").seconds
    assert 0.5 < found.sum() / took.sum() < 2
    long = took[took > 60]
    assert ((found[long.index] / long).between(0.5, 2)).all()


def test_every_job_of_the_laptop_study_is_counted(laptop):
    counted = pd.Series([job.rule for job in cost.estimated(laptop, LAPTOP, laptop)]).value_counts()
    assert counted.to_dict() == LAPTOP.set_index("rule").jobs.to_dict()


@pytest.mark.parametrize("rule", ["two_points_train", "xor_train", "xor_rates_train", "width_train"])
def test_wide_networks_have_one_rate(rule, laptop):
    """A rule that no study has measured takes 8e-10 s a parameter and step: right where memory decides."""
    unknown = LAPTOP[LAPTOP.rule != rule]
    found, took = by_rule(cost.estimated(laptop, unknown, laptop))[rule], LAPTOP.set_index("rule").seconds[rule]
    assert 0.5 < found / took < 2


def test_every_rule_that_trains_is_known():
    """Whoever adds one adds to `workload` how much it trains."""
    text = "\n".join(path.read_text("utf-8") for path in Path("workflow/rules").glob("*.smk"))
    assert set(re.findall(r"^rule (\w+_train):", text, re.MULTILINE)) == {f"{name}_train" for name in workload._RULES}


def test_twice_the_networks_take_twice_as_long(laptop):
    rows = laptop["two_points"]["rows"]
    more = {**laptop["two_points"], "rows": {name: {**row, "networks": 8} for name, row in rows.items()}}
    once, twice = (
        by_rule(cost.estimated(one, LAPTOP, laptop))["two_points_train"] - len(rows) * cost.START
        for one in (laptop, {**laptop, "two_points": more})
    )
    assert twice == pytest.approx(2 * once)


@pytest.mark.parametrize(
    ("experiment", "row", "megabytes"),
    [("xor_rates", "lazy", 1257), ("two_points", "tanh_flow", 1943), ("clock", "tanh_width_50", 490)],
)
def test_memory_is_that_of_jobs_of_the_study_of_record(experiment, row, megabytes):
    """Measured by the kernel (VmHWM), 20 networks or 25."""
    (load,) = [load for load in loads_of_record()[f"{experiment}_train"] if load.row == row]
    assert 0.5 < cost._memory(load) / megabytes < 2


@pytest.mark.parametrize(
    ("rule", "row", "size"),
    [
        *[("falsification_train", "default", 5_051_460), ("blobs_train", "medium", 31_612_304)],
        *[("final_distance_train", "tanh", 16_835_165), ("response_train", "relu_circle", 27_671_685)],
        *[("xor_train", "lazy", 2_169_310), ("xor_train", "shallow", 231_918)],
    ],
)
def test_files_are_as_large_as_those_of_the_study_of_record(rule, row, size):
    (load,) = [load for load in loads_of_record()[rule] if load.row == row]
    assert 0.5 < 4 * load.floats * load.networks / size < 2


_RECORD: dict = {}


def loads_of_record() -> dict:
    if not _RECORD:
        _RECORD.update(workload.loads(study.read_study(["config/record.yaml"])))
    return _RECORD


def test_longest_jobs_begin_first():
    seconds = [10.0, 6.0, 6.0, 4.0, 4.0]
    assert cost.wall(seconds, 1) == pytest.approx(30 + 5 * cost.BETWEEN)
    assert cost.wall(seconds, 2) == pytest.approx(16 + 3 * cost.BETWEEN)
    assert cost.wall(seconds, 9) == pytest.approx(10 + cost.BETWEEN)


def test_what_is_printed(capsys):
    assert cost.main(["--configfile", "config/smoke.yaml", "--cores", "4"]) == 0
    said = capsys.readouterr().out
    assert re.search(r"^two_points_train +12 ", said, re.MULTILINE)
    assert re.search(r"In all \d+ minutes of one core, \d+ minutes on 4; .* GB of memory .* MB of disk", said)
    assert "On a GPU nothing was measured" in said


def test_a_faulty_configuration_is_told_and_nothing_else(tmp_path, capsys):
    (tmp_path / "own.yaml").write_text("two_points: {networks: none}\n")
    assert cost.main(["--configfile", str(tmp_path / "own.yaml")]) == 1
    assert "two_points.networks = 'none': expected a whole number" in capsys.readouterr().err
