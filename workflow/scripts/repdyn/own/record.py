"""What is recorded of pairs of points while a network trains: the curves of the theory, as arrays of one run.

For points a and b, a hidden layer h, outputs yh and targets y (van Rossem & Saxe 2024, section 3):

    H = |h_a - h_b|^2     Y = |yh_a - yh_b|^2     w = Y - <y_a - y_b, yh_a - yh_b>
    mean_error = |mean over a and b of (yh - y)|^2        loss = 1/2 mean squared error of all points

All axes of a layer, an output or a target behind the first, that of the points, are one: a sequence of tokens is one
long vector.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

Pair = tuple[int, int]
MOMENT = ("H", "Y", "w", "mean_error", "loss")  # what is recorded at every moment
_MOST_NUMBERS = 1 << 20  # of differences in memory at once


@dataclass(frozen=True)
class MeasuredRates:
    """Effective rates measured on the network, per unit of learning rate, each (layer, pair, moment) at `step`."""

    step: np.ndarray
    eta_h: np.ndarray
    eta_h_from_output: np.ndarray
    eta_y: np.ndarray


@dataclass(frozen=True)
class Record:
    """The curves of one run.

    step                optimiser steps at which they were recorded, (moment,)
    H                   (layer, pair, moment); layers: their names
    Y, w, mean_error    (pair, moment); pairs: the numbers of the two points. mean_error may be None
    dx2, dy2            |x_a - x_b|^2 and |y_a - y_b|^2, (pair,); dx2_is says what the first one is
    loss                (moment,) or None
    norms               |h_a|^2 and |h_b|^2 at the first moment, (layer, pair, 2), or None
    rates               rates measured on the way, or None
    name                of the run

    Raises ValueError where the shapes do not go together.
    """

    step: np.ndarray
    H: np.ndarray
    Y: np.ndarray
    w: np.ndarray
    dx2: np.ndarray
    dy2: np.ndarray
    layers: tuple[str, ...] = ("hidden",)
    pairs: tuple[Pair, ...] = ((0, 1),)
    mean_error: np.ndarray | None = None
    loss: np.ndarray | None = None
    norms: np.ndarray | None = None
    rates: MeasuredRates | None = None
    dx2_is: str = "given"
    name: str = ""

    def __post_init__(self):
        moments, pairs, layers = len(self.step), len(self.pairs), len(self.layers)
        shapes = {
            "H": (layers, pairs, moments),
            **dict.fromkeys(("Y", "w", "mean_error"), (pairs, moments)),
            **dict.fromkeys(("dx2", "dy2"), (pairs,)),
            "loss": (moments,),
            "norms": (layers, pairs, 2),
        }
        for name, shape in shapes.items():
            values = getattr(self, name)
            if values is not None and np.shape(values) != shape:
                raise ValueError(f"{name} has the shape {np.shape(values)}, expected {shape}")

    @classmethod
    def of_curves(cls, step, H, Y, w, dx2: float, dy2: float, **more) -> "Record":
        """The record of one pair at one layer, from curves (moment,)."""
        H, Y, w = (np.asarray(curve, float) for curve in (H, Y, w))
        return cls(np.asarray(step, float), H[None, None], Y[None], w[None], *np.array([[dx2], [dy2]], float), **more)

    @classmethod
    def of_activations(
        cls,
        step,
        hidden: Mapping[str, np.ndarray] | np.ndarray,
        output: np.ndarray,
        target: np.ndarray,
        x: np.ndarray | None = None,
        dx2=None,
        pairs: Iterable[Pair] | None = None,
        **more,
    ) -> "Record":
        """The record of hidden layers and outputs (moment, point, ...) on points with targets (point, ...).

        hidden: by name, or of one layer. x (point, ...) or dx2 gives |dx|^2, see `input_distances`.
        """
        layers = hidden if isinstance(hidden, Mapping) else {"hidden": hidden}
        output, target = _flat(output, 2), _flat(target, 1)
        if output.shape[1:] != target.shape:
            raise ValueError(f"outputs {output.shape[1:]} and targets {target.shape} of the points differ in shape")
        for name, values in layers.items():
            if np.shape(values)[:2] != output.shape[:2]:
                seen, expected = np.shape(values)[:2], output.shape[:2]
                raise ValueError(f"layer {name!r}: {seen} moments and points, the outputs have {expected}")
        chosen = chosen_pairs(pairs, len(target))
        dx2, dx2_is = input_distances(None if x is None else [np.asarray(x)], dx2, chosen)
        layers = {name: _flat(values, 2) for name, values in layers.items()}
        found = [
            moment_of({name: values[n] for name, values in layers.items()}, output[n], target, chosen)
            for n in range(len(output))
        ]
        H, Y, w, error, loss = (np.stack([one[name] for one in found], -1) for name in MOMENT)
        return cls(
            np.asarray(step, float),
            H,
            Y,
            w,
            dx2=dx2,
            dy2=squared_distances(target, chosen),
            layers=tuple(layers),
            pairs=chosen,
            mean_error=error,
            loss=loss,
            norms=found[0]["norms"],
            dx2_is=dx2_is,
            **more,
        )


def _flat(values, axes: int) -> np.ndarray:
    values = np.asarray(values, float)
    if values.ndim < axes:
        raise ValueError(f"expected at least {axes} axes, got the shape {values.shape}")
    return values.reshape(*values.shape[:axes], -1)


def moment_of(layers: Mapping[str, np.ndarray], output: np.ndarray, target: np.ndarray, pairs: Sequence[Pair]) -> dict:
    """H (layer, pair), Y, w, mean_error (pair,), loss and norms (layer, pair, 2) at one moment.

    layers, output, target: (point, unit) each.
    """
    a, b = np.transpose(pairs)
    error = output - target
    dyh, dy = output[a] - output[b], target[a] - target[b]
    Y = (dyh**2).sum(-1)
    squares = np.array([(h**2).sum(-1) for h in layers.values()])
    return {
        "H": np.array([squared_distances(h, pairs) for h in layers.values()]),
        "Y": Y,
        "w": Y - (dyh * dy).sum(-1),
        "mean_error": (((error[a] + error[b]) / 2) ** 2).sum(-1),
        "loss": 0.5 * (error**2).mean(),
        "norms": np.stack([squares[:, a], squares[:, b]], -1),
    }


def squared_distances(points: np.ndarray, pairs: Sequence[Pair]) -> np.ndarray:
    """|p_a - p_b|^2 of every pair, (pair,), of points (point, unit)."""
    a, b = np.transpose(pairs)
    few = max(1, _MOST_NUMBERS // points.shape[1])
    parts = range(0, len(pairs), few)
    return np.concatenate([((points[a[n : n + few]] - points[b[n : n + few]]) ** 2).sum(-1) for n in parts])


def chosen_pairs(pairs: Iterable[Pair] | None, points: int) -> tuple[Pair, ...]:
    """The pairs to follow, checked; all of them where none is named."""
    if points < 2:
        raise ValueError("a pair needs two points, got " + str(points))
    chosen = tuple(combinations(range(points), 2)) if pairs is None else tuple((int(a), int(b)) for a, b in pairs)
    if not chosen:
        raise ValueError("no pair of points is named")
    for a, b in chosen:
        if a == b or not (0 <= a < points and 0 <= b < points):
            raise ValueError(f"({a}, {b}) is no pair of the points 0 to {points - 1}")
    return chosen


def input_distances(inputs: Sequence[np.ndarray] | None, dx2, pairs: Sequence[Pair]) -> tuple[np.ndarray, str]:
    """|dx|^2 of every pair and what it is.

    Given as a number or a number a pair; else the squared distance of the inputs, all their numbers in one vector (for
    an image its pixels as the network gets them). Inputs that are whole numbers, as tokens are, are names and have no
    distance: then |dx|^2 is set to 1, and eta_h stands for eta_h |dx|^2, which is all that one pair can tell.
    """
    if dx2 is not None:
        values = np.broadcast_to(np.asarray(dx2, float), (len(pairs),)).copy()
        if not (np.isfinite(values).all() and (values > 0).all()):
            raise ValueError("dx2 must be a positive number, or one a pair")
        return values, "given"
    if inputs is None:
        return np.ones(len(pairs)), "set to 1: no inputs are known"
    numbers = [array.reshape(len(array), -1).astype(float) for array in inputs if array.dtype.kind == "f"]
    if not numbers:
        return np.ones(len(pairs)), "set to 1: the inputs are whole numbers, so names and no vectors"
    return squared_distances(np.concatenate(numbers, 1), pairs), "squared distance of the inputs"
