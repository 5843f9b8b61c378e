"""Fit the theory to every pair of every network of a row, at some hidden layers: one row a network, layer and pair.

What is fitted and how a pair is judged is that of a network of one's own (`repdyn.fit`). Beside it: sums of squares
with the drifting clock, and what became of measured rates while the network learned (`drift_h`, `drift_y`: a straight
line in Y/|dy|^2, at 1 by that at 3 %; `agreement`: eta_h from Y by that from H; `backwards`: the share of moments at
which H moved against the theory, so that the measured eta_h is negative).
"""

import numpy as np
import pandas as pd

from repdyn import artifacts
from repdyn.fitting import drift
from repdyn.own import fits
from repdyn.own.record import Record

MEASURED = ("drift_h", "drift_y", "agreement", "backwards")
FITTED = ["verdict", "failures", "reason", "eta_h_dx2", "eta_h", "eta_y", "product", "dx2", "dy2", "error", "error_H"]
FITTED += ["error_Y", "error_w", "r2", "orbit_error", "k", "error_drift", "H_start", "H_end", "left", "active"]


def main(runs: str, layers: list[int], layer: int, output: str) -> None:
    runs = artifacts.read_dataset(runs)
    rows = []
    for seed in runs.seed.values:
        run = runs.sel(seed=seed)
        diverged = run.diverged_at.item()
        about = {"setting": runs.setting, "seed": seed, "loss": run.loss.item()}
        about |= {"images_are": runs.images}
        about["accuracy"] = run.accuracy.item() if "accuracy" in run else np.nan
        for fit in fits.fit(record(run, layers)).fits:
            pair = next(n for n, place in enumerate(_places(run)) if place == (fit.a, fit.b))
            one = run.isel(pair=pair)
            fitted = {name: getattr(fit, name) for name in FITTED}
            fitted |= {"failures": "; ".join(fit.failures), "orbit_error": drift.positive(fit.orbit_error)}
            here = int(fit.layer)
            rows.append(
                {
                    **about,
                    "layer": here,
                    "pair": pair,
                    "class_a": one["class"].values[0],
                    "class_b": one["class"].values[1],
                    "diverged": diverged >= 0,
                    "converged": fit.converged,
                    **fitted,
                    "sse": _sum(fit.curves, fit.curves.theory),
                    "sse_clock": _sum(fit.curves, fit.curves.drift),
                    **(measured(run, pair) if here == layer else dict.fromkeys(MEASURED, np.nan)),
                }
            )
    artifacts.write_table(pd.DataFrame(rows), output)


def _places(run) -> list[tuple[int, int]]:
    """The points of each pair under numbers of their own."""
    return [(2 * n, 2 * n + 1) for n in range(run.sizes["pair"])]


def record(run, layers: list[int]) -> Record:
    """The curves of one network at these layers."""
    chosen = run.sel(layer=layers)
    return Record(
        run.step.values.astype(float),
        chosen.H.values.astype(float),
        run.Y.values,
        run.w.values,
        run.dx2.values,
        run.dy2.values,
        layers=tuple(map(str, layers)),
        pairs=tuple(_places(run)),
    )


def _sum(curves, other) -> float:
    """Sum of squares of what a fit leaves, nan where there is none."""
    return float(((curves.observed - other) ** 2).sum())


def measured(run, pair: int) -> dict[str, float]:
    """What measured rates did while the outputs of a pair moved: from Y = 3 %, and until |w| = 1 % of |dy|^2."""
    none = dict.fromkeys(MEASURED, np.nan)
    different = np.flatnonzero(run.dy2.values > 0)[: run.sizes["rated"]]
    if pair not in different:
        return none
    seen, dy2 = run.isel(rated=int(np.flatnonzero(different == pair)[0])), run.dy2.values[pair]
    now = run.isel(pair=pair).sel(step=run.rates_step.values)
    active = (now.Y.values >= drift.FIRST * dy2) & (np.abs(now.w.values) >= drift.LAST * dy2)
    active &= np.isfinite(seen.eta_h.values)
    if active.sum() < drift.FEWEST:
        return none
    learned, eta_h, eta_y = now.Y.values[active] / dy2, seen.eta_h.values[active], seen.eta_y.values[active]
    return {
        "drift_h": drift.line(learned, eta_h).drift,
        "drift_y": drift.line(learned, eta_y).drift,
        "agreement": drift.positive(seen.eta_h_from_output.values[active].sum() / eta_h.sum()),
        "backwards": float((eta_h < 0).mean()),
    }
