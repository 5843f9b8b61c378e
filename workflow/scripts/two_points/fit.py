"""Fit the theory's two rates to every hidden layer of every network of one setting.

One row a network and layer. No run is dropped: one that diverged or did not learn its task keeps its rows, with
`kept` false and the reason.
"""

import logging

import numpy as np
import pandas as pd

from repdyn import artifacts, fitting


def main(runs: str, loss_above: float, output: str) -> None:
    runs = artifacts.read_dataset(runs)
    t = runs["step"].values.astype(float)
    rows = []
    for seed in runs["seed"].values:
        run = runs.sel(seed=seed)
        discarded = discard_reason(run, loss_above)
        diverged = run.diverged_at.item() >= 0
        eta_m, mean_reason = (np.nan, "") if diverged else fitting.fit_mean_rate(t, run.mean_error.values)
        for layer in runs["layer"].values:
            H = run.H.sel(layer=layer).values.astype(float)
            fit = fitting.Fit()  # no fit
            if not diverged:
                fit = fitting.fit_trajectory(t, H, run.Y.values, run.w.values, runs.dx2, runs.dy2)
            rows.append(
                {
                    "setting": runs.setting,
                    "seed": seed,
                    "layer": layer,
                    "eta_h": fit.eta_h,
                    "eta_y": fit.eta_y,
                    "eta_m": eta_m,
                    "sse": fit.sse,
                    "nrmse": fit.nrmse,
                    "r2": fit.r2,
                    "converged": fit.converged,
                    "reason": "; ".join(filter(None, [discarded, fit.reason, mean_reason])),
                    "kept": not discarded,
                    "nrmse_h": fit.nrmse_h,
                    "nrmse_y": fit.nrmse_y,
                    "nrmse_w": fit.nrmse_w,
                    "h_start": H[0],
                    "h_end": H[-1],
                    "final_loss": run.loss.values[-1],
                }
            )
        logging.info("seed %d: %s", seed, discarded or "kept")
    artifacts.write_table(pd.DataFrame(rows), output)


def discard_reason(run, loss_above: float) -> str:
    """Why a run says nothing about the theory, or an empty string."""
    if run.diverged_at.item() >= 0:
        return f"diverged at step {run.diverged_at.item()}"
    final = run.loss.values[-1]
    if final > loss_above:
        return f"final loss {final:.3g} above {loss_above:g}"
    return ""
