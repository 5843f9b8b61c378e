"""How much of a representation each feature of the blobs explains, and a map of one network's representation.

Tables: one row a network, before and after training; one row a setting and feature, means over the networks that
learned, with bootstrap intervals. Map: metric multidimensional scaling to three dimensions of the first network that
learned (or the first one, if none did), on a coarser grid of places.
"""

import numpy as np
import pandas as pd

from repdyn import artifacts
from repdyn.data import blobs
from repdyn.statistics import embedding
from repdyn.statistics.intervals import bootstrap_interval


def main(
    runs: list[str],
    loss_above: float,
    side: int,
    intervals: dict,
    seed: int,
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
        kept = networks[networks.status == "kept"]
        for feature in (*blobs.FEATURES, "selectivity"):
            row = {"setting": run.setting, "feature": feature, "networks": len(networks), "kept": len(kept)}
            for name, column in (("start", f"{feature}_start"), ("end", feature)):
                low, high = bootstrap_interval(kept[column], intervals["confidence"], intervals["resamples"], seed)
                row |= {name: kept[column].mean(), f"{name}_low": low, f"{name}_high": high}
            summaries.append(row)
        shown = (kept if len(kept) else networks).iloc[0]
        maps.append(draw_map(run.sel(seed=shown.seed), levels, side, mds_seed))
    artifacts.write_table(pd.concat(rows, ignore_index=True), table)
    artifacts.write_table(pd.DataFrame(summaries), summary)
    artifacts.write_table(pd.concat(maps, ignore_index=True), mapped)


def measure(one, levels: dict[str, np.ndarray], loss_above: float) -> dict:
    """One network: shares of its representation's variance, its loss, and whether it counts."""
    row = {"setting": one.setting, "seed": one.seed.item(), "epochs": one.epoch.values[-1]}
    for suffix, hidden in (("", one.hidden_end.values), ("_start", one.hidden_start.values)):
        hidden = hidden.astype(float)
        shares = {feature: blobs.explained(hidden, of_input) for feature, of_input in levels.items()}
        row |= {f"{feature}{suffix}": share for feature, share in shares.items()}
        row[f"selectivity{suffix}"] = blobs.selectivity(shares)
    final = one.loss.values[-1]
    reason = "diverged" if not np.isfinite(final) else ""
    if final > loss_above:
        reason = f"final loss {final:.3g} above {loss_above:g}"
    return {**row, "final_loss": final, "status": "discarded" if reason else "kept", "reason": reason}


def draw_map(one, levels: dict[str, np.ndarray], side: int, mds_seed: int) -> pd.DataFrame:
    """Three coordinates of every input on the coarser grid, beside its features; nan for a network that diverged."""
    places = blobs.subsample(int(one.x.max()) + 1, side)
    chosen = np.flatnonzero(np.isin(levels["x"], places) & np.isin(levels["y"], places))
    placed, stress = embedding.mds(one.hidden_end.values[chosen].astype(float), mds_seed)
    told = pd.DataFrame({feature: of_input[chosen] for feature, of_input in levels.items()})
    told.insert(0, "setting", one.setting)
    told.insert(1, "seed", one.seed.item())
    return told.assign(first=placed[:, 0], second=placed[:, 1], third=placed[:, 2], stress=stress)
