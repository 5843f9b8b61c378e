"""The path Y(H), which has no clock in it, and rates that change along it by one more constant."""

import numpy as np
from scipy.optimize import least_squares

from repdyn import theory


def orbit_constants(H0, Y0, H_end, Y_end):
    """c and rho of the theory's path Y = H (c + rho H) from a start to an end: c = Y/H - rho H is conserved."""
    rho = (Y_end / H_end - Y0 / H0) / (H_end - H0)
    return Y0 / H0 - rho * H0, rho


def orbit(H, c, rho):
    """Y where the hidden distance is H."""
    return H * (c + rho * H)


def path(H: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """Y of the theory's path from the first to the last of these points, at every H, with nothing fitted. (moment,)"""
    with np.errstate(all="ignore"):
        return orbit(H, *orbit_constants(H[0], Y[0], H[-1], Y[-1]))


def path_error(H: np.ndarray, Y: np.ndarray) -> float:
    """RMS distance of Y from that path, over Y's range; nan where H ends where it began."""
    extent, distance = np.ptp(Y), path(H, Y) - Y
    return float(np.sqrt(np.mean(distance**2)) / extent) if extent and np.isfinite(distance).all() else np.nan


def drifting(t, H0, Y0, w0, eta_h, eta_y, k, dx2, dy2):
    """H, Y, w of the theory when both rates are (1 + k Y/|dy|^2) times these: the same path, k > -1.

    The closed form runs in a time s of its own with ds/dt = 1 + k Y(s)/|dy|^2 (derived).
    """
    s = np.linspace(0, 1, 600) ** 2 * t[-1] * (1 + max(k, 0)) * 1.05
    Y = theory.exact(s, H0, Y0, w0, eta_h, eta_y, dx2, dy2)[1]
    slowness = 1 / np.maximum(1 + k * Y / dy2, 1e-9)
    reached = np.concatenate([[0], np.cumsum(np.diff(s) * (slowness[1:] + slowness[:-1]) / 2)])
    return theory.exact(np.interp(t, reached, s), H0, Y0, w0, eta_h, eta_y, dx2, dy2)


def fit_drift(t: np.ndarray, observed: np.ndarray, eta_h: float, eta_y: float, dx2: float, dy2: float):
    """Least squares of (eta_h, eta_y, k) on observed (3, moment), from constant rates; returns these and the curves."""
    initial = observed[:, 0]

    def curves(p):
        return np.array(drifting(t, *initial, *np.exp(p[:2]), np.expm1(p[2]), dx2, dy2))

    best = None
    for k in (0.0, 3.0):
        start = [np.log(eta_h) - np.log1p(k) / 2, np.log(eta_y) - np.log1p(k) / 2, np.log1p(k)]
        with np.errstate(all="ignore"):
            found = least_squares(
                lambda p: np.nan_to_num(curves(p) - observed, nan=1e6).ravel(),
                start,
                bounds=([-28, -28, -3], [9.3, 9.3, 6]),
                max_nfev=60,
            )
        best = found if best is None or found.cost < best.cost else best
    return (*np.exp(best.x[:2]), float(np.expm1(best.x[2]))), curves(best.x)
