"""The training loop: an ensemble on a data set of two points, everything recorded at every step.

Step t holds the state before the t-th update (t = 0, 1, ..., steps - 1), so step 0 is the initial network. What is
recorded comes from the training pass itself; only networks with dropout need an evaluation pass beside it.

Networks that have come to rest, or diverged, stop costing time.
"""

import logging
import time
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from tqdm import tqdm

from repdyn.checkpoints import Checkpoint
from repdyn.ensemble import Ensemble, Member, stacks
from repdyn.networks import Layer
from repdyn.observables import output_observables, squared_distances

LOOK = 100  # steps from one look at who is at rest to the next


@dataclass(frozen=True)
class Trajectories:
    """What training recorded. Networks that diverge hold NaN from the first step that is not finite.

    A network at rest holds to the last step what it had when it came to rest.

    H: (network, layer, step), float32. Y, w, mean_error, loss: (network, step), float64.
    diverged_at: (network,), the first step that is not finite, or -1.
    """

    H: np.ndarray
    Y: np.ndarray
    w: np.ndarray
    mean_error: np.ndarray
    loss: np.ndarray
    diverged_at: np.ndarray


def choose_device(wanted: str) -> str:
    """`auto` takes a GPU where there is one; `cuda` insists on it.

    Raises RuntimeError where `cuda` was asked for and none can be used.
    """
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if wanted == "cuda" and not torch.cuda.is_available():
        raise RuntimeError("training.device is 'cuda', but torch finds no GPU here; set it to 'auto' or 'cpu'")
    return wanted


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
    rest_loss: float = 0.0,
) -> Trajectories:
    """Train every member on the two points x (2, in_dim) with targets y (2, out_dim), full batch, loss 1/2 MSE.

    A network whose loss was below `rest_loss` for LOOK steps is at rest and trained no further.
    """
    parts, checkpoint = [], checkpoint or Checkpoint()
    stacked = stacks(layers, len(members), device)
    with flushed_subnormals(), Progress(label, steps * len(stacked)) as progress:
        for n, stack in enumerate(stacked):
            ensemble = Ensemble(layers, members[stack], optimiser, device, init_seed, dropout_seed)
            parts.append(_record(ensemble, x, y, steps, rest_loss, progress, checkpoint, n))
    H, outputs = (np.concatenate(part) for part in zip(*parts, strict=True))
    finite = np.isfinite(outputs).all((2, 3)) & np.isfinite(H).all(1)
    gone = ~np.logical_and.accumulate(finite, axis=1)  # (network, step)
    diverged_at = np.where(gone.any(1), gone.argmax(1), -1)
    H[np.broadcast_to(gone[:, None], H.shape)] = np.nan
    outputs[gone] = np.nan
    return Trajectories(H=H, diverged_at=diverged_at, **output_observables(outputs, y))


@torch.no_grad()
def _record(
    ensemble: Ensemble, x, y, steps: int, rest_loss: float, progress, checkpoint: Checkpoint, number: int
) -> tuple[np.ndarray, np.ndarray]:
    """H (network, layer, step) and outputs (network, step, point, out_dim) of one training run."""
    device, networks = ensemble.device, len(ensemble.members)
    x = torch.as_tensor(x, dtype=torch.float32, device=device)
    y = torch.as_tensor(y, dtype=torch.float32, device=device)
    H = torch.full((steps, len(ensemble.layers) - 1, networks), torch.nan, device=device)
    outputs = torch.full((steps, networks, *y.shape), torch.nan, device=device)
    part = checkpoint.part(number, ensemble, {"H": H, "outputs": outputs})
    start = part.resume()
    progress.update(start)
    going = torch.as_tensor(ensemble.index, device=device)
    for t in range(start, steps):
        part.offer(t)
        hidden, output = ensemble.forward(x)
        seen = ensemble.forward(x, training=False) if ensemble.has_dropout else (hidden, output)
        H[t][:, going], outputs[t][going] = squared_distances(seen[0]), seen[1]
        ensemble.backward((output - y) / y.numel())
        progress.update()
        if t % LOOK == LOOK - 1:
            lately = outputs[t + 1 - LOOK : t + 1][:, going]
            resting = (0.5 * (lately - y).square().mean((2, 3)) < rest_loss).all(0)
            lost = ~torch.isfinite(lately[-1]).flatten(1).all(1)
            H[t + 1 :, :, going[resting]] = H[t][:, going[resting]]
            outputs[t + 1 :, going[resting]] = lately[-1][resting]
            left = (~(resting | lost)).nonzero().flatten().tolist()
            if not left:
                progress.update(steps - 1 - t)
                break
            if len(left) < len(going):
                ensemble.keep(left)
                going = going[left]
    part.end(steps)
    return H.permute(2, 1, 0).cpu().numpy(), outputs.transpose(0, 1).cpu().numpy()


@contextmanager
def flushed_subnormals():
    """Squared gradients underflow in Adam's moments, and below float32's normal range a CPU is ten times slower."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


class Progress:
    """A line a minute in the log, and a bar on a terminal."""

    def __init__(self, label: str, total: int):
        self.label, self.total, self.done = label, total, 0

    def __enter__(self):
        self.started = self.spoke = time.monotonic()
        self.bar = tqdm(total=self.total, desc=self.label, unit="step", leave=False, mininterval=0.5, disable=None)
        return self

    def update(self, steps: int = 1) -> None:
        self.done += steps
        self.bar.update(steps)
        if self.done % 256 == 0 and time.monotonic() - self.spoke > 60:
            self.spoke = time.monotonic()
            rate = self.done / (self.spoke - self.started)
            logging.info("%s: step %d of %d, %.0f steps/s", self.label, self.done, self.total, rate)

    def __exit__(self, *_):
        self.bar.close()
