"""Where networks end, as predicted from their first half, from another pair of points, and by baselines.

Three tables: one row a cell, one row a network and prediction, and their means over the networks of a setting.
"""

import pandas as pd

from repdyn import artifacts
from repdyn.fitting import prediction
from repdyn.statistics import intervals

MEASURES = {"rms_log": "log", "r2_log": "linear", "rms_linear": "log", "r2_linear": "linear"}
AHEAD = ("ahead_start", "ahead_half", "ahead_constant")


def main(cells: list[str], confidence: float, table: str, networks: str, summary: str) -> None:
    grids = [prediction.with_reference(artifacts.read_table(path)) for path in cells]
    found = pd.concat([prediction.final_distances(grid) for grid in grids], ignore_index=True)
    agreements = prediction.agreements(found)
    artifacts.write_table(found, table)
    artifacts.write_table(agreements, networks)
    artifacts.write_table(means(agreements, confidence), summary)


def means(agreements: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """One row a setting, position and prediction; each measure with its interval over networks, if there are enough."""
    rows = []
    for key, here in agreements.groupby(["setting", "position", "prediction"], sort=False):
        row = dict(zip(("setting", "position", "prediction"), key)) | {"cells": here.cells.mean()}
        for name, scale in {**MEASURES, **dict.fromkeys(AHEAD, "linear")}.items():
            values = here[name].where(here[name] > 0) if scale == "log" else here[name]
            row |= intervals.mean(values, confidence, scale).columns(name)
        rows.append(row)
    return pd.DataFrame(rows).assign(unit="network", interval=f"t (rms: on logarithms), {100 * confidence:g} %")
