"""Curves of one setting for figures: what its networks did at the table's layer, beside their own fitted theory.

Columns:

    setting, gain, layer     which networks
    quantity                 H, Y, w or loss; error_active, nrmse, eta_h, eta_y
    series                   experiment, theory, discarded (single runs, only if none was kept); mean (of the last four)
    seed                     of a single run, else empty
    step                     optimiser step
    value, low, high         mean over networks and its band; of the loss geometric means, of the last four geometric
                             means and their intervals, of the rates over fits that converged
    networks                 how many went into the mean
"""

import json

import numpy as np
import pandas as pd

from repdyn import artifacts, theory
from repdyn.statistics import intervals
from repdyn.statistics.curves import COLUMNS, spread, thin

FLOOR = 1e-14  # the theory's loss is a difference of numbers near 1: less than this is rounding


def main(runs: str, fits: str, layer: int, confidence: float, output: str) -> None:
    runs = artifacts.read_dataset(runs).sel(layer=layer)
    fits = artifacts.read_table(fits).query("layer == @layer").set_index("seed").loc[runs["seed"].values]
    runs = runs.isel(step=thin(runs.sizes["step"]))
    drawn, told = curves(runs, fits, layer), means(fits[fits.kept], confidence)
    about = drawn.loc[0, ["setting", "gain", "layer"]]
    artifacts.write_table(pd.concat([drawn, told.assign(**about)], ignore_index=True)[COLUMNS], output)


def means(kept: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """What a caption says of the kept networks' fits."""
    rows = []
    for quantity in ("error_active", "nrmse", "eta_h", "eta_y"):
        values = (kept[kept.converged] if quantity.startswith("eta") else kept)[quantity]
        if (mean := intervals.mean(values[values > 0], confidence, "log")).n:
            rows.append((quantity, "mean", mean.value, mean.low, mean.high, mean.n))
    return pd.DataFrame(rows, columns=["quantity", "series", "value", "low", "high", "networks"]).assign(
        seed=pd.array([None] * len(rows), dtype="Int64"), step=pd.array([None] * len(rows), dtype="Int64")
    )


def fitted(runs, rates) -> dict[str, np.ndarray]:
    """The theory's H, Y, w and loss at each network's rates, (networks, steps); nan where there is no fit."""
    runs = runs.sel(seed=rates.index.values)
    t = runs["step"].values.astype(float)
    curves = {name: np.full((len(rates), t.size), np.nan) for name in ("H", "Y", "w", "loss")}
    there = np.isfinite(rates[["eta_h", "eta_y"]].to_numpy()).all(axis=1)
    if there.any():
        start = [runs[name].values[there, 0].astype(float) for name in "HYw"]
        eta_h, eta_y, eta_m = (rates[name].to_numpy()[there] for name in ("eta_h", "eta_y", "eta_m"))
        H, Y, w = theory.exact(t, *start, eta_h, eta_y, runs.dx2, runs.dy2)
        loss = theory.loss_curve(t, Y, w, runs.mean_error.values[there, 0], eta_m, runs.dy2, int(runs.out_dim))
        for name, curve in {"H": H, "Y": Y, "w": w, "loss": loss}.items():
            curves[name][there] = curve
    return curves


def curves(runs, fits: pd.DataFrame, layer: int) -> pd.DataFrame:
    """The numbers to draw, in the columns above."""
    steps, kept = runs["step"].values, fits[fits.kept]
    parts = []

    def add(quantity, series, values, band, seed=None):
        present = values[np.isfinite(values).all(axis=1)] if series != "discarded" else values
        if not len(present):
            return
        if quantity == "loss":
            present = np.log(np.maximum(present, FLOOR))
        low, high = spread(present, len(fits)) if band else (np.nan, np.nan)
        part = {"value": present.mean(axis=0), "low": low, "high": high}
        if quantity == "loss":
            part = {name: np.exp(column) for name, column in part.items()}
        about = {"setting": runs.setting, "gain": gain, "layer": layer, "quantity": quantity, "series": series}
        about["seed"] = pd.array([seed] * steps.size, dtype="Int64")
        parts.append(pd.DataFrame({**about, "step": steps, **part, "networks": len(present)}))

    gain = json.loads(runs.row)["gain"]
    theoretical = fitted(runs, kept) if len(kept) else {}
    for quantity in ("H", "Y", "w", "loss"):
        observed = runs[quantity].values.astype(float)
        if len(kept):
            add(quantity, "experiment", observed[fits.kept.to_numpy()], band=True)
            add(quantity, "theory", theoretical[quantity], band=False)
        else:
            for seed, run in zip(fits.index, observed, strict=True):
                add(quantity, "discarded", np.where(np.isfinite(run), run, np.nan)[None], band=False, seed=seed)
    return pd.concat(parts, ignore_index=True)[COLUMNS]
