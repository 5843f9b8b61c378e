"""The phase diagram's tables: fits, means of its cells, crossovers from rich to lazy, rates over parameter counts."""

import numpy as np
import pandas as pd

from repdyn import artifacts
from repdyn.networks.activations import ACTIVATIONS
from repdyn.statistics.intervals import bootstrap_interval
from repdyn.theory import regimes

QUANTITIES = ("nrmse", "balance", "eta_h", "eta_y")


def main(
    fits: list[str],
    rows: list[dict],
    good_fit: float,
    intervals: dict,
    seed: int,
    table: str,
    cells: str,
    crossover: str,
    exponents: str,
) -> None:
    fits = pd.concat(map(artifacts.read_table, fits), ignore_index=True)
    artifacts.write_table(fits, table)
    artifacts.write_table(averaged(fits), cells)

    def interval(values) -> dict:
        low, high = bootstrap_interval(values, intervals["confidence"], intervals["resamples"], seed)
        finite = values[np.isfinite(values)]
        return {"value": finite.mean() if len(finite) else np.nan, "low": low, "high": high, "networks": len(finite)}

    best = at_best_layers(fits)
    crossings, powers = [], []
    for row in rows:
        depth = row["depth"]
        per_seed = [
            regimes.crossover(*run.sort_values("gain")[["gain", "balance"]].to_numpy().T)
            for _, run in best[best.depth == depth].groupby("seed")
        ]
        crossings.append(
            {"depth": depth, **interval(np.array(per_seed)), "mean_field": critical_gain(row["activation"])}
        )
        encoder, decoder = regimes.parameter_counts([row["in_dim"], *[row["width"]] * depth, row["out_dim"]])
        good = fits[(fits.depth == depth) & (fits.status == "ok") & fits.converged & (fits.nrmse < good_fit)]
        for gain, cell in good.groupby("gain"):
            for rate, counts in (("eta_h", encoder), ("eta_y", decoder)):
                found = [regimes.exponent(counts[run.layer], run[rate]) for _, run in cell.groupby("seed")]
                powers.append({"depth": depth, "gain": gain, "rate": rate, **interval(np.array(found))})
    artifacts.write_table(pd.DataFrame(crossings), crossover)
    columns = ["depth", "gain", "rate", "value", "low", "high", "networks"]
    artifacts.write_table(pd.DataFrame(powers, columns=columns), exponents)


def at_best_layers(fits: pd.DataFrame) -> pd.DataFrame:
    """The fits at each network's best layer, with the balance of the two terms of the fixed point."""
    return fits[fits.best].assign(balance=lambda t: regimes.balance(t.a_low, t.a_high))


def critical_gain(activation: str) -> float:
    """The gain at which gain^2 times the mean square slope is 1: distances keep with depth; nan if not known."""
    return (ACTIVATIONS[activation].mean_square_slope or np.nan) ** -0.5


def averaged(fits: pd.DataFrame) -> pd.DataFrame:
    """One row a depth, gain and quantity: the mean over trained networks at each one's best layer.

    Rates are averaged in logarithms, and only where the fit converged. `networks` counts what went in, `of` all.
    """
    best = at_best_layers(fits)
    rows = []
    for (depth, gain), here in fits.groupby(["depth", "gain"]):
        found = best[(best.depth == depth) & (best.gain == gain)]
        for quantity in QUANTITIES:
            values = found[quantity] if quantity in ("nrmse", "balance") else found[quantity][found.converged]
            mean = np.exp(np.log(values).mean()) if quantity.startswith("eta") else values.mean()
            rows.append((depth, gain, quantity, mean, len(values), here.seed.nunique()))
    return pd.DataFrame(rows, columns=["depth", "gain", "quantity", "value", "networks", "of"])
