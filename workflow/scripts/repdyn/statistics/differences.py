"""How far two runs of the same networks are apart, in the measures that their tolerances are given in."""

import numpy as np

SMALLEST = 1e-9  # smaller differences count as this, so that a run that repeats to the last bit has a logarithm


def of_curves(before, after) -> float:
    """Root mean square of after - before, both (time,), over the range of before.

    nan where that range is 0 or something is not finite.
    """
    before, after = np.asarray(before, float), np.asarray(after, float)
    extent = np.ptp(before)
    return max(float(np.sqrt(np.mean((after - before) ** 2)) / extent), SMALLEST) if extent > 0 else np.nan


def of_rates(before: float, after: float) -> float:
    """The factor between two positive rates, the larger one above, less 1."""
    return max(float(np.expm1(abs(np.log(after / before)))), SMALLEST)
