"""Steps to a loss on a second encoding, of networks that have learned a first one, over those of fresh networks.

Both are the same initial network. One that does not come back to the loss counts with all the steps it had, so that its
ratio is a lower bound; pairs whose fresh network does not reach the loss say nothing.
"""

import numpy as np
import pandas as pd

from repdyn import artifacts
from repdyn.statistics import intervals
from repdyn.statistics.effective_dimension import at_loss

GROUP = ["setting", "activation", "shape", "method", "age"]


def main(runs: list[str], level: float, confidence: float, table: str, summary: str) -> None:
    rows = pd.DataFrame([row for path in runs for row in measured(artifacts.read_dataset(path), level)])
    artifacts.write_table(rows, table)
    means = pd.DataFrame(
        [dict(zip(GROUP, key)) | averaged(of, confidence) for key, of in rows.groupby(GROUP, sort=False)]
    )
    family = means.groupby("age")["ratio_p"]
    means["ratio_discovery"] = family.transform(lambda p: intervals.discoveries(p, 1 - confidence)).astype(bool)
    artifacts.write_table(means, summary)


def measured(runs, level: float) -> list[dict]:
    """Rows of one setting, one a method, age and network."""
    t, rows = runs.time.values.astype(float), []
    fresh_age, *ages = runs.age.values
    about = {"setting": runs.setting, "activation": runs.activation, "shape": runs.attrs["shape"]}
    for method in runs.method.values:
        for seed in runs.seed.values:
            one = runs.sel({"method": method, "seed": seed})
            unlearned = one.second.sel(age=fresh_age).values
            fresh = steps_to(unlearned, t, level)
            first = steps_to(one.first.values, t, level)
            for age in ages:
                own = one.second.sel(age=age).values
                steps = steps_to(own, t, level)
                row = about | {"method": method, "age": age, "seed": seed}
                row |= {"first_loss": np.interp(age, t, one.first.values), "first_steps": first}
                row |= {"start_loss": own[0], "fresh_start_loss": unlearned[0]}
                row |= {"fresh_steps": fresh, "steps": steps, "reached": bool(np.isfinite(steps))}
                row["ratio"] = (steps if row["reached"] else t[-1]) / fresh
                row["reason"] = reason(own, steps, fresh)
                rows.append(row)
    return rows


def steps_to(loss, t, level: float) -> float:
    """The step at which the loss (time,) first falls to a level, or nan; at least 1."""
    (step,) = at_loss(loss.astype(float), level, t)
    return float(np.maximum(step, 1.0))


def reason(loss, steps: float, fresh: float) -> str:
    """What is to be known of a ratio, or an empty string."""
    if not np.isfinite(fresh):
        return "the fresh network does not reach the loss"
    if np.isfinite(steps):
        return ""
    return "diverged" if not np.isfinite(loss).all() else "a lower bound: the loss is not reached again"


def averaged(of: pd.DataFrame, confidence: float) -> dict:
    """Over the networks of one setting, method and age."""
    ratio = of.ratio.where(of.reason != "diverged")
    row = intervals.mean(ratio, confidence, "log").columns("ratio") | {"ratio_p": intervals.p_value(ratio, 1, "log")}
    row |= {"networks": len(of), "bounds": int((of.reason.str.startswith("a lower")).sum())}
    reasons = of.reason[of.reason != ""].value_counts(sort=False)
    row["reason"] = "; ".join(f"{count} of {len(of)}: {why}" for why, count in reasons.items())
    return row | {"unit": "network", "interval": f"t on logarithms, {100 * confidence:g} %"}
