"""An encoding task: points on a line or a circle, each with a binary code of its own as target.

    line     x = (s, 1),                    s evenly spaced on [-1, 1]
    circle   x = (cos angle, sin angle),    angle evenly spaced

Both lie in the plane, so one kind of network serves both, and the units of a network whose biases start at zero switch
at different places along the line too. The 2^bits points are numbered along the curve and the target is the Gray code
of the number, its bits as -1 and 1: neighbours differ in one bit, on the circle also the last and the first.
"""

from dataclasses import dataclass

import numpy as np

SHAPES = ("line", "circle")


@dataclass(frozen=True)
class Encoding:
    """points (point, 2) and their targets (point, bits); a finer grid (place, 2) on the same curve.

    `steps` (place, point) is how many steps of the grid lie between a place and a point, along the curve and the
    shorter way round on a circle; `distance` (steps + 1,) is |x - x0| of places that many steps apart.
    """

    points: np.ndarray
    targets: np.ndarray
    grid: np.ndarray
    steps: np.ndarray
    distance: np.ndarray


def gray_codes(bits: int) -> np.ndarray:
    """The Gray codes of 0, 1, ..., 2^bits - 1 as -1 and 1, highest bit first: (2^bits, bits)."""
    number = np.arange(2**bits)
    code = number ^ (number >> 1)
    return 2.0 * ((code[:, None] >> np.arange(bits)[::-1]) & 1) - 1


def shifted(targets: np.ndarray) -> np.ndarray:
    """Another encoding (point, bits): every point has the code of the one before it, the first that of the last.

    On a circle that is the same task, turned by one point, so it is as hard for a network that begins with it.
    """
    return np.roll(targets, 1, axis=0)


def make(shape: str, bits: int, finer: int) -> Encoding:
    """The task of 2^bits points, with `finer` steps of the grid from each point to the next."""
    points = 2**bits
    if shape == "circle":
        places = points * finer
        along = 2 * np.pi * np.arange(places) / places
        grid = np.stack([np.cos(along), np.sin(along)], 1)
        apart = np.abs(np.arange(places)[:, None] - finer * np.arange(points))
        steps = np.minimum(apart, places - apart)
        distance = 2 * np.sin(along[: places // 2 + 1] / 2)  # the chord
    elif shape == "line":
        places = (points - 1) * finer + 1
        along = np.linspace(-2, 2, places)
        grid = np.stack([along, np.ones(places)], 1)
        steps = np.abs(np.arange(places)[:, None] - finer * np.arange(points))
        distance = along - along[0]
    else:
        raise ValueError(f"no such shape: {shape!r}; expected one of {', '.join(SHAPES)}")
    return Encoding(grid[::finer], gray_codes(bits), grid, steps, distance)
