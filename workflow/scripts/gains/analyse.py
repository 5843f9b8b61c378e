"""Rows that differ in gain: error of the fit, and distances before and after training.

One row a gain and mean or network; quantity: error_active, nrmse, h_start, h_end, h_growth (h_end / h_start), and
error_ratio, error_active by that of the same network at the smallest gain: its initial weights are the same but for
their scale. series: experiment (geometric mean over kept networks with its interval), network (single kept ones),
network_at_bound (kept ones whose best eta_h is 0), network_falling (those of them whose representations come closer,
although the theory can only part them) and discarded_network.
"""

import numpy as np
import pandas as pd

from repdyn import artifacts
from repdyn.statistics import intervals
from repdyn.theory.bounds import at_bound

QUANTITIES = ("error_active", "nrmse", "h_start", "h_end", "h_growth", "error_ratio")
COLUMNS = ["setting", "gain", "layer", "quantity", "series", "seed", "value", "low", "high", "networks"]
COLUMNS += ["unit", "interval"]


def main(fits: list[str], rows: list[dict], confidence: float, output: str) -> None:
    pairs = sorted(zip(fits, rows, strict=True), key=lambda pair: pair[1]["gain"])
    tables = [artifacts.read_table(path).query(f"layer == {row['layer']}").set_index("seed") for path, row in pairs]
    smallest = tables[0].error_active.where(tables[0].kept)
    parts = []
    for fit, (_, row) in zip(tables, pairs, strict=True):
        ratio = fit.error_active / smallest if fit is not tables[0] else np.nan
        measured = _measured(fit.assign(h_growth=fit.h_end / fit.h_start, error_ratio=ratio), confidence)
        parts.append(measured.assign(setting=row["name"], gain=row["gain"], layer=row["layer"]))
    table = pd.concat(parts, ignore_index=True).assign(
        unit="network", interval=f"t on logarithms, {100 * confidence:g} %"
    )
    artifacts.write_table(table[COLUMNS].astype({"seed": "Int64"}), output)


def _measured(fits: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """The rows of one gain. fits: of its networks at the observed layer, by seed."""
    rows = []
    frozen = at_bound(fits.eta_h)
    falling = frozen & (fits.h_end < fits.h_start)
    names = np.select(
        [~fits.kept, falling, frozen], ["discarded_network", "network_falling", "network_at_bound"], "network"
    )
    for quantity in QUANTITIES:
        values = fits[quantity].astype(float)
        mean = intervals.mean(values[fits.kept & (values > 0)], confidence, "log")
        if mean.n:
            rows.append((quantity, "experiment", None, mean.value, mean.low, mean.high, mean.n))
        for (network, value), series in zip(values.items(), names, strict=True):
            if np.isfinite(value):
                rows.append((quantity, series, network, value, np.nan, np.nan, 1))
    return pd.DataFrame(rows, columns=["quantity", "series", "seed", "value", "low", "high", "networks"])
