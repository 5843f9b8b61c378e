"""What is recorded of networks in training, and when.

Moment t is the state before update t (t = 0, 1, ...), so 0 is the initial network. A schedule is an array of moments.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


def every(n: int, last: int) -> np.ndarray:
    """0, n, 2n, ... up to `last`."""
    return np.arange(0, last + 1, n)


def log_spaced(last: int, most: int) -> np.ndarray:
    """At most `most` moments: 0, and logarithmically spaced ones from 1 to `last`."""
    return np.unique(np.r_[0, np.geomspace(1, last, most - 1).round().astype(int)])


def denser_early(last: int, most: int) -> np.ndarray:
    """At most `most` moments from 0 to `last`, half of them evenly, half of them logarithmically spaced."""
    even, log = np.linspace(0, last, most // 2), np.geomspace(1, last + 1, most // 2) - 1
    return np.unique(np.concatenate([even, log]).round().astype(int))


@dataclass(frozen=True)
class Pairs:
    """Distances of pairs of points in every hidden layer, and outputs, as the training pass sees them.

    Recorded as `distance` (network, layer, pair, step), |h_a - h_b|^2, and `output` (network, step, point,
    output_unit). points: (point, input) where others are followed than those that are trained on.
    """

    at: np.ndarray
    pairs: tuple[tuple[int, int], ...] = ((0, 1),)
    points: np.ndarray | None = None


@dataclass(frozen=True)
class Look:
    """Whatever a function says of the networks at some moments.

    what(view) -> {name: (network, ...)}, for the networks that are still in training; see `View`.
    dims: of each name, the axes behind the network and the time. time: the name of the axis of its moments.
    """

    what: Callable[["View"], dict[str, np.ndarray]]
    at: np.ndarray
    time: str = "time"
    dims: dict[str, tuple[str, ...]] | None = None


@dataclass(frozen=True)
class AtEnd:
    """As `Look`, once, where each network ends: it has learned, or the training is over. No axis of time."""

    what: Callable[["View"], dict[str, np.ndarray]]
    dims: dict[str, tuple[str, ...]] | None = None


@dataclass(frozen=True)
class AtLosses:
    """As `Look`, at the first multiple of `every` steps at which a network's loss has fallen to each of the levels.

    The axis of time is named `level`; `level_step` (network, level) says when that was, -1 where it was not.
    """

    what: Callable[["View"], dict[str, np.ndarray]]
    levels: np.ndarray
    every: int = 10
    dims: dict[str, tuple[str, ...]] | None = None


@dataclass(frozen=True)
class View:
    """Networks at a moment, as a recorder sees them. It must leave them as they are.

    trainer: see `loop`. moment: (network,) or one number, how many updates they have had. index: (network,) which
    networks of the ensemble they are. asked: (network,) whose answers are used; of the others any will do.
    """

    trainer: Any
    moment: int
    index: np.ndarray
    asked: np.ndarray

    def look(self, x):
        """Hidden layers (network, point, units) and output (network, point, output) at x, in evaluation."""
        return self.trainer.look(x)


RATES = ("eta_h", "eta_h_from_output", "eta_y", "dH", "dY_encoder", "dY_decoder", "alignment")


def measured_rates(
    x: np.ndarray, y: np.ndarray, levels: np.ndarray, layers: Sequence[int], every: int = 10
) -> AtLosses:
    """Effective rates by measurement at some hidden layers as the loss falls to each of the levels.

    x (2, input), y (2, output). Recorded under the names RATES (network, level, measured), per unit of learning rate;
    what they are: `networks.measured_rates.Rates`. Networks that have not just reached a level are not measured.
    """

    def what(view):
        return {name: values[:, 0] for name, values in _measured(view, x, y, [(0, 1)], layers).items()}

    return AtLosses(what, levels, every, dict.fromkeys(RATES, ("measured",)))


def measured_rates_of_pairs(
    x: np.ndarray, y: np.ndarray, pairs: Sequence[tuple[int, int]], at: np.ndarray, layers: Sequence[int]
) -> Look:
    """Effective rates by measurement of pairs of points among all of x, at some moments.

    As `measured_rates`, along the gradient of the loss on all points x (point, input), y (point, output): recorded
    under the names RATES (network, rates_at, rated, measured).
    """
    dims: dict[str, tuple[str, ...]] = dict.fromkeys(RATES, ("rated", "measured"))
    return Look(lambda view: _measured(view, x, y, pairs, layers), at, "rates_at", dims)


def _measured(view: View, x, y, pairs, layers) -> dict[str, np.ndarray]:
    """RATES (network, pair, layer) of the networks that are asked for; NaN of others."""
    import torch

    from repdyn.networks.measured_rates import measured_rates as measure

    module, hidden, networks = view.trainer.modules()
    first = next(iter(networks[0].values()))
    x, y = (torch.as_tensor(a, dtype=first.dtype, device=first.device) for a in (x, y))
    found = np.full((len(RATES), len(networks), len(pairs), len(layers)), np.nan)
    for p, pair in enumerate(pairs):
        order = [*pair, *(n for n in range(len(x)) if n not in pair)]
        for n in np.flatnonzero(view.asked):
            here = measure(module, x[order], y[order], hidden, networks[n], among=layers)
            found[:, n, p] = [[getattr(layer, rate) for layer in here] for rate in RATES]
    return dict(zip(RATES, found, strict=True))
