"""Correlations within groups of networks, and how far they are the same in all groups.

A correlation over groups together is one of their means as well; so each is taken within its group, z = artanh r has
variance 1/(n - 3) for n pairs (Fisher 1921), and whether the groups have one correlation is tested before they are
spoken of together (Cochran 1954; Higgins & Thompson 2002):

    Q = sum (n_g - 3) (z_g - z)^2,   z = sum (n_g - 3) z_g / sum (n_g - 3),   chi^2 of (groups - 1) where they have
    I^2 = max(0, 1 - (groups - 1)/Q),   the share of the scatter of z_g that is not that of single networks
"""

import numpy as np
import scipy

from repdyn.statistics.intervals import FEWEST, Estimate


def within(x, y, confidence: float = 0.95) -> tuple[Estimate, float]:
    """Pearson's r of pairs (n,), with Fisher's interval, and its p; pairs that are not finite are left out.

    No interval and no p below FEWEST pairs, and nothing where one of them does not vary.
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    sound = np.isfinite(x) & np.isfinite(y)
    x, y = x[sound], y[sound]
    if x.size < 3 or not np.ptp(x) or not np.ptp(y):
        return Estimate(np.nan, np.nan, np.nan, x.size), np.nan
    r = scipy.stats.pearsonr(x, y)
    if x.size < FEWEST:
        return Estimate(float(r.statistic), np.nan, np.nan, x.size), np.nan
    ends = r.confidence_interval(confidence)
    return Estimate(float(r.statistic), float(ends.low), float(ends.high), x.size), float(r.pvalue)


def heterogeneity(r, n) -> dict[str, float]:
    """Q, its p and I^2 of correlations r (group,) over n (group,) pairs each; nan with fewer than two such groups."""
    r, n = np.asarray(r, float), np.asarray(n, float)
    sound = np.isfinite(r) & (n > 3) & (np.abs(r) < 1)
    z, weight = np.arctanh(r[sound]), n[sound] - 3
    if z.size < 2:
        return {"Q": np.nan, "Q_p": np.nan, "I2": np.nan}
    Q = float((weight * (z - np.average(z, weights=weight)) ** 2).sum())
    return {
        "Q": Q,
        "Q_p": float(scipy.stats.chi2.sf(Q, z.size - 1)),
        "I2": max(0.0, 1 - (z.size - 1) / Q) if Q else 0.0,
    }
