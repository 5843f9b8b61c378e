"""What the first networks of one setting did at its hidden layer, beside the theory's trajectory and its path.

Columns:

    setting, layer, seed     which network; the first MOST of those that are kept, on the side that clock_summary is of
    series                   experiment; trajectory, of the two fitted rates; path, through the run's own start and end
    step                     optimiser step
    H, Y                     squared distances; of the path Y at the H that the network has at that step
"""

import numpy as np
import pandas as pd

from repdyn import artifacts, theory
from repdyn.statistics.curves import thin
from repdyn.theory import clock

MOST = 3  # networks
COLUMNS = ["setting", "layer", "seed", "series", "step", "H", "Y"]


def main(runs: str, fits: str, layer: int, explore: int, curves: str) -> None:
    runs, fits = artifacts.read_dataset(runs).sel(layer=layer), artifacts.read_table(fits)
    fits = fits[(fits.layer == layer)].set_index("seed")
    side = held_out if len(held_out := fits[fits.index >= explore]) else fits
    known = side[["eta_h", "eta_y", "orbit_error"]].notna().all(axis=1)
    parts = [of_network(runs.sel(seed=seed), rates) for seed, rates in side[side.kept & known].iloc[:MOST].iterrows()]
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)
    artifacts.write_table(table.assign(setting=runs.setting, layer=layer)[COLUMNS], curves)


def of_network(run, rates) -> pd.DataFrame:
    """One network's rows, in the columns above but for the setting and the layer."""
    shown = thin(run.sizes["step"])
    t, H, Y, w = (run[name].values.astype(float) for name in ("step", "H", "Y", "w"))
    trajectory = theory.exact(t[shown], H[0], Y[0], w[0], rates.eta_h, rates.eta_y, run.dx2, run.dy2)
    path = clock.orbit(H[shown], *clock.orbit_constants(H[0], Y[0], H[-1], Y[-1]))
    series = {"experiment": (H[shown], Y[shown]), "trajectory": trajectory[:2], "path": (H[shown], path)}
    steps = run["step"].values[shown]
    return pd.concat(
        [
            pd.DataFrame({"seed": int(run.seed), "series": name, "step": steps, "H": np.array(h), "Y": np.array(y)})
            for name, (h, y) in series.items()
        ]
    )
