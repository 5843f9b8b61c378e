"""What goes into a trainer and comes out of it: data of some steps, when to stop, what to follow, and what was seen."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Batch:
    """Data of some steps: rows of x and y, all of them at every step or those that `order` names.

    x (1 or network, points, input), y (1 or network, points, output), float32. order (network, steps, batch) and sizes
    (steps,), how many of a step's rows count; None where all points are seen at every step.
    """

    x: np.ndarray
    y: np.ndarray
    order: np.ndarray | None = None
    sizes: np.ndarray | None = None


@dataclass(frozen=True)
class Stop:
    """A network stops, before that step's update, where its loss is not above `loss` at a step divisible by `every`.

    every = 0: never. A loss that is not finite stops it too.
    """

    loss: float = 0.0
    every: int = 0


@dataclass(frozen=True)
class Follow:
    """What is recorded at some steps: squared distances of pairs of points in every hidden layer, and outputs.

    slots (steps,): the place at which a step is recorded, or -1. points: (1 or network, points, input), None for those
    that are trained on. pairs: (pair, 2).
    """

    slots: np.ndarray
    points: np.ndarray | None
    pairs: np.ndarray

    @property
    def count(self) -> int:
        """How many steps are recorded."""
        return int(self.slots.max(initial=-1)) + 1


@dataclass(frozen=True)
class Trace:
    """What was seen. distances (network, slot, layer, pair) and outputs (network, slot, point, output), float32;

    losses (network, steps): 1/2 MSE on what is trained on, before the update, float64; reached (network,): the step
    after the last one, or that at which the network stopped.
    """

    distances: np.ndarray
    outputs: np.ndarray
    losses: np.ndarray
    reached: np.ndarray
