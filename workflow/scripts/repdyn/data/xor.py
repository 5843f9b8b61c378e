"""XOR: its four points and the six pairs of them.

The points are x in {0, 1}^2 and the target is y = x_1 XOR x_2. Of the six pairs four have different targets,
|dy|^2 = 1, and lie |dx|^2 = 1 apart; two have the same target, |dy|^2 = 0, and lie |dx|^2 = 2 apart. So the squared
distances of the inputs are 2 - |dy|^2, exactly the reverse of those of the targets, and no number can tell "follows
the inputs" from "reverses the task". What an untrained network makes of the inputs differs from both: the structure
that a lazy network keeps is that of its own initial representation.

Arrays over pairs have shape (..., 6), in the order of PAIRS.
"""

from itertools import combinations

import numpy as np

INPUTS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], float)  # (point, in_dim)
TARGETS = np.array([[0], [1], [1], [0]], float)  # (point, out_dim)
NAMES = ["00", "01", "10", "11"]
PAIRS = list(combinations(range(4), 2))
PAIR_NAMES = [f"{NAMES[a]}-{NAMES[b]}" for a, b in PAIRS]


def pair_distances(points: np.ndarray) -> np.ndarray:
    """Squared distances of all pairs: (..., point, unit) -> (..., pair)."""
    first, second = (list(side) for side in zip(*PAIRS, strict=True))
    return ((points[..., first, :] - points[..., second, :]) ** 2).sum(-1)


DX2, DY2 = pair_distances(INPUTS), pair_distances(TARGETS)  # (pair,)


def matrix(pairs: np.ndarray) -> np.ndarray:
    """(..., pair) -> the symmetric (..., point, point) with zeros on the diagonal."""
    full = np.zeros((*np.shape(pairs)[:-1], len(NAMES), len(NAMES)))
    for i, (a, b) in enumerate(PAIRS):
        full[..., a, b] = full[..., b, a] = np.asarray(pairs)[..., i]
    return full
