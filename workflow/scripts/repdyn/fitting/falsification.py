"""Hold the theory and its alterations against the same network: by their orbits, and by trajectories with a free clock.

An orbit Y(H) has one constant and no time in it (`theory.altered`), so it is a linear regression. A trajectory has two
rates and, for every system alike, one drift k of both of them, rates times 1 + k Y/|dy|^2, so that a clock that no
system has right favours none. Both look at the part of a run in which something happens: to the last step with
|w| > 1 % of |dy|^2.
"""

from dataclasses import dataclass, replace

import numpy as np

from repdyn import fitting
from repdyn.fitting.rates import active
from repdyn.theory import altered
from repdyn.theory.altered import DYNAMICS, RIVALS

SAMPLES = 120  # of a trajectory, evenly spaced in time
LOWEST, HIGHEST = np.array([[-25.0, -25.0, -3.0], [25.0, 25.0, 5.5]])  # log rates times the run's length, log(1 + k)
_RATIOS, _DRIFTS, _CLOCKS, _STARTS = np.array([0.25, 1.0, 4.0]), np.array([0.0, 5.0]), 60, 2


@dataclass(frozen=True)
class Alternative:
    """One system of equations held against one network.

    rho, orbit_error  eta_y/(eta_h dx2) of the best orbit, and its RMS error over the range of Y, along the orbit
    eta_h, eta_y      best rates at Y = 0, per step; drift: how much larger both are at Y = |dy|^2, as a share
    error             RMS over the samples of residuals over the range of their curve, of H, Y and, with more outputs, w
    breach            by how much the fitted curves are no pair of outputs: largest excess of <dy, dyh>^2 over
                      |dy|^2 |dyh|^2, with one output largest difference of the two, over |dy|^4
    orbit_power,      of a rival: the error that it would have if the theory were exact, against the theory's own best
    power             orbit and trajectory. Where it is below the theory's error the two can't be told apart there
    reason            empty, or why the trajectory's numbers are nan or stand at a bound
    """

    rho: float = np.nan
    orbit_error: float = np.nan
    eta_h: float = np.nan
    eta_y: float = np.nan
    drift: float = np.nan
    error: float = np.nan
    breach: float = np.nan
    orbit_power: float = np.nan
    power: float = np.nan
    reason: str = ""


COMPARISONS = {"orbit": ("orbit_error", "orbit_power"), "trajectory": ("error", "power")}


def active_steps(w, dy2: float) -> int:
    """How many of the steps w (n,) come before its quiet end: up to the last with |w| > 1 % of dy2; all if none is."""
    return active(w, dy2) or len(w)


def freedom(Y, w, dy2: float) -> float:
    """How far w is a curve of its own: largest |dyh across dy|^2 over |dy|^2; 0 for one output. Y, w (n,)."""
    if dy2 == 0:
        return np.nan
    return round(float(np.max(Y - (Y - w) ** 2 / dy2) / dy2), 9) + 0.0  # what is left for one output is rounding


def along_orbit(H, Y):
    """Weights (n,), of sum 1: the length of orbit that each sample stands for, in units of the ranges of H and Y."""
    length = np.abs(np.diff(H)) / np.ptp(H) + np.abs(np.diff(Y)) / np.ptp(Y)
    return (np.r_[length, 0] + np.r_[0, length]) / (2 * length.sum())


def fit_orbit(H, Y, factors) -> tuple[float, float]:
    """The ratio rho = eta_y/(eta_h dx2) >= 0 of the best orbit through the first point, and its error.

    Least squares in Y over the samples H and Y (n,), weighted by `along_orbit`, whenever they were taken. error: RMS
    over the range of Y. nan where nothing moves.
    """
    extents = np.ptp(H), np.ptp(Y)
    if H[0] <= 0 or min(extents) <= 0:
        return np.nan, np.nan
    weight = along_orbit(H, Y)
    inherited, learned = altered.orbit_parts(H, H[0], Y[0], factors)
    rho = max(float((weight * (Y - inherited) * learned).sum() / (weight * learned**2).sum()), 0.0)
    return rho, float(np.sqrt((weight * (inherited + rho * learned - Y) ** 2).sum()) / extents[1])


def fit(t, H, Y, w, dx2, dy2, outputs: int) -> list[dict[str, Alternative]]:
    """Every dynamics of DYNAMICS against every network; one {name: Alternative} a network.

    t (n,) in steps, H, Y, w (networks, n). With one output w is a function of Y and no curve to fit, and equations that
    don't keep this (`altered.keeps_one_output`) are held against orbits alone.
    """
    t, observed = np.asarray(t, float) - t[0], np.stack([H, Y, w]).astype(float)
    results = []
    with np.errstate(all="ignore"):  # what is not finite counts as an infinite sum of squares
        for one in observed.swapaxes(0, 1):
            reason = fitting.unfit(t, one, dx2, dy2) or ("" if dy2 > 0 else "the targets coincide: there is no task")
            results.append({name: Alternative(reason=reason) for name in DYNAMICS} if reason else _orbits(*one, dy2))
        pairs = [
            (i, name)
            for i, one in enumerate(results)
            for name, known in one.items()
            if np.isfinite(known.rho) and (outputs > 1 or altered.keeps_one_output(name))
        ]
        if pairs:
            _add_trajectories(t, observed, dx2, dy2, outputs, results, pairs)
    return results


def _orbits(H, Y, w, dy2):
    """Orbits of all dynamics against one network's curves (n,), as {name: Alternative}."""
    n = active_steps(w, dy2)
    H, Y = H[:n], Y[:n]
    found = {name: fit_orbit(H, Y, dynamics.factors) for name, dynamics in DYNAMICS.items()}
    inherited, learned = altered.orbit_parts(H, H[0], Y[0], DYNAMICS["theory"].factors)
    ideal = inherited + found["theory"][0] * learned
    powers = {name: fit_orbit(H, ideal, DYNAMICS[name].factors)[1] for name in RIVALS}
    return {name: Alternative(*orbit, orbit_power=powers.get(name, np.nan)) for name, orbit in found.items()}


def _add_trajectories(t, observed, dx2, dy2, outputs, results, pairs):
    """Add what `Alternative` says of trajectories for these pairs (network, name)."""
    ends = [t[active_steps(observed[2, i], dy2) - 1] for i, _ in pairs]
    unit = np.linspace(0, 1, SAMPLES)  # time as a share of the run's active part
    seen = [[np.interp(unit * end, t, curve) for curve in observed[:, i]] for (i, _), end in zip(pairs, ends)]
    factors = np.array([DYNAMICS[name].factors for _, name in pairs])
    problem = _Problem(unit, np.array(seen).swapaxes(0, 1), factors, dx2, dy2, outputs)
    pair, theta = _starts(problem, np.array([results[i][name].rho for i, name in pairs]))
    theta, squares = _descend(problem, pair, theta)
    best = np.array([np.flatnonzero(pair == k)[np.argmin(squares[pair == k])] for k in range(len(pairs))])
    theta, squares = theta[best], squares[best]
    curves = problem.curves(theta, np.arange(len(pairs)))
    _, Y, w = curves
    excess = ((Y - w) ** 2 - Y * dy2) / dy2**2
    breach = np.maximum((np.abs(excess) if outputs == 1 else excess).max(-1), 0)
    powers = _powers(problem, pairs, theta, curves)
    for k, (i, name) in enumerate(pairs):
        if not np.isfinite(squares[k]):
            reason = "no rates were found at which the solution goes on to the end"
            results[i][name] = replace(results[i][name], reason=reason)
            continue
        bound = (theta[k] <= LOWEST) | (theta[k] >= HIGHEST)
        reason = ", ".join(word for word, there in zip(("eta_h", "eta_y", "drift"), bound) if there)
        eta_h, eta_y = np.exp(theta[k, :2]) / ends[k]
        results[i][name] = replace(
            results[i][name],
            eta_h=float(eta_h),
            eta_y=float(eta_y),
            drift=float(np.expm1(theta[k, 2])),
            error=float(np.sqrt(squares[k])),
            breach=float(breach[k]),
            power=powers[k],
            reason=f"{reason} at a bound" if reason else "",
        )


def _powers(problem, pairs, theta, curves):
    """Errors (pair,) of every rival against the theory's best curves for the same network; nan of the theory."""
    powers, place = np.full(len(pairs), np.nan), {pair: k for k, pair in enumerate(pairs)}
    ideal = np.array([place.get((i, "theory"), -1) for i, _ in pairs])
    rivals = [
        k
        for k, (_, name) in enumerate(pairs)
        if name != "theory" and ideal[k] >= 0 and np.isfinite(curves[:, ideal[k]]).all()
    ]
    if rivals:
        exact = replace(problem, observed=curves[:, ideal])
        starts = np.concatenate([theta[rivals], theta[ideal[rivals]]])
        squares = _descend(exact, np.array(rivals * 2), starts)[1].reshape(2, -1).min(0)
        powers[rivals] = np.where(np.isfinite(squares), np.sqrt(squares), np.nan)
    return powers.tolist()


def behind(name: str, dynamics: dict[str, Alternative]) -> dict:
    """How far an alteration is behind the theory in one network: columns behind_, separable_, rival_COMPARISON.

    behind: log of the ratio of their errors; of the theory itself, how far the best of its rivals is behind it.
    separable: the alteration would be worse than the theory is here if the theory were exact; else the two can't be
    told apart in this network. rival: of the theory, which rival is the best.
    """
    columns = {}
    for comparison, (error, power) in COMPARISONS.items():
        rivals = [rival for rival in RIVALS if not (comparison == "orbit" and altered.same_orbit(rival))]
        errors = {rival: getattr(dynamics[rival], error) for rival in rivals}
        errors = {rival: value for rival, value in errors.items() if np.isfinite(value)}
        own, best = getattr(dynamics["theory"], error), min(errors, key=errors.__getitem__, default="")
        rival = best if name == "theory" else name
        known = rival in errors and own > 0
        columns[f"behind_{comparison}"] = float(np.log(errors[rival] / own)) if known else np.nan
        columns[f"separable_{comparison}"] = known and bool(getattr(dynamics[rival], power) > own)
        columns[f"rival_{comparison}"] = best if name == "theory" else ""
    return columns


@dataclass(frozen=True)
class _Problem:
    """Mean squares of pairs: t (n,), observed (3, pair, n), factors (pair, 4)."""

    t: np.ndarray
    observed: np.ndarray
    factors: np.ndarray
    dx2: float
    dy2: float
    outputs: int

    def curves(self, theta, pair, t=None, rtol=1e-8):
        """Curves (3, k, n) at log eta_h, log eta_y, log(1 + k), theta (k, 3), of these pairs (k,)."""
        start, (eta_h, eta_y), drift = self.observed[:, pair, 0], np.exp(theta[:, :2].T), np.expm1(theta[:, 2])
        times = self.t if t is None else t
        return altered.solve(times, start, self.factors[pair], eta_h, eta_y, drift, self.dx2, self.dy2, rtol, 400)

    def residuals(self, curves, pair):
        """(k, curve and sample): over the range of the curve, so that their squares add up to the mean over curves."""
        count = 2 if self.outputs == 1 else 3
        extent = np.ptp(self.observed, axis=-1)[:, pair, None]
        found = ((curves - self.observed[:, pair]) / extent)[:count] / np.sqrt(count * self.t.size)
        return found.swapaxes(0, 1).reshape(len(pair), -1)


def _starts(problem, rho):
    """Of every pair the best of some ratios around its orbit's (pair,), drifts and clocks: pair (K,), theta (K, 3).

    Solved once each, in the time in which the theory's growing mode has the rate 1, and looked up at all clocks.
    """
    pairs = len(rho)
    H0, Y0 = problem.observed[:2, :, 0]
    H_end = problem.observed[0, :, -1]
    rho = np.where(rho > 0, rho, 1e-3 * problem.dy2 / H_end**2)[:, None] * _RATIOS
    kappa = np.hypot(np.sqrt(rho * problem.dy2), 0.5 * (Y0 / H0)[:, None] - 0.5 * rho * H0[:, None])  # at a = 1
    log_rates = np.log(np.stack([1 / problem.dx2 / kappa, rho / kappa], -1))  # (pair, ratio, 2)
    shape = (pairs, _RATIOS.size, _DRIFTS.size)
    log_drift = np.broadcast_to(np.log1p(_DRIFTS), shape)[..., None]
    theta = np.concatenate([np.broadcast_to(log_rates[:, :, None], (*shape, 2)), log_drift], -1).reshape(-1, 3)
    pair = np.repeat(np.arange(pairs), _RATIOS.size * _DRIFTS.size)
    clocks = np.geomspace(0.1, 1000, _CLOCKS)
    times = np.r_[np.linspace(0, 60, 601), np.geomspace(60, 1000, 151)[1:]]
    path = problem.curves(theta, pair, times, rtol=1e-5)
    squares = np.empty((len(pair), clocks.size))
    for n, clock in enumerate(clocks):
        right = np.clip(np.searchsorted(times, clock * problem.t), 1, times.size - 1)
        share = (clock * problem.t - times[right - 1]) / (times[right] - times[right - 1])
        here = path[..., right - 1] * (1 - share) + path[..., right] * share
        squares[:, n] = np.nan_to_num((problem.residuals(here, pair) ** 2).sum(1), nan=np.inf)
    theta[:, :2] += np.log(clocks[squares.argmin(1)])[:, None]
    order = squares.min(1).reshape(pairs, -1).argsort(1, kind="stable")[:, :_STARTS]
    chosen = (order + np.arange(pairs)[:, None] * (len(pair) // pairs)).ravel()
    return pair[chosen], np.clip(theta[chosen], LOWEST, HIGHEST)


def _descend(problem, pair, theta, iterations=30, step=1e-4, tolerance=1e-4):
    """Levenberg-Marquardt from K starts at once, derivatives by differences: theta (K, 3), mean squares (K,)."""

    def residuals(theta, pair):
        return problem.residuals(problem.curves(theta, pair), pair)

    theta, damping = theta.copy(), np.full(len(theta), 1e-2)
    residual = residuals(theta, pair)
    squares = np.nan_to_num((residual**2).sum(1), nan=np.inf)
    going = np.isfinite(squares)
    for _ in range(iterations):
        k = np.flatnonzero(going)
        if not k.size:
            break
        inwards = np.where(theta[k] >= HIGHEST, -step, step)
        shifted = np.stack([theta[k] + np.eye(3)[j] * inwards for j in range(3)])
        moved = residuals(shifted.reshape(-1, 3), np.tile(pair[k], 3)).reshape(3, k.size, -1)
        slopes = np.nan_to_num((moved - residual[k]) / inwards.T[..., None])
        gradient = np.einsum("akm,km->ka", slopes, residual[k])
        matrix = np.einsum("akm,bkm->kab", slopes, slopes)
        held = ((theta[k] <= LOWEST) & (gradient > 0)) | ((theta[k] >= HIGHEST) & (gradient < 0))
        gradient[held] = 0
        matrix += np.eye(3) * (damping[k, None] * np.einsum("kaa->ka", matrix) + 1e-12 + 1e12 * held)[:, None]
        trial = np.clip(
            theta[k] - np.clip(np.linalg.solve(matrix, gradient[..., None])[..., 0], -1, 1), LOWEST, HIGHEST
        )
        new = residuals(trial, pair[k])
        sums = np.nan_to_num((new**2).sum(1), nan=np.inf)
        better = sums < squares[k]
        going[k] = np.where(better, squares[k] - sums > tolerance * squares[k], damping[k] < 1e6)
        theta[k[better]], residual[k[better]], squares[k[better]] = trial[better], new[better], sums[better]
        damping[k] = np.where(better, damping[k] / 5, damping[k] * 4)
    return theta, squares
