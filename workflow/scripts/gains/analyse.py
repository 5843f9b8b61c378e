"""Rows that differ in gain: error of the fit, and distances before and after training.

One row a gain and mean or network; quantity: nrmse, h_start, h_end. series: experiment (mean over kept networks with
its bootstrap interval), network (single kept ones), network_at_bound (kept ones whose best eta_h is 0), network_falling
(those of them whose representations come closer, although the theory can only part them) and discarded_network.
"""

import numpy as np
import pandas as pd

from repdyn import artifacts
from repdyn.statistics.intervals import bootstrap_interval
from repdyn.theory.bounds import at_bound

COLUMNS = ["setting", "gain", "layer", "quantity", "series", "seed", "value", "low", "high", "networks"]


def main(fits: list[str], rows: list[dict], intervals: dict, seed: int, output: str) -> None:
    found = []
    for path, row in sorted(zip(fits, rows, strict=True), key=lambda one: one[1]["gain"]):
        fit = artifacts.read_table(path).query(f"layer == {row['layer']}").set_index("seed")
        about = {"setting": row["name"], "gain": row["gain"], "layer": row["layer"]}
        found.append(measured(fit, intervals, seed).assign(**about))
    artifacts.write_table(pd.concat(found, ignore_index=True)[COLUMNS].astype({"seed": "Int64"}), output)


def measured(fits: pd.DataFrame, intervals: dict, seed: int) -> pd.DataFrame:
    """The rows of one gain. fits: of its networks at the observed layer, by seed."""
    rows, kept = [], fits[fits.kept]
    frozen = at_bound(fits.eta_h)
    falling = frozen & (fits.h_end < fits.h_start)
    names = np.select(
        [~fits.kept, falling, frozen], ["discarded_network", "network_falling", "network_at_bound"], "network"
    )
    for quantity in ("nrmse", "h_start", "h_end"):
        values = kept[quantity].to_numpy()
        values = values[np.isfinite(values)]
        if len(values):
            low, high = bootstrap_interval(values, intervals["confidence"], intervals["resamples"], seed)
            rows.append((quantity, "experiment", None, values.mean(), low, high, len(values)))
        for (network, value), series in zip(fits[quantity].items(), names, strict=True):
            if np.isfinite(value):
                rows.append((quantity, series, network, value, np.nan, np.nan, 1))
    return pd.DataFrame(rows, columns=["quantity", "series", "seed", "value", "low", "high", "networks"])
