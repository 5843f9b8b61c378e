"""XOR: do its pairs move on their own, or does each point feel the others? One row a network, and one a setting.

Both theories are fitted to the same curves H, Y and w of all six pairs: each pair on its own with two constants of its
own (12 in all) or with two for all, and all points at once with two constants (`theory.coupled`), where what points
have in common for the encoder, K, is what the layer makes of them at first, or their inputs.
"""

import numpy as np
import pandas as pd

from repdyn import artifacts
from repdyn.data import xor
from repdyn.fitting import coupled as fits
from repdyn.statistics import intervals
from repdyn.theory import coupled

THEORIES = ("independent", "shared", "coupled", "coupled_inputs")


def main(
    runs: list[str], layers: dict[str, int], loss_above: float, confidence: float, networks: str, summary: str
) -> None:
    rows = []
    for path, (setting, layer) in zip(runs, layers.items(), strict=True):
        run = artifacts.read_dataset(path).sel(layer=layer)
        rows += [
            {"setting": setting, "layer": layer, **of_network(run.sel(seed=seed), loss_above)} for seed in run.seed
        ]
    table = pd.DataFrame(rows)
    artifacts.write_table(table, networks)
    artifacts.write_table(summarised(table, confidence), summary)


def of_network(run, loss_above: float) -> dict:
    """Errors of H and Y of every theory, and how far the coupled one is ahead."""
    row = {"seed": run.seed.item(), "kept": False}
    final = run.loss.values[-1]
    if run.diverged_at.item() >= 0 or not final <= loss_above:
        return {**row, "reason": f"final loss {final:.3g} above {loss_above:g}"}
    t, outputs = run.step.values.astype(float), run.output.transpose("step", "point", "output_unit").values
    distance = run.distance.transpose("pair", "step").values
    if not (distance[:, 0] > 0).all():
        return {**row, "reason": "two points have the same representation at first"}
    gram = coupled.gram_of_distances(xor.matrix(distance[:, 0]))
    _, Y, w = coupled.curves(gram[None], outputs, xor.TARGETS, xor.PAIRS)
    observed = np.array([distance, Y, w])
    rates, own = fits.independent(t, observed, xor.DX2, xor.DY2)
    start = (
        np.exp(np.nanmedian(np.log(np.clip(rates, 1e-9, 1e3)), axis=0)) if np.isfinite(rates).any() else [1e-3, 1e-3]
    )
    rates, alike = fits.shared(t, observed, xor.DX2, xor.DY2, start)
    given = coupled.gram_of_distances(xor.matrix(xor.DX2))
    kernel = gram * np.trace(given) / np.trace(gram)
    points = t, observed, gram, outputs[0], xor.TARGETS
    found, together = fits.together(*points, kernel, xor.PAIRS, rates)
    _, of_inputs = fits.together(*points, given, xor.PAIRS, rates)
    row |= {"kept": True, "reason": "", "eta_h": found[0], "eta_y": found[1]}
    for theory, curves in zip(THEORIES, (own, alike, together, of_inputs)):
        row |= {f"{name}_{theory}": error for name, error in zip("HY", fits.errors(curves, observed))}
    for name in "HY":
        for rival in ("independent", "shared"):
            row[f"{name}_ahead_of_{rival}"] = np.log(row[f"{name}_coupled"] / row[f"{name}_{rival}"])
    return row


def summarised(table: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """One row a setting, curve and theory: error, and the ratio of the coupled one's to it (networks are the units)."""
    rows = []
    for setting, ones in table.groupby("setting", sort=False):
        kept = ones[ones.kept]
        for name in "HY":
            for theory in THEORIES:
                row = {"setting": setting, "quantity": name, "theory": theory, "networks": len(ones), "kept": len(kept)}
                errors = kept[f"{name}_{theory}"] if len(kept) else []
                row |= intervals.mean(errors, confidence, "log").columns("error")
                row |= {"unit": "network", "interval": f"t on logarithms, {confidence:.0%}"}
                if len(kept) and theory != "coupled":
                    row |= intervals.change(errors, kept[f"{name}_coupled"], confidence, "log").columns(
                        "coupled_over_it"
                    )
                rows.append(row)
    return pd.DataFrame(rows)
