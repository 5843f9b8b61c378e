"""What becomes of a measured rate while a network learns: a straight line in what it has learned, and its time average.

If the theory's orbit holds and both its rates are multiplied by one clock, 1 + k Y/|dy|^2, each measured rate is that
line. And if rates move while a constant is fitted, the constant that reaches the end of the orbit at the right time is
their average over time: scaled time is the integral of the rate.
"""

from dataclasses import dataclass

import numpy as np

FIRST, LAST = 0.03, 0.01  # a network learns from Y, and until |w|, is this share of |dy|^2
FEWEST = 4  # moments of learning from which on a line is drawn


@dataclass(frozen=True)
class Line:
    """eta = a (1 + k Y/|dy|^2) by least squares; nan where it is not positive from 0 to 1.

    drift: the line at Y = |dy|^2 over that at FIRST |dy|^2. error: RMS residual over the mean rate.
    """

    k: float
    drift: float
    error: float


def line(learned: np.ndarray, eta: np.ndarray) -> Line:
    """The line through a rate (n,) measured at learned = Y/|dy|^2 (n,)."""
    slope, start = np.polyfit(learned, eta, 1)
    error = positive(np.sqrt(((start + slope * learned - eta) ** 2).mean()) / eta.mean())
    first, last = start + FIRST * slope, start + slope
    if min(first, last) <= 0:
        return Line(np.nan, np.nan, error)
    return Line(slope / start if start else np.nan, last / first, error)


def time_average(step: np.ndarray, eta: np.ndarray) -> float:
    """Mean of a rate over time, by the trapezoidal rule; step (n,) increasing."""
    return float(np.trapezoid(eta, step) / (step[-1] - step[0]))


def positive(value: float) -> float:
    """The value, or nan where a logarithm has none."""
    return float(value) if value > 0 else np.nan
