"""Where every network of one depth began and ended in every hidden layer; the theory's balance at the middle one.

The measured balance needs no fit: log(GOLDEN H(0) / H_end), below 0 where a network is rich (see `theory.regimes`).
"""

import json

import numpy as np
import pandas as pd

from repdyn import artifacts, fitting, theory
from repdyn.theory import regimes

COLUMNS = ["setting", "depth", "width", "gain", "seed", "status", "lr", "steps", "layer", "place", "h_start", "h_end"]
COLUMNS += ["measured_balance", "fitted_balance", "nrmse", "converged", "reason"]


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
        about = {name: row[name] for name in ("name", "depth", "width")}
        about = {"setting": about.pop("name"), **about, "gain": run.gain.item(), "seed": run.seed.item()}
        about |= {"status": status, "lr": run.lr.item(), "steps": n}
        for layer in runs.layer.values:
            start, end = run.H.values[layer, [0, -1]].astype(float)
            measured = np.log(regimes.GOLDEN * start / end) if status == "ok" else np.nan
            fit = {}
            if layer == row["depth"] // 2:
                fit = fitted(run.sel(layer=layer), n) if status == "ok" else {"reason": status}
            place = {row["depth"] - 1: "last", row["depth"] // 2: "middle"}.get(layer, "")
            distances = {"layer": layer, "place": place, "h_start": start, "h_end": end}
            rows.append({**about, **distances, "measured_balance": measured, **fit})
    artifacts.write_table(pd.DataFrame(rows, columns=COLUMNS), output)


def fitted(run, n: int) -> dict:
    """The balance at rates fitted to the first n steps, and what became of the fit."""
    H, Y, w = (run[name].values[:n].astype(float) for name in "HYw")
    fit = fitting.fit_trajectory(np.arange(n, dtype=float), H, Y, w, run.dx2, run.dy2)
    balance = np.nan
    if np.isfinite(fit.eta_h):
        _, A_low, A_high = theory.fixed_point(H[0], Y[0], fit.eta_h, fit.eta_y, run.dx2, run.dy2)
        balance = float(regimes.balance(A_low, A_high))
    return {"fitted_balance": balance, "nrmse": fit.nrmse, "converged": fit.converged, "reason": fit.reason}
