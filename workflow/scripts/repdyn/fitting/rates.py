"""Estimate the effective learning rates of a trained network from its trajectories.

The theory (see `theory`) has two constants, eta_h and eta_y. They are found by least squares of its
closed form on the observed H, Y and w, in log rates, so that both stay positive. A third one, eta_m,
describes the mean output and is fitted on its own.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from repdyn import theory
from repdyn.fitting.levenberg_marquardt import MOST_ITERATIONS, descend
from repdyn.theory.bounds import HIGHEST_RATE, LOG_BOUNDS, LOWEST_RATE

_NAMES = ("eta_h", "eta_y")
ACTIVE = STILL = 0.01  # of |dy|^2: |w| in the active part of a run, and what Y changes by where the outputs move

# glibc hands freed memory back to the system after every evaluation and faults it in again at the
# next, four times the cost of the arithmetic. Having freed one large block once, it keeps memory.
np.empty(1 << 20)


@dataclass(frozen=True)
class Fit:
    """The two effective rates of one trajectory, and how well the theory then describes it.

    eta_h, eta_y     effective learning rates, per optimiser step
    sse              sum over H, Y, w and all steps of the squared residual
    nrmse            mean of nrmse_h, nrmse_y, nrmse_w (of those that are defined)
    nrmse_h, _y, _w  RMS residual over the range (max - min) of that observed curve; nan if it is flat
    error_active     as nrmse, over the active part of the run: to the last step at which |w| exceeds 1 % of |dy|^2.
                     The quiet end of a run, however long, says nothing
    r2               1 - sse / (sum of squares of the three curves about their means)
    converged        whether both rates are estimates: an optimum was found, inside the bounds, that describes the
                     curves better than their means do (r2 >= 0), and the outputs moved
    reason           empty if converged, else why not. With an optimum on a bound, the rates, sse and
                     errors are those of that optimum; if nothing could be fitted they are nan.
    """

    eta_h: float = np.nan
    eta_y: float = np.nan
    sse: float = np.nan
    nrmse: float = np.nan
    nrmse_h: float = np.nan
    nrmse_y: float = np.nan
    nrmse_w: float = np.nan
    error_active: float = np.nan
    r2: float = np.nan
    converged: bool = False
    reason: str = ""


def fit_trajectory(t, H, Y, w, dx2, dy2):
    """Fit (eta_h, eta_y) to the curves H, Y, w observed at the steps t; returns a `Fit`.

    Minimises the sum over the three curves and all steps of (theory - observed)^2, unweighted as in
    the paper, from H0, Y0, w0 of the first step. All arrays have shape (n,), t is increasing and in
    optimiser steps; dx2 and dy2 are the squared distances of the two inputs and of their targets.

    A grid over clock and ratio of the rates, on averages over cells of time, finds the valleys; each
    is descended by Levenberg-Marquardt on those averages, and the lowest at all steps. The limits in
    which one rate vanishes are descended too: where H falls during training the optimum lies there.
    Data that cannot be fitted give a `Fit` with nan rates and the reason. Arrays that are not of one
    length raise ValueError.
    """
    t, observed = np.asarray(t, float), np.array([H, Y, w], float)
    if t.ndim != 1 or observed.shape != (3, t.size):
        raise ValueError(f"t, H, Y, w must be of one length, got shapes {t.shape} and {observed.shape}")
    reason = unfit(t, observed, dx2, dy2)
    if reason:
        return Fit(reason=reason)
    problem = _Problem(t - t[0], observed, observed[:, 0], dx2, dy2)
    coarse = problem.coarsened()
    with np.errstate(all="ignore"):  # far corners of the grid may overflow; they count as infinite
        starts, free = _starts(coarse)
        theta, sse, _ = descend(coarse, starts, free, tolerance=1e-4, iterations=10)
        # What averaging alone has driven to a bound, where all slopes vanish, starts again.
        theta = np.where((free & (theta < LOG_BOUNDS[0] + 7)).any(axis=1, keepdims=True), starts, theta)
        # One end of each kind (inside, eta_h vanishing, eta_y vanishing), and a second one inside.
        limit = ~free.all(axis=1)
        first, *rest = (i for i in np.argsort(sse, kind="stable") if not limit[i])
        apart = [i for i in rest if np.abs(theta[i] - theta[first]).max() > 0.1][:1]
        # Averaging changes the sums a little: keep what may still come out lowest.
        close = sse <= 1.5 * sse.min() + 1e-6 * coarse.total
        chosen = [first, *(i for i in (*apart, *np.flatnonzero(limit)) if close[i])]
        theta, sse, done = map(np.concatenate, zip(*(descend(problem, theta[[i]], free[[i]]) for i in chosen)))
        # A minimum infinitely far away is approached by ever smaller steps: name the limit instead.
        lowest = np.argmin(np.where(limit[chosen], sse, sse * (1 + 1e-9) + 1e-300))
    if not np.isfinite(sse[lowest]):
        return Fit(reason="the theory is not finite for any pair of rates")
    curves = theory.exact(problem.t, *problem.initial, *np.exp(theta[lowest]), dx2, dy2)
    return describe(observed, np.array(curves), theta[lowest], bool(done[lowest]), dy2)


def fit_mean_rate(t, mean_error):
    """Fit eta_m of `theory.mean_error` to the squared error of the mean output; ``(eta_m, reason)``.

    Least squares of m0^2 exp(-2 eta_m t) over all steps, m0^2 being the first value. Shapes (n,);
    eta_m is per step. The reason is empty, or says why eta_m is 0 (no decay) or nan (no fit).
    """
    t, observed = np.asarray(t, float), np.asarray(mean_error, float)
    if t.ndim != 1 or observed.shape != t.shape:
        raise ValueError(f"t and mean_error must be of one length, got shapes {t.shape} and {observed.shape}")
    if t.size < 2 or not np.isfinite(observed).all():
        return np.nan, "fewer than 2 steps" if t.size < 2 else "mean_error is not finite"
    if not 0 < observed[0] < 1e100 or np.abs(observed).max() > 1e100:
        return np.nan, "mean_error diverges" if observed[0] > 0 else "mean_error is 0 at the first step"
    t, observed = t - t[0], observed / observed[0]

    def sse(log_rate):
        return float(((np.exp(-2 * np.exp(log_rate) * t) - observed) ** 2).sum())

    # From a decay of 1e-6 over the whole run to one that is over within the first step.
    grid = np.log(np.geomspace(5e-7 / t[-1], 20 / np.diff(t).min(), 60))
    lowest = int(np.argmin([sse(x) for x in grid]))
    if lowest == 0:
        return 0.0, "mean_error does not decay"
    if lowest == grid.size - 1:
        return float(np.exp(grid[-1])), "mean_error decays within the first step"
    found = minimize_scalar(sse, bounds=grid[[lowest - 1, lowest + 1]], method="bounded", options={"xatol": 1e-10})
    return float(np.exp(found.x)), "" if found.success else "no convergence"


def cells(n, most):
    """First indices of about 2 `most` cells of n steps: single steps early on, equal cells later."""
    if n <= 2 * most:
        return np.arange(n)
    return np.unique(np.r_[0, np.geomspace(1, n - 1, most).astype(int), np.arange(0, n, -(-n // most))])


def averages(t, observed, most):
    """Averages over the `cells` of time: t (m,), observed (..., m), and how many steps (m,) each is of."""
    first = cells(t.size, most)
    counts = np.diff(np.r_[first, t.size]).astype(float)
    return np.add.reduceat(t, first) / counts, np.add.reduceat(observed, first, axis=-1) / counts, counts


@dataclass(frozen=True)
class _Problem:
    """What the sum of squares is taken over: times (n,), curves (3, n), and how many steps each is."""

    t: np.ndarray
    observed: np.ndarray
    initial: np.ndarray
    dx2: float
    dy2: float
    counts: np.ndarray | None = None

    @property
    def total(self):
        """Sum of squares of the curves about their means."""
        deviation = (self.observed - self.observed.mean(axis=1, keepdims=True)) ** 2
        return float((deviation if self.counts is None else deviation * self.counts).sum())

    def coarsened(self, most=45):
        """The same problem on averages over about 2 `most` cells: single steps early on, equal cells
        later. For f smooth in a cell, the sum of (f - y)^2 over it is that of the averages plus what
        does not depend on the rates."""
        n = self.t.size
        if n <= 2 * most:
            return self
        t, observed, counts = averages(self.t, self.observed, most)
        return _Problem(t, observed, self.initial, self.dx2, self.dy2, counts)

    def sse(self, theta):
        """Sums of squares (K,) at log rates theta (K, 2)."""
        curves = theory.exact(self.t, *self.initial, *np.exp(theta.T), self.dx2, self.dy2)
        residual = (curves - self.observed[:, None]) ** 2
        if self.counts is not None:
            residual *= self.counts
        return np.nan_to_num(residual.sum(axis=(0, 2)), nan=np.inf)

    def normal_equations(self, theta, which=None):
        """Sums of squares (K,), half their gradient (K, 2) and the Gauss-Newton matrix (K, 2, 2)."""
        curves, jacobian = theory.exact_with_gradient(self.t, *self.initial, *np.exp(theta.T), self.dx2, self.dy2)
        residual = curves - self.observed[:, None]
        if self.counts is not None:
            residual, jacobian = residual * np.sqrt(self.counts), jacobian * np.sqrt(self.counts)
        sse = np.einsum("ckn,ckn->k", residual, residual)
        slope = np.einsum("ackn,ckn->ka", jacobian, residual)
        matrix = np.einsum("ackn,bckn->kab", jacobian, jacobian)
        return np.nan_to_num(sse, nan=np.inf), slope, matrix


def _starts(problem):
    """Log rates (K, 2) to descend from, and which of the two may move (K, 2).

    A fixed ratio of the rates fixes the path and their scale only the clock, kappa. So each row of
    the grid is a ratio, searched along kappa twice, the second time finely: a late and sudden
    transition fits within a narrow band of clocks alone. The ratios reach well beyond the two natural
    ones: H_end^2/(dx2 dy2), where the task alone sets the final distance, and H0^2/(dx2 Y0), where
    both halves of the network are balanced at the start. In the last two rows one rate vanishes.
    """
    (H0, Y0, _), H_end, dx2, dy2 = problem.initial, problem.observed[0, -1], problem.dx2, problem.dy2
    natural = [top / (dx2 * below) for top, below in ((H_end**2, dy2), (H0**2, Y0)) if top > 0 and below > 0]
    low, high = (min(natural), max(natural)) if natural else (1.0, 1.0)
    ratio = np.geomspace(*np.clip([1e-5 * low, 1e5 * high], 1e-30, 1e30), 26)
    kappa = np.hypot(np.sqrt(ratio * dx2 * dy2), 0.5 * (ratio * dx2 * Y0 / H0 - H0))  # at eta_y = 1
    at_one = np.stack([ratio, np.ones_like(ratio)], -1) / np.maximum(kappa, 1e-30)[:, None]  # at kappa = 1
    at_one = np.vstack([at_one, [0, 2 / H0], [2 * H0 / (dx2 * max(Y0, 1e-30)), 0]])
    rows, clock = np.arange(len(at_one)), np.geomspace(0.03 / problem.t[-1], 10, 20)
    fine = np.geomspace(clock[0] / clock[1], clock[1] / clock[0], 9)
    clock = np.tile(clock, (rows.size, 1))
    for _ in range(2):
        theta = np.log(np.clip(at_one[:, None] * clock[..., None], LOWEST_RATE, HIGHEST_RATE))
        sse = problem.sse(theta.reshape(-1, 2)).reshape(clock.shape)
        best = sse.argmin(axis=1)
        clock = clock[rows, best, None] * fine
    theta, sse = theta[rows, best], sse[rows, best]
    around = np.pad(sse[:-2], 1, constant_values=np.inf)
    valley = sse[:-2] <= np.minimum(around[:-2], around[2:])
    inside = np.argsort(np.where(valley, sse[:-2], np.inf), kind="stable")[:4]
    theta = np.concatenate([theta[inside], theta[-2:]])
    free = np.ones(theta.shape, bool)
    free[-2, 0] = free[-1, 1] = False
    return theta, free


def unfit(t, observed, dx2, dy2):
    """Why the data cannot be fitted at all, or an empty string."""
    if t.size < 4:
        return f"only {t.size} steps"
    for name, curve in zip("HYw", observed):
        if not np.isfinite(curve).all():
            return f"{name} is not finite from step {t[np.argmin(np.isfinite(curve))]:g} on"
        if np.abs(curve).max() > 1e100:
            return f"{name} diverges"
    if not (np.isfinite(t).all() and np.all(np.diff(t) > 0)):
        return "the steps do not increase"
    if not (np.isfinite([dx2, dy2]).all() and dx2 > 0 and dy2 >= 0):
        return "the inputs coincide" if dx2 == 0 else "dx2 or dy2 is negative or not finite"
    if observed[0, 0] <= 0:
        return "H is 0 at the first step: the two representations coincide"
    if observed[1, 0] < 0:
        return "Y is negative at the first step"
    if not np.ptp(observed, axis=1).any():
        return "H, Y and w do not change"
    return ""


def active(w, dy2):
    """How many steps the active part of a run has: to the last one at which |w| (n,) exceeds ACTIVE dy2, or 0."""
    return w.size - int(np.argmax(np.abs(w[::-1]) > ACTIVE * dy2)) if (np.abs(w) > ACTIVE * dy2).any() else 0


def relative_errors(observed, curves):
    """RMS residual by the range of the observed curve, of curves (..., n); nan where that is flat."""
    if not observed.shape[-1]:
        return np.full(observed.shape[:-1], np.nan)
    extent = np.ptp(observed, axis=-1)
    return np.sqrt(((curves - observed) ** 2).mean(axis=-1)) / np.where(extent > 0, extent, np.nan)


def describe(observed, curves, theta, done, dy2=0.0):
    """The `Fit` at log rates theta (2,): the errors of its curves (3, n), and why its rates are no estimates.

    dy2 tells the active part, and whether outputs move at all; where it is 0 all steps count.
    """
    eta_h, eta_y = np.exp(theta)
    nrmse = relative_errors(observed, curves)
    seen = active(observed[2], dy2)
    lively = relative_errors(observed[:, :seen], curves[:, :seen])
    sse = float(((curves - observed) ** 2).sum())
    r2 = 1 - sse / float(((observed - observed.mean(axis=1, keepdims=True)) ** 2).sum())
    reasons = [] if done else [f"no convergence in {MOST_ITERATIONS} iterations"]
    H, Y, w = observed
    for name, x in zip(_NAMES, theta):
        if x <= LOG_BOUNDS[0]:
            why = "no larger value was found to fit better"
            if name == "eta_h" and H[-1] < H[0] and w.mean() < 0:
                why = "H falls while the theory can only raise it"
            reasons.append(f"{name} at its lower bound: {why}")
        elif x >= LOG_BOUNDS[1]:
            reasons.append(f"{name} at its upper bound: no smaller value was found to fit better")
    if np.ptp(Y) < STILL * dy2:
        reasons.append(f"the outputs hardly move: Y changes by less than {100 * STILL:g} % of |dy|^2")
    if r2 < 0:
        reasons.append("the curves' means describe them better (R^2 < 0)")
    return Fit(
        float(eta_h),
        float(eta_y),
        sse,
        _mean(nrmse),
        *map(float, nrmse),
        _mean(lively),
        r2,
        not reasons,
        "; ".join(reasons),
    )


def _mean(errors):
    """Mean of those that are defined, nan if none is."""
    errors = errors[np.isfinite(errors)]
    return float(errors.mean()) if errors.size else np.nan
