"""One row a setting: means over its kept networks at the table's layer, with intervals; what was discarded.

Numbers that vary by factors are averaged as logarithms, so these are geometric means. Rates are averaged over fits that
converged: one at a bound is not an estimate. Errors are those of all kept networks. growth is 1 + k of the drifting
clock, growth_kernel the same predicted from the tangent kernel.
"""

import pandas as pd

from repdyn import artifacts
from repdyn.statistics import intervals

RATES = ("eta_h", "eta_y")
FACTORS = (*RATES, "eta_m", "sse", "nrmse", "error_active", "h_start", "h_end", "final_loss")
FACTORS += ("orbit_error", "orbit_error_line", "orbit_error_depth", "error_clock", "sse_clock")
FACTORS += ("growth", "growth_kernel")


def main(fits: str, layers: dict[str, int], confidence: float, output: str) -> None:
    fits = artifacts.read_table(fits)
    fits = fits.assign(growth=1 + fits.k, growth_kernel=1 + fits.k_kernel)
    rows = []
    for setting, layer in layers.items():
        runs = fits.query("setting == @setting and layer == @layer")
        if not len(runs):
            raise ValueError(f"the table of fits has no row of setting {setting}, layer {layer}")
        kept = runs[runs.kept]
        row = {"setting": setting, "layer": layer, "networks": len(runs), "kept": len(kept)}
        row["converged"] = int(kept.converged.sum())
        for name in FACTORS:
            values = (kept[kept.converged] if name in RATES else kept)[name]
            row |= intervals.mean(values[values > 0], confidence, "log").columns(name)
        row |= intervals.mean(kept.r2, confidence).columns("r2")
        row |= {"unit": "network", "interval": f"t on logarithms (of r2 on itself), {100 * confidence:g} %"}
        row["reason"] = " | ".join(f"seed {run.seed}: {run.reason}" for run in runs.itertuples() if run.reason)
        rows.append(row)
    artifacts.write_table(pd.DataFrame(rows), output)
