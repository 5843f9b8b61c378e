"""How far the size of the steps moves what is said of digits: the same networks at smaller and more steps.

Each network is trained from the same weights, on the same images, over the same learning rate times steps; only the
size of the steps, and with it the noise of the mini-batches, differs. One row a network and size, against the smallest
steps; no pair of rows of one network is independent.
"""

import json

import numpy as np
import pandas as pd

from repdyn import artifacts
from repdyn.statistics import distance_correlation, intervals

SCALES = {"distance_error": "log", "distance_correlation": "fisher", "eta_h_ratio": "log", "eta_y_ratio": "log"}


def main(runs: list[str], fits: list[str], layer: int, confidence: float, table: str, summary: str) -> None:
    made = [
        (artifacts.read_dataset(run).sel(layer=layer), artifacts.read_table(fit))
        for run, fit in zip(runs, fits, strict=True)
    ]
    made.sort(key=lambda one: one[0].learning_rate, reverse=True)
    *larger, smallest = made
    networks = pd.DataFrame([compared(*one, *smallest, seed) for one in larger for seed in one[0].seed.values])
    artifacts.write_table(networks, table)
    artifacts.write_table(summarised(networks, confidence), summary)


def summarised(networks: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """One row a size of steps: means over networks."""
    rows = []
    for finer, each in networks.groupby("finer"):
        row = {"finer": finer, "against": each.against.iloc[0], "unit": "network"}
        row["interval"] = f"t on logarithms, of correlations on Fisher's z, {100 * confidence:g} %"
        for number, scale in SCALES.items():
            row |= intervals.mean(each[number], confidence, scale).columns(number)
        rows.append(row)
    return pd.DataFrame(rows)


def compared(runs, fits: pd.DataFrame, finest, finest_fits: pd.DataFrame, seed: int) -> dict:
    """One network at one size of steps against itself at the smallest.

    distance_error: relative, over all pairs of test images; distance_correlation: over the same; eta_h_ratio and
    eta_y_ratio: geometric means over pairs of two digits, per unit of learning rate; nan where no pair has a converged
    fit at both sizes.
    """
    a, b = np.triu_indices(runs.sizes["probe"], 1)
    one, other = (of.sel(seed=seed, when="end", part="test").distance.values[a, b] for of in (runs, finest))
    row = {"seed": seed, "finer": json.loads(runs.row)["finer"], "against": json.loads(finest.row)["finer"]}
    row |= {"learning_rate": runs.learning_rate, "epochs": runs.sizes["epoch"]}
    row |= {"distance_error": distance_correlation.relative_error(one, other)}
    row |= {"distance_correlation": distance_correlation.correlation(one, other)}
    both = [
        of[(of.seed == seed) & of.converged & of.kept & (of.dy2 > 0)].set_index("pair") for of in (fits, finest_fits)
    ]
    pairs = both[0].index.intersection(both[1].index)
    for rate in ("eta_h", "eta_y"):
        logs = [
            np.log(of[rate][pairs] / of_runs.learning_rate) for of, of_runs in zip(both, (runs, finest), strict=True)
        ]
        row[f"{rate}_ratio"] = np.exp((logs[0] - logs[1]).mean())
    row["pairs_fitted"] = len(pairs)
    for name, of in (("", runs), ("_finest", finest)):
        row |= {
            f"accuracy{name}": of.accuracy.sel(seed=seed).values[-1],
            f"loss{name}": of.loss.sel(seed=seed).values[-1],
        }
    diverged = [
        str(size) for size, of in zip(("these", "the smallest"), (runs, finest)) if of.diverged_at.sel(seed=seed) >= 0
    ]
    missing = "" if len(pairs) else "no pair of two digits has a converged fit at both sizes"
    return row | {"reason": f"diverged at {' and '.join(diverged)} steps" if diverged else missing}
