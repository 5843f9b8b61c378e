"""XOR and MNIST: do pairs move on their own, or does each point feel the others? One row a network, and one a setting.

Both theories are fitted to the same curves H, Y and w of all pairs (six of each task): each pair on its own with two
constants of its own (12 in all) or with two for all, and all points at once with two constants (`theory.coupled`),
where what points have in common for the encoder, K, is what the layer makes of them at first, or their inputs.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from repdyn import artifacts
from repdyn.data import mnist, xor
from repdyn.fitting import coupled as fits
from repdyn.statistics import intervals
from repdyn.theory import coupled

THEORIES = ("independent", "shared", "coupled", "coupled_inputs")


@dataclass(frozen=True)
class Points:
    """What a network's points and pairs do.

    observed: H, Y and w (curve, pair, moment); distances: of the layer at first (point, point); outputs at first and
    targets (point, output); dx2 (point, point) of the inputs; weights (point,): how much of the data each stands for.
    """

    t: np.ndarray
    observed: np.ndarray
    distances: np.ndarray
    outputs: np.ndarray
    targets: np.ndarray
    dx2: np.ndarray
    weights: np.ndarray
    pairs: list[tuple[int, int]]


def main(
    runs: list[str],
    layers: dict[str, int],
    mnist_pairs: str,
    mnist_layer: int,
    loss_above: float,
    confidence: float,
    networks: str,
    summary: str,
) -> None:
    rows = []
    for path, (setting, layer) in zip(runs, layers.items(), strict=True):
        run = artifacts.read_dataset(path).sel(layer=layer)
        named = {"task": "xor", "setting": setting, "layer": layer}
        rows += [{**named, **of_xor(run.sel(seed=seed), loss_above)} for seed in run.seed]
    run = artifacts.read_dataset(mnist_pairs).sel(layer=mnist_layer)
    named = {"task": "mnist", "setting": "mnist_pairs", "layer": mnist_layer}
    rows += [{**named, **of_mnist(run.sel(seed=seed))} for seed in run.seed]
    table = pd.DataFrame(rows)
    artifacts.write_table(table, networks)
    artifacts.write_table(summarised(table, confidence), summary)


def of_xor(run, loss_above: float) -> dict:
    """The errors of a network that learned XOR: six pairs of four points, all of which it is trained on."""
    row, final = {"seed": run.seed.item()}, run.loss.values[-1]
    if run.diverged_at.item() >= 0 or not final <= loss_above:
        return {**row, "kept": False, "reason": f"final loss {final:.3g} above {loss_above:g}"}
    outputs = run.output.transpose("step", "point", "output_unit").values
    distances = run.distance.transpose("pair", "step").values
    _, Y, w = coupled.curves(np.zeros((1, 4, 4)), outputs, xor.TARGETS, xor.PAIRS)
    first = xor.matrix(distances[:, 0])
    made = first, outputs[0], xor.TARGETS, xor.matrix(xor.DX2), np.ones(4)
    return row | compared(Points(run.step.values.astype(float), np.array([distances, Y, w]), *made, xor.PAIRS))


def of_mnist(run) -> dict:
    """The errors of a network that learns MNIST: a few pairs of images, which feel the means of the ten digits, each
    with the weight that its digit has among the images (a mean field), and are felt by none."""
    row = {"seed": run.seed.item()}
    if run.diverged_at.item() >= 0:
        return {**row, "kept": False, "reason": f"diverged in epoch {run.diverged_at.item()}"}
    observed = np.array([run[name].transpose("pair", "step").values for name in "HYw"], float)
    digits = np.r_[np.arange(mnist.CLASSES), run.digit.transpose("pair", "point").values.ravel()]
    first, outputs = run.field_distance.values.astype(float), run.field_output.values.astype(float)
    made = first, outputs, mnist.one_hot(digits).astype(float), run.field_dx2.values, run.field_weight.values
    pairs = [(mnist.CLASSES + 2 * n, mnist.CLASSES + 2 * n + 1) for n in range(run.sizes["pair"])]
    return row | compared(Points(run.step.values.astype(float), observed, *made, pairs))


def compared(points: Points) -> dict:
    """Errors of H and Y of every theory, and how far the coupled one is ahead."""
    t, observed, pairs = points.t, points.observed, points.pairs
    if not (observed[0, :, 0] > 0).all():
        return {"kept": False, "reason": "two points have the same representation at first"}
    a, b = np.transpose(pairs)
    dx2, dy2 = points.dx2[a, b], ((points.targets[a] - points.targets[b]) ** 2).sum(-1)
    rates, own = fits.independent(t, observed, dx2, dy2)
    start = (
        np.exp(np.nanmedian(np.log(np.clip(rates, 1e-9, 1e3)), axis=0)) if np.isfinite(rates).any() else [1e-3, 1e-3]
    )
    rates, alike = fits.shared(t, observed, dx2, dy2, start)
    gram, given = (coupled.gram_of_distances(d, points.weights) for d in (points.distances, points.dx2))
    size = [(points.weights * np.diagonal(of)).sum() for of in (given, gram)]
    state = t, observed, gram, points.outputs, points.targets
    found, together = fits.together(*state, gram * size[0] / size[1], pairs, rates, points.weights)
    _, of_inputs = fits.together(*state, given, pairs, rates, points.weights)
    row = {"kept": True, "reason": "", "eta_h": found[0], "eta_y": found[1]}
    for theory, curves in zip(THEORIES, (own, alike, together, of_inputs)):
        row |= {f"{name}_{theory}": error for name, error in zip("HY", fits.errors(curves, observed))}
    for name in "HY":
        for rival in ("independent", "shared"):
            row[f"{name}_ahead_of_{rival}"] = np.log(row[f"{name}_coupled"] / row[f"{name}_{rival}"])
    return row


def summarised(table: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """One row a setting, curve and theory: error, and the ratio of the coupled one's to it (networks are the units)."""
    rows = []
    for (task, setting), ones in table.groupby(["task", "setting"], sort=False):
        kept = ones[ones.kept]
        for name in "HY":
            for theory in THEORIES:
                row = {
                    "task": task,
                    "setting": setting,
                    "quantity": name,
                    "theory": theory,
                    "networks": len(ones),
                    "kept": len(kept),
                }
                errors = kept[f"{name}_{theory}"] if len(kept) else []
                row |= intervals.mean(errors, confidence, "log").columns("error")
                row |= {"unit": "network", "interval": f"t on logarithms, {confidence:.0%}"}
                if len(kept) and theory != "coupled":
                    row |= intervals.change(errors, kept[f"{name}_coupled"], confidence, "log").columns(
                        "coupled_over_it"
                    )
                rows.append(row)
    return pd.DataFrame(rows)
