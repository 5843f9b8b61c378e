"""How many dimensions a hidden layer uses, how fragile its network is, and both compared at the same training loss.

With p_i the shares of the layer's variance over all inputs in its principal directions,

    participation ratio   1 / sum p_i^2
    entropy rank          exp(-sum p_i log p_i)

both 1 if one direction holds all of it and n if n directions hold the same. With J = df/dx the exact Jacobian at a
point and perturbations d of length `radius`, to first order

    worst case   max |J d| = radius * (largest singular value of J)
    random       root mean square of |J d| = radius |J|_F / sqrt(inputs)
"""

import numpy as np

from repdyn.statistics.intervals import bootstrap_interval

FEWEST = 3  # networks below which nothing is compared


def participation_ratio(variances):
    """(sum of variances)^2 / sum of their squares, (..., component) -> (...)."""
    with np.errstate(all="ignore"):
        return variances.sum(-1) ** 2 / (variances**2).sum(-1)


def entropy_rank(variances):
    """exp of the entropy of the shares of the variances, (..., component) -> (...)."""
    with np.errstate(all="ignore"):
        p = variances / variances.sum(-1, keepdims=True)
        return np.exp(-np.where(p > 0, p * np.log(np.where(p > 0, p, 1)), p).sum(-1))


def worst_case(jacobian, radius):
    """Largest change of the output in a ball, to first order: (..., output, input) -> (...)."""
    sound = np.isfinite(jacobian).all((-2, -1))
    largest = np.linalg.svd(np.nan_to_num(jacobian), compute_uv=False)[..., 0]
    return np.where(sound, radius * largest, np.nan)


def at_loss(loss, level, *values):
    """Each of the values (time,) where the loss (time,) first falls to a level, linear in its logarithm; or nan."""
    below = np.flatnonzero(loss <= level)
    if not below.size or not np.isfinite(loss[: below[0] + 1]).all():
        return (np.nan,) * len(values)
    i = below[0]
    if i == 0:
        return tuple(float(v[0]) for v in values)
    share = np.log(loss[i - 1] / level) / np.log(loss[i - 1] / max(loss[i], 1e-300))
    return tuple(float(v[i - 1] + share * (v[i] - v[i - 1])) for v in values)


def effect(first, second, confidence, resamples, seed):
    """Mean of log(second / first) over networks that start alike, its bootstrap interval, and its size in standard
    deviations (Cohen's d of paired samples); a dict. All nan for fewer than FEWEST pairs."""
    ratio = np.log(np.asarray(second, float) / np.asarray(first, float))
    ratio = ratio[np.isfinite(ratio)]
    found = {"networks": ratio.size, "log_ratio": np.nan, "low": np.nan, "high": np.nan, "effect_size": np.nan}
    if ratio.size >= FEWEST:
        low, high = bootstrap_interval(ratio, confidence, resamples, seed)
        spread = ratio.std(ddof=1)
        size = ratio.mean() / spread if spread > 0 else np.nan
        found |= {"log_ratio": ratio.mean(), "low": low, "high": high, "effect_size": size}
    return found


def correlation(x, y, group, cluster, confidence, resamples, seed):
    """Correlation of x and y about their means in each group, with a bootstrap interval that resamples clusters.

    All arrays (n,): groups are settings, whose own means are not compared; clusters are networks that start alike,
    which are not independent. Returns (r, low, high, n); nan with fewer than FEWEST clusters.
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    sound = np.isfinite(x) & np.isfinite(y)
    x, y, group = x[sound], y[sound], np.unique(np.asarray(group)[sound], return_inverse=True)[1]
    names, cluster = np.unique(np.asarray(cluster)[sound], return_inverse=True)
    if names.size < FEWEST:
        return np.nan, np.nan, np.nan, int(x.size)

    def pearson(weight):
        """Of weighted observations, (resample, n) -> (resample,)."""
        share = np.stack([(group == g).astype(float) for g in range(group.max() + 1)])  # (group, n)
        total = np.maximum(weight @ share.T, 1e-300)
        a, b = (v - ((weight * v) @ share.T / total) @ share for v in (x, y))
        with np.errstate(all="ignore"):
            return (weight * a * b).sum(-1) / np.sqrt((weight * a * a).sum(-1) * (weight * b * b).sum(-1))

    drawn = np.random.default_rng(seed).multinomial(names.size, np.full(names.size, 1 / names.size), size=resamples)
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(pearson(drawn[:, cluster].astype(float)), [tail, 1 - tail])
    return float(pearson(np.ones((1, x.size)))[0]), float(low), float(high), int(x.size)
