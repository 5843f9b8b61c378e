"""Training on blobs with context, in mini-batches: the loss is recorded, and one hidden layer before and after."""

from dataclasses import dataclass

import numpy as np
import torch

from repdyn import minibatch
from repdyn.checkpoints import Checkpoint
from repdyn.ensemble import Ensemble, Member
from repdyn.networks import Layer
from repdyn.training import Progress, flushed_subnormals

MOST_RECORDED = 60


@dataclass(frozen=True)
class Recorded:
    """What training recorded; a network that diverged has NaN.

    epochs: (time,), after how many epochs the loss was taken. loss: 1/2 MSE over all inputs, (network, time).
    hidden_start, hidden_end: one hidden layer before and after training, (network, input, unit).
    """

    epochs: np.ndarray
    loss: np.ndarray
    hidden_start: np.ndarray
    hidden_end: np.ndarray


@torch.no_grad()
def train(
    layers: list[Layer],
    members: list[Member],
    x: np.ndarray,
    y: np.ndarray,
    epochs: int,
    batch: int,
    layer: int,
    optimiser: str = "sgd",
    device: str = "cpu",
    init_seed: int = 0,
    batch_seed: int = 0,
    dropout_seed: int | None = None,
    label: str = "training",
    checkpoint: Checkpoint | None = None,
) -> Recorded:
    """Train every member on the inputs x (input, in_dim) with targets y (input, out_dim), loss 1/2 MSE."""
    ensemble = Ensemble(layers, members, optimiser, device, init_seed, dropout_seed)
    generators = minibatch.order_generators(members, batch_seed)
    x, y = (torch.as_tensor(data, dtype=torch.float32, device=ensemble.device) for data in (x, y))
    at = np.unique(np.linspace(0, epochs, MOST_RECORDED).round().astype(int))
    loss = torch.full((len(members), len(at)), torch.nan, device=ensemble.device)
    start = ensemble.forward(x, training=False)[0][layer].cpu()
    part = (checkpoint or Checkpoint()).part(0, ensemble, {"loss": loss}, generators)
    done, steps = part.resume(), minibatch.steps_per_epoch(len(x), batch)
    with flushed_subnormals(), Progress(label, epochs * steps) as progress:
        progress.update(done * steps)
        for epoch in range(done, epochs + 1):
            part.offer(epoch)
            if epoch in at:
                hidden, output = ensemble.forward(x, training=False)
                loss[:, np.searchsorted(at, epoch)] = 0.5 * (output - y).square().mean((1, 2))
            if epoch < epochs:
                minibatch.train_epoch(ensemble, x, y, batch, generators, progress.update)
    loss = loss.double().cpu().numpy()
    end = hidden[layer].cpu().numpy()
    gone = ~(np.isfinite(end).all((1, 2)) & np.isfinite(loss[:, -1]))
    end[gone] = np.nan
    loss[~np.isfinite(loss)] = np.nan
    return Recorded(at, loss, start.numpy(), end)
