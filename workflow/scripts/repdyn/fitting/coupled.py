"""All pairs of a few points fitted: each on its own, each on its own with constants for all, and coupled.

observed (curve, pair, moment): H, Y and w of every pair. What is minimised is the sum over all of them of the squared
residual over the range that its curve has over pairs and moments; `errors` are the roots of its means.
"""

from collections.abc import Callable

import numpy as np
from scipy.optimize import least_squares

from repdyn import theory
from repdyn.fitting.rates import fit_trajectory
from repdyn.theory import coupled
from repdyn.theory.bounds import LOG_BOUNDS

_FACTORS = np.log(np.geomspace(0.01, 100, 5))  # of either rate, about where the search begins
_DESCENTS = 3  # from the best of these
_TOLERANCE = 1e-5  # of integration within a fit
_MOST = 40  # evaluations of a descent, derivatives not counted


def errors(curves, observed) -> np.ndarray:
    """RMS residual of H, Y and w (3,), each over its range over all pairs and moments."""
    return np.sqrt(((curves - observed) ** 2).mean((1, 2))) / np.ptp(observed, axis=(1, 2))


def independent(t, observed, dx2, dy2) -> tuple[np.ndarray, np.ndarray]:
    """Two constants a pair: rates (pair, 2), and their curves. A pair without a fit keeps its first values."""
    rates, curves = np.full((len(dx2), 2), np.nan), observed[..., :1].repeat(len(t), -1)
    for n, (x, y) in enumerate(zip(dx2, dy2)):
        fit = fit_trajectory(t, *observed[:, n], x, y)
        if np.isfinite(fit.eta_h) and np.isfinite(fit.eta_y):
            rates[n] = fit.eta_h, fit.eta_y
            curves[:, n] = theory.exact(t, *observed[:, n, 0], *rates[n], x, y)
    return rates, curves


def shared(t, observed, dx2, dy2, start) -> tuple[np.ndarray, np.ndarray]:
    """Two constants for all pairs, which know nothing of each other: rates (2,) and curves. start: rates (2,)."""

    def curves(rates):
        return np.array(theory.exact(t, *observed[..., 0], *rates, dx2, dy2))

    return _least(curves, observed, start)


def together(t, observed, gram, outputs, targets, inputs, pairs, start, weights=None) -> tuple[np.ndarray, np.ndarray]:
    """Two constants for all points at once (`theory.coupled`): rates (2,) and curves.

    gram, outputs: at the first moment; inputs: the Gram matrix K; weights: how many each point stands for.
    """

    def curves(rates):
        how = {"weights": weights, "tolerance": _TOLERANCE}
        G, made, _ = coupled.trajectory(t, gram, outputs, targets, inputs, *rates, **how)
        return np.array(coupled.curves(G, made, targets, pairs))

    return _least(curves, observed, start)


def _least(curves: Callable, observed, start) -> tuple[np.ndarray, np.ndarray]:
    scale = np.ptp(observed, axis=(1, 2))[:, None, None]

    def residual(log_rates):
        return np.nan_to_num((curves(np.exp(log_rates)) - observed) / scale, nan=10, posinf=10, neginf=-10).ravel()

    grid = np.log(start) + np.stack(np.meshgrid(_FACTORS, _FACTORS), -1).reshape(-1, 2)
    grid = np.clip(grid, *(LOG_BOUNDS + [0.1, -0.1]))
    with np.errstate(all="ignore"):
        best = np.argsort([(residual(one) ** 2).sum() for one in grid], kind="stable")[:_DESCENTS]
        ends = [least_squares(residual, grid[n], bounds=LOG_BOUNDS, max_nfev=_MOST, diff_step=1e-4) for n in best]
        rates = np.exp(min(ends, key=lambda end: end.cost).x)
        return rates, curves(rates)
