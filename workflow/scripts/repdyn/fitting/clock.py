"""Orbit and clock of recorded curves: what the theory says without its clock, and what the drifting clock adds.

Symbols and the equations: `theory.clock`. One call serves all hidden layers of a network, whose outputs are one curve.
"""

from dataclasses import dataclass

import numpy as np

from repdyn.fitting.levenberg_marquardt import descend
from repdyn.fitting.rates import active, averages, relative_errors
from repdyn.theory import clock
from repdyn.theory.bounds import LOG_BOUNDS

_LOWEST, _HIGHEST = np.log(0.05), np.log(1000)  # of 1 + k
_BOUNDS = np.array([[*LOG_BOUNDS[[0, 0]], _LOWEST], [*LOG_BOUNDS[[1, 1]], _HIGHEST]])
_CELLS = 150  # half the number of cells of time that the descent looks at
_STEP = 1e-6  # of finite differences


@dataclass(frozen=True)
class Orbit:
    """How far a run is from paths Y(H) that are drawn between its start and its end, with nothing fitted.

    error                of the theory's orbit Y = H (c + rho H): RMS of the residual by the range of Y. Every part of
                         the path counts as much as Y changes in it, and not as long as it takes: like the orbit, the
                         error has no clock in it
    error_line           of the straight line, which an orbit should beat
    error_depth          of the orbit of a deep chain, `theory.clock.deep_orbit`
    exponent             p of (Y - Y0) ~ (H - H0)^p, from where the outputs have come half of their way
    conserved_drift      of the theory: the largest change of Y/H - rho H during the run, by Y/H at the end
    """

    error: float = np.nan
    error_line: float = np.nan
    error_depth: float = np.nan
    exponent: float = np.nan
    conserved_drift: float = np.nan


def orbit(H, Y, exponent: float) -> Orbit:
    """The `Orbit` of curves (n,) whose representations and outputs move; nan where they don't.

    exponent: that of the deep chain, weight layers of the network by those before the observed layer.
    """
    H, Y = np.asarray(H, float), np.asarray(Y, float)
    sound = np.isfinite(H).all() and np.isfinite(Y).all() and (H > 0).all()
    if not sound or H[-1] == H[0] or Y[-1] == Y[0]:
        return Orbit()
    ends = H[0], Y[0], H[-1], Y[-1]
    c, rho = clock.orbit_constants(*ends)
    drift = np.abs(Y / H - rho * H - c).max() / (Y[-1] / H[-1])
    paths = clock.orbit(H, c, rho), clock.deep_orbit(H, *ends, 1), clock.deep_orbit(H, *ends, exponent)
    return Orbit(*(_along(Y, path) for path in paths), _exponent(H, Y), float(drift))


def _exponent(H, Y) -> float:
    """log(1/2) / log of the share of its way that H has come when Y has first come half of its own."""
    y, h = ((curve - curve[0]) / (curve[-1] - curve[0]) for curve in (Y, H))
    i = int(np.argmax(y >= 0.5))
    share = h[i - 1] + (h[i] - h[i - 1]) * (0.5 - y[i - 1]) / (y[i] - y[i - 1])
    return float(np.log(0.5) / np.log(share)) if 0 < share < 1 else np.nan


def _along(Y, other) -> float:
    """RMS of other - Y over the path of Y, by its range."""
    weight = np.abs(np.diff(Y))
    square = (other - Y) ** 2
    return float(np.sqrt((weight * (square[1:] + square[:-1]) / 2).sum() / weight.sum()) / np.ptp(Y))


@dataclass(frozen=True)
class Clock:
    """The drifting clock fitted to one run: rates at Y = 0, per optimiser step, and their growth k.

    sse and error_active as of `Fit`; reason: why k is no estimate, or empty.
    """

    eta_h: float = np.nan
    eta_y: float = np.nan
    k: float = np.nan
    sse: float = np.nan
    error_active: float = np.nan
    reason: str = ""


def fit_clocks(t, H, Y, w, dx2, dy2, fits) -> list[Clock]:
    """Fit (eta_h, eta_y, k) to every hidden layer of a network, from the theory's own fits; a list of `Clock`.

    t, Y, w (n,), H (layers, n); fits: a `Fit` a layer. Minimises the same sum of squares as `fit_trajectory`, on
    averages over about 300 cells of time; sums and errors are those of all steps. A layer whose `Fit` has no rates, or
    has one on a bound, gets none.
    """
    t, observed = np.asarray(t, float), np.stack(np.broadcast_arrays(H, Y, w)).astype(float)  # (3, layers, n)
    clocks = [Clock(reason="no rates to start from") for _ in fits]
    layers = np.array([i for i, fit in enumerate(fits) if dy2 > 0 and _inside(fit)], int)
    if not layers.size:
        return clocks
    problem = _Problem(t - t[0], observed[:, layers], dx2, dy2)
    rates = np.log([[fits[i].eta_h, fits[i].eta_y] for i in layers])
    with np.errstate(all="ignore"):
        theta, _, done = descend(
            problem, problem.starts(rates), np.ones((layers.size, 3), bool), 1e-7, iterations=60, bounds=_BOUNDS
        )
        curves = np.array(problem.curves(problem.t, theta, np.arange(layers.size)))
    seen = active(w, dy2)
    for i, x, converged, mine in zip(layers, theta, done, curves.swapaxes(0, 1), strict=True):
        reason = "" if converged else "no convergence"
        if not _LOWEST < x[2] < _HIGHEST:
            reason = f"1 + k at its {'lower' if x[2] <= _LOWEST else 'upper'} bound"
        eta_h, eta_y, growth = map(float, np.exp(x))
        sse = float(((mine - observed[:, i]) ** 2).sum())
        error = float(np.nanmean(relative_errors(observed[:, i, :seen], mine[:, :seen])))
        clocks[i] = Clock(eta_h, eta_y, growth - 1, sse, error, reason)
    return clocks


def _inside(fit) -> bool:
    """Whether both rates of a `Fit` lie inside of the bounds."""
    rates = np.array([fit.eta_h, fit.eta_y])
    return bool(np.isfinite(rates).all() and all(LOG_BOUNDS[0] < x < LOG_BOUNDS[1] for x in np.log(rates)))


class _Problem:
    """Sums of squares of layers: t (n,), observed (3, layers, n); theta (.., 3) = log eta_h, log eta_y, log(1 + k)."""

    def __init__(self, t, observed, dx2, dy2):
        self.t, self.initial, self.dx2, self.dy2 = t, observed[..., 0], dx2, dy2
        self.coarse, self.observed, self.counts = averages(t, observed, _CELLS)

    def curves(self, t, theta, which):
        """H, Y, w at theta (m, 3) of the layers `which` (m,), each (m, n)."""
        eta_h, eta_y, growth = np.exp(theta.T)
        return clock.drifting(t, *self.initial[:, which], eta_h, eta_y, growth - 1, self.dx2, self.dy2)

    def residuals(self, theta, which):
        """(3, m, cells), weighted by how many steps a cell has."""
        return (self.curves(self.coarse, theta, which) - self.observed[:, which]) * np.sqrt(self.counts)

    def starts(self, rates):
        """For every layer the best of a few: k, and rates (layers, 2) that are smaller by a part of its growth."""
        growth, share = (values.ravel() for values in np.meshgrid(np.log([0.6, 1, 2, 4, 8]), [0.3, 0.5, 0.8]))
        layers = np.arange(len(rates))
        theta = np.stack([np.c_[rates - g * s, np.full(len(rates), g)] for g, s in zip(growth, share)])
        sse = [np.nan_to_num((self.residuals(one, layers) ** 2).sum((0, 2)), nan=np.inf) for one in theta]
        return theta[np.argmin(sse, 0), layers]

    def normal_equations(self, theta, which):
        """As `descend` asks for them; derivatives by differences."""
        moved = np.concatenate([theta, *(theta + _STEP * direction for direction in np.eye(3))])
        all_ = self.residuals(moved, np.tile(which, 4)).reshape(3, 4, len(theta), -1)
        residual, jacobian = all_[:, 0], (all_[:, 1:] - all_[:, :1]) / _STEP
        sse = np.einsum("ckn,ckn->k", residual, residual)
        slope = np.einsum("cakn,ckn->ka", jacobian, residual)
        matrix = np.einsum("cakn,cbkn->kab", jacobian, jacobian)
        return np.where(np.isfinite(slope).all(1) & np.isfinite(sse), sse, np.inf), slope, matrix
