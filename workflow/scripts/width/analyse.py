"""The same networks at several widths: the theory's error, and how far apart networks of one setting lie.

Tables: one row a network, at its row's layer; summary, one row a setting. The premise is that wide networks are alike
but for chance: then what chance does to a sum over units falls as width^(-1/2). Networks of different widths share no
initial weights.
"""

import numpy as np
import pandas as pd

from repdyn import artifacts
from repdyn.statistics import intervals

SCATTERED = ("eta_h", "eta_y", "clock")


def main(fits: list[str], rows: list[dict], confidence: float, table: str, summary: str) -> None:
    networks = pd.concat([of_setting(artifacts.read_table(path), row) for path, row in zip(fits, rows, strict=True)])
    networks = networks.reset_index(drop=True)
    narrowest = networks[networks.width == networks.groupby("activation").width.transform("min")]
    error = np.log(narrowest.nrmse[narrowest.kept]).groupby(narrowest.activation).mean()
    networks["error_over_narrowest"] = networks.nrmse / np.exp(networks.activation.map(error))
    artifacts.write_table(networks, table)
    artifacts.write_table(averaged(networks, confidence), summary)


def of_setting(fits: pd.DataFrame, row: dict) -> pd.DataFrame:
    """One row a network: its fit at the row's layer, and how far its rates lie from those of the others, in logarithms.

    clock is sqrt(eta_h eta_y), which no change of the representation's scale moves. scatter_X is |log X - mean log X|
    sqrt(n / (n - 1)), whose mean square over the n kept networks is their variance.
    """
    here = fits[fits.layer == row["layer"]].copy()
    for name in ("activation", "width", "depth"):
        here[name] = row[name]
    here["clock"] = np.sqrt(here.eta_h * here.eta_y)
    sound = here.kept & here.converged
    for name in SCATTERED:
        logs = np.log(here[name].where(sound))
        n = logs.count()
        here[f"scatter_{name}"] = (logs - logs.mean()).abs() * np.sqrt(n / (n - 1)) if n > 1 else np.nan
    first = ["setting", "activation", "width", "depth", "layer", "seed", "kept", "converged", "reason", "nrmse"]
    return here[[*first, "eta_h", "eta_y", "clock", *(f"scatter_{name}" for name in SCATTERED)]]


def averaged(networks: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Geometric means over kept networks, and standard deviations of logarithms with jackknife intervals."""
    rows = []
    for setting, here in networks.groupby("setting", sort=False):
        kept = here[here.kept]
        about = {"setting": setting, "activation": here.activation.iloc[0], "width": here.width.iloc[0]}
        row = about | {"networks": len(here), "kept": len(kept), "unit": "network"}
        row["interval"] = f"t on logarithms (of sd_: jackknife), {100 * confidence:g} %"
        row |= intervals.mean(kept.nrmse, confidence, "log").columns("nrmse")
        for name in SCATTERED:
            values = kept[name][kept.converged]
            row |= intervals.mean(values, confidence, "log").columns(name)
            row |= _deviation(np.log(values.to_numpy()), confidence).columns(f"sd_{name}")
        rows.append(row)
    return pd.DataFrame(rows)


def _deviation(logs: np.ndarray, confidence: float) -> intervals.Estimate:
    """Standard deviation of logarithms: how many hundred percent networks scatter."""
    if logs.size < 2:
        return intervals.Estimate(np.nan, np.nan, np.nan, logs.size)
    return intervals.jackknife(lambda kept: logs[kept].std(ddof=1), logs.size, confidence, "log")
