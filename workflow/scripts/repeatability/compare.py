"""How far the same networks come out differently: of every network, layer and repetition, H, Y, w and fitted rates.

Of a curve: the root mean square difference over the range of the first run. Of a rate: the factor between the two
runs, less 1. The summary says of a setting what is typical, and beyond which difference a further network would come
out in one case of twenty: with it results of another machine are to be compared.
"""

import numpy as np
import pandas as pd

from repdyn import artifacts, fitting
from repdyn.statistics import differences, intervals

RATES = ("eta_h", "eta_y")
ABOUT = ["setting", "activation", "kind", "quantity"]


def main(runs: list[str], layers: list[int], loss_above: float, confidence: float, table: str, summary: str) -> None:
    rows = pd.concat([repeated(artifacts.read_dataset(path), layer, loss_above) for path, layer in zip(runs, layers)])
    artifacts.write_table(rows, table)
    artifacts.write_table(summarised(rows, confidence), summary)


def repeated(run, layer: int, loss_above: float) -> pd.DataFrame:
    """Rows of one setting; rates at the table's layer, and at a quarter and three quarters of the depth."""
    depth = run.sizes["layer"]
    fitted = sorted({layer, depth // 4, 3 * depth // 4})
    first, *others = run.kind.values
    rows = []
    for seed in run.seed.values:
        one = {kind: run.sel(seed=seed, kind=kind) for kind in run.kind.values}
        rates = {kind: {n: fit(of, n) for n in fitted} for kind, of in one.items()}
        for kind in others:
            about = {"setting": run.setting, "activation": run.activation, "seed": seed, "kind": kind}
            reason = "; ".join(filter(None, (unusable(one[k], loss_above) for k in (first, kind))))
            found = [("H", n, differences.of_curves(one[first].H[n], one[kind].H[n])) for n in range(depth)]
            found += [(name, pd.NA, differences.of_curves(one[first][name], one[kind][name])) for name in ("Y", "w")]
            found += [(name, n, factor(rates[first][n], rates[kind][n], name)) for name in RATES for n in fitted]
            rows += [
                about | {"quantity": name, "layer": n, "difference": value, "kept": not reason, "reason": reason}
                for name, n, value in found
            ]
    table = pd.DataFrame(rows).astype({"layer": "Int64"})
    return table.assign(at_table_layer=table.layer.isna() | (table.layer == layer).fillna(False))


def unusable(run, loss_above: float) -> str:
    """Why a run says nothing, or an empty string."""
    if run.diverged >= 0:
        return f"{run.kind.item()}: diverged at step {run.diverged.item()}"
    final = float(run.loss[-1])
    return f"{run.kind.item()}: final loss {final:.3g} above {loss_above:g}" if final > loss_above else ""


def fit(run, layer: int) -> fitting.Fit:
    """The theory's rates of one run at one layer."""
    H, t = run.H.sel(layer=layer).values.astype(float), run.step.values.astype(float)
    return fitting.fit_trajectory(t, H, run.Y.values, run.w.values, run.dx2, run.dy2)


def factor(before: fitting.Fit, after: fitting.Fit, name: str) -> float:
    """How far two rates are apart; nan where a fit has not converged."""
    if not before.converged or not after.converged:
        return np.nan
    return differences.of_rates(getattr(before, name), getattr(after, name))


def summarised(rows: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """One row a setting, kind, quantity and place (table's layer, each network's worst layer, output), over networks.

    difference: geometric mean; largest: of a network; tolerance: `intervals.prediction_limit`.
    """
    found = []
    for key, of in rows.groupby(ABOUT, sort=False):
        kept = of[of.kept]
        at_layer = kept[kept.at_table_layer].set_index("seed").difference
        places = {"table's layer": at_layer, "worst layer": kept.groupby("seed").difference.max()}
        lost = of[~of.kept].drop_duplicates("seed")
        for where, values in places.items() if of.layer.notna().any() else [("output", at_layer)]:
            row = dict(zip(ABOUT, key)) | {"layer": where, "networks": of.seed.nunique()}
            row |= intervals.mean(values, confidence, "log").columns("difference")
            row |= {"largest": values.max(), "tolerance": intervals.prediction_limit(values, confidence, "log")}
            found.append(
                row | {"reason": " | ".join(f"seed {seed}: {why}" for seed, why in zip(lost.seed, lost.reason))}
            )
    return pd.DataFrame(found).assign(unit="network", interval=f"t on logarithms, {100 * confidence:g} %")
