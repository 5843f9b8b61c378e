"""Curves of several networks as a table to draw: few enough steps, means and bands."""

import numpy as np

COLUMNS = ["setting", "gain", "layer", "quantity", "series", "seed", "step", "value", "low", "high", "networks"]
MOST_POINTS = 240
MANY = 10  # networks from which on a band leaves out the tails


def thin(steps: int) -> np.ndarray:
    """Indices of at most MOST_POINTS of `steps` steps: even, denser at the beginning, both ends among them."""
    if steps <= MOST_POINTS:
        return np.arange(steps)
    early = np.geomspace(1, steps - 1, MOST_POINTS // 4)
    even = np.linspace(0, steps - 1, MOST_POINTS - early.size)
    return np.unique(np.concatenate([early, even]).astype(int))


def spread(values: np.ndarray, networks: int) -> tuple[np.ndarray, np.ndarray]:
    """Band over the first axis: the full range of few networks, the central 80 % of many."""
    if networks < MANY:
        return values.min(axis=0), values.max(axis=0)
    low, high = np.quantile(values, [0.1, 0.9], axis=0)
    return low, high
