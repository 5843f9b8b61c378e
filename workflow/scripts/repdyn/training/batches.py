"""Which data a training step sees: all points, shuffled mini-batches, or random subsets.

Each network's random orders come from a generator of its own, so they do not depend on what else is in the ensemble. A
source is plain data; `started` it hands out batches, step after step.
"""

from dataclasses import dataclass

import numpy as np
import torch

from repdyn.training.ensemble import BATCHES, Member, generator
from repdyn.training.trace import Batch

AHEAD = 1000  # steps whose random subsets are drawn at once


@dataclass(frozen=True)
class Points:
    """All points at every step. x (points, input), y (points, output), or with a network axis before."""

    x: np.ndarray
    y: np.ndarray

    def started(self, members: list[Member], index: np.ndarray) -> "Running":
        """Batches for the networks of these places in the ensemble."""
        own = self.x.ndim > 2
        x, y = (_single(a[index] if own else a[None]) for a in (self.x, self.y))
        return Running(x, y, own=own)


@dataclass(frozen=True)
class Epochs:
    """Mini-batches of rows of x and y, each epoch in a new order; the last batch of an epoch holds what is left."""

    x: np.ndarray
    y: np.ndarray
    batch: int
    seed: int = 0

    @property
    def steps(self) -> int:
        """Of one epoch."""
        return -(-len(self.x) // self.batch)

    def means(self, losses: np.ndarray) -> np.ndarray:
        """Mean loss over the rows of every epoch (network, epoch) from that of every step (network, step)."""
        sizes = np.diff(np.r_[np.arange(0, len(self.x), self.batch), len(self.x)])
        return losses.reshape(len(losses), -1, self.steps) @ sizes / len(self.x)

    def started(self, members: list[Member], index: np.ndarray) -> "Running":
        """Batches for the networks of these places in the ensemble."""
        draws = [generator(BATCHES, self.seed, member.seed) for member in members]
        return _Epochs(_single(self.x[None]), _single(self.y[None]), draws, self.batch)


@dataclass(frozen=True)
class Subsets:
    """At every step random rows of x and y, `batch` of them, without replacement."""

    x: np.ndarray
    y: np.ndarray
    batch: int
    seed: int = 0

    def started(self, members: list[Member], index: np.ndarray) -> "Running":
        """Batches for the networks of these places in the ensemble."""
        draws = [generator(BATCHES, self.seed, member.seed) for member in members]
        return _Subsets(_single(self.x[None]), _single(self.y[None]), draws, self.batch)


def _single(values) -> np.ndarray:
    return np.ascontiguousarray(values, dtype=np.float32)


class Running:
    """Hands out batches. Subclasses draw orders of rows, a block of steps at a time."""

    order: np.ndarray | None = None  # (network, step of the block, batch)
    sizes: np.ndarray | None = None
    first = 0  # step with which the block begins

    def __init__(self, x: np.ndarray, y: np.ndarray, draws=(), batch: int = 0, own: bool = False):
        self.x, self.y, self.draws, self.batch, self.own = x, y, list(draws), batch, own

    def next(self, first: int, steps: int) -> Batch:
        """Data of these steps; to be asked for in order."""
        if not self.draws:
            return Batch(self.x, self.y)
        orders, sizes = [], []
        while steps:
            if self.order is None or first >= self.first + self.order.shape[1]:
                self.order, self.sizes, self.first = *self.drawn(), first
            here = slice(first - self.first, first - self.first + steps)
            orders.append(self.order[:, here])
            sizes.append(self.sizes[here])  # type: ignore[index]
            first, steps = first + orders[-1].shape[1], steps - orders[-1].shape[1]
        return Batch(self.x, self.y, np.ascontiguousarray(np.concatenate(orders, 1)), np.concatenate(sizes))

    def drawn(self) -> tuple[np.ndarray, np.ndarray]:
        """The next block: order (network, step, batch) and how many rows of each step count (step,)."""
        raise NotImplementedError

    def keep(self, index) -> None:
        """Go on for these networks alone."""
        self.draws = [self.draws[i] for i in index] if self.draws else []
        self.order = None if self.order is None else self.order[index]
        if self.own:
            self.x, self.y = self.x[index], self.y[index]

    def state(self) -> dict[str, np.ndarray]:
        """All that decides what comes next, under names."""
        found = {f"draw.{n}": draw.get_state().numpy() for n, draw in enumerate(self.draws)}
        if self.order is not None:
            found |= {"order": self.order, "sizes": self.sizes, "first": np.array(self.first)}
        return found

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go on as the one whose `state` this is."""
        for n, draw in enumerate(self.draws):
            draw.set_state(torch.from_numpy(state[f"draw.{n}"]))
        if "order" in state:
            self.order, self.sizes, self.first = state["order"], state["sizes"], int(state["first"])


class _Epochs(Running):
    def drawn(self):
        rows = self.x.shape[1]
        steps = -(-rows // self.batch)
        order = np.zeros((len(self.draws), steps * self.batch), np.int32)
        for n, draw in enumerate(self.draws):
            order[n, :rows] = torch.randperm(rows, generator=draw).numpy()
        sizes = np.full(steps, self.batch)
        sizes[-1] = rows - (steps - 1) * self.batch
        return order.reshape(len(self.draws), steps, self.batch), sizes


class _Subsets(Running):
    def drawn(self):
        rows = self.x.shape[1]
        chosen = [torch.rand(AHEAD, rows, generator=draw).argsort(1)[:, : self.batch] for draw in self.draws]
        return torch.stack(chosen).int().numpy(), np.full(AHEAD, self.batch)
