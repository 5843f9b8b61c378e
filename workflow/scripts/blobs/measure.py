"""How much of a representation each feature of the blobs explains, and a map of one network's representation.

Tables: one row a network, before and after training; one row a setting and feature, means over the networks that
learned, before and after, and of the change of each network. Map: metric multidimensional scaling to three dimensions
of the first network that learned (or the first one, if none did), on a coarser grid of places.
"""

import numpy as np
import pandas as pd

from repdyn import artifacts
from repdyn.data import blobs
from repdyn.statistics import embedding, intervals


def main(
    runs: list[str],
    loss_above: float,
    side: int,
    confidence: float,
    mds_seed: int,
    table: str,
    summary: str,
    mapped: str,
) -> None:
    rows, summaries, maps = [], [], []
    for path in runs:
        run = artifacts.read_dataset(path)
        levels = blobs.features(run.context.values, run.x.values, run.y.values)
        networks = pd.DataFrame([measure(run.sel(seed=s), levels, loss_above) for s in run.seed.values])
        rows.append(networks)
        summaries += summarised(networks, confidence)
        kept = networks[networks.kept]
        shown = (kept if len(kept) else networks).iloc[0]
        maps.append(draw_map(run.sel(seed=shown.seed), levels, side, mds_seed))
    artifacts.write_table(pd.concat(rows, ignore_index=True), table)
    artifacts.write_table(pd.DataFrame(summaries), summary)
    artifacts.write_table(pd.concat(maps, ignore_index=True), mapped)


def measure(one, levels: dict[str, np.ndarray], loss_above: float) -> dict:
    """One network: shares of its representation's variance, their change, its loss, and whether it counts."""
    row = {"setting": one.setting, "seed": one.seed.item(), "epochs": one.epoch.values[-1]}
    for suffix, hidden in (("", one.hidden_end.values), ("_start", one.hidden_start.values)):
        hidden = hidden.astype(float)
        shares = {feature: blobs.explained(hidden, of_input) for feature, of_input in levels.items()}
        row |= {f"{feature}{suffix}": share for feature, share in shares.items()}
        row[f"selectivity{suffix}"] = blobs.selectivity(shares)
    row |= {f"{name}_change": row[name] - row[f"{name}_start"] for name in (*levels, "selectivity")}
    final = one.loss.values[-1]
    reason = "diverged" if not np.isfinite(final) else ""
    if final > loss_above:
        reason = f"final loss {final:.3g} above {loss_above:g}"
    return {**row, "final_loss": final, "kept": not reason, "reason": reason}


def summarised(networks: pd.DataFrame, confidence: float) -> list[dict]:
    """Of one setting a row for each feature and for selectivity: before, after, and the change within a network.

    Shares are averaged as logits and selectivity as Fisher's z, which is half the logarithm of relevant / irrelevant.
    """
    rows, kept = [], networks[networks.kept]
    for feature in (*blobs.FEATURES, "selectivity"):
        scale = "fisher" if feature == "selectivity" else "logit"
        row = {"setting": networks.setting.iloc[0], "feature": feature, "networks": len(networks), "kept": len(kept)}
        row |= {"unit": "network", "interval": f"t on {scale}, change: linear, paired, {100 * confidence:g} %"}
        row |= intervals.mean(kept[f"{feature}_start"], confidence, scale).columns("start", "n")
        row |= intervals.mean(kept[feature], confidence, scale).columns("end", "n")
        row |= intervals.change(kept[f"{feature}_start"], kept[feature], confidence).columns("change", "n")
        rows.append(row)
    return rows


def draw_map(one, levels: dict[str, np.ndarray], side: int, mds_seed: int) -> pd.DataFrame:
    """Three coordinates of every input on the coarser grid, beside its features; nan for a network that diverged."""
    places = blobs.subsample(int(one.x.max()) + 1, side)
    chosen = np.flatnonzero(np.isin(levels["x"], places) & np.isin(levels["y"], places))
    placed, stress = embedding.mds(one.hidden_end.values[chosen].astype(float), mds_seed)
    told = pd.DataFrame({feature: of_input[chosen] for feature, of_input in levels.items()})
    told.insert(0, "setting", one.setting)
    told.insert(1, "seed", one.seed.item())
    return told.assign(first=placed[:, 0], second=placed[:, 1], third=placed[:, 2], stress=stress)
