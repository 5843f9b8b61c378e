"""Fit the theory and its alterations to the same trajectories, and say which of them describes a network best.

`fit` does for the systems of `theory.altered` what `fitting.fit_trajectory` does for the closed form: a grid of starts
over ratio and clock of the rates, then Levenberg-Marquardt in their logarithms. All networks of a setting and all five
dynamics are fitted at once, since a numerical solution of a hundred systems costs hardly more than one.
"""

import numpy as np

from repdyn import fitting
from repdyn.fitting.levenberg_marquardt import descend
from repdyn.fitting.selection import akaike
from repdyn.theory import altered
from repdyn.theory.altered import DYNAMICS, FACTORS
from repdyn.theory.bounds import HIGHEST_RATE, LOWEST_RATE

_RATIOS, _CLOCKS, _VALLEYS = 26, 20, 4
_FEW, _MANY = 45, 300  # half the number of cells that the first and the second descent look at
TIE = 1e-4  # sums of squares closer than this share of them are equal


def fit(t, H, Y, w, dx2, dy2):
    """Fit every dynamics to every network: a list, one entry a network, of {name: (Fit, curves)}.

    t (n,) in optimiser steps, increasing; H, Y, w (networks, n). The sum of squares is that of
    `fitting.fit_trajectory`: unweighted, over the three curves and all steps, from the observed first values.
    Descents look at averages over cells of time, about 90 of them first and 600 at the end (in a cell only the
    residual's mean depends on the rates, but for second-order terms); the sums, errors and curves (3, n) that are
    returned are those of all steps.
    Where nothing can be fitted the curves are nan, and the `Fit` holds the reason.
    """
    t, observed = np.asarray(t, float), np.stack([H, Y, w]).astype(float)  # (3, networks, n)
    reasons = [fitting.unfit(t, observed[:, i], dx2, dy2) for i in range(observed.shape[1])]
    nothing = np.full((3, t.size), np.nan)
    results = [{name: (fitting.Fit(reason=reason), nothing) for name in DYNAMICS} for reason in reasons]
    sound = np.flatnonzero([not reason for reason in reasons])
    if sound.size:
        with np.errstate(all="ignore"):  # what is not finite counts as an infinite sum of squares
            found = _fit(t - t[0], observed[:, sound], dx2, dy2)
        for i, network in enumerate(sound):
            results[network] = dict(zip(DYNAMICS, found[len(DYNAMICS) * i :]))
    return results


def _fit(t, observed, dx2, dy2):
    """Fits and curves of all networks (observed (3, networks, n)) times dynamics, networks first."""
    networks, kinds = observed.shape[1], len(DYNAMICS)
    pairs = networks * kinds
    network, kind = np.divmod(np.arange(pairs), kinds)
    problem = _Problem(t, observed, network, FACTORS[kind], dx2, dy2)
    coarse, fine = problem.averaged(_FEW, rtol=1e-6), problem.averaged(_MANY, rtol=1e-8)

    pair, theta, free = _starts(coarse)
    theta_coarse, sse, _ = descend(coarse.of(pair), theta, free, tolerance=1e-4, iterations=10)
    pair, theta, free = _promising(pair, theta_coarse, free, sse, coarse.total[network])
    theta, sse, done = descend(fine.of(pair), theta, free, tolerance=1e-9)

    limit = ~free.all(axis=1)
    chosen = np.empty(pairs, int)
    for i in range(pairs):  # a minimum infinitely far away is approached by ever smaller steps: name the limit instead
        mine = np.flatnonzero(pair == i)
        chosen[i] = mine[np.argmin(np.where(limit[mine], sse[mine], sse[mine] * (1 + 1e-7) + 1e-300))]
    curves = problem.curves(theta[chosen], np.arange(pairs))
    results = []
    for i, j in enumerate(chosen):
        mine, seen = curves[:, i], observed[:, network[i]]
        if np.isfinite(sse[j]) and np.isfinite(mine).all():
            results.append((fitting.describe(seen, mine, theta[j], bool(done[j])), mine))
        else:
            why = "the solution ends in a singularity before the run does, for every pair of rates that was tried"
            results.append((fitting.Fit(reason=why), np.full_like(mine, np.nan)))
    return results


class _Problem:
    """Sums of squares of many pairs of network and dynamics; t (n,), observed (3, networks, n), counts (n,)."""

    def __init__(self, t, observed, network, factors, dx2, dy2, initial=None, counts=None, rtol=1e-9):
        self.t, self.observed, self.network, self.factors = t, observed, network, factors
        self.dx2, self.dy2, self.rtol = dx2, dy2, rtol
        self.initial = observed[..., 0] if initial is None else initial
        self.counts = np.ones(t.size) if counts is None else counts

    @property
    def total(self):
        """Sum of squares of each network's curves about their means."""
        return (((self.observed - self.observed.mean(-1, keepdims=True)) ** 2) * self.counts).sum((0, 2))

    def averaged(self, most, rtol):
        """The same problem on averages over about 2 `most` cells of time, solved to another tolerance."""
        first = fitting.cells(self.t.size, most)
        counts = np.diff(np.r_[first, self.t.size]).astype(float)
        t, observed = (np.add.reduceat(values, first, axis=-1) / counts for values in (self.t, self.observed))
        return self._changed(t=t, observed=observed, counts=counts, rtol=rtol)

    def of(self, pair):
        """The same problem for starts: the pairs (K,) that they belong to."""
        return self._changed(network=self.network[pair], factors=self.factors[pair])

    def _changed(self, **changes):
        return _Problem(**{**vars(self), **changes})

    def curves(self, theta, which, gradient=False):
        """Curves (3, k, n) at log rates theta (k, 2) of the pairs or starts `which` (k,)."""
        start, factors = self.initial[:, self.network[which]], self.factors[which]
        options = {"rtol": self.rtol, "gradient": gradient}
        return altered.solve(self.t, start, factors, *np.exp(theta.T), self.dx2, self.dy2, **options)

    def normal_equations(self, theta, which):
        """As `descend` asks for them."""
        curves, jacobian = self.curves(theta, which, gradient=True)
        weight = np.sqrt(self.counts)
        residual = (curves - self.observed[:, self.network[which]]) * weight
        jacobian = jacobian * weight
        sse = np.einsum("ckn,ckn->k", residual, residual)
        slope = np.einsum("ackn,ckn->ka", jacobian, residual)
        matrix = np.einsum("ackn,bckn->kab", jacobian, jacobian)
        return np.where(np.isfinite(slope).all(1) & np.isfinite(sse), sse, np.inf), slope, matrix


def _starts(problem):
    """For every pair: log rates to descend from, as (pair (K,), theta (K, 2), free (K, 2)).

    As in `fitting`: ratios of the rates around the two natural ones, and for each ratio the best clock; in the last two
    rows one rate vanishes. A ratio fixes the path, so each is solved once, in the theory's own time kappa t, and looked
    up at all clocks.
    """
    pairs, H_end = len(problem.network), problem.observed[0, :, -1]
    rows = np.stack([_ratios(*start, end, problem.dx2, problem.dy2) for start, end in zip(problem.initial.T, H_end)])
    rows = rows[problem.network]  # (pair, row, 2)
    clocks = np.geomspace(0.03 / problem.t[-1], min(10, 2000 / problem.t[-1]), _CLOCKS)
    paths = np.r_[np.linspace(0, 60, 601), np.geomspace(60, clocks[-1] * problem.t[-1] + 60, 151)[1:]]
    each = np.repeat(np.arange(pairs), rows.shape[1])
    start = problem.initial[:, problem.network[each]]
    rates = rows.reshape(-1, 2).T
    path = altered.solve(
        paths, start, problem.factors[each], *rates, problem.dx2, problem.dy2, rtol=1e-5, most_steps=800
    )
    observed = problem.observed[:, problem.network[each]]
    clock = np.tile(clocks, (each.size, 1))
    fine = np.geomspace(clocks[0] / clocks[1], clocks[1] / clocks[0], 9)
    for _ in range(2):
        sse = np.stack([_along(path, paths, observed, problem, column) for column in clock.T], axis=1)
        best = sse.argmin(axis=1)[:, None]
        sse, chosen = np.take_along_axis(sse, best, 1)[:, 0], np.take_along_axis(clock, best, 1)
        clock = chosen * fine
    theta = np.log(np.clip(rates.T * chosen, LOWEST_RATE, HIGHEST_RATE)).reshape(*rows.shape)
    sse = sse.reshape(pairs, -1)
    around = np.pad(sse[:, :-2], ((0, 0), (1, 1)), constant_values=np.inf)
    valley = sse[:, :-2] <= np.minimum(around[:, :-2], around[:, 2:])
    inside = np.argsort(np.where(valley, sse[:, :-2], np.inf), axis=1, kind="stable")[:, :_VALLEYS]
    last = theta.shape[1] - np.array([2, 1])
    row = np.hstack([inside, np.tile(last, (pairs, 1))])
    free = np.ones((pairs, row.shape[1], 2), bool)
    free[:, -2, 0] = free[:, -1, 1] = False
    pair = np.repeat(np.arange(pairs), row.shape[1])
    return pair, theta[pair, row.ravel()], free.reshape(-1, 2)


def _ratios(H0, Y0, _, H_end, dx2, dy2):
    """Rates (rows, 2) at which the theory's growing mode has the rate kappa = 1, over ratios (see `fitting`)."""
    natural = [top / (dx2 * below) for top, below in ((H_end**2, dy2), (H0**2, Y0)) if top > 0 and below > 0]
    low, high = (min(natural), max(natural)) if natural else (1.0, 1.0)
    ratio = np.geomspace(*np.clip([1e-5 * low, 1e5 * high], 1e-30, 1e30), _RATIOS)
    kappa = np.hypot(np.sqrt(ratio * dx2 * dy2), 0.5 * (ratio * dx2 * Y0 / H0 - H0))  # at eta_y = 1
    rates = np.stack([ratio, np.ones_like(ratio)], -1) / np.maximum(kappa, 1e-30)[:, None]
    return np.vstack([rates, [0, 2 / H0], [2 * H0 / (dx2 * max(Y0, 1e-30)), 0]])


def _along(path, paths, observed, problem, clock):
    """Sums of squares (K,) of the paths (3, K, m), known at the times `paths` (m,), run through at the clocks (K,)."""
    s = clock[:, None] * problem.t
    right = np.clip(np.searchsorted(paths, s), 1, paths.size - 1)
    share = (s - paths[right - 1]) / (paths[right] - paths[right - 1])
    k = np.arange(len(clock))[:, None]
    value = path[:, k, right - 1] * (1 - share) + path[:, k, right] * share
    return np.nan_to_num((((value - observed) ** 2) * problem.counts).sum((0, 2)), nan=np.inf)


def _promising(pair, theta, free, sse, total):
    """Of each pair's ends: the lowest inside, another one elsewhere, and limits, if they may still come out lowest."""
    keep = []
    for i in np.unique(pair):
        mine = np.flatnonzero(pair == i)
        inside, limits = mine[free[mine].all(1)], mine[~free[mine].all(1)]
        first, *rest = inside[np.argsort(sse[inside], kind="stable")]
        apart = [j for j in rest if np.abs(theta[j] - theta[first]).max() > 0.1][:1]
        close = 1.5 * sse[mine].min() + 1e-6 * total[i]
        keep += [first, *(j for j in (*apart, *limits) if sse[j] <= close)]
    return pair[keep], theta[keep], free[keep]


def criterion(sse, observations, steps):
    """Akaike's criterion of least squares with two parameters, n log(SSE/N) + 2 * 2.

    N = 3 steps is the number of residuals, n the number of effective ones. All dynamics have two parameters, so its
    differences are n log of the ratio of the sums; those of the Bayesian criterion are the same.
    """
    return akaike(sse, observations, 3 * steps, 2)


def wins(sse):
    """What each dynamics has of a network's one win, from its sums of squares (..., dynamics).

    The lowest sum wins. Sums within a share of `TIE` of it are as low, and divide the win: where the best eta_h is 0,
    all dynamics that differ in terms of eta_h only are one and the same. All nan: nobody wins.
    """
    sse = np.where(np.isfinite(sse), sse, np.inf)
    lowest = sse.min(axis=-1, keepdims=True)
    best = np.isfinite(lowest) & (sse <= lowest * (1 + TIE))
    return best / np.maximum(best.sum(axis=-1, keepdims=True), 1)
