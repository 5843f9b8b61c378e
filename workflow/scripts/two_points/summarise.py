"""One row a setting: means over its kept networks at the table's layer with bootstrap intervals; what was discarded.

Rates are averaged over fits that converged: one at a bound is not an estimate. Errors are those of all kept networks.
"""

import pandas as pd

from repdyn import artifacts
from repdyn.statistics.intervals import bootstrap_interval

RATES = ("eta_h", "eta_y")
QUANTITIES = (*RATES, "eta_m", "sse", "nrmse", "r2", "h_start", "h_end", "final_loss")


def main(fits: str, layers: dict[str, int], intervals: dict, seed: int, output: str) -> None:
    fits = artifacts.read_table(fits)
    rows = []
    for setting, layer in layers.items():
        runs = fits.query("setting == @setting and layer == @layer")
        if not len(runs):
            raise ValueError(f"the table of fits has no row of setting {setting}, layer {layer}")
        kept = runs[runs.kept]
        row = {"setting": setting, "layer": layer, "networks": len(runs), "kept": len(kept)}
        row["converged"] = int(kept.converged.sum())
        for quantity in QUANTITIES:
            values = (kept[kept.converged] if quantity in RATES else kept)[quantity]
            low, high = bootstrap_interval(values, intervals["confidence"], intervals["resamples"], seed)
            row |= {quantity: values.mean(), f"{quantity}_low": low, f"{quantity}_high": high}
        row["reason"] = " | ".join(f"seed {run.seed}: {run.reason}" for run in runs.itertuples() if run.reason)
        rows.append(row)
    artifacts.write_table(pd.DataFrame(rows), output)
