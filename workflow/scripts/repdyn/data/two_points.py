"""The tasks that networks learn, as arrays."""

import numpy as np


def two_points(dx: float, dy: float, in_dim: int = 1, out_dim: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Two inputs dx apart and two targets dy apart: x (2, in_dim), y (2, out_dim).

    x = (-1, -1 + dx) / sqrt(in_dim) and y = (0.6, 0.6 + dy) / sqrt(out_dim), the same in every coordinate
    (van Rossem & Saxe 2024, section 3), so that |x_A - x_B| = dx and |y_A - y_B| = dy in any dimension.
    """
    x = np.outer([-1.0, -1.0 + dx], np.ones(in_dim)) / in_dim**0.5
    y = np.outer([0.6, 0.6 + dy], np.ones(out_dim)) / out_dim**0.5
    return x, y
