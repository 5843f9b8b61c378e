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


def general_position(dx: float, dy: float, in_dim: int, out_dim: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two inputs dx apart and two targets dy apart in general directions: x (2, in_dim), y (2, out_dim).

    x = c +- dx/2 u with unit vectors u, and c orthogonal to it, y = +- dy/2 v with a unit vector v, all of them
    uniformly distributed, drawn by the seed. So no input is 0 or collinear with the other and the origin, as the
    paper's points are (there all units of B start at the kink of a ReLU, and H(0) is |h_A|^2), and what the theory
    treats apart, the mean of the two outputs and their difference, hardly drive each other in a linear network.
    in_dim >= 2.
    """
    if in_dim < 2:
        raise ValueError(f"general position needs at least 2 inputs, got {in_dim}")
    draw = np.random.default_rng(seed)
    u, c = _unit(draw, in_dim), draw.standard_normal(in_dim)
    c -= c @ u * u
    c /= np.linalg.norm(c)
    v, sides = _unit(draw, out_dim), np.array([[0.5], [-0.5]])
    return c + sides * dx * u, sides * dy * v


def _unit(draw: np.random.Generator, dimensions: int) -> np.ndarray:
    vector = draw.standard_normal(dimensions)
    return vector / np.linalg.norm(vector)
