"""Where networks end, as predicted from their first half, from another pair of points, and by baselines.

Three tables: one row a cell, one row a network and prediction, and their means over the networks of a setting.
"""

import pandas as pd

from repdyn import artifacts
from repdyn.fitting import prediction
from repdyn.statistics import intervals

MEANS = {
    "rms_log": "log",
    "rms_linear": "log",
    "ahead_start": "linear",
    "ahead_half": "linear",
    "ahead_constant": "linear",
}


def main(cells: list[str], confidence: float, table: str, networks: str, summary: str) -> None:
    grids = [prediction.with_reference(artifacts.read_table(path)) for path in cells]
    found = pd.concat([prediction.final_distances(grid) for grid in grids], ignore_index=True)
    agreements = prediction.agreements(found)
    artifacts.write_table(found, table)
    artifacts.write_table(agreements, networks)
    artifacts.write_table(means(agreements, confidence), summary)


def means(agreements: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """One row a setting, position and prediction: errors, with intervals over networks, and medians of R^2."""
    rows = []
    for key, here in agreements.groupby(["setting", "position", "prediction"], sort=False):
        row = dict(zip(("setting", "position", "prediction"), key)) | {"cells": here.cells.mean()}
        row |= {name: here[name].median() for name in ("r2_log", "r2_linear")}
        for name, scale in MEANS.items():
            values = here[name].where(here[name] > 0) if scale == "log" else here[name]
            row |= intervals.mean(values, confidence, scale).columns(name)
        rows.append(row)
    return pd.DataFrame(rows).assign(unit="network", interval=f"t (rms: on logarithms), {100 * confidence:g} %")
