"""Pairs of MNIST images during training: curves of the networks and of the theory, and the errors of its fits."""

import numpy as np
import pandas as pd
import xarray as xr

from repdyn import artifacts, theory
from repdyn.statistics import intervals
from repdyn.theory.bounds import at_bound

COLUMNS = ["pair", "digit_a", "digit_b", "quantity", "series", "step", "value", "low", "high", "networks"]
ERRORS = {"error": "nrmse", "error_h": "nrmse_h", "error_y": "nrmse_y", "error_w": "nrmse_w"}


def main(runs: str, fits: str, layer: int, confidence: float, curves: str, summary: str) -> None:
    runs, fits = artifacts.read_dataset(runs).sel(layer=layer), artifacts.read_table(fits)
    artifacts.write_table(table(runs, fits), curves)
    artifacts.write_table(summarised(fits, confidence), summary)


def summarised(fits: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """One row for the pairs of two digits, one for those of one digit, and one for each pair: errors and rates.

    Networks are the units, whose pairs are nested in them: the mean over networks of each one's mean over its pairs, on
    logarithms. vanishing: fits whose optimum has both rates at their lower bounds; unconverged: without an optimum
    inside the bounds, these included; worse_than_mean: R² below 0.
    """
    groups = {"two digits": fits[fits.dy2 > 0], "one digit": fits[fits.dy2 == 0]}
    groups |= {f"pair {n}": of_pair for n, of_pair in fits.groupby("pair")}
    rows = []
    for name, every in groups.items():
        kept = every[every.kept]
        outside = kept[~kept.converged]
        row = {"pairs": name, "number": every.pair.nunique(), "networks": every.seed.nunique()}
        row |= {"kept": kept.seed.nunique(), "unit": "network", "interval": f"t on logarithms, {100 * confidence:g} %"}
        row |= {"fits": len(kept), "unconverged": len(outside), "worse_than_mean": (kept.r2 < 0).sum()}
        row["vanishing"] = at_bound(outside[["eta_h", "eta_y"]]).all(axis=1).sum() if len(outside) else 0
        for error, column in ERRORS.items():
            row |= intervals.of_clusters(kept[column], kept.seed, confidence, "log").columns(error)
        inside = kept[kept.converged]
        for rate in ("eta_h", "eta_y"):
            row |= intervals.of_clusters(inside[rate], inside.seed, confidence, "log").columns(rate)
        reasons = every[every.reason != ""].drop_duplicates("seed") if not len(kept) else every[:0]
        rows.append(row | {"reason": " | ".join(f"seed {fit.seed}: {fit.reason}" for fit in reasons.itertuples())})
    return pd.DataFrame(rows)


def table(runs: xr.Dataset, fits: pd.DataFrame) -> pd.DataFrame:
    """One row a curve and step, in the columns above; curves of kept networks: mean, lowest and highest.

    The theory's curves are solved for every network by itself, from its fit, and then averaged.
    """
    parts = []
    t = runs["step"].values.astype(float)
    kept = runs.sel(seed=fits.groupby("seed").kept.all().pipe(lambda kept: kept.index[kept]).values)
    steps = runs["epoch"].values * runs.steps_per_epoch

    def add(pair, digits, quantity, series, step, values):
        values = values[np.isfinite(values).all(axis=1)]
        if len(values):
            ends = {"low": values.min(axis=0), "high": values.max(axis=0)} if series == "experiment" else {}
            columns = {"quantity": quantity, "series": series, "step": step, "value": values.mean(axis=0), **ends}
            digit_a, digit_b = digits
            named = {"pair": pair, "digit_a": digit_a, "digit_b": digit_b, "networks": len(values)}
            parts.append(pd.DataFrame({**named, **columns}))

    for n in range(runs.sizes["pair"]):
        pair = kept.isel(pair=n)
        digits = pair.digit.values
        observed = {name: pair[name].values.astype(float) for name in "HYw"}
        fit = fits[fits.pair == n].set_index("seed").loc[kept.seed.values]
        fitted = np.isfinite(fit[["eta_h", "eta_y"]].to_numpy()).all(axis=1)
        start = [observed[name][fitted, 0] for name in "HYw"]
        rates = [fit[name].to_numpy()[fitted] for name in ("eta_h", "eta_y")]
        curves = theory.exact(t, *start, *rates, pair.dx2.item(), pair.dy2.item()) if fitted.any() else [None] * 3
        for (name, values), curve in zip(observed.items(), curves, strict=True):
            add(n, digits, name, "experiment", t, values)
            if curve is not None:
                add(n, digits, name, "theory", t, curve)
    for name in ("accuracy", "loss"):
        add(None, (None, None), name, "experiment", steps, kept[name].values)
    if not parts:
        return pd.DataFrame(columns=COLUMNS)
    whole = {name: "Int64" for name in ("pair", "digit_a", "digit_b", "step")}
    return pd.concat(parts, ignore_index=True).reindex(columns=COLUMNS).astype(whole)
