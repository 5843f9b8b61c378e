"""Training on the images of MNIST: pairs of images, loss, accuracy and distances of digits are recorded.

The networks see mini-batches (van Rossem & Saxe 2024: batch 64, SGD, loss 1/2 MSE on one-hot targets). What is recorded
is the state after a number of updates, 0 being the initial network.
"""

from dataclasses import dataclass

import numpy as np
import torch

from repdyn import minibatch
from repdyn.checkpoints import Checkpoint
from repdyn.ensemble import Ensemble, Member, stacks
from repdyn.networks import Layer
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


def train(
    layers: list[Layer],
    members: list[Member],
    train_set: tuple[np.ndarray, np.ndarray],
    test_set: tuple[np.ndarray, np.ndarray],
    pairs: np.ndarray,
    probes: np.ndarray,
    epochs: int,
    batch: int,
    device: str = "cpu",
    init_seed: int = 0,
    batch_seed: int = 0,
    label: str = "training",
    checkpoint: Checkpoint | None = None,
) -> Runs:
    """Train every member for some epochs, plain SGD.

    Sets are inputs (row, in_dim) and targets (row, out_dim), float32. `pairs` (pair, 2) are rows of the training set,
    followed at the steps of `schedule`; `probes` (probe, in_dim) are inputs whose distances are taken before and after.
    """
    checkpoint = checkpoint or Checkpoint()
    sets = [torch.as_tensor(values, device=device) for values in (*train_set, *test_set)]
    paired = sets[0][torch.as_tensor(pairs, device=device).flatten()]
    steps = minibatch.steps_per_epoch(len(sets[0]), batch)
    stacked = stacks(layers, len(members), device)
    parts = []
    with flushed_subnormals(), Progress(label, epochs * steps * len(stacked)) as progress:
        for n, stack in enumerate(stacked):
            ensemble = Ensemble(layers, members[stack], "sgd", device, init_seed)
            looked_at = paired, torch.as_tensor(probes, device=device)
            parts.append(_run(ensemble, *sets, *looked_at, epochs, batch, batch_seed, progress, checkpoint, n))
    joined = {name: torch.cat([part[name] for part in parts]).cpu().numpy() for name in parts[0]}
    loss = joined.pop("loss").astype(float)
    gone = ~np.logical_and.accumulate(np.isfinite(loss), axis=1)
    accuracy = np.where(gone, np.nan, joined.pop("accuracy").astype(float))
    diverged_at = np.where(gone.any(1), gone.argmax(1), -1)
    at = schedule(steps, epochs)
    return Runs(step=at, loss=loss, accuracy=accuracy, diverged_at=diverged_at, **joined)


@torch.no_grad()
def _run(ensemble, x, y, test_x, test_y, paired, probes, epochs, batch, batch_seed, progress, checkpoint, number):
    """Train one stack; returns what `Runs` holds of it, all with the network first."""
    networks, hidden, out_dim = len(ensemble.members), len(ensemble.layers) - 1, y.shape[1]
    steps = minibatch.steps_per_epoch(len(x), batch)
    at = {step: n for n, step in enumerate(schedule(steps, epochs).tolist())}
    generators = minibatch.order_generators(ensemble.members, batch_seed)

    def empty(*shape, dtype=torch.float32):
        return torch.full((networks, *shape), torch.nan, dtype=dtype, device=ensemble.device)

    recorded = {
        "H": empty(hidden, len(paired) // 2, len(at)),
        "outputs": empty(len(at), len(paired) // 2, 2, out_dim),
        "distances": empty(2, hidden, len(probes), len(probes), dtype=torch.float64),
        "probe_outputs": empty(2, len(probes), out_dim),
        "loss": empty(epochs),
        "accuracy": empty(epochs),
    }
    part = checkpoint.part(number, ensemble, recorded, generators)
    done = part.resume()  # epochs
    progress.update(done * steps)
    step = done * steps

    def look():
        if step in at:
            layers, output = ensemble.forward(paired, training=False)
            distances = [(h[:, 0::2] - h[:, 1::2]).square().sum(-1) for h in layers]
            recorded["H"][..., at[step]] = torch.stack(distances, 1)
            recorded["outputs"][:, at[step]] = output.unflatten(1, (-1, 2))

    def after_step():
        nonlocal step
        step += 1
        look()
        progress.update()

    def probe(when):
        recorded["distances"][:, when], recorded["probe_outputs"][:, when] = _probe(ensemble, probes)

    if not done:
        look()
        probe(0)
    for epoch in range(done, epochs):
        part.offer(epoch)
        recorded["loss"][:, epoch] = minibatch.train_epoch(ensemble, x, y, batch, generators, after_step)
        recorded["accuracy"][:, epoch] = _accuracy(ensemble, test_x, test_y)
        if epoch == epochs - 1:
            probe(1)
    part.end(epochs)
    return recorded


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
