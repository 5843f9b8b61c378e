"""One setting, all its hidden layers: means of rates, errors, initial distances, and how the latter fall with depth."""

import numpy as np
import pandas as pd

from repdyn import artifacts
from repdyn.networks.activations import ACTIVATIONS
from repdyn.statistics.intervals import bootstrap_interval

COLUMNS = ["setting", "quantity", "series", "seed", "layer", "value", "low", "high", "networks"]


def main(fits: str, row: dict, intervals: dict, seed: int, output: str) -> None:
    artifacts.write_table(table(artifacts.read_table(fits), row, intervals, seed), output)


def mean_field_factor(row: dict) -> float:
    """The squared distance's factor a layer of a wide random network, or nan where no simple value is known.

    gain^2 times the mean square slope. (For a leaky ReLU of slope s half the units pass and half are scaled: (1 +
    s^2)/2.)
    """
    factor = ACTIVATIONS[row["activation"]].mean_square_slope if row["model"] == "mlp" else None
    return row["gain"] ** 2 * (factor or np.nan)


def gain_factors(fits: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Of every network, the log of its factor G2 and of its amplitude c in H(0) = c G2^n, n the layer from 1 on.

    Layer 0 stands apart: its number of inputs is that of the task. nan with fewer than two usable layers.
    """
    factors, amplitudes = [], []
    for _, network in fits[(fits.layer >= 1) & (fits.h_start > 0) & np.isfinite(fits.h_start)].groupby("seed"):
        if len(network) > 1:
            factor, amplitude = np.polyfit(network.layer, np.log(network.h_start), 1)
            factors.append(factor)
            amplitudes.append(amplitude)
    return np.array(factors), np.array(amplitudes)


def table(fits: pd.DataFrame, row: dict, intervals: dict, seed: int) -> pd.DataFrame:
    """The numbers of every layer.

    quantity: eta_h, eta_y (means over converged fits of kept networks), nrmse (over kept networks), h_start
    (geometric mean over kept networks), G2 (squared gain factor, no layer). series: mean (with its bootstrap interval),
    network (single ones), and for h_start and G2 also fitted and mean_field.
    """
    kept = fits[fits.kept]
    rows = []

    def add(quantity, series, value, layer=None, low=np.nan, high=np.nan, networks=None, seed=None):
        rows.append((row["name"], quantity, series, seed, layer, value, low, high, networks))

    def mean(values, log=False):
        values = np.log(values[values > 0]) if log else values[np.isfinite(values)]
        if not len(values):
            return None
        low, high = bootstrap_interval(values, intervals["confidence"], intervals["resamples"], seed)
        ends = np.array([values.mean(), low, high])
        value, low, high = np.exp(ends) if log else ends
        return {"value": value, "low": low, "high": high, "networks": len(values)}

    for quantity in ("eta_h", "eta_y", "nrmse", "h_start"):
        runs = kept[kept.converged] if quantity in ("eta_h", "eta_y") else kept
        for layer, values in runs.groupby("layer")[quantity]:
            if summary := mean(values.to_numpy(), log=quantity == "h_start"):
                add(quantity, "mean", layer=layer, **summary)
        for run in runs[np.isfinite(runs[quantity])].itertuples():
            add(quantity, "network", getattr(run, quantity), run.layer, seed=run.seed)

    factors, amplitudes = gain_factors(kept)
    layers = np.unique(kept.layer[kept.layer >= 1])
    if len(factors):
        add("G2", "fitted", **mean(np.exp(factors), log=True))
        for layer in layers:
            add("h_start", "fitted", np.exp(amplitudes.mean() + layer * factors.mean()), layer, networks=len(factors))
        expected = mean_field_factor(row)
        if expected == expected:
            add("G2", "mean_field", expected)
            first = next(r[5] for r in rows if r[1:3] == ("h_start", "mean") and r[4] == layers[0])
            for layer in layers:
                add("h_start", "mean_field", first * expected ** (layer - layers[0]), layer)
    return pd.DataFrame(rows, columns=COLUMNS).astype({"seed": "Int64", "layer": "Int64", "networks": "Int64"})
