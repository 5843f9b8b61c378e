"""What a table says of a claim: supported, refuted or undecided, by an interval and a criterion that stood before.

The criterion is a range of a quantity's mean over units. With the interval of that mean wholly inside, the claim is
supported; wholly outside, refuted; else, or with fewer units than the claim asks for, undecided. A claim about several
groups (settings) is supported if it is in each of them, which needs no correction for their number (an
intersection-union test, Berger 1982); it is refuted if it is in one of them at a level that is divided by their number
(Bonferroni).
"""

import numpy as np
import pandas as pd

from repdyn.statistics import intervals
from repdyn.statistics.claims import Claim

SUPPORTED, REFUTED, UNDECIDED, NOT_EVALUATED = "supported", "refuted", "undecided", "not evaluated"


def verdict(estimate: intervals.Estimate, claim: Claim) -> str:
    """Of one estimate, with as many units as it has."""
    low, high = claim.range
    if estimate.n < claim.least or not np.isfinite([estimate.low, estimate.high]).all():
        return UNDECIDED
    if low <= estimate.low and estimate.high <= high:
        return SUPPORTED
    return REFUTED if estimate.high < low or high < estimate.low else UNDECIDED


def needed(estimate: intervals.Estimate, claim: Claim) -> float:
    """How many units would decide, if mean and scatter stay what they are; nan where that cannot be said."""
    to = intervals.SCALES[claim.scale][0] if claim.statistic == "mean" else lambda x: x
    with np.errstate(all="ignore"):
        value, low, high = (to(float(x)) for x in (estimate.value, estimate.low, estimate.high))
        distance = min(abs(value - to(float(bound))) for bound in claim.range if np.isfinite(bound))
        enough = estimate.n * ((high - low) / 2 / distance) ** 2
    return float(np.ceil(max(enough, claim.least))) if np.isfinite(enough) else np.nan


def estimated(table: pd.DataFrame, claim: Claim, confidence: float) -> intervals.Estimate:
    """The claim's number from rows of its table."""
    values = table[claim.quantity]
    if claim.statistic == "given":
        if len(table) != 1:
            raise LookupError(f"expected one row, found {len(table)}")
        row = table.iloc[0]
        low, high, n = (row[f"{claim.quantity}_{end}"] for end in ("low", "high", "n"))
        return intervals.Estimate(row[claim.quantity], low, high, int(n))
    if claim.statistic == "share":
        known = values.dropna().astype(bool)
        return intervals.share(int(known.sum()), known.size, confidence)
    if claim.statistic == "censored":
        ends = (float(table[end].iloc[0]) if len(table) else np.nan for end in ("lowest", "highest"))
        return intervals.censored_mean(values, *ends, confidence)
    if claim.cluster:
        cluster = table.groupby(claim.cluster, sort=False).ngroup()
        return intervals.of_clusters(values, cluster, confidence, claim.scale)
    return intervals.mean(values, confidence, claim.scale)


def evaluate(claim: Claim, table: pd.DataFrame, confidence: float = 0.95) -> dict:
    """One row of the table of claims. Raises ValueError where the table has no such rows or column."""
    try:
        rows = table.query(claim.rows) if claim.rows else table
        if not len(rows):
            return _row(claim, UNDECIDED, "", intervals.NOTHING, "no row to decide it")
        groups = [(str(name), of) for name, of in rows.groupby(claim.each, sort=False)] if claim.each else [("", rows)]
        found = {name: estimated(of, claim, confidence) for name, of in groups}
        level = 1 - (1 - confidence) / max(len(groups), 1)
        strict = {name: estimated(of, claim, level) for name, of in groups}
    except ValueError as error:  # numbers that the statistic is not made for
        return _row(claim, UNDECIDED, "", intervals.NOTHING, str(error))
    except Exception as error:  # a query can fail in any way
        raise ValueError(f"claim {claim.name}, table {claim.table}: {type(error).__name__}: {error}") from error
    verdicts = {name: verdict(one, claim) for name, one in found.items()}
    refuted = [name for name, one in strict.items() if verdict(one, claim) == REFUTED]
    supported = [name for name, what in verdicts.items() if what == SUPPORTED]
    undecided = [name for name in found if name not in refuted and name not in supported]
    outcome = REFUTED if refuted else UNDECIDED if undecided else SUPPORTED
    shown = _furthest(found, refuted or undecided or supported, claim)
    told = []
    if claim.each:
        told += [f"refuted: {', '.join(refuted)}"] if refuted else []
        told += [f"undecided: {', '.join(undecided)}"] if undecided else []
    if outcome == UNDECIDED:
        lacking = min(found[name].n for name in undecided)
        # a mean inside the range has its own interval to shrink, one outside that of the corrected level
        units = needed((found if _inside(found[shown], claim) > 0 else strict)[shown], claim)
        if lacking < claim.least:
            told += [f"{lacking} of {claim.least} {claim.unit}s"]
        elif np.isfinite(units):
            told += [f"about {units:.0f} {claim.unit}s would decide"]
    counts = {"groups": len(found), "held": len(supported)}
    return _row(claim, outcome, shown, found[shown], "; ".join(told), **counts)


def _furthest(found: dict, names: list[str], claim: Claim) -> str:
    """Of these groups the one whose mean lies furthest out of the range, or nearest to its edge."""
    return min(names, key=lambda name: _inside(found[name], claim))


def _inside(estimate: intervals.Estimate, claim: Claim) -> float:
    """How far the mean lies inside the range; negative outside."""
    low, high = claim.range
    return min(estimate.value - low, high - estimate.value) if np.isfinite(estimate.value) else -np.inf


def _row(claim, outcome, group, estimate, told, groups=0, held=0) -> dict:
    ends = {"value": estimate.value, "low": estimate.low, "high": estimate.high, "n": estimate.n}
    return {
        **{"name": claim.name, "verdict": outcome, "claim": claim.claim, "group": group, **ends, "unit": claim.unit},
        **{"groups": groups, "held": held},
        **{"criterion": claim.criterion, "least": claim.least, "told": told, "source": claim.source},
        **{"table": claim.table, "rows": claim.rows, "quantity": claim.quantity, "refuted_by": claim.refuted_by},
    }


def not_evaluated(claim: Claim, why: str) -> dict:
    """The row of a claim whose table is not made."""
    return _row(claim, NOT_EVALUATED, "", intervals.NOTHING, why)
