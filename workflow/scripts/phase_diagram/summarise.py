"""The phase diagram's tables: every network, means of its cells, and the gains at which rich turns lazy.

crossover: one row a setting, hidden layer and way to tell (measured in all of them, fitted in the middle one), with the
mean over networks; networks, one row a network, layer and way. A network that is rich at all gains at which it trained,
or lazy at all, counts as censored there.
"""

import numpy as np
import pandas as pd

from repdyn import artifacts
from repdyn.networks.activations import ACTIVATIONS
from repdyn.statistics import intervals
from repdyn.theory import regimes

GROUP = ["setting", "depth", "width", "layer", "place"]
WAYS = {"measured": "measured_balance", "fitted": "fitted_balance"}


def main(
    fits: list[str], rows: list[dict], confidence: float, table: str, cells: str, networks: str, crossover: str
) -> None:
    fits = pd.concat(map(artifacts.read_table, fits), ignore_index=True)
    artifacts.write_table(fits, table)
    artifacts.write_table(averaged(fits, confidence), cells)
    single = crossings(fits, {row["name"]: critical_gain(row["activation"]) for row in rows})
    artifacts.write_table(single, networks)
    artifacts.write_table(summary(single, confidence), crossover)


def critical_gain(activation: str) -> float:
    """The gain at which gain^2 times the mean square slope is 1: distances keep with depth; nan if not known."""
    return (ACTIVATIONS[activation].mean_square_slope or np.nan) ** -0.5


def averaged(fits: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """One row a setting and gain: H at the end over H(0) in the middle layer of trained networks."""
    rows = []
    for (setting, gain), here in fits[fits.place == "middle"].groupby(["setting", "gain"], sort=False):
        trained = here[here.status == "ok"]
        growth = intervals.mean(trained.h_end / trained.h_start, confidence, "log")
        about = {"setting": setting, **here[["depth", "width"]].iloc[0].to_dict(), "gain": gain}
        row = about | growth.columns("growth", "networks") | {"of": len(here)}
        row["error"] = intervals.mean(trained.nrmse, confidence, "log").value
        row["border"] = regimes.GOLDEN
        row["seen"] = "" if np.isnan(growth.value) else "rich" if growth.value > regimes.GOLDEN else "lazy"
        rows.append(row | {"unit": "network", "interval": f"t on logarithms, {100 * confidence:g} %"})
    return pd.DataFrame(rows)


def crossings(fits: pd.DataFrame, mean_field: dict[str, float]) -> pd.DataFrame:
    """One row a network, layer and way: the gain at which it crosses; -inf or inf, with the reason, where it is beyond.

    first_gain, last_gain: between which it trained. beyond: -1 below all of them, 1 above. lowest, highest: of the
    networks of a setting that are beyond, the end that says least: no gain is claimed at which one did not train.
    """
    rows = []
    group = [*GROUP, "seed"]
    for about, run in fits.fillna({"place": ""}).groupby(group, sort=False):
        about, run = dict(zip(group, about, strict=True)), run.sort_values("gain")
        for way in WAYS if about["place"] == "middle" else ["measured"]:
            seen = run[np.isfinite(run[WAYS[way]])]
            gain = regimes.crossover(seen.gain, seen[WAYS[way]])
            reason = "no network trained" if np.isnan(gain) else ""
            if np.isinf(gain):
                reason = (
                    f"{'rich' if gain > 0 else 'lazy'} at all gains from {seen.gain.min():g} to {seen.gain.max():g}"
                )
            row = {"way": way, "crossover": gain, "mean_field": mean_field[about["setting"]]}
            row["over_mean_field"] = gain / row["mean_field"]
            row["beyond"] = int(np.sign(gain)) if np.isinf(gain) else 0
            row |= {"first_gain": seen.gain.min(), "last_gain": seen.gain.max(), "reason": reason}
            rows.append(about | row)
    single = pd.DataFrame(rows)
    group = single.groupby([*GROUP, "way"], sort=False)
    below, above = (single[end].where(single.beyond == side) for end, side in (("first_gain", -1), ("last_gain", 1)))
    by = [single[name] for name in (*GROUP, "way")]
    single["lowest"] = below.groupby(by).transform("max").fillna(group.first_gain.transform("min"))
    single["highest"] = above.groupby(by).transform("min").fillna(group.last_gain.transform("max"))
    return single


def summary(single: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Means over networks, with those that cross beyond the gains that they trained at as censored."""
    rows = []
    group = [*GROUP, "way"]
    for about, here in single.groupby(group, sort=False):
        estimate = intervals.censored_mean(here.crossover, here.lowest.iloc[0], here.highest.iloc[0], confidence)
        row = {"value": estimate.value, "low": estimate.low, "high": estimate.high, "networks": estimate.n}
        row |= {"censored": estimate.censored, "sd": here.crossover[here.beyond == 0].std(ddof=1)}
        row |= {"mean_field": here.mean_field.iloc[0], "unit": "network"}
        row["interval"] = f"t, censored networks counted, {100 * confidence:g} %"
        rows.append(dict(zip(group, about, strict=True)) | row)
    return pd.DataFrame(rows)
