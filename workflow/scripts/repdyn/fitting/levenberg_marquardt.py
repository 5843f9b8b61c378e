"""Levenberg-Marquardt in two log rates, from many starts at once."""

import numpy as np

from repdyn.theory.bounds import LOG_BOUNDS

MOST_ITERATIONS = 100


def descend(problem, theta, free, tolerance=1e-10, iterations=MOST_ITERATIONS):
    """Levenberg-Marquardt within the bounds, from K starts at once.

    problem.normal_equations(theta (k, 2), which (k,)) returns, for the starts of these indices, the sums of
    squares (k,), infinite where there is none, half their gradient (k, 2) and the Gauss-Newton matrix (k, 2, 2).

    theta (K, 2) and which of the two may move, free (K, 2); returns the ends (K, 2), their sums of squares (K,) and
    whether each converged (K,): the next step is below 1e-10, or would lower the sum by less than `tolerance` of it.
    """
    theta, damping = theta.copy(), np.full(len(theta), 1e-3)
    sse, slope, matrix = problem.normal_equations(theta, np.arange(len(theta)))
    done = ~np.isfinite(sse)
    for _ in range(iterations):
        k = np.flatnonzero(~done)
        if not k.size:
            break
        g = slope[k]
        # A rate on its bound stays there unless the sum falls inwards.
        held = ~free[k] | (theta[k] <= LOG_BOUNDS[0]) & (g >= 0) | (theta[k] >= LOG_BOUNDS[1]) & (g <= 0)
        g = np.where(held, 0, g)
        hh, yy = (np.where(held[:, i], 1, matrix[k, i, i] * (1 + damping[k]) + 1e-300) for i in (0, 1))
        hy = np.where(held.any(axis=1), 0, matrix[k, 0, 1])
        determinant = np.maximum(hh * yy - hy**2, 1e-300)
        step = np.stack([hy * g[:, 1] - yy * g[:, 0], hy * g[:, 0] - hh * g[:, 1]], -1) / determinant[:, None]
        step *= np.minimum(1, 3 / np.maximum(np.abs(step).max(axis=1, keepdims=True), 1e-300))
        trial = np.clip(theta[k] + step, *LOG_BOUNDS)
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
