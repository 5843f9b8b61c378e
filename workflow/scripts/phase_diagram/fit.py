"""Fit every network and hidden layer of one depth; name each network's regime, and where it did not train.

Rates are divided by the learning rate: they are per unit of time, which is learning rate x steps.
"""

import json

import numpy as np
import pandas as pd

from repdyn import artifacts, fitting, theory
from repdyn.theory import regimes


def main(runs: str, converged_below: float, output: str) -> None:
    runs = artifacts.read_dataset(runs)
    row = json.loads(runs.row)
    rows = []
    for network in range(runs.sizes["network"]):
        run = runs.isel(network=network)
        status = "ok"
        if run.diverged_at.item() >= 0:
            status = f"diverged at step {run.diverged_at.item()}"
        elif run.loss.values[-1] > converged_below:
            status = f"final loss {run.loss.values[-1]:.3g} above {converged_below:g}"
        n = regimes.window(run.loss.values, converged_below)
        t, Y, w, lr = np.arange(n, dtype=float), run.Y.values[:n], run.w.values[:n], run.lr.item()
        for layer in runs.layer.values:
            H = run.H.values[layer, :n].astype(float)
            fit = fitting.fit_trajectory(t, H, Y, w, runs.dx2, runs.dy2)
            A_low = A_high = np.nan
            if np.isfinite(fit.eta_h):
                _, A_low, A_high = theory.fixed_point(H[0], Y[0], fit.eta_h, fit.eta_y, runs.dx2, runs.dy2)
            rows.append(
                {
                    "depth": row["depth"],
                    "gain": run.gain.item(),
                    "seed": run.seed.item(),
                    "layer": layer,
                    "eta_h": fit.eta_h / lr,
                    "eta_y": fit.eta_y / lr,
                    "nrmse": fit.nrmse,
                    "regime": "" if np.isnan(A_low) else "rich" if A_low > A_high else "lazy",
                    "status": status,
                    "a_low": A_low,
                    "a_high": A_high,
                    "h_start": H[0],
                    "h_end": H[-1],
                    "lr": lr,
                    "steps": n,
                    "converged": fit.converged,
                    "reason": fit.reason,
                }
            )
    table = pd.DataFrame(rows)
    here = table.groupby(["gain", "seed"])["nrmse"]
    table["best"] = (table.nrmse == here.transform("min")) & (table.status == "ok")
    artifacts.write_table(table, output)
