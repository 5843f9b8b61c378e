"""How many dimensions a hidden layer uses, how fragile its network is, and both at the same training loss.

With p_i the shares of the layer's variance over all inputs in its principal directions,

    participation ratio   1 / sum p_i^2
    entropy rank          exp(-sum p_i log p_i)

both 1 if one direction holds all of it and n if n directions hold the same. With J = df/dx the exact Jacobian at a
point and perturbations d of length `radius`, to first order

    worst case   max |J d| = radius * (largest singular value of J)
    random       root mean square of |J d| = radius |J|_F / sqrt(inputs)
"""

import numpy as np


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
