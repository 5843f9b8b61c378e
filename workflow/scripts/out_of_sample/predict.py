"""Trajectories predicted from the run's first half and from another pair of points; errors beside those of baselines.

Three tables: one row a cell, one row a network, and means over the networks of a setting.
"""

import numpy as np
import pandas as pd

from repdyn import artifacts
from repdyn.fitting import prediction
from repdyn.statistics import intervals

AGAINST = {"rest": "rest_flat", "elsewhere": "flat", "orbit": "orbit_line"}
COLUMNS = [
    *(*prediction.CELL, *AGAINST, *AGAINST.values(), "reference", "eta_h_early", "eta_y_early", "eta_h_elsewhere"),
    *("eta_y_elsewhere", "kept", "status", "reason"),
]


def main(
    runs: list[str], cells: list[str], layers: list[int], confidence: float, table: str, networks: str, summary: str
) -> None:
    tables = []
    for run, cell, layer in zip(runs, cells, layers, strict=True):
        grid = prediction.with_reference(artifacts.read_table(cell))
        tables.append(prediction.trajectories(artifacts.read_dataset(run), grid, layer)[COLUMNS])
    found = pd.concat(tables, ignore_index=True)
    each = of_networks(found)
    artifacts.write_table(found, table)
    artifacts.write_table(each, networks)
    artifacts.write_table(means(each, confidence), summary)


def of_networks(cells: pd.DataFrame) -> pd.DataFrame:
    """One row a network: geometric means of errors over its cells with a task, and how far each beats its baseline.

    ahead_NAME: ln of the baseline's error over the prediction's.
    """
    task = cells[cells.kept & (cells.dy > 0) & ~cells.reference]
    errors = np.log(task[[*AGAINST, *AGAINST.values()]]).groupby(
        [task[name] for name in prediction.NETWORK], sort=False
    )
    means = errors.mean()
    ahead = {f"ahead_{name}": means[baseline] - means[name] for name, baseline in AGAINST.items()}
    return np.exp(means).assign(**ahead, cells=errors.size()).reset_index()


def means(networks: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """One row a setting, position and prediction: its error and its baseline's, with intervals over networks."""
    rows = []
    for (setting, position), here in networks.groupby(["setting", "position"], sort=False):
        for name, baseline in AGAINST.items():
            row = {"setting": setting, "position": position, "prediction": name}
            for column, values in (("error", here[name]), ("baseline", here[baseline])):
                row |= intervals.mean(values, confidence, "log").columns(column)
            rows.append(row | intervals.mean(here[f"ahead_{name}"], confidence).columns("ahead"))
    method = {"unit": "network", "interval": f"t on logarithms, {100 * confidence:g} %"}
    return pd.DataFrame(rows).assign(**method)
