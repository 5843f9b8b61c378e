"""Fit the theory's two rates, and the drift of its clock, to every hidden layer of every network of one setting.

One row a network and layer. No run is dropped: one that diverged or did not learn its task keeps its rows, with
`kept` false and the reason. `clock_reason` says why the drift is no estimate.
"""

import logging

import numpy as np
import pandas as pd

from repdyn import artifacts, fitting
from repdyn.fitting.clock import fit_clocks, orbit
from repdyn.theory import clock


def main(runs: str, loss_above: float, output: str) -> None:
    runs = artifacts.read_dataset(runs)
    t = runs["step"].values.astype(float)
    rows = []
    for seed in runs["seed"].values:
        run = runs.sel(seed=seed)
        discarded = discard_reason(run, loss_above)
        diverged = run.diverged_at.item() >= 0
        eta_m, mean_reason = (np.nan, "") if diverged else fitting.fit_mean_rate(t, run.mean_error.values)
        curves = run.H.values.astype(float), run.Y.values, run.w.values
        fits = [fitting.Fit()] * len(curves[0])  # no fit
        if not diverged:
            fits = [fitting.fit_trajectory(t, H, *curves[1:], runs.dx2, runs.dy2) for H in curves[0]]
        clocks = fit_clocks(t, *curves, runs.dx2, runs.dy2, fits)
        for n, (H, fit, drift) in enumerate(zip(curves[0], fits, clocks, strict=True)):
            path = orbit(H, run.Y.values, (len(fits) + 1) / (n + 1))
            rows.append(
                {
                    "setting": runs.setting,
                    "seed": seed,
                    "layer": n,
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
                    "error_active": fit.error_active,
                    "h_start": H[0],
                    "h_end": H[-1],
                    "final_loss": run.loss.values[-1],
                    "orbit_error": path.error,
                    "orbit_error_line": path.error_line,
                    "orbit_error_depth": path.error_depth,
                    "orbit_exponent": path.exponent,
                    "conserved_drift": path.conserved_drift,
                    "clock_eta_h": drift.eta_h,
                    "clock_eta_y": drift.eta_y,
                    "k": drift.k,
                    "k_kernel": kernel_drift(run, H, runs.dy2),
                    "sse_clock": drift.sse,
                    "error_clock": drift.error_active,
                    "clock_reason": drift.reason,
                }
            )
        logging.info("seed %d: %s", seed, discarded or "kept")
    artifacts.write_table(pd.DataFrame(rows), output)


def kernel_drift(run, H: np.ndarray, dy2: float) -> float:
    """The drift of the clock by the tangent kernel before and after training; nan where it was not recorded."""
    if "kernel" not in run or run.kernel.shape[-1] != 2 or not dy2 > 0:
        return np.nan
    with np.errstate(all="ignore"):
        start, end = clock.effective_kernel(run.kernel.values.astype(float))
        return float(clock.drift_of_kernel(end / start, H[0], run.Y.values[0], H[-1], run.Y.values[-1], dy2))


def discard_reason(run, loss_above: float) -> str:
    """Why a run says nothing about the theory, or an empty string."""
    if run.diverged_at.item() >= 0:
        return f"diverged at step {run.diverged_at.item()}"
    final = run.loss.values[-1]
    if final > loss_above:
        return f"final loss {final:.3g} above {loss_above:g}"
    return ""
