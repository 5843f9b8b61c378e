"""Levenberg-Marquardt in a few logarithms of constants, from many starts at once."""

import numpy as np

from repdyn.theory.bounds import LOG_BOUNDS

MOST_ITERATIONS = 100


def descend(problem, theta, free, tolerance=1e-10, iterations=MOST_ITERATIONS, bounds=LOG_BOUNDS):
    """Levenberg-Marquardt within the bounds, from K starts at once.

    problem.normal_equations(theta (k, p), which (k,)) returns, for the starts of these indices, the sums of
    squares (k,), infinite where there is none, half their gradient (k, p) and the Gauss-Newton matrix (k, p, p).

    theta (K, p) and which of the p may move, free (K, p); bounds: the lowest and highest theta, numbers or (p,) each.
    Returns the ends (K, p), their sums of squares (K,) and whether each converged (K,): the next step is below 1e-10,
    or would lower the sum by less than `tolerance` of it.
    """
    theta, damping = theta.copy(), np.full(len(theta), 1e-3)
    (low, high), every = bounds, np.arange(theta.shape[1])
    sse, slope, matrix = problem.normal_equations(theta, np.arange(len(theta)))
    done = ~np.isfinite(sse)
    for _ in range(iterations):
        k = np.flatnonzero(~done)
        if not k.size:
            break
        g = slope[k]
        # A rate on its bound stays there unless the sum falls inwards.
        held = ~free[k] | (theta[k] <= low) & (g >= 0) | (theta[k] >= high) & (g <= 0)
        g = np.where(held, 0, g)
        damped = np.where(held[:, :, None] | held[:, None], 0, matrix[k])
        damped[:, every, every] = np.where(held, 1, damped[:, every, every] * (1 + damping[k, None]) + 1e-300)
        step = -_solved(damped, g)
        step *= np.minimum(1, 3 / np.maximum(np.abs(step).max(axis=1, keepdims=True), 1e-300))
        trial = np.clip(theta[k] + step, low, high)
        gain = -(g * step).sum(axis=1)
        small = (np.abs(trial - theta[k]).max(axis=1) < 1e-10) | (gain <= tolerance * sse[k])
        new = problem.normal_equations(trial, k)
        better, worth = new[0] <= sse[k], (sse[k] - new[0]) / np.maximum(gain, 1e-300)
        theta[k[better]] = trial[better]
        for old, fresh in zip((sse, slope, matrix), new):
            old[k[better]] = fresh[better]
        # A step far less worth than promised overshoots the valley floor: damp it strongly at once,
        # or large residuals let the iteration swing from side to side.
        damping[k] = np.select(
            [~better, worth < 0.5, worth > 0.9],
            [damping[k] * 3, np.maximum(damping[k] * 3, 0.3), np.maximum(damping[k] / 10, 1e-15)],
            damping[k],
        )
        done[k] = small
    return theta, sse, done & np.isfinite(sse)


def _solved(matrix, right):
    """x of matrix x = right for symmetric matrices (k, p, p), scaled by their diagonals so that none is singular."""
    scale = np.sqrt(np.einsum("kii->ki", matrix))
    scaled = matrix / (scale[:, :, None] * scale[:, None])
    np.einsum("kii->ki", scaled)[:] += 1e-15
    return np.linalg.solve(scaled, (right / scale)[..., None])[..., 0] / scale
