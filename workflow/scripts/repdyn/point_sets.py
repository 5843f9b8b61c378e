"""Training on a few points, full batch, with the distances of all pairs of them recorded now and then.

As in `training`, step t holds the state before the t-th update. Recorded are at most MOST_RECORDED steps, denser at
the beginning, the first and the last one among them.
"""

from dataclasses import dataclass

import numpy as np
import torch

from repdyn import training
from repdyn.checkpoints import Checkpoint
from repdyn.ensemble import Ensemble, Member, stacks
from repdyn.networks import Layer

MOST_RECORDED = 120


@dataclass(frozen=True)
class Recorded:
    """What training recorded; NaN from the first recorded step on that is not finite.

    steps: (step,). distances: squared distances (network, layer, pair, step), pairs in the order of
    itertools.combinations. outputs: (network, point, out_dim, step). loss: 1/2 MSE, (network, step).
    diverged_at: (network,), the first recorded step that is not finite, or -1.
    """

    steps: np.ndarray
    distances: np.ndarray
    outputs: np.ndarray
    loss: np.ndarray
    diverged_at: np.ndarray


def recorded_steps(steps: int) -> np.ndarray:
    """Which of the steps 0, ..., steps - 1 are recorded."""
    half = MOST_RECORDED // 2
    even, dense = np.linspace(0, steps - 1, half), np.geomspace(1, steps, half) - 1
    return np.unique(np.concatenate([even, dense]).round().astype(int))


def train(
    layers: list[Layer],
    members: list[Member],
    x: np.ndarray,
    y: np.ndarray,
    steps: int,
    optimiser: str = "sgd",
    device: str = "cpu",
    init_seed: int = 0,
    dropout_seed: int | None = None,
    label: str = "training",
    checkpoint: Checkpoint | None = None,
) -> Recorded:
    """Train every member on the points x (point, in_dim) with targets y (point, out_dim), loss 1/2 MSE."""
    at = recorded_steps(steps)
    parts, checkpoint = [], checkpoint or Checkpoint()
    stacked = stacks(layers, len(members), device)
    with training.flushed_subnormals(), training.Progress(label, steps * len(stacked)) as progress:
        for n, stack in enumerate(stacked):
            ensemble = Ensemble(layers, members[stack], optimiser, device, init_seed, dropout_seed)
            parts.append(_record(ensemble, x, y, steps, at, progress, checkpoint, n))
    distances, outputs = (np.concatenate(part) for part in zip(*parts, strict=True))
    gone = ~(np.isfinite(distances).all((1, 2)) & np.isfinite(outputs).all((1, 2)))  # (network, step)
    gone = np.logical_or.accumulate(gone, axis=1)
    distances[np.broadcast_to(gone[:, None, None], distances.shape)] = np.nan
    outputs[np.broadcast_to(gone[:, None, None], outputs.shape)] = np.nan
    loss = 0.5 * ((outputs - np.asarray(y)[..., None]) ** 2).mean((1, 2))
    diverged_at = np.where(gone.any(1), at[gone.argmax(1)], -1)
    return Recorded(at, distances, outputs, loss, diverged_at)


@torch.no_grad()
def _record(ensemble: Ensemble, x, y, steps: int, at: np.ndarray, progress, checkpoint: Checkpoint, number: int):
    """Distances (network, layer, pair, step) and outputs (network, point, out_dim, step) of one training run."""
    x = torch.as_tensor(x, dtype=torch.float32, device=ensemble.device)
    y = torch.as_tensor(y, dtype=torch.float32, device=ensemble.device)
    networks, pairs = len(ensemble.members), len(x) * (len(x) - 1) // 2
    distances = torch.full((len(at), networks, len(ensemble.layers) - 1, pairs), torch.nan, device=x.device)
    outputs = torch.full((len(at), networks, *y.shape), torch.nan, device=x.device)
    place = {step: n for n, step in enumerate(at.tolist())}
    part = checkpoint.part(number, ensemble, {"distances": distances, "outputs": outputs})
    start = part.resume()
    progress.update(start)
    for t in range(start, steps):
        part.offer(t)
        hidden, output = ensemble.forward(x)
        if t in place:
            seen, out = ensemble.forward(x, training=False) if ensemble.has_dropout else (hidden, output)
            distances[place[t]] = torch.stack([pair_distances(h) for h in seen], 1)
            outputs[place[t]] = out
        ensemble.backward((output - y) / y.numel())
        progress.update()
    part.end(steps)
    return distances.permute(1, 2, 3, 0).double().cpu().numpy(), outputs.permute(1, 2, 3, 0).double().cpu().numpy()


def pair_distances(h: torch.Tensor) -> torch.Tensor:
    """Squared distances of all pairs of points: (network, point, unit) -> (network, pair)."""
    first, second = torch.triu_indices(h.shape[1], h.shape[1], 1, device=h.device)
    return (h[:, first] - h[:, second]).square().sum(-1)
