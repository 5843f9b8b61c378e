"""XOR, theory beside experiment: one row a network and pair of points, and one row a setting with intervals.

A network that diverged or did not learn keeps its rows, with its status and the reason, and counts in no mean.
"""

import numpy as np
import pandas as pd

from repdyn import artifacts
from repdyn.data import xor
from repdyn.statistics import structure_index
from repdyn.statistics.intervals import bootstrap_interval

NUMBERS = ("correlation", "relative_error", "task_correlation", "structure_index", "explained", "structure_theory")


def main(
    runs: list[str],
    fits: list[str],
    layers: dict[str, int],
    loss_above: float,
    intervals: dict,
    seed: int,
    pairs: str,
    summary: str,
) -> None:
    rows, summaries = [], []
    for path, fitted, (setting, layer) in zip(runs, fits, layers.items(), strict=True):
        run = artifacts.read_dataset(path).sel(layer=layer)
        ratio, single, note = structure_index.rate_ratio(artifacts.read_table(fitted).query("layer == @layer"))
        table, numbers = compare(run, setting, ratio, loss_above)
        rows.append(table)
        kept = numbers[numbers.reason == ""]
        low, high = bootstrap_interval(single, intervals["confidence"], intervals["resamples"], seed)
        row = {"setting": setting, "layer": layer, "networks": len(numbers), "kept": len(kept), "eta_ratio": ratio}
        row |= {"eta_ratio_mean": single.mean() if single.size else np.nan}
        row |= {"eta_ratio_low": low, "eta_ratio_high": high, "two_point_networks": single.size}
        for number in NUMBERS:
            low, high = bootstrap_interval(kept[number], intervals["confidence"], intervals["resamples"], seed)
            row |= {number: kept[number].mean(), f"{number}_low": low, f"{number}_high": high}
        discarded = [f"seed {n.seed}: {n.reason}" for n in numbers.itertuples() if n.reason]
        row["reason"] = " | ".join(filter(None, [note, *discarded]))
        summaries.append(row)
    artifacts.write_table(pd.concat(rows, ignore_index=True), pairs)
    artifacts.write_table(pd.DataFrame(summaries), summary)


def compare(run, setting: str, ratio: float, loss_above: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One setting at one layer: a table of seeds and pairs, and a table of seeds with their NUMBERS and reason."""
    rows, numbers = [], []
    for seed in run.seed.values:
        one = run.sel(seed=seed)
        start, end = one.distance.isel(step=0).values, one.distance.isel(step=-1).values
        outputs = one.output.isel(step=0).transpose("point", "output_unit").values
        predicted = structure_index.predicted(start, xor.pair_distances(outputs), ratio)
        reason = discard_reason(one, loss_above)
        index, explained = structure_index.structure(end, start)
        numbers.append(
            {
                "seed": seed,
                "correlation": structure_index.correlation(predicted, end),
                "relative_error": structure_index.relative_error(predicted, end),
                "task_correlation": structure_index.task_correlation(end),
                "structure_index": index,
                "explained": explained,
                "structure_theory": structure_index.structure(predicted, start)[0],
                "reason": reason,
            }
        )
        for i, pair in enumerate(xor.PAIR_NAMES):
            missing = "" if np.isfinite(predicted[i]) else "no prediction"
            rows.append(
                {
                    "setting": setting,
                    "seed": seed,
                    "pair": pair,
                    "dx2": xor.DX2[i],
                    "dy2": xor.DY2[i],
                    "measured_start": start[i],
                    "measured_end": end[i],
                    "predicted": predicted[i],
                    "eta_ratio": ratio,
                    "final_loss": one.loss.values[-1],
                    "status": "discarded" if reason else "kept",
                    "reason": "; ".join(filter(None, [reason, missing])),
                }
            )
    return pd.DataFrame(rows), pd.DataFrame(numbers)


def discard_reason(one, loss_above: float) -> str:
    """Why a network says nothing about the theory, or an empty string."""
    if one.diverged_at.item() >= 0:
        return f"diverged by step {one.diverged_at.item()}"
    final = one.loss.values[-1]
    return f"final loss {final:.3g} above {loss_above:g}" if final > loss_above else ""
