"""Claims: each is supported by data that meet its criterion, refuted by data that fail it, and undecided by few."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml
from claims import evaluate
from docutils.core import publish_parts

from repdyn import artifacts
from repdyn.pipeline.checking import ConfigurationError
from repdyn.pipeline.claims import found, load
from repdyn.statistics import verdicts, words
from repdyn.statistics.claims import Claim
from repdyn.statistics.intervals import Estimate

FILE = "config/claims.yaml"


class Anything(set):
    """A set of names that holds every name."""

    def __contains__(self, name):
        return True


CLAIMS = {claim.name: claim for claim in load(FILE, Anything(), Anything())}
ONE = Claim("small", "us", "It is small.", "t", "error", "network", {"below": 0.1}, 10, "an error of 0.1", scale="log")


def inside(claim: Claim) -> float:
    """A number that meets the criterion, well away from its edges."""
    low, high = claim.range
    if np.isfinite([low, high]).all():
        return (low + high) / 2
    if claim.scale == "fisher" or claim.statistic == "share":
        return (low + 1) / 2 if np.isfinite(low) else (high - 1) / 2 if claim.scale == "fisher" else high / 2
    if claim.scale == "log":
        return low * 10 if np.isfinite(low) else high / 10
    return low + 1 + abs(low) if np.isfinite(low) else high - 1 - abs(high)


def outside(claim: Claim) -> float:
    """A number that fails it."""
    low, high = claim.range
    if claim.scale == "fisher" or claim.statistic == "share":
        bottom = -1 if claim.scale == "fisher" else 0
        return (high + 1) / 2 if np.isfinite(high) else (low + bottom) / 2
    if claim.scale == "log":
        return high * 10 if np.isfinite(high) else low / 10
    return high + 1 + abs(high) if np.isfinite(high) else low - 1 - abs(low)


def data(claim: Claim, value: float, units: int, groups: int = 1) -> pd.DataFrame:
    """A table of that many units in each group whose mean is about `value`, with a scatter of 1 %."""
    draw = np.random.default_rng(0)
    rows = []
    for group in range(groups):
        values = value + 0.01 * (abs(value) or 0.01) * draw.normal(size=units)
        if claim.statistic == "share":
            values = (np.arange(units) < round(value * units)).astype(float)
        if claim.statistic == "given":
            ends = {f"{claim.quantity}_{end}": value for end in ("low", "high")}
            rows.append(pd.DataFrame([{claim.quantity: value, **ends, f"{claim.quantity}_n": units}]))
            continue
        frame = pd.DataFrame({claim.quantity: values, "lowest": -1e9, "highest": 1e9})
        frame = frame.assign(**{name: np.arange(units) for name in claim.cluster})
        rows.append(frame.assign(**({claim.each: f"group {group}"} if claim.each else {})))
    return pd.concat(rows, ignore_index=True)


@pytest.mark.parametrize("name", sorted(CLAIMS))
def test_a_claim_of_the_study_can_be_supported_and_refuted(name):
    claim = replace(CLAIMS[name], rows="")
    groups, units = (3 if claim.each else 1), 40 * claim.least
    assert verdicts.evaluate(claim, data(claim, inside(claim), units, groups))["verdict"] == verdicts.SUPPORTED
    assert verdicts.evaluate(claim, data(claim, outside(claim), units, groups))["verdict"] == verdicts.REFUTED
    few = data(claim, inside(claim), 4, groups)
    assert verdicts.evaluate(claim, few)["verdict"] == verdicts.UNDECIDED


def test_an_interval_that_holds_the_edge_decides_nothing_and_says_how_many_would():
    draw = np.random.default_rng(0)
    row = verdicts.evaluate(ONE, pd.DataFrame({"error": 0.095 * np.exp(0.3 * draw.normal(size=12))}))
    assert row["verdict"] == verdicts.UNDECIDED and row["low"] < 0.1 < row["high"]
    assert "networks would decide" in row["told"]
    units = int(row["told"].split()[1])
    more = pd.DataFrame({"error": row["value"] * np.exp(0.3 * draw.normal(size=4 * units))})
    assert verdicts.evaluate(ONE, more)["verdict"] == verdicts.SUPPORTED


def test_one_group_that_fails_refutes_a_claim_about_all_and_is_named():
    claim = replace(ONE, each="setting")
    good, bad = (data(claim, value, 20) for value in (0.01, 0.5))
    table = pd.concat([good.assign(setting="tanh"), bad.assign(setting="relu")])
    row = verdicts.evaluate(claim, table)
    assert (row["verdict"], row["group"]) == (verdicts.REFUTED, "relu")
    assert (row["told"], row["groups"], row["held"]) == ("refuted: relu", 2, 1)


def test_how_many_units_would_refute_is_counted_at_the_level_that_refutes():
    """An interval wholly beyond the edge, that of twenty settings not: the units it has are too few."""
    claim = replace(ONE, each="setting", scale="linear", holds={"below": 0.0}, least=5)
    error = np.tile(np.linspace(-1, 1, 20), 20) - 5.0
    table = pd.DataFrame({"error": error, "setting": np.repeat(np.arange(20), 20)})
    table.loc[table.setting == 7, "error"] += 5.35
    row = verdicts.evaluate(claim, table)
    assert (row["verdict"], row["group"], row["low"] > 0) == (verdicts.UNDECIDED, "7", True)
    assert row["told"].endswith("networks would decide") and int(row["told"].split()[-4]) > 20


def test_many_groups_refute_less_easily():
    """With twenty settings at the edge, one whole interval lies beyond it by chance in most studies."""
    claim = replace(ONE, each="setting", scale="linear", holds={"below": 0.0}, least=5)
    draw, refuted = np.random.default_rng(1), 0
    for _ in range(60):
        table = pd.DataFrame({"error": draw.normal(size=200), "setting": np.repeat(np.arange(20), 10)})
        refuted += verdicts.evaluate(claim, table)["verdict"] == verdicts.REFUTED
    assert refuted <= 8


def test_rows_of_one_network_are_one_unit():
    table = pd.DataFrame({"error": np.full(200, 0.01), "seed": np.repeat(np.arange(4), 50)})
    table["error"] *= np.exp(0.1 * np.random.default_rng(0).normal(size=200))
    row = verdicts.evaluate(replace(ONE, cluster=["seed"]), table)
    assert (row["verdict"], row["n"]) == (verdicts.UNDECIDED, 4)
    assert verdicts.evaluate(ONE, table)["verdict"] == verdicts.SUPPORTED


def test_where_no_row_is_left_nothing_is_decided():
    row = verdicts.evaluate(replace(ONE, rows="error > 5"), pd.DataFrame({"error": [0.01] * 20}))
    assert (row["verdict"], row["n"], row["told"]) == (verdicts.UNDECIDED, 0, "no row to decide it")


@pytest.mark.parametrize("rows, quantity", (("nothing == 3", "error"), ("error >", "error"), ("", "other")))
def test_a_claim_that_its_table_cannot_answer_says_so(rows, quantity):
    with pytest.raises(ValueError, match="claim small, table t"):
        verdicts.evaluate(replace(ONE, rows=rows, quantity=quantity), pd.DataFrame({"error": [0.1] * 9}))


def test_numbers_that_have_no_logarithm_decide_nothing_and_say_so():
    row = verdicts.evaluate(ONE, pd.DataFrame({"error": [0.01] * 19 + [0.0]}))
    assert row["verdict"] == verdicts.UNDECIDED and "logarithm" in row["told"]


def test_censored_and_given_numbers_and_shares():
    censored = replace(ONE, statistic="censored", holds={"between": [1.3, 1.6]}, scale="linear")
    values = np.r_[np.random.default_rng(0).normal(1.45, 0.05, 18), np.inf, np.inf]
    table = pd.DataFrame({"error": values, "lowest": 0.8, "highest": 1.6})
    row = verdicts.evaluate(censored, table)
    assert row["verdict"] == verdicts.SUPPORTED and row["n"] == 20
    given = replace(ONE, statistic="given")
    row = verdicts.evaluate(
        given, pd.DataFrame([{"error": 0.05, "error_low": 0.04, "error_high": 0.06, "error_n": 12}])
    )
    assert row["verdict"] == verdicts.SUPPORTED
    share = replace(ONE, statistic="share", holds={"above": 0.5})
    assert verdicts.evaluate(share, pd.DataFrame({"error": [True] * 19 + [False]}))["verdict"] == verdicts.SUPPORTED


@pytest.mark.parametrize(
    "change, told",
    (
        ({"holds": {"below": 0.1, "above": 0.0}}, "expected one of `below: x`"),
        ({"holds": {"between": [2, 1]}}, "the smaller one first"),
        ({"holds": {"around": 2}}, "holds"),
        ({"least": 3}, "no interval is given for fewer than 5"),
        ({"table": "nowhere"}, "expected one of t"),
        ({"scale": "squared"}, "scale"),
        ({"rowss": "kept"}, "rowss"),
        ({"quantity": None}, "quantity"),
    ),
)
def test_a_faulty_claim_is_refused_with_its_place(tmp_path, change, told):
    entry = {**vars(ONE), **change}
    path = tmp_path / "claims.yaml"
    path.write_text(yaml.safe_dump({"claims": [entry, vars(ONE)]}, sort_keys=False))
    with pytest.raises(ConfigurationError) as caught:
        load(str(path), {"t"})
    assert any(told in problem and "claims.yaml:" in problem for problem in caught.value.problems), caught.value


def test_two_claims_of_one_name_are_refused_and_a_file_without_claims(tmp_path):
    path = tmp_path / "claims.yaml"
    path.write_text(yaml.safe_dump({"claims": [vars(ONE), vars(ONE)]}))
    with pytest.raises(ConfigurationError, match="twice"):
        load(str(path), {"t"})
    path.write_text("claim: []\n")
    with pytest.raises(ConfigurationError, match="found no claims"):
        load(str(path), {"t"})


def test_a_bar_in_a_claim_is_none_of_its_table():
    assert words.row_of_table("k Y/|dy|^2", "1") == r"| k Y/\|dy\|^2 | 1 |"


def test_the_words_name_what_was_measured_on_what_and_what_would_refute(tmp_path):
    artifacts.write_table(data(ONE, 0.01, 20), tmp_path / "t.csv")
    claims = [vars(ONE), vars(replace(ONE, name="gone", table="not_made"))]
    paths = [str(tmp_path / name) for name in ("claims.csv", "claims.md", "found.csv")]
    evaluate.main([str(tmp_path / "t.csv")], claims, {"small": "drawn", "gone": "other"}, 0.95, *paths)
    words = (tmp_path / "claims.md").read_text()
    assert "1 supported, 1 not evaluated" in words
    for part in ("n = 20 networks", "error below 0.1", "an error of 0.1", "`tables/t.csv`", "claimed in words by: us"):
        assert part in words, part
    table = artifacts.read_table(tmp_path / "claims.csv")
    assert list(table.verdict) == ["supported", "not evaluated"]
    captions = found(paths[2], ["drawn", "empty"])
    assert captions["drawn"].startswith("**Found.**\n\n- **✓ supported** It is small. Measured 0.00998 [")
    assert "error below 0.1" in captions["drawn"] and captions["empty"] == ""
    assert found(str(tmp_path / "not_made.csv"), ["drawn"]) == {"drawn": ""}


def test_a_caption_shows_signs_of_a_claim_as_they_are():
    row = pd.DataFrame([verdicts.evaluate(replace(ONE, claim="Y/|dy|^2 * k_ is `small`"), data(ONE, 0.01, 20))])
    shown = publish_parts(evaluate.sentence(next(row.itertuples())), writer="html")["body"]
    assert "Y/|dy|^2 * k_ is `small`" in shown and "system-message" not in shown


def test_an_estimate_without_interval_decides_nothing():
    assert verdicts.verdict(Estimate(0.01, np.nan, np.nan, 100), ONE) == verdicts.UNDECIDED
