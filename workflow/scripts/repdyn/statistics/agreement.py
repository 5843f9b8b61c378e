"""Does a number of another study agree with the study of record? Few networks may say so, or say nothing.

The record's mean of N units and its interval give the scatter of a unit; with it the mean of n further units is
expected within t_(N-1) s sqrt(1/n + 1/N) of the record's, on the scale of the claim. A mean outside differs: of a
hundred that are alike five do so by chance (at 95 %). A mean inside agrees; but where the range reaches to both sides
of the claim's criterion, and the record is on one, so few units can't tell. Shares are compared by Fisher's exact test.

Of a claim about several settings the one setting is compared that decided it in the record: it was the record's extreme
one, so that another study tends to find it less extreme, and differs somewhat more often.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy

from repdyn.statistics import intervals, verdicts
from repdyn.statistics.claims import Claim
from repdyn.statistics.words import number

AGREES, DIFFERS, TOO_FEW, NOT_COMPARED = "agrees", "differs", "too few to say", "not compared"


@dataclass(frozen=True)
class Agreement:
    """What came of one claim: agrees, differs, too few to say or not compared; and a sentence with both numbers."""

    name: str
    verdict: str
    words: str


def of_claim(
    claim: Claim,
    table: pd.DataFrame | None,
    record: pd.DataFrame,
    confidence: float = 0.95,
    recorded_table: pd.DataFrame | None = None,
) -> Agreement:
    """Hold this study's table of a claim against the record's row of it.

    table: None where this study has none; record: the record's claims.csv, by name; recorded_table: the table that it
    was evaluated on, which `claim.alike` asks for.
    """
    if claim.name not in record.index:
        return Agreement(claim.name, NOT_COMPARED, "the record does not have this claim.")
    there = record.loc[claim.name]
    recorded = intervals.Estimate(there.value, there.low, there.high, int(there.n))
    group = there.group if claim.each and isinstance(there.group, str) else ""
    if table is None:
        return Agreement(claim.name, NOT_COMPARED, f"its table {claim.table}.csv is not made here.")
    if recorded_table is not None and (words := unlike(claim, table, recorded_table, group)):
        return Agreement(claim.name, NOT_COMPARED, words)
    mine = here(claim, table, group, confidence)
    return Agreement(claim.name, *held(claim, mine, recorded, there.verdict, group, confidence))


def _rows(claim: Claim, table: pd.DataFrame, group: str) -> pd.DataFrame:
    rows = table.query(claim.rows) if claim.rows else table
    return rows[rows[claim.each].astype(str) == group] if group else rows


def unlike(claim: Claim, table: pd.DataFrame, recorded: pd.DataFrame, group: str) -> str:
    """In which of the columns `claim.alike` the rows of two tables differ, in words; empty where in none."""
    both = [_rows(claim, one, group) for one in (table, recorded)]
    found = [(column, *(sorted(rows[column].unique()) for rows in both)) for column in claim.alike]
    told = [
        f"{column} {_listed(ours)} here, {_listed(theirs)} in the record"
        for column, ours, theirs in found
        if ours != theirs
    ]
    return f"other networks were trained: {'; '.join(told)}." if told and all(map(len, both)) else ""


def _listed(values) -> str:
    return ", ".join(map(str, values))


def here(claim: Claim, table: pd.DataFrame, group: str, confidence: float) -> intervals.Estimate:
    """The claim's number in a table, in this group alone; of no units where the table has none."""
    try:
        rows = _rows(claim, table, group)
        return verdicts.estimated(rows, claim, confidence) if len(rows) else intervals.NOTHING
    except (ValueError, LookupError):  # numbers that the statistic is not made for, or none
        return intervals.NOTHING


def held(
    claim: Claim,
    mine: intervals.Estimate,
    record: intervals.Estimate,
    recorded: str,
    group: str = "",
    confidence: float = 0.95,
) -> tuple[str, str]:
    """Verdict and sentence; `recorded` is the record's verdict of the claim."""
    where = f" of {group}" if group else ""
    units = f"{mine.n} {claim.unit}{'s' if mine.n != 1 else ''}{where}"
    agree, differ = ("agrees", "differs") if mine.n == 1 else ("agree", "differ")
    if mine.n < 1 or not np.isfinite(mine.value):
        return NOT_COMPARED, f"there is no number here{where and f' for {group}'}."
    if not np.isfinite([record.value, record.low, record.high]).all():
        few = f"{record.n} {claim.unit}s" if record.n else f"no {claim.unit}"
        return NOT_COMPARED, f"the record has {few}, too few for an interval; here {number(mine.value)} ({units})."
    both = f"{number(mine.value)} against {number(record.value)} [{number(record.low)}, {number(record.high)}]"
    if claim.statistic == "share":
        alike = same_share(mine, record) >= 1 - confidence
        verdict, word = (AGREES, f"{agree} with") if alike else (DIFFERS, f"{differ} from")
        return verdict, f"your {units} {word} the record: {both}."
    scale = claim.scale if claim.statistic == "mean" else "linear"
    low, high = intervals.mean_of_further(record, mine.n, scale)
    expected = f"expected within [{number(low)}, {number(high)}]"
    if not low <= mine.value <= high:
        return DIFFERS, f"your {units} {differ} from the record: {both}, {expected}."
    least, most = claim.range
    decided = recorded in (verdicts.SUPPORTED, verdicts.REFUTED)
    if decided and not (least <= low and high <= most) and not (high < least or most < low):
        return TOO_FEW, f"n too small to say: {both}, but {units} are {expected}, on both sides of the criterion."
    return AGREES, f"your {units} {agree} with the record: {both}, {expected}."


def same_share(mine: intervals.Estimate, record: intervals.Estimate) -> float:
    """p of Fisher's exact test that two shares of n trials are one."""
    counts = [[round(of.value * of.n), of.n - round(of.value * of.n)] for of in (mine, record)]
    return float(scipy.stats.fisher_exact(counts).pvalue)
