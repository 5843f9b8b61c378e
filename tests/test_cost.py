"""What a study takes, estimated before it runs, beside what studies took."""

import re
from pathlib import Path

import pandas as pd
import pytest

from repdyn.pipeline import cost, study, workload

LAPTOP = pd.read_csv("docs/record/laptop_cost.csv").set_index("rule")  # one study, what it took and what it trained
RECORD = pd.read_csv("docs/record/cost.csv").set_index("rule")


@pytest.fixture(scope="module")
def laptop() -> dict:
    return study.read_study()


def seconds(jobs, rule: str) -> float:
    return sum(job.seconds for job in jobs if job.rule == rule)


def predicted(rule: str) -> float:
    """Seconds of a rule in the laptop study, from how fast the record's was."""
    start = cost.START if rule.endswith("_train") else cost.LEAST
    row = LAPTOP.loc[rule]
    return start * row.jobs + cost.rate_of(RECORD.loc[rule], start) * row.work


def test_the_laptop_study_is_right_within_a_factor_of_two():
    """All of it, and each rule that took a minute, from whatever study the record is."""
    shared = LAPTOP.index.intersection(RECORD.index)
    found, took = pd.Series({rule: predicted(rule) for rule in shared}), LAPTOP.seconds[shared]
    assert took.sum() > 0.9 * LAPTOP.seconds.sum()
    assert 0.5 < found.sum() / took.sum() < 2
    long = took.index[took > 60]
    assert ((found[long] / took[long]).between(0.5, 2)).all(), found[long] / took[long]


@pytest.mark.parametrize("rule", ["two_points_train", "xor_train", "xor_rates_train", "width_train"])
def test_wide_networks_have_one_rate(rule):
    """A rule that no study has measured takes 8e-10 s a parameter and step: right where memory decides."""
    row = LAPTOP.loc[rule]
    assert 0.5 < (cost.START * row.jobs + cost.RATE * row.work) / row.seconds < 2


def test_a_study_as_it_was_measured_takes_what_it_took(laptop):
    """With the work of this folder's study beside seconds that are made up, the seconds come back, job by job."""
    jobs = workload.loads(laptop)
    made = pd.DataFrame(
        [(rule, len(each), 100.0 * len(each), workload.work(rule, jobs)) for rule, each in jobs.items()]
        + [
            ("clock_fit", len(jobs["clock_train"]), 60.0, workload.work("clock_fit", jobs)),
            ("depth_plot", 1, 5.0, 7.0),
        ],
        columns=["rule", "jobs", "seconds", "work"],
    )
    found = cost.estimated(laptop, made)
    for row in made.itertuples():
        mine = [job for job in found if job.rule == row.rule]
        assert len(mine) == row.jobs
        assert row.rule == "depth_plot" or sum(job.seconds for job in mine) == pytest.approx(row.seconds)


@pytest.mark.parametrize(
    ("rule", "of"),
    [
        *[("clock_drift_plot", "clock"), ("xor_rates_fit", "xor_rates"), ("coupled_analyse", "xor")],
        *[("response_plasticity_compare", "response_plasticity"), ("response_law_fit", "response")],
        *[("mnist_structure_fit", "mnist"), ("out_of_sample_predict", "final_distance"), ("depth_plot", "two_points")],
    ],
)
def test_whose_networks_a_rule_looks_at(rule, of):
    assert workload.followed(rule) == f"{of}_train"


def test_every_rule_that_trains_is_known():
    """Whoever adds one adds to `workload` how much it trains."""
    text = "\n".join(path.read_text("utf-8") for path in Path("workflow/rules").glob("*.smk"))
    assert set(re.findall(r"^rule (\w+_train):", text, re.MULTILINE)) == {f"{name}_train" for name in workload._RULES}


def test_twice_the_networks_take_twice_as_long(laptop):
    rows, measured = laptop["two_points"]["rows"], LAPTOP.reset_index()
    once, twice = ({name: {**row, "networks": networks} for name, row in rows.items()} for networks in (4, 8))
    first, second = (
        seconds(cost.estimated({**laptop, "two_points": {**laptop["two_points"], "rows": each}}, measured), rule)
        - len(rows) * cost.START
        for rule in ["two_points_train"]
        for each in (once, twice)
    )
    assert second == pytest.approx(2 * first)


@pytest.mark.parametrize(
    ("experiment", "row", "megabytes"),
    [("xor_rates", "lazy", 1257), ("two_points", "tanh_flow", 1943), ("clock", "tanh_width_50", 490)]
    + [("two_points", "adam", 2537), ("phase_diagram", "depth_20", 1511), ("final_distance", "default", 1130)],
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
    jobs = [10.0, 6.0, 6.0, 4.0, 4.0]
    assert cost.wall(jobs, 1) == pytest.approx(30 + 5 * cost.BETWEEN)
    assert cost.wall(jobs, 2) == pytest.approx(16 + 3 * cost.BETWEEN)
    assert cost.wall(jobs, 9) == pytest.approx(10 + cost.BETWEEN)


def test_what_is_printed(capsys):
    assert cost.main(["--configfile", "config/smoke.yaml", "--cores", "4"]) == 0
    said = capsys.readouterr().out
    assert re.search(r"^two_points_train +12 ", said, re.MULTILINE)
    assert re.search(r"In all \d+ minutes of one core, \d+ minutes on 4; .* GB of memory .* MB of disk", said)
    assert "GPUs are not counted" in said


def test_a_faulty_configuration_is_told_and_nothing_else(tmp_path, capsys):
    (tmp_path / "own.yaml").write_text("two_points: {networks: none}\n")
    assert cost.main(["--configfile", str(tmp_path / "own.yaml")]) == 1
    assert "two_points.networks = 'none': expected a whole number" in capsys.readouterr().err
