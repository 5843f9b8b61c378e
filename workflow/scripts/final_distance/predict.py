"""Final distances predicted from rates fitted in the two-point study, beside measured ones; what explains the rest.

Two tables: one row a cell, and one row a setting and explanation.
"""

import pandas as pd

from repdyn import artifacts
from repdyn.fitting import prediction

COLUMNS = [
    *("setting", "dx", "dy", "seed", "measured", "predicted", "low", "high", "a_low", "a_high", "status", "reason"),
    *("kept", "fits", "layer", "h_start", "step", "loss", "rotation", "eta_h", "eta_y", "nrmse", "fitted"),
]


def main(cells: list[str], fits: list[str], intervals: dict, seed: int, table: str, explained: str) -> None:
    tables, explanations = [], []
    for cells_path, fits_path in zip(cells, fits, strict=True):
        grid = artifacts.read_table(cells_path)
        rates = prediction.rates(artifacts.read_table(fits_path), grid.layer.iloc[0])
        grid = grid.join(prediction.final_distance(grid, rates))
        ends = prediction.intervals(grid, rates, intervals["confidence"], intervals["resamples"], seed)
        found = prediction.explanations(grid).merge(ends, how="left", on="explanation")
        explanations.append(found.assign(setting=grid.setting.iloc[0], note=rates.note))
        tables.append(prediction.with_note(grid, rates).rename(columns={"h_end": "measured"})[COLUMNS])
    artifacts.write_table(pd.concat(tables, ignore_index=True), table)
    found = pd.concat(explanations, ignore_index=True)
    artifacts.write_table(found[["setting", *found.columns.drop("setting")]], explained)
