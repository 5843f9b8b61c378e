"""Confidence intervals."""

import numpy as np
from scipy.special import betaincinv


def bootstrap_interval(values, confidence=0.95, resamples=2000, seed=0):
    """Percentile bootstrap interval ``(low, high)`` of the mean of `values` (n,), nan left out.

    Resamples the values with replacement `resamples` times; the same seed gives the same interval.
    With fewer than two values there is no spread to resample: (nan, nan).
    """
    values = np.asarray(values, float).ravel()
    values = values[np.isfinite(values)]
    if values.size < 2:
        return np.nan, np.nan
    drawn = np.random.default_rng(seed).integers(values.size, size=(resamples, values.size))
    tail = (1 - confidence) / 2
    low, high = np.quantile(values[drawn].mean(axis=1), [tail, 1 - tail])
    return float(low), float(high)


def jeffreys(successes: float, trials: int, confidence: float) -> tuple[float, float]:
    """Interval of a share: quantiles of the posterior Beta(successes + 1/2, failures + 1/2); open at shares 0 and 1."""
    tail, failures = (1 - confidence) / 2, trials - successes
    low, high = betaincinv(successes + 0.5, failures + 0.5, [tail, 1 - tail])
    return (low if successes > 0 else 0.0), (high if failures > 0 else 1.0)
