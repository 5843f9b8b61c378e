"""How another study is held against the study of record: agrees, differs, or too few networks to say."""

from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
from claims import compare

from repdyn import artifacts
from repdyn.pipeline import asked_claims
from repdyn.statistics import agreement, intervals, verdicts
from repdyn.statistics.agreement import AGREES, DIFFERS, NOT_COMPARED, TOO_FEW
from repdyn.statistics.claims import Claim
from repdyn.statistics.intervals import Estimate

CLAIM = Claim("small", "us", "It is small.", "t", "error", "network", {"below": 2.0}, 5, "an error of 2")
SUPPORTED = verdicts.SUPPORTED


def estimate(value: float, n: int, spread: float, scale: str = "linear") -> Estimate:
    """The t interval of a mean of n units with this standard deviation."""
    draw = np.random.default_rng(0).normal(size=n)
    to, back = intervals.SCALES[scale]
    return intervals.mean(back(to(value) + spread * (draw - draw.mean()) / draw.std(ddof=1)), scale=scale)


def number(value: float, n: int) -> Estimate:
    return Estimate(value, np.nan, np.nan, n)


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_a_mean_of_four_agrees_within_the_records_scatter_and_not_beyond(scale):
    record, claim = estimate(1.0, 20, 0.1, scale), replace(CLAIM, scale=scale)

    def verdict(value, n):
        return agreement.held(claim, number(float(intervals.SCALES[scale][1](value)), n), record, SUPPORTED)[0]

    centre = intervals.SCALES[scale][0](1.0)
    assert (verdict(centre + 0.1, 4), verdict(centre + 0.13, 4), verdict(centre + 0.13, 2)) == (AGREES, DIFFERS, AGREES)


def test_one_in_twenty_differs_by_chance():
    draw, apart = np.random.default_rng(0), 0
    for _ in range(1000):
        record, mine = intervals.mean(draw.normal(size=20)), draw.normal(size=5).mean()
        apart += agreement.held(CLAIM, number(mine, 5), record, verdicts.UNDECIDED)[0] == DIFFERS
    assert 0.035 <= apart / 1000 <= 0.065


def test_the_sentence_has_both_numbers_and_the_range():
    record = estimate(0.1, 20, 0.02)
    verdict, words = agreement.held(CLAIM, number(0.12, 4), record, SUPPORTED)
    assert verdict == AGREES
    low, high = intervals.mean_of_further(record, 4)
    assert words == (
        "your 4 networks agree with the record: 0.120 against 0.100 [0.0906, 0.109], "
        f"expected within [{low:.4f}, {high:.3f}]."
    )
    assert agreement.held(CLAIM, number(0.2, 1), record, SUPPORTED)[1].startswith("your 1 network differ")


def test_few_networks_that_are_expected_on_both_sides_of_the_criterion_say_nothing():
    record = estimate(1.9, 20, 0.2)
    assert record.high < 2.0
    assert agreement.held(CLAIM, number(1.95, 3), record, SUPPORTED)[0] == TOO_FEW
    assert agreement.held(CLAIM, number(1.95, 3), record, verdicts.UNDECIDED)[0] == AGREES
    assert agreement.held(CLAIM, number(2.95, 3), record, SUPPORTED)[0] == DIFFERS
    assert agreement.held(replace(CLAIM, holds={"below": 3.0}), number(1.95, 3), record, SUPPORTED)[0] == AGREES


def test_shares_are_compared_as_shares():
    claim, record = replace(CLAIM, statistic="share"), intervals.share(18, 20)
    assert agreement.held(claim, intervals.share(3, 4), record, SUPPORTED)[0] == AGREES
    assert agreement.held(claim, intervals.share(0, 4), record, SUPPORTED)[0] == DIFFERS


def records(**columns) -> pd.DataFrame:
    """The record's claims.csv of one claim."""
    ends = estimate(1.0, 20, 0.1)
    row = {"name": "small", "group": np.nan, "verdict": SUPPORTED, "value": 1.0, "low": ends.low, "high": ends.high}
    return pd.DataFrame([{**row, "n": 20, **columns}]).set_index("name")


def test_of_several_settings_that_one_is_compared_that_decided_the_record():
    claim = replace(CLAIM, each="setting")
    table = pd.DataFrame({"setting": ["tanh"] * 4 + ["relu"] * 4, "error": [1.05] * 4 + [9.0] * 4})
    found = agreement.of_claim(claim, table, records(group="tanh"))
    assert found.verdict == AGREES and "your 4 networks of tanh agree" in found.words
    assert agreement.of_claim(claim, table, records(group="relu")).verdict == DIFFERS
    missing = agreement.of_claim(claim, table, records(group="elu"))
    assert (missing.verdict, missing.words) == (NOT_COMPARED, "there is no number here for elu.")


def test_networks_that_were_trained_otherwise_are_not_compared():
    claim = replace(CLAIM, each="setting", alike=["steps"])
    table = pd.DataFrame({"setting": ["tanh"] * 4 + ["relu"] * 4, "error": 1.05, "steps": [10] * 4 + [20] * 4})
    assert agreement.of_claim(claim, table, records(group="tanh"), recorded_table=table).verdict == AGREES
    # of the setting that decided, not of others
    other = table.assign(steps=[10] * 4 + [30] * 4)
    assert agreement.of_claim(claim, table, records(group="tanh"), recorded_table=other).verdict == AGREES
    found = agreement.of_claim(claim, table, records(group="relu"), recorded_table=other)
    assert (found.verdict, found.words) == (
        NOT_COMPARED,
        "other networks were trained: steps 20 here, 30 in the record.",
    )
    none = agreement.of_claim(claim, table[:4], records(group="relu"), recorded_table=other)
    assert none.words == "there is no number here for relu."


def test_what_cannot_be_compared_says_why():
    table = pd.DataFrame({"error": [1.0] * 4})

    def words(claim, table, record):
        found = agreement.of_claim(claim, table, record)
        assert found.verdict == NOT_COMPARED
        return found.words

    assert words(replace(CLAIM, name="other"), table, records()) == "the record does not have this claim."
    assert words(CLAIM, None, records()) == "its table t.csv is not made here."
    assert words(CLAIM, table * np.nan, records()) == "there is no number here."
    few = words(CLAIM, table, records(low=np.nan, high=np.nan, n=3))
    assert few == "the record has 3 networks, too few for an interval; here 1.00 (4 networks)."


def test_the_page_counts_and_begins_with_what_differs(tmp_path):
    near, far = replace(CLAIM, name="small"), replace(CLAIM, name="far", quantity="other")
    artifacts.write_table(pd.DataFrame({"error": [1.05] * 4, "other": [9.0] * 4}), tmp_path / "t.csv")
    both = pd.concat([records(), records().rename({"small": "far"})])
    artifacts.write_table(both.reset_index(), tmp_path / "record.csv")
    tables, asked = [str(tmp_path / "t.csv")], [asdict(claim) for claim in (near, far)]
    compare.main(tables, str(tmp_path / "record.csv"), [], asked, 0.95, str(tmp_path / "compared.md"))
    words = (tmp_path / "compared.md").read_text()
    assert words.startswith(
        "1 of 2 numbers agree with the study of record, 1 differ, 0 are of too few networks to say; 0 are not compared."
    )
    assert "By chance 0.1 of 2 would differ where all are alike; so many or more with probability 0.098" in words
    assert words.index("## Differs") < words.index("- **far** (It is small.): your 4") < words.index("## Agrees")


def test_a_claim_is_told_with_number_criterion_table_and_record(tmp_path, monkeypatch):
    artifacts.write_table(pd.DataFrame({"error": np.linspace(0.9, 1.1, 6)}), tmp_path / "t.csv")
    artifacts.write_table(records().reset_index(), tmp_path / "claims.csv")
    monkeypatch.setattr(asked_claims, "RECORD", tmp_path / "claims.csv")
    lines = asked_claims.told(CLAIM, str(tmp_path / "t.csv"), 0.95).splitlines()
    assert lines[:2] == ["It is small.", "  ✓ supported"]
    assert lines[2].startswith("  measured: 1.00 [0.9") and lines[3].startswith(
        "  criterion: error below 2; refuted by"
    )
    assert lines[5].startswith("  record: your 6 networks agree with the record")


def test_a_misspelt_claim_is_told_another(capsys):
    assert asked_claims.main(["depth_eta_h_grow"]) == 1
    assert "claim 'depth_eta_h_grow': there is none of this name; did you mean 'depth_eta_h_grows'?" in (
        capsys.readouterr().err
    )
