"""Theory and altered equations: mean sums of squares of every setting, shares of wins, and one network's curves."""

import numpy as np
import pandas as pd

from repdyn import artifacts
from repdyn.statistics.curves import thin
from repdyn.statistics.intervals import bootstrap_interval, jeffreys
from repdyn.theory import altered
from repdyn.theory.altered import DYNAMICS

COLUMNS = ["setting", "dynamics", "quantity", "seed", "step", "value", "low", "high", "networks"]
FLOOR = 1e-12


def main(fits: str, runs: str, intervals: dict, seed: int, output: str) -> None:
    fits, runs = artifacts.read_table(fits), artifacts.read_dataset(runs)
    artifacts.write_table(table(fits, runs, intervals, seed), output)


def table(fits: pd.DataFrame, runs, intervals: dict, seed: int) -> pd.DataFrame:
    """One row a number.

    quantity: sse (geometric mean over a setting's kept networks with its bootstrap interval, or, if none was kept,
    sse_discarded of all), win and decisive (mean over settings of the share of kept networks, with a Jeffreys interval;
    no setting), and H, Y, w of one network (dynamics empty: the network itself) with the sums sse_network of its fits.
    """
    rows = []
    for (setting, name), group in fits.groupby(["setting", "dynamics"], sort=False):
        kept = group[group.kept] if group.kept.any() else group
        values = np.log(np.maximum(kept.sse.dropna().to_numpy(), FLOOR))
        if len(values):
            low, high = bootstrap_interval(values, intervals["confidence"], intervals["resamples"], seed)
            quantity = "sse" if group.kept.any() else "sse_discarded"
            rows.append((setting, name, quantity, None, None, *np.exp([values.mean(), low, high]), len(values)))
    kept = fits[fits.kept]
    for quantity in ("win", "decisive"):
        shares = kept.astype({quantity: float}).groupby(["dynamics", "setting"])[quantity].mean()
        for name in DYNAMICS:
            if name in shares:
                mine = shares[name].to_numpy()
                low, high = jeffreys(mine.sum(), mine.size, intervals["confidence"])
                rows.append((None, name, quantity, None, None, mine.mean(), low, high, kept.seed.size // len(DYNAMICS)))
    rows = pd.DataFrame(rows, columns=COLUMNS).astype({"value": float, "low": float, "high": float})
    return pd.concat([rows, _network(fits, runs)], ignore_index=True)[COLUMNS].astype(
        {"seed": "Int64", "step": "Int64"}
    )


def _network(fits, runs):
    """H, Y and w of the first kept network of the shown setting (else the first), and of its five best fits."""
    mine = fits[fits.setting == runs.setting]
    mine = (mine[mine.kept] if mine.kept.any() else mine).query("seed == seed.iloc[0]").set_index("dynamics")
    seed = mine.seed.iloc[0]
    run = runs.sel(seed=seed, layer=mine.layer.iloc[0]).isel(step=thin(runs.sizes["step"]))
    t = run["step"].values.astype(float)
    observed = np.stack([run[name].values.astype(float) for name in "HYw"])
    shown = {"": observed}
    fitted = mine[np.isfinite(mine.sse)]
    if len(fitted):
        factors = np.array([DYNAMICS[name].factors for name in fitted.index])
        start = np.repeat(observed[:, :1], len(fitted), axis=1)
        rates = fitted.eta_h.to_numpy(), fitted.eta_y.to_numpy()
        solved = altered.solve(t, start, factors, *rates, runs.dx2, runs.dy2)
        shown |= dict(zip(fitted.index, solved.swapaxes(0, 1), strict=True))
    parts = [
        pd.DataFrame(
            {"setting": runs.setting, "dynamics": name, "quantity": quantity, "seed": seed, "step": run.step}
        ).assign(value=curve, low=np.nan, high=np.nan, networks=1)
        for name, three in shown.items()
        for quantity, curve in zip("HYw", three, strict=True)
    ]
    sums = fitted.reset_index().assign(quantity="sse_network", step=None, value=fitted.sse.to_numpy(), networks=1)
    parts.append(sums.reindex(columns=COLUMNS))
    return pd.concat(parts, ignore_index=True)
