"""Training in mini-batches, many networks at once: every network goes through the data in an order of its own.

In an epoch each network sees every input once, in batches of the given size; the last one holds what is left. The
orders of a network come from a generator of its own, so they do not depend on what else is in the ensemble.
"""

from dataclasses import dataclass

import numpy as np
import torch

from repdyn import training
from repdyn.ensemble import BATCHES, Ensemble, Member, generator
from repdyn.networks import Layer

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


def steps_per_epoch(inputs: int, batch: int) -> int:
    return -(-inputs // batch)


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
) -> Recorded:
    """Train every member on the inputs x (input, in_dim) with targets y (input, out_dim), loss 1/2 MSE."""
    ensemble = Ensemble(layers, members, optimiser, device, init_seed, dropout_seed)
    draws = [generator(BATCHES, batch_seed, member.seed) for member in members]
    x = torch.as_tensor(x, dtype=torch.float32, device=ensemble.device)
    y = torch.as_tensor(y, dtype=torch.float32, device=ensemble.device)
    at = np.unique(np.linspace(0, epochs, MOST_RECORDED).round().astype(int))
    losses = []
    with training.flushed_subnormals(), training.Progress(label, epochs * steps_per_epoch(len(x), batch)) as progress:
        for epoch in range(epochs + 1):
            if epoch in at:
                hidden, output = ensemble.forward(x, training=False)
                losses.append(0.5 * (output - y).square().mean((1, 2)).cpu())
                if epoch == 0:
                    start = hidden[layer].cpu()
            if epoch < epochs:
                order = torch.stack([torch.randperm(len(x), generator=draw) for draw in draws]).to(ensemble.device)
                for chosen in order.split(batch, dim=1):  # (network, batch)
                    _, output = ensemble.forward(x[chosen])
                    ensemble.backward((output - y[chosen]) / output[0].numel())
                    progress.update()
    end = hidden[layer].cpu()
    gone = ~(torch.isfinite(end).all(2).all(1) & torch.isfinite(losses[-1]))
    end[gone] = torch.nan
    loss = torch.stack(losses, 1)
    loss[~torch.isfinite(loss)] = torch.nan
    return Recorded(at, loss.double().numpy(), start.numpy(), end.numpy())
