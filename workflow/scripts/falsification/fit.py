"""Fit the theory and its four alterations to every network of one setting, at the layer of the settings table.

One row a network and dynamics. No run is dropped: one that diverged or did not learn keeps its rows, with `kept` false
and the reason.
"""

import logging

import numpy as np
import pandas as pd

from repdyn import artifacts
from repdyn.fitting import falsification, selection

DECISIVE = 2  # difference of the criterion from which on one dynamics is preferred to another


def main(runs: str, kept: str, layer: int, output: str) -> None:
    runs = artifacts.read_dataset(runs).sel(layer=layer)
    known = artifacts.read_table(kept).query("layer == @layer").set_index("seed")
    t = runs["step"].values.astype(float)
    observed = np.stack([runs[name].values.astype(float) for name in "HYw"], axis=1)  # (network, 3, step)
    found = falsification.fit(t, *observed.swapaxes(0, 1), runs.dx2, runs.dy2)
    rows = []
    for seed, curves, dynamics in zip(runs["seed"].values, observed, found, strict=True):
        discarded = "" if known.kept[seed] else known.reason[seed].split("; ")[0]
        fitted = [fit for fit, _ in dynamics.values()]
        sse = np.array([fit.sse for fit in fitted])
        # One number of observations for all five, or their criteria could not be compared: the smallest.
        worth = [selection.effective_observations(predicted - curves).sum() for _, predicted in dynamics.values()]
        observations = np.nanmin(worth) if np.isfinite(sse).any() else np.nan
        criterion = falsification.criterion(sse, observations, t.size)
        behind = criterion - np.nanmin(criterion) if np.isfinite(sse).any() else criterion
        win = falsification.wins(sse)
        decisive = (win == 1) & (np.sum(~(behind >= DECISIVE)) == 1)
        for i, (name, fit) in enumerate(zip(dynamics, fitted, strict=True)):
            rows.append(
                {
                    "setting": runs.setting,
                    "seed": seed,
                    "dynamics": name,
                    "sse": fit.sse,
                    "criterion": criterion[i],
                    "nrmse": fit.nrmse,
                    "eta_h": fit.eta_h,
                    "eta_y": fit.eta_y,
                    "converged": fit.converged,
                    "reason": "; ".join(filter(None, [discarded, fit.reason])),
                    "kept": not discarded,
                    "layer": layer,
                    "delta": behind[i],
                    "win": win[i],
                    "decisive": bool(decisive[i]),
                    "observations": observations,
                }
            )
        logging.info("seed %d: lowest sum of squares: %s", seed, list(dynamics)[int(win.argmax())])
    artifacts.write_table(pd.DataFrame(rows), output)
