"""Training to the end: every network on two points of its own, until its loss is small.

Networks are looked at every `EVERY` steps: what they do there is recorded, and one whose loss is small enough by then
stops and costs no more time. So where a network stops depends neither on the device nor on what is stacked beside it.
Step t holds the state before the t-th update, as in `training`.
"""

from dataclasses import dataclass

import numpy as np
import torch

from repdyn import training
from repdyn.checkpoints import Checkpoint
from repdyn.ensemble import Ensemble, Member, stacks
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
    checkpoint: Checkpoint | None = None,
) -> Converged:
    """Train member n on the points x[n] (2, in_dim) with targets y[n] (2, out_dim), full batch, loss 1/2 MSE.

    x: (network, 2, in_dim), y: (network, 2, out_dim). At most `steps` steps, fewer where the loss falls to `stop_loss`.
    """
    checkpoint = checkpoint or Checkpoint()
    samples = steps // EVERY + 1
    H = np.full((len(members), len(layers) - 1, samples), np.nan, np.float32)
    outputs = np.full((len(members), samples, *y.shape[1:]), np.nan, np.float32)
    rotation = np.full(H.shape[:2], np.nan)
    last = np.zeros(len(members), int)
    stacked = stacks(layers, len(members), device)
    with training.flushed_subnormals(), training.Progress(label, steps * len(stacked)) as progress:
        for n, part in enumerate(stacked):
            ensemble = Ensemble(layers, members[part], optimiser, device, init_seed, dropout_seed)
            filled = {"H": H[part], "outputs": outputs[part], "rotation": rotation[part], "last": last[part]}
            _run(
                ensemble, x[part], y[part], samples, stop_loss, **filled, progress=progress, checkpoint=checkpoint, n=n
            )
    observed = [output_observables(output, target) for output, target in zip(outputs, y, strict=True)]
    curves = {name: np.stack([one[name] for one in observed]) for name in ("Y", "w", "loss")}
    return Converged(step=EVERY * np.arange(samples), H=H, last=last, rotation=rotation, **curves)


@torch.no_grad()
def _run(ensemble: Ensemble, x, y, samples: int, stop_loss: float, H, outputs, rotation, last, progress, checkpoint, n):
    """Train one stack; fills H, outputs, rotation and last, whose first axis is the network."""
    x, y = (torch.as_tensor(data, dtype=torch.float32, device=ensemble.device) for data in (x, y))
    total = EVERY * (samples - 1)
    initial = [h[:, 0] - h[:, 1] for h in ensemble.forward(x, training=False)[0]]
    part = checkpoint.part(n, ensemble, {"H": H, "outputs": outputs, "rotation": rotation, "last": last})
    start = part.resume()
    progress.update(start)
    going = ensemble.index
    x_going, y_going = x[going], y[going]
    for t in range(start, total + 1):
        part.offer(t)
        ready = t % EVERY == 0 and not ensemble.has_dropout  # what is looked at can be pulled back as well
        if t % EVERY == 0:
            sample = t // EVERY
            hidden, output = ensemble.forward(x_going, training=ready)
            H[going, :, sample] = squared_distances(hidden).T.cpu().numpy()
            outputs[going, sample] = output.cpu().numpy()
            loss = 0.5 * (output - y_going).square().mean((1, 2)).cpu().numpy()
            ends = ~(loss > stop_loss) | ~np.isfinite(loss) | (t == total)
            if ends.any():
                apart = [h[:, 0] - h[:, 1] for h in hidden]
                cosines = [torch.cosine_similarity(a[going], b, dim=1).cpu().numpy() for a, b in zip(initial, apart)]
                rotation[going[ends]] = np.stack(cosines, 1)[ends]
                last[going[ends]] = sample
                if ends.all():
                    progress.update(total - t)
                    break
                ensemble.keep(np.flatnonzero(~ends).tolist())
                going = ensemble.index
                x_going, y_going, ready = x[going], y[going], False
        if not ready:
            _, output = ensemble.forward(x_going)
        ensemble.backward((output - y_going) / y[0].numel())
        progress.update()
    part.end(total + 1)
