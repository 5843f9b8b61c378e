"""Trajectories on the grid, predicted from the two-point study's rates: errors beside those of a fit at the cell."""

import pandas as pd

from repdyn import artifacts, prediction
from repdyn.jobs import run_job

COLUMNS = [
    *("setting", "dx", "dy", "seed", "nrmse_predicted", "nrmse_fitted", "nrmse_same", "eta_h", "eta_y"),
    *("status", "reason", "kept", "fits"),
]


def main(
    trajectories: list[str],
    cells: list[str],
    fits: list[str],
    layers: list[int],
    horizons: list[float],
    slower: float,
    output: str,
) -> None:
    tables = []
    for runs, cell, fit, layer, horizon in zip(trajectories, cells, fits, layers, horizons, strict=True):
        table = artifacts.read_table(cell).drop(columns=["eta_h", "eta_y"])
        rates = prediction.rates(artifacts.read_table(fit), layer)
        runs = artifacts.read_dataset(runs)
        table = table.join(prediction.trajectories(runs, table, rates, layer, horizon, slower))
        tables.append(prediction.with_note(table, rates)[COLUMNS])
    artifacts.write_table(pd.concat(tables, ignore_index=True), output)


if "snakemake" in globals():
    run_job(main, snakemake)
