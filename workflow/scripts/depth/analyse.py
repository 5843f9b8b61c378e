"""One setting, all its hidden layers: rates, distances before and after training, and what of the rates is free.

The theory can be written in c h for any number c: then H becomes c^2 H, eta_h c^2 eta_h, eta_y eta_y / c^2 (derived).
So a rate alone measures the scale of a layer as well; eta_h eta_y, the speed of learning, does not, nor does the
ratio eta_h/eta_y in units of H_end^2/(|dx|^2 |dy|^2), which the fixed point makes 1 where the task sets it.

Tables: one row a layer and quantity, with intervals over networks, and single networks; networks, one row a network.
"""

import numpy as np
import pandas as pd
from scipy import stats

from repdyn import artifacts
from repdyn.networks.activations import ACTIVATIONS
from repdyn.statistics import intervals
from repdyn.theory import regimes

COLUMNS = ["setting", "quantity", "series", "seed", "layer", "value", "low", "high", "networks", "unit", "interval"]
OF_FITS = ("eta_h", "eta_y", "speed", "A_low", "ratio")  # of converged fits alone
QUANTITIES = (*OF_FITS, "nrmse", "h_start", "h_end")


def main(fits: str, row: dict, confidence: float, table: str, networks: str) -> None:
    layers = scale_free(artifacts.read_table(fits), row)
    single = of_networks(layers, row)
    artifacts.write_table(of_layers(layers, single, row, confidence), table)
    artifacts.write_table(single, networks)


def scale_free(fits: pd.DataFrame, row: dict) -> pd.DataFrame:
    """The fits with speed = sqrt(eta_h eta_y), A_low = sqrt(eta_h/eta_y) |dx| |dy|, ratio = A_low^2 / H_end^2."""
    A_low = np.sqrt(fits.eta_h / fits.eta_y * row["dx2"] * row["dy2"])
    speed = np.sqrt(fits.eta_h * fits.eta_y)
    found = fits.assign(A_low=A_low, speed=speed, ratio=(A_low / fits.h_end) ** 2)
    found.loc[~found.converged, OF_FITS] = np.nan
    return found


def mean_field_factor(row: dict) -> float:
    """The squared distance's factor a layer of a wide random network, or nan where no simple value is known.

    gain^2 times the mean square slope. (For a leaky ReLU of slope s half the units pass and half are scaled: (1 +
    s^2)/2.)
    """
    factor = ACTIVATIONS[row["activation"]].mean_square_slope if row["model"] == "mlp" else None
    return row["gain"] ** 2 * (factor or np.nan)


def of_networks(layers: pd.DataFrame, row: dict) -> pd.DataFrame:
    """One row a network: what the paper says of depth, as numbers that can be tested.

    factor, amplitude    H(0) = amplitude factor^n, n the layer from 1 on (layer 0 has the task's number of inputs)
    factor_over_mean_field
    eta_h_rank, eta_y_rank_late     Spearman correlation of the rate with the layer: all layers, the later half
    eta_y_rank_early     the same for eta_y in the first half
    late_over_early      error of the fit in the later half over that in the first, geometric means
    ratio_late           A_low^2 / H_end^2, geometric mean of the later half: 1 where the task alone sets the end
    speed_rank           Spearman correlation of eta_h eta_y with the layer
    speed_exponent       p of eta_h eta_y ~ (parameters of the encoder x of the decoder)^p: 1 if rates are proportional
                         to parameters; dense networks only
    speed_peak           layer of the largest eta_h eta_y
    """
    counts = np.full(row["depth"] + 2, np.nan)
    if row["model"] == "mlp":
        encoder, decoder = regimes.parameter_counts([row["in_dim"], *[row["width"]] * row["depth"], row["out_dim"]])
        counts = encoder * decoder.astype(float)
    rows = []
    for seed, one in layers.groupby("seed", sort=False):
        one = one.sort_values("layer")
        late = one.layer >= (one.layer.max() + 1) / 2
        factor, amplitude = _factor(one)
        found = {
            "factor": factor,
            "amplitude": amplitude,
            "factor_over_mean_field": factor / mean_field_factor(row),
            "eta_h_rank": _rank(one.layer, one.eta_h),
            "eta_y_rank_early": _rank(one.layer[~late], one.eta_y[~late]),
            "eta_y_rank_late": _rank(one.layer[late], one.eta_y[late]),
            "late_over_early": _geometric(one.nrmse[late]) / _geometric(one.nrmse[~late]),
            "ratio_late": _geometric(one.ratio[late]),
            "speed_rank": _rank(one.layer, one.speed),
            "speed_exponent": regimes.exponent(counts[one.layer], one.speed**2),
            "speed_peak": one.layer[one.speed.idxmax()] if one.speed.notna().any() else np.nan,
        }
        kept = bool(one.kept.all())
        about = {"setting": row["name"], "seed": seed, "kept": kept, "reason": one.reason.iloc[0]}
        rows.append(about | (found if kept else dict.fromkeys(found, np.nan)))
    return pd.DataFrame(rows)


def _factor(one: pd.DataFrame) -> tuple[float, float]:
    """Factor and amplitude of H(0) over the layers from 1 on; nan with fewer than two usable layers."""
    usable = one[(one.layer >= 1) & (one.h_start > 0) & np.isfinite(one.h_start)]
    if len(usable) < 2:
        return np.nan, np.nan
    slope, start = np.polyfit(usable.layer, np.log(usable.h_start), 1)
    return float(np.exp(slope)), float(np.exp(start))


def _rank(layer, values) -> float:
    """Spearman's correlation, nan where it has too few values or they are all alike."""
    there = np.isfinite(values)
    if there.sum() < 3 or values[there].nunique() < 2:
        return np.nan
    return float(stats.spearmanr(layer[there], values[there]).statistic)


def _geometric(values) -> float:
    values = values[values > 0]
    return float(np.exp(np.log(values).mean())) if len(values) else np.nan


def of_layers(layers: pd.DataFrame, single: pd.DataFrame, row: dict, confidence: float) -> pd.DataFrame:
    """The numbers of every layer.

    quantity: QUANTITIES (geometric means over kept networks), G2 (factor of H(0) a layer, no layer). series: mean (with
    its interval), network (single ones), and for h_start and G2 also fitted and mean_field.
    """
    kept, rows = layers[layers.kept], []
    method = f"t on logarithms, {100 * confidence:g} %"

    def add(quantity, series, value, layer=None, low=np.nan, high=np.nan, n=None, seed=None):
        unit, how = ("network", method) if series in ("mean", "fitted") else ("", "")
        rows.append((row["name"], quantity, series, seed, layer, value, low, high, n, unit, how))

    def mean(values):
        estimate = intervals.mean(values[values > 0], confidence, "log")
        return {"value": estimate.value, "low": estimate.low, "high": estimate.high, "n": estimate.n}

    for quantity in QUANTITIES:
        for layer, values in kept.groupby("layer")[quantity]:
            if (values > 0).any():
                add(quantity, "mean", layer=layer, **mean(values))
        for run in kept[np.isfinite(kept[quantity])].itertuples():
            add(quantity, "network", getattr(run, quantity), run.layer, seed=run.seed)

    if single.factor.notna().any():
        factor = mean(single.factor)
        add("G2", "fitted", **factor)
        numbers = np.unique(kept.layer[kept.layer >= 1])
        amplitude = _geometric(single.amplitude)
        for layer in numbers:
            add("h_start", "fitted", amplitude * factor["value"] ** layer, layer, n=factor["n"])
        expected = mean_field_factor(row)
        if expected == expected:
            add("G2", "mean_field", expected)
            first = next(r[5] for r in rows if r[1:3] == ("h_start", "mean") and r[4] == numbers[0])
            for layer in numbers:
                add("h_start", "mean_field", first * expected ** (layer - numbers[0]), layer)
    return pd.DataFrame(rows, columns=COLUMNS).astype({"seed": "Int64", "layer": "Int64", "networks": "Int64"})
