"""Results that are made again: the same bytes, numbers within the measured tolerances, or where they differ."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from repdyn import artifacts
from repdyn.pipeline import comparing, manifest, verify
from repdyn.statistics import differences

RECORDED = Path("docs/record/tables/repeatability_summary.csv").resolve()
TANH = comparing.Tolerances.read(RECORDED, "tanh")
ANY = comparing.Tolerances.read(RECORDED)


def test_tolerances_are_those_of_the_order_of_additions():
    rows = pd.read_csv(RECORDED).query("kind == 'order of additions' and activation == 'tanh'")
    assert TANH.of["H"] == rows[rows.quantity == "H"].tolerance.max() < 1e-4 < ANY.of["H"]
    assert set(TANH.of) == {*comparing.CURVES, *comparing.RATES}
    assert comparing.Tolerances.read(RECORDED, "softplus") == ANY
    assert TANH.allowed("loss") == max(TANH.of[name] for name in comparing.CURVES)


@pytest.fixture
def runs(tmp_path):
    """Runs, and a function that compares them with others."""
    step = np.linspace(0, 1, 50)
    H = np.stack([[step, step**2], [step**3, np.sin(step)]])
    dataset = xr.Dataset({"H": (("seed", "layer", "step"), H), "diverged_at": ("seed", [-1, -1])}, {"seed": [0, 1]})
    artifacts.write_dataset(dataset, tmp_path / "made.nc")

    def compared(other, tolerances=TANH):
        artifacts.write_dataset(other, tmp_path / "again.nc")
        return comparing.compare(tmp_path / "made.nc", tmp_path / "again.nc", tolerances)

    return dataset, compared


@pytest.mark.parametrize("share, verdict", [(0.5, comparing.WITHIN), (2.0, comparing.DIFFERS)])
def test_curves_are_held_against_the_tolerance_of_their_activation(runs, share, verdict):
    dataset, compared = runs
    other = dataset.copy(deep=True)
    other.H[1, 0] += share * TANH.of["H"] * np.ptp(other.H[1, 0].values)
    found = compared(other)
    amount = differences.of_curves(dataset.H[1, 0], other.H[1, 0])
    assert found.verdict == verdict
    assert found.words == f"H (seed 1, layer 0) by {amount:.2g}, tolerance {TANH.of['H']:.2g}"
    assert compared(other, ANY).verdict == comparing.WITHIN


def test_what_has_no_tolerance_has_to_be_the_same(runs):
    dataset, compared = runs
    assert compared(dataset) == comparing.Outcome(comparing.IDENTICAL)
    assert compared(dataset.assign(diverged_at=("seed", [-1, 7]))).words == "diverged_at has other values"
    assert compared(dataset.isel(seed=[0])).words.startswith("H has the shape (2, 2, 50), again (1, 2, 50)")
    assert compared(dataset.assign(more=1.0)).words == "variables ['more'] are in one alone"
    assert (
        compared(dataset.where(dataset.step > 3) if "step" in dataset.coords else dataset * np.nan).verdict == "differs"
    )
    assert compared(dataset.assign_attrs(code_sha256="another")).words == "other bytes, the same numbers"


def test_tables_say_column_row_and_both_values(tmp_path):
    table = pd.DataFrame({"setting": ["a", "b"], "eta_h": [0.5, 0.25], "nrmse": [0.01, 0.02], "reason": ["", "x"]})

    def compared(tolerances=TANH, **columns):
        for name, content in (("made", table), ("again", table.assign(**columns))):
            artifacts.write_table(content, tmp_path / f"{name}.csv")
        return comparing.compare(tmp_path / "made.csv", tmp_path / "again.csv", tolerances)

    assert compared().verdict == comparing.IDENTICAL
    found = compared(eta_h=[0.5, 0.3])
    assert found.verdict == comparing.DIFFERS
    assert found.words.startswith("column eta_h, row 2: 0.25, again 0.3 by 0.2, tolerance ")
    assert compared(ANY, eta_h=[0.5, 0.25 * (1 + ANY.of["eta_h"] / 2)]).verdict == comparing.WITHIN
    assert compared(nrmse=[0.01, 0.02 + 1e-8]).verdict == comparing.WITHIN
    assert compared(nrmse=[0.01, 0.021]).verdict == comparing.DIFFERS
    assert compared(nrmse=[0.01, np.nan]).words == "column nrmse: numbers here that are none there"
    assert compared(reason=["", "y"]).words == "column reason, row 2: x, again y"
    for name in ("made", "again"):
        (tmp_path / f"{name}.png").write_text(name)
    assert comparing.compare(tmp_path / "made.png", tmp_path / "again.png", TANH).words.startswith(
        "other bytes; its numbers: differs, column reason"
    )


def test_the_same_machine_versions_and_code_give_the_same_bytes_or_differ():
    near = comparing.Outcome(comparing.WITHIN, "H by 1e-7, tolerance 1e-6")
    assert verify.judged(near, []).verdict == comparing.DIFFERS
    elsewhere = verify.judged(near, ["torch 2.14, then 2.13"])
    assert elsewhere == comparing.Outcome(comparing.WITHIN, f"{near.words} (torch 2.14, then 2.13)")


def test_the_cheapest_of_each_kind_is_chosen(tmp_path):
    def entry(rule, took):
        log = tmp_path / f"{took}.log"
        log.write_text(f"2026-11-25 10:00:00,000 done in {took} s, at most 154 MB\n" if took else "")
        return {"rule": rule, "log": str(log)}

    made = {"a.nc": 3.0, "b.nc": 0.5, "a.csv": 0.2, "b.csv": 0, "tables/t.csv": 0, "figures/f.png": 1.0}
    rules = {"a.nc": "x_train", "b.nc": "x_train", "a.csv": "x_fit", "b.csv": "x_fit"}
    files = {name: entry(rules.get(name, "x_analyse"), took) for name, took in made.items()}
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert verify.cheapest(tmp_path, files) == ["b.nc", "a.csv", "tables/t.csv", "figures/f.png"]


def test_where_nothing_was_made_one_message_says_what_to_do(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert verify.main([]) == 1 == verify.main(["results/tables/depth.csv"])
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("results: no results there (looked for manifest.json in it and above): make them first")
    assert second.startswith("results/tables/depth.csv: no results there")


def test_results_are_made_again_elsewhere_and_a_changed_digit_is_found(smoke, monkeypatch, capsys):
    monkeypatch.chdir(smoke.folder)
    table, figure = "results/smoke/tables/depth.csv", "results/smoke/figures/depth.png"
    made = Path(table).read_text()
    place = made.index("0.", made.index("\n")) + 2
    Path(table).rename("kept.csv")  # it may be a link into a cache
    Path(table).write_text(made[:place] + str(9 - int(made[place])) + made[place + 1 :])
    try:
        assert verify.main([table, figure]) == 1
    finally:
        Path("kept.csv").rename(table)
    told = capsys.readouterr().out.splitlines()
    (entry,) = [e for name, e in manifest.read("results/smoke")["files"].items() if name == "tables/depth.csv"]
    assert told[0] == manifest.told(table, entry)
    assert told[1].startswith(f"differs           {table}: column ") and "same machine, versions and code" in told[1]
    assert told[2] == f"identical         {figure}" and len(told) == 3
