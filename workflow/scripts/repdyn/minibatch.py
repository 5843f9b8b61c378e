"""Mini-batch training of an ensemble on a labelled data set that lies on the device as one tensor.

One step is one batch of every network: each walks through the data in an order of its own, drawn anew each epoch from
its own generator (van Rossem & Saxe 2024 train MNIST this way, batch 64, SGD, loss 1/2 MSE on one-hot targets). What
is recorded is the state after a number of updates, 0 being the initial network.
"""

from dataclasses import dataclass

import numpy as np
import torch

from repdyn.ensemble import BATCHES, Ensemble, generator
from repdyn.training import Progress, flushed_subnormals

EARLY = 24  # recorded states in the first epoch, at logarithmically spaced steps
_EVALUATED = 1000  # images of one evaluation pass


@dataclass(frozen=True)
class Runs:
    """What training recorded; a network that diverges holds values that are not finite.

    step       (time,) updates before each recorded state
    H          (network, layer, pair, time) squared distance of the pair's representations, every hidden layer
    outputs    (network, time, pair, 2, out_dim) of the pairs' points
    distances  (network, when, layer, probe, probe) squared distances of the probes, when = before and after training
    probe_outputs  (network, when, probe, out_dim)
    loss       (network, epoch) mean over the epoch's batches of 1/2 MSE, each before its update
    accuracy   (network, epoch) share of the test set whose largest output is the target's, after the epoch
    diverged_at  (network,) first epoch whose loss is not finite, or -1
    """

    step: np.ndarray
    H: np.ndarray
    outputs: np.ndarray
    distances: np.ndarray
    probe_outputs: np.ndarray
    loss: np.ndarray
    accuracy: np.ndarray
    diverged_at: np.ndarray


def schedule(steps_per_epoch: int, epochs: int, early: int = EARLY) -> np.ndarray:
    """The updates after which states are recorded: 0, about `early` ones in the first epoch, the end of each epoch."""
    first = np.geomspace(1, steps_per_epoch, early).astype(int)
    return np.unique(np.concatenate([[0], first, steps_per_epoch * np.arange(1, epochs + 1)]))


def squared_distances(h: torch.Tensor) -> torch.Tensor:
    """(network, row, unit) -> |h_a - h_b|^2 of all rows, (network, row, row), in double precision."""
    h = h.double()
    norms = h.square().sum(-1)
    gram = torch.bmm(h, h.transpose(1, 2))
    return (norms.unsqueeze(2) + norms.unsqueeze(1) - 2 * gram).clamp_(min=0)


@torch.no_grad()
def train(
    ensemble: Ensemble,
    train_set: tuple[np.ndarray, np.ndarray],
    test_set: tuple[np.ndarray, np.ndarray],
    pairs: np.ndarray,
    probes: np.ndarray,
    epochs: int,
    batch: int,
    batch_seed: int,
    label: str = "training",
) -> Runs:
    """Train every network of the ensemble for some epochs.

    Sets are inputs (row, in_dim) and targets (row, out_dim), float32. `pairs` (pair, 2) are rows of the training set,
    followed at the steps of `schedule`; `probes` (probe, in_dim) are inputs whose distances are taken before and after.
    """
    device, members = ensemble.device, ensemble.members
    x, y, test_x, test_y = (torch.as_tensor(a, device=device) for a in (*train_set, *test_set))
    paired, probes = x[torch.as_tensor(pairs, device=device).flatten()], torch.as_tensor(probes, device=device)
    steps_per_epoch = -(-len(x) // batch)
    at = schedule(steps_per_epoch, epochs)
    orders = [generator(BATCHES, batch_seed, member.seed) for member in members]
    H, outputs, seen = [], [], [_probe(ensemble, probes)]
    loss = torch.full((epochs, len(members)), torch.nan, device=device)
    accuracy = torch.full((epochs, len(members)), torch.nan, device=device)

    def record():
        hidden, output = ensemble.forward(paired, training=False)
        H.append(torch.stack([(h[:, 0::2] - h[:, 1::2]).square().sum(-1) for h in hidden]))  # (layer, network, pair)
        outputs.append(output.unflatten(1, (-1, 2)))

    record()
    wanted, step = set(at.tolist()), 0
    with flushed_subnormals(), Progress(label, epochs * steps_per_epoch) as progress:
        for epoch in range(epochs):
            order = torch.stack([torch.randperm(len(x), generator=draw) for draw in orders]).to(device)
            total = torch.zeros(len(members), device=device)
            for rows in order.split(batch, dim=1):
                _, output = ensemble.forward(x[rows])
                error = output - y[rows]
                total += error.square().sum((1, 2))
                ensemble.backward(error / error[0].numel())
                step += 1
                if step in wanted:
                    record()
                progress.update()
            loss[epoch] = total / (2 * y.numel())
            accuracy[epoch] = _accuracy(ensemble, test_x, test_y)
    seen.append(_probe(ensemble, probes))
    loss = loss.T.double().cpu().numpy()
    gone = ~np.logical_and.accumulate(np.isfinite(loss), axis=1)
    distances, probe_outputs = (torch.stack(parts, 1).cpu().numpy() for parts in zip(*seen))
    return Runs(
        step=at,
        H=torch.stack(H).permute(2, 1, 3, 0).cpu().numpy(),
        outputs=torch.stack(outputs, 1).cpu().numpy(),
        distances=distances,
        probe_outputs=probe_outputs,
        loss=loss,
        accuracy=np.where(gone, np.nan, accuracy.T.double().cpu().numpy()),
        diverged_at=np.where(gone.any(1), gone.argmax(1), -1),
    )


def _probe(ensemble: Ensemble, probes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Squared distances (network, layer, probe, probe) and outputs (network, probe, out_dim)."""
    hidden, output = ensemble.forward(probes, training=False)
    return torch.stack([squared_distances(h) for h in hidden], 1), output


def _accuracy(ensemble: Ensemble, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Share of the rows whose largest output is the one of the target, (network,)."""
    right = 0
    for rows, targets in zip(x.split(_EVALUATED), y.split(_EVALUATED)):
        _, output = ensemble.forward(rows, training=False)
        right = right + (output.argmax(-1) == targets.argmax(-1)).sum(-1)
    return right / len(x)
