"""Pairs of MNIST images during training: curves of the networks and of the theory, and how well digits are told."""

import numpy as np
import pandas as pd
import xarray as xr

from repdyn import artifacts, theory

COLUMNS = ["pair", "digit_a", "digit_b", "quantity", "series", "step", "value", "low", "high", "networks"]


def main(runs: str, fits: str, layer: int, output: str) -> None:
    runs = artifacts.read_dataset(runs).sel(layer=layer)
    artifacts.write_table(table(runs, artifacts.read_table(fits)), output)


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
