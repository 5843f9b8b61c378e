"""XOR, theory beside experiment and beside what the theory is given: targets alone, initial distances alone.

Tables: one row a network and pair of points; one row a network, with the correlations of its final distances with the
three predictors over its six pairs; one row a setting, means over networks; and the matrices of a setting. A network
that diverged or did not learn keeps its rows, with the reason, and counts in no mean.
"""

import numpy as np
import pandas as pd

from repdyn import artifacts
from repdyn.data import xor
from repdyn.statistics import distance_correlation, intervals

SCALES = {
    **dict.fromkeys(("r_theory", "r_targets", "r_initial"), "fisher"),
    **dict.fromkeys(("over_targets", "over_initial", "over_better"), "linear"),  # differences of Fisher's z
    **dict.fromkeys(("relative_error", "scale"), "log"),
}
MATRICES = ("measured_start", "measured_end", "predicted")


def main(
    runs: list[str],
    fits: list[str],
    layers: dict[str, int],
    loss_above: float,
    confidence: float,
    table: str,
    pairs: str,
    summary: str,
    matrices: str,
) -> None:
    every, networks, notes = [], [], {}
    for path, fitted, (setting, layer) in zip(runs, fits, layers.items(), strict=True):
        ratio, single, note = distance_correlation.rate_ratio(artifacts.read_table(fitted).query("layer == @layer"))
        run = artifacts.read_dataset(path).sel(layer=layer)
        every.append(pairs_of(run, setting, ratio, loss_above))
        networks.append(correlations(every[-1], layer))
        notes[setting] = {"eta_ratio": ratio, "two_point_networks": single.size, "note": note}
    every, networks = pd.concat(every, ignore_index=True), pd.concat(networks, ignore_index=True)
    artifacts.write_table(networks, table)
    artifacts.write_table(every, pairs)
    artifacts.write_table(summarised(networks, notes, confidence), summary)
    artifacts.write_table(averaged(every), matrices)


def pairs_of(run, setting: str, ratio: float, loss_above: float) -> pd.DataFrame:
    """One row a network and pair: distances before and after training, and predicted from those before it."""
    rows = []
    for seed in run.seed.values:
        one = run.sel(seed=seed)
        start, end = one.distance.isel(step=0).values, one.distance.isel(step=-1).values
        outputs = one.output.isel(step=0).transpose("point", "output_unit").values
        predicted = distance_correlation.predicted(start, xor.pair_distances(outputs), ratio, xor.DX2, xor.DY2)
        reason = discard_reason(one, loss_above)
        columns = {"pair": xor.PAIR_NAMES, "dx2": xor.DX2, "dy2": xor.DY2, "measured_start": start}
        columns |= {"measured_end": end, "predicted": predicted}
        named = {"setting": setting, "seed": seed, **columns, "eta_ratio": ratio, "final_loss": one.loss.values[-1]}
        rows.append(pd.DataFrame({**named, "kept": not reason, "reason": reason}))
    return pd.concat(rows, ignore_index=True)


def discard_reason(one, loss_above: float) -> str:
    """Why a network says nothing about the theory, or an empty string."""
    if one.diverged_at.item() >= 0:
        return f"diverged by step {one.diverged_at.item()}"
    final = one.loss.values[-1]
    return f"final loss {final:.3g} above {loss_above:g}" if final > loss_above else ""


def correlations(pairs: pd.DataFrame, layer: int) -> pd.DataFrame:
    """One row a network: r of its final distances with each predictor, and what the theory adds to the others.

    over_...: difference of Fisher's z to that predictor, to the better of the two; scale: predicted over measured sum
    of distances.
    """
    rows = []
    for seed, six in pairs.groupby("seed", sort=False):
        end, predicted = six.measured_end.to_numpy(), six.predicted.to_numpy()
        by = {"theory": predicted, "targets": xor.DY2, "initial": six.measured_start.to_numpy()}
        r = {name: distance_correlation.correlation(values, end) for name, values in by.items()}
        over = {f"over_{rival}": distance_correlation.adds(r["theory"], r[rival]) for rival in ("targets", "initial")}
        first = six.iloc[0]
        row = {"setting": first.setting, "layer": layer, "seed": seed}
        row |= {f"r_{name}": value for name, value in r.items()} | over | {"over_better": np.min([*over.values()])}
        row |= {"relative_error": distance_correlation.relative_error(predicted, end)}
        row |= {"scale": predicted.sum() / end.sum(), "eta_ratio": first.eta_ratio, "final_loss": first.final_loss}
        missing = "" if np.isfinite(predicted).all() else "no prediction"
        row |= {"kept": first.kept, "reason": "; ".join(filter(None, [first.reason, missing]))}
        rows.append(row)
    return pd.DataFrame(rows)


def summarised(networks: pd.DataFrame, notes: dict[str, dict], confidence: float) -> pd.DataFrame:
    """One row a setting: the mean of every number over the networks that learned, on its scale."""
    rows = []
    for setting, each in networks.groupby("setting", sort=False):
        kept = each[each.kept]
        note = notes[setting]
        row = {"setting": setting, "layer": each.layer.iloc[0], "networks": len(each), "kept": len(kept)}
        row |= {
            "unit": "network",
            "interval": f"t, r as Fisher's z, errors and scale as logarithms, {100 * confidence:g} %",
        }
        row |= {key: note[key] for key in ("eta_ratio", "two_point_networks")}
        for number, scale in SCALES.items():
            row |= intervals.mean(kept[number], confidence, scale).columns(number)
        reasons = [f"seed {one.seed}: {one.reason}" for one in each.itertuples() if one.reason]
        rows.append(row | {"reason": " | ".join(filter(None, [note["note"], *reasons]))})
    return pd.DataFrame(rows)


def averaged(pairs: pd.DataFrame) -> pd.DataFrame:
    """What the matrices of a setting show: mean and standard deviation over the networks that learned, of all if none
    did (networks: 0)."""
    rows = []
    for setting, each in pairs.groupby("setting", sort=False):
        kept = each[each.kept]
        for quantity in MATRICES:
            for pair, of_pair in (kept if len(kept) else each).groupby("pair", sort=False):
                row = {"setting": setting, "quantity": quantity, "pair": pair}
                row |= {"value": of_pair[quantity].mean(), "spread": of_pair[quantity].std()}
                rows.append(row | {"networks": kept.seed.nunique()})
    return pd.DataFrame(rows)
