"""Where every network of one depth began and ended, and the theory's balance from a fit at its middle hidden layer.

The measured balance needs no fit: log(GOLDEN H(0) / H_end), below 0 where a network is rich (see `theory.regimes`).
"""

import json

import numpy as np
import pandas as pd

from repdyn import artifacts, fitting, theory
from repdyn.theory import regimes


def main(runs: str, converged_below: float, output: str) -> None:
    runs = artifacts.read_dataset(runs)
    row = json.loads(runs.row)
    layer = row["depth"] // 2
    rows = []
    for network in range(runs.sizes["network"]):
        run = runs.isel(network=network).sel(layer=layer)
        status = "ok"
        if run.diverged_at.item() >= 0:
            status = f"diverged at step {run.diverged_at.item()}"
        elif run.loss.values[-1] > converged_below:
            status = f"final loss {run.loss.values[-1]:.3g} above {converged_below:g}"
        n = regimes.window(run.loss.values, converged_below)
        H, Y, w = (run[name].values[:n].astype(float) for name in "HYw")
        fit = fitting.Fit(reason=status)
        if status == "ok":
            fit = fitting.fit_trajectory(np.arange(n, dtype=float), H, Y, w, runs.dx2, runs.dy2)
        balance = np.nan
        if np.isfinite(fit.eta_h):
            _, A_low, A_high = theory.fixed_point(H[0], Y[0], fit.eta_h, fit.eta_y, runs.dx2, runs.dy2)
            balance = float(regimes.balance(A_low, A_high))
        end = run.H.values[-1]
        rows.append(
            {
                "setting": row["name"],
                "depth": row["depth"],
                "width": row["width"],
                "gain": run.gain.item(),
                "seed": run.seed.item(),
                "layer": layer,
                "status": status,
                "h_start": H[0],
                "h_end": end,
                "measured_balance": np.log(regimes.GOLDEN * H[0] / end) if status == "ok" else np.nan,
                "fitted_balance": balance,
                "nrmse": fit.nrmse,
                "converged": fit.converged,
                "reason": fit.reason,
                "lr": run.lr.item(),
                "steps": n,
            }
        )
    artifacts.write_table(pd.DataFrame(rows), output)
