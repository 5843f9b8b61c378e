"""Orbit, clock and drift of networks that differ in one thing at a time: every layer, every network, every setting.

layers: the fits of `two_points/fit.py`, with what the row says, `place` of the layer (weight layers before it by all of
them) and `held_out`. networks: one row a network, at the table's layer but for the last five columns:

    error_active, orbit_error, error_clock        of trajectory, orbit and trajectory with the drifting clock
    trajectory_by_orbit, sse_gain                 error_active / orbit_error;  sse / sse_clock
    growth, growth_kernel, growth_ratio           1 + k (empty where it is no estimate), the same predicted from the
                                                  tangent kernel, and their ratio
    growth_spread                                 largest by smallest 1 + k among the layers of the later half
    orbit_late, orbit_late_line, orbit_late_depth RMS over the layers of the later half of the orbit's error: the
                                                  theory's, a straight line's, the deep chain's
    orbit_late_ratio                              the first of these by the last

summary: means over the networks of a setting, over those that are held out where there are any (`side`).
"""

import numpy as np
import pandas as pd

from repdyn import artifacts
from repdyn.networks.activations import ACTIVATIONS
from repdyn.statistics import intervals

COLUMNS = ["activation", "smooth", "gain", "width", "depth"]
AT_LAYER = ["error_active", "orbit_error", "error_clock", "orbit_error_line", "orbit_error_depth", "orbit_exponent"]
AT_LAYER += ["conserved_drift", "sse", "sse_clock", "eta_h", "eta_y", "clock_eta_h", "clock_eta_y", "k", "k_kernel"]
MEANS = ["error_active", "orbit_error", "error_clock", "trajectory_by_orbit", "sse_gain", "conserved_drift"]
MEANS += ["growth", "growth_kernel", "growth_ratio", "growth_spread"]
MEANS += ["orbit_late", "orbit_late_line", "orbit_late_depth", "orbit_late_ratio"]


def main(fits: list[str], rows: list[dict], explore: int, confidence: float, layers, networks, summary) -> None:
    every = pd.concat([_layers(path, row, explore) for path, row in zip(fits, rows, strict=True)], ignore_index=True)
    singles = pd.DataFrame([_network(one) for _, one in every.groupby(["setting", "seed"], sort=False)])
    settings = [_setting(one, confidence) for _, one in singles.groupby("setting", sort=False)]
    for table, path in ((every, layers), (singles, networks), (pd.DataFrame(settings), summary)):
        artifacts.write_table(table, path)


def _layers(path: str, row: dict, explore: int) -> pd.DataFrame:
    fits = artifacts.read_table(path)
    row = {**row, "smooth": ACTIVATIONS[row["activation"]].smooth}
    about = {"setting": row["name"], **{name: row[name] for name in COLUMNS}, "observed": fits.layer == row["layer"]}
    place = (fits.layer + 1) / (fits.layer.max() + 2)
    return fits.assign(**about, place=place, held_out=fits.seed >= explore)


def _network(fits: pd.DataFrame) -> dict:
    """The row of one network, from those of its layers."""
    seen = fits[fits.observed].iloc[0]
    late = fits[fits.place > 0.5]
    drifts = (1 + fits.k).where(fits.clock_reason.isna() | (fits.clock_reason == ""))  # where they are estimates
    growth, predicted, sound = drifts[fits.observed].iloc[0], 1 + seen.k_kernel, drifts[late.index].dropna()
    rms = {f"orbit_late{of}": np.sqrt((late[f"orbit_error{of}"] ** 2).mean()) for of in ("", "_line", "_depth")}
    return {
        **seen[["setting", *COLUMNS, "layer", "seed", "held_out", "kept", "reason"]],
        **seen[AT_LAYER],
        "trajectory_by_orbit": seen.error_active / seen.orbit_error,
        "sse_gain": seen.sse / seen.sse_clock,
        "growth": growth,
        "growth_kernel": predicted,
        "growth_ratio": predicted / growth,
        "growth_spread": sound.max() / sound.min() if len(sound) > 1 else np.nan,
        **rms,
        "orbit_late_ratio": rms["orbit_late"] / rms["orbit_late_depth"],
    }


def _setting(networks: pd.DataFrame, confidence: float) -> dict:
    """Geometric means over the kept networks of one setting."""
    held = networks[networks.held_out]
    side = held if len(held) else networks
    kept = side[side.kept]
    row = {
        **networks.iloc[0][["setting", *COLUMNS, "layer"]],
        "side": "held out" if len(held) else "explored",
        "networks": len(side),
        "kept": len(kept),
        "unit": "network",
        "interval": f"t on logarithms, {100 * confidence:g} %",
    }
    for name in MEANS:
        row |= intervals.mean(kept[name].where(kept[name] > 0), confidence, "log").columns(name)
    return row
