"""Trajectories on the grid, predicted from the two-point study's rates: errors beside those of a fit at the cell."""

import pandas as pd

from repdyn import artifacts
from repdyn.fitting import prediction

COLUMNS = [
    *("setting", "dx", "dy", "seed", "nrmse_predicted", "nrmse_fitted", "nrmse_same", "eta_h", "eta_y"),
    *("status", "reason", "kept", "fits"),
]


def main(
    runs: list[str],
    cells: list[str],
    fits: list[str],
    layers: list[int],
    horizons: list[float],
    finer: float,
    output: str,
) -> None:
    tables = []
    for run, cell, fit, layer, horizon in zip(runs, cells, fits, layers, horizons, strict=True):
        table = artifacts.read_table(cell).drop(columns=["eta_h", "eta_y"])
        rates = prediction.rates(artifacts.read_table(fit), layer)
        table = table.join(prediction.trajectories(artifacts.read_dataset(run), table, rates, layer, horizon, finer))
        tables.append(prediction.with_note(table, rates)[COLUMNS])
    artifacts.write_table(pd.concat(tables, ignore_index=True), output)
