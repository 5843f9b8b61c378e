"""Training to the end: every network on two points of its own, until its loss is small.

Networks are looked at every `EVERY` steps: what they do there is recorded, and one whose loss is small enough by then
stops and costs no more time. So where a network stops depends neither on the device nor on what is stacked beside it.
Step t holds the state before the t-th update, as in `training`.
"""

from dataclasses import dataclass

import numpy as np
import torch

from repdyn import training
from repdyn.ensemble import Ensemble, Member, parameter_count
from repdyn.networks import Layer
from repdyn.observables import output_observables, squared_distances

EVERY = 10  # optimiser steps


@dataclass(frozen=True)
class Converged:
    """What training recorded at the steps 0, EVERY, 2 EVERY, ...; NaN beyond each network's last one.

    step: (sample,). H: (network, layer, sample), float32. Y, w, loss: (network, sample), float64.
    last: (network,), the sample at which each network ended: it had learned, was not finite, or the steps were over.
    rotation: (network, layer), the cosine of the angle between dh = h_A - h_B at the first and at the last sample.
    """

    step: np.ndarray
    H: np.ndarray
    Y: np.ndarray
    w: np.ndarray
    loss: np.ndarray
    last: np.ndarray
    rotation: np.ndarray


def train_until(
    layers: list[Layer],
    members: list[Member],
    x: np.ndarray,
    y: np.ndarray,
    steps: int,
    stop_loss: float,
    optimiser: str = "sgd",
    device: str = "cpu",
    init_seed: int = 0,
    dropout_seed: int | None = None,
    label: str = "training",
) -> Converged:
    """Train member n on the points x[n] (2, in_dim) with targets y[n] (2, out_dim), full batch, loss 1/2 MSE.

    x: (network, 2, in_dim), y: (network, 2, out_dim). At most `steps` steps, fewer where the loss falls to `stop_loss`.
    """
    together = len(members)
    if device == "cpu":
        together = max(1, training.CACHE_BYTES // (4 * parameter_count(layers)))
    samples = steps // EVERY + 1
    H = np.full((len(members), len(layers) - 1, samples), np.nan, np.float32)
    outputs = np.full((len(members), samples, *y.shape[1:]), np.nan, np.float32)
    rotation = np.full(H.shape[:2], np.nan)
    last = np.zeros(len(members), int)
    with training.flushed_subnormals(), training.Progress(label, steps * -(-len(members) // together)) as progress:
        for first in range(0, len(members), together):
            part = slice(first, first + together)
            ensemble = Ensemble(layers, members[part], optimiser, device, init_seed, dropout_seed)
            results = H[part], outputs[part], rotation[part], last[part]
            _run(ensemble, x[part], y[part], samples, stop_loss, *results, progress)
    observed = [output_observables(output, target) for output, target in zip(outputs, y, strict=True)]
    curves = {name: np.stack([one[name] for one in observed]) for name in ("Y", "w", "loss")}
    return Converged(step=EVERY * np.arange(samples), H=H, last=last, rotation=rotation, **curves)


@torch.no_grad()
def _run(ensemble: Ensemble, x, y, samples: int, stop_loss: float, H, outputs, rotation, last, progress) -> None:
    """Train one stack; fills H, outputs, rotation and last, whose first axis is the network."""
    x, y = (torch.as_tensor(data, dtype=torch.float32, device=ensemble.device) for data in (x, y))
    going = np.arange(len(ensemble.members))
    total = EVERY * (samples - 1)
    for t in range(total + 1):
        if t % EVERY == 0:
            sample = t // EVERY
            hidden, output = ensemble.forward(x, training=False)
            apart = [h[:, 0] - h[:, 1] for h in hidden]
            if t == 0:
                initial = apart
            H[going, :, sample] = squared_distances(hidden).T.cpu().numpy()
            outputs[going, sample] = output.cpu().numpy()
            loss = 0.5 * (output - y).square().mean((1, 2)).cpu().numpy()
            ends = ~(loss > stop_loss) | ~np.isfinite(loss) | (t == total)
            if ends.any():
                cosines = [torch.cosine_similarity(a, b, dim=1).cpu().numpy() for a, b in zip(initial, apart)]
                rotation[going[ends]] = np.stack(cosines, 1)[ends]
                last[going[ends]] = sample
                rest = np.flatnonzero(~ends).tolist()
                if not rest:
                    progress.update(total - t)
                    return
                going, x, y, initial = going[rest], x[rest], y[rest], [a[rest] for a in initial]
                ensemble.keep(rest)
        _, output = ensemble.forward(x)
        ensemble.backward((output - y) / y[0].numel())
        progress.update()
