"""The training response law, K_t(x, x0) ~ A(t) k(|x - x0|), and what becomes of A with training time.

Nakazato (arXiv 2204.07291, 2405.04074) says of the response that it is a power-law-like decay in training time times a
simple kernel; only the abstracts were at hand, so this is a test of what they say, with its alternatives:

    constant      A = a                          1 parameter
    exponential   A = a exp(-rate t)             2
    relaxation    A = a (1 + r exp(-t / tau))    3, to a plateau, from above or below
    power         A = a (1 + t / t0)^-exponent   3, a negative exponent is growth
    two_exponentials  A = a exp(-rate t) (1 + r exp(-t / tau))    4

The last is a sum of two exponentials, which a response is where the kernel stands still and two of its directions
matter; relaxation is its case rate = 0. All are fitted by least squares in log A at times that are spaced
logarithmically. Grids over the parameters that enter non-linearly are zoomed in on the lowest sum; the others have
closed forms. t is in optimiser steps.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

from repdyn.fitting.selection import akaike, effective_observations

LAWS = {"constant": 1, "exponential": 2, "relaxation": 3, "power": 3, "two_exponentials": 4}  # parameters of each
SHAPES = {
    "gaussian": lambda u: np.exp(-0.5 * u**2),
    "exponential": lambda u: np.exp(-u),
    "cone": lambda u: np.maximum(1 - u, 0),
}
FEWEST = 8  # times below which no law is fitted
_GRID, _ZOOMS = {1: 65, 2: 17}, 8  # places along each of one or two parameters


@dataclass(frozen=True)
class Product:
    """A(t) k(d), the best product in the least squares sense, with k = 1 at distance 0.

    share      of the sum of squares of the time x distance matrix (sigma_1^2 / sum of sigma^2)
    explained  share of the variance of all K_t(x, x0) about their mean: 1 - sum (K - A k)^2 / sum (K - mean K)^2
    """

    A: np.ndarray
    k: np.ndarray
    share: float
    explained: float


def by_distance(kernel, steps):
    """Mean over all pairs that lie equally many steps of the grid apart: (..., place, point) -> (..., distance)."""
    index = np.asarray(steps).ravel()
    counts = np.bincount(index)
    flat = np.asarray(kernel, float).reshape(*kernel.shape[:-2], -1)
    sums = np.zeros((*flat.shape[:-1], counts.size))
    for d in range(counts.size):
        sums[..., d] = flat[..., index == d].sum(-1)
    return sums / counts


def product(kernel, steps):
    """The best A(t) k(d) for kernel (time, place, point): rank one of the singular value decomposition."""
    matrix = by_distance(kernel, steps)
    u, s, v = np.linalg.svd(matrix, full_matrices=False)
    k, A = v[0] / v[0, 0], u[:, 0] * s[0] * v[0, 0]
    left = ((kernel - (A[:, None] * k)[:, np.asarray(steps)]) ** 2).sum()
    return Product(A, k, float(s[0] ** 2 / (s**2).sum()), float(1 - left / ((kernel - kernel.mean()) ** 2).sum()))


def half_width(k, distance):
    """The distance at which k has fallen half-way from k(0) to its lowest value, interpolated; nan without a fall."""
    fall = (k[0] - k) / (k[0] - k.min()) if k.min() < k[0] else np.zeros_like(k)
    first = int(np.argmax(fall >= 0.5))
    if fall[first] < 0.5:
        return np.nan
    share = (0.5 - fall[first - 1]) / (fall[first] - fall[first - 1])
    return float(distance[first - 1] + share * (distance[first] - distance[first - 1]))


def shape(k, distance):
    """The name and length of the SHAPES that k = floor + height g(d / length) comes closest to."""
    lengths = np.geomspace(0.05, 5, 121) * distance[-1]
    sse = {name: _line(np.asarray(k), g(distance / lengths[:, None]))[0] for name, g in SHAPES.items()}
    name = min(sse, key=lambda name: sse[name].min())
    return name, float(lengths[sse[name].argmin()])


def stages(loss, early, late):
    """Which times (time,) belong to each stage of training, by the loss relative to the first one.

    whole: all. early: before the loss first falls to the share `early` of it; late: from when it first falls to
    `late` on; middle: between. A noisy loss may rise again: the first fall counts.
    """
    t = np.arange(loss.size)
    falls = [t[loss <= share * loss[0]][:1] for share in (early, late)]
    first, second = (int(at[0]) if at.size else loss.size for at in falls)
    return {"whole": t >= 0, "early": t < first, "middle": (t >= first) & (t < second), "late": t >= second}


@dataclass(frozen=True)
class Aging:
    """How A(t) goes on: the criterion of every law (differences from the lowest), and the power law's exponent.

    exponent, low, high  of the power law, with the profile likelihood's interval at the asked confidence
    t0           its crossover time; factor: A at the last time over A at the first
    r2           share of the variance of log A that the power law explains
    parameters   of every law, as `curve` takes them
    observations what the times are worth, from the residual of the law with the lowest sum of squares
    reason       why nothing was fitted, or what is unusual about the power law
    """

    criterion: dict[str, float]
    parameters: dict[str, tuple[float, ...]]
    exponent: float = np.nan
    low: float = np.nan
    high: float = np.nan
    t0: float = np.nan
    r2: float = np.nan
    factor: float = np.nan
    observations: float = np.nan
    reason: str = ""

    @property
    def best(self):
        """The law with the lowest criterion, or an empty string."""
        sound = {law: value for law, value in self.criterion.items() if np.isfinite(value)}
        return min(sound, key=sound.get) if sound else ""

    @property
    def power_lead(self):
        """How far the power law's criterion is below that of the best other law; negative where another is better."""
        others = [value for law, value in self.criterion.items() if law != "power"]
        return float(min(others) - self.criterion["power"])


def curve(law, t, parameters):
    """log A(t) of a law, (time,)."""
    t = np.asarray(t, float)
    if law == "constant":
        return np.full(t.shape, parameters[0])
    if law == "exponential":
        level, rate = parameters
        return level - rate * t
    if law == "power":
        level, exponent, t0 = parameters
        return level - exponent * np.log1p(t / t0)
    level, rate, tau, r = parameters
    return level - rate * t + np.log1p(r * np.exp(-t / tau))


def _line(y, column):
    """Least squares of y on 1 and column, both (..., time): sum of squares, level and slope, each (...)."""
    c = column - column.mean(-1, keepdims=True)
    slope = (c * (y - y.mean(-1, keepdims=True))).sum(-1) / np.maximum((c**2).sum(-1), 1e-300)
    level = y.mean(-1) - slope * column.mean(-1)
    return ((y - level[..., None] - slope[..., None] * column) ** 2).sum(-1), level, slope


def _zoom(objective, low, high):
    """The lowest objective on a grid over (low, high), each (parameters,), zoomed in on a few times."""
    low, high = np.array(low, float), np.array(high, float)
    bounds = low, high
    for _ in range(_ZOOMS):
        axes = [np.linspace(a, b, _GRID[low.size]) for a, b in zip(low, high)]
        mesh = np.stack([m.ravel() for m in np.meshgrid(*axes, indexing="ij")], 1)
        best = mesh[np.argmin(objective(mesh))]
        reach = (high - low) / 8
        low, high = np.maximum(best - reach, bounds[0]), np.minimum(best + reach, bounds[1])
    return best


def aging(t, A, confidence=0.95):
    """Fit every law to A(t) (time,); returns `Aging`. Times at which A is not positive count as no observation."""
    t, A = np.asarray(t, float), np.asarray(A, float)
    sound = np.isfinite(A) & (A > 0)
    nothing = {law: np.nan for law in LAWS}
    if sound.sum() < FEWEST:
        return Aging(nothing, {}, reason=f"only {sound.sum()} times")
    t, y = t[sound], np.log(A[sound])
    if np.ptp(y) < 1e-9:
        return Aging({**nothing, "constant": 0.0}, {"constant": (y.mean(),)}, factor=1.0, reason="A does not change")
    span = t[t > 0][0], t[-1]
    range_t0 = np.log([0.1 * span[0], 10 * span[1]])
    parameters = _fitted(t, y, range_t0)
    sse = {law: ((y - curve(law, t, values)) ** 2).sum() for law, values in parameters.items()}
    closest = min(sse, key=sse.get)
    worth = float(effective_observations(y - curve(closest, t, parameters[closest])))
    criterion = {law: float(akaike(sse[law], worth, y.size, LAWS[law])) for law in LAWS}
    lowest = min(criterion.values())
    _, exponent, t0 = parameters["power"]
    at = np.log(t0)
    low, high = _exponents(t, y, np.r_[np.linspace(*range_t0, 400), at + np.linspace(-0.1, 0.1, 21)], worth, confidence)
    reason = "the power law's t0 is beyond the times" if not range_t0[0] + 0.01 < at < range_t0[1] - 0.01 else ""
    return Aging(
        {law: value - lowest for law, value in criterion.items()},
        parameters,
        exponent,
        low,
        high,
        t0,
        float(1 - sse["power"] / sse["constant"]),
        float(np.exp(y[-1] - y[0])),
        worth,
        reason,
    )


def _fitted(t, y, range_t0) -> dict[str, tuple[float, ...]]:
    """The parameters of every law at its lowest sum of squares, as `curve` takes them."""

    def power(theta):
        return _line(y, -np.log1p(t / np.exp(theta[:, :1])))

    def transient(theta):  # 1 + r = exp(theta_2): the value at t = 0 over that without the transient
        return np.log1p(np.expm1(theta[:, 1:]) * np.exp(-t / np.exp(theta[:, :1])))

    def relaxation(theta):
        left = y - transient(theta)
        return ((left - left.mean(-1, keepdims=True)) ** 2).sum(-1)

    def two_exponentials(theta):
        return _line(y - transient(theta), -t)

    reach = 2 * np.ptp(y) + 1
    box = [range_t0[0], -reach], [range_t0[1], reach]
    at = _zoom(lambda theta: power(theta)[0], range_t0[:1], range_t0[1:])[None]
    one = _zoom(relaxation, *box)[None]
    two = np.stack([_zoom(lambda theta: two_exponentials(theta)[0], *box), one[0]])
    two = two[[np.argmin(two_exponentials(two)[0])]]
    _, *exponential = _line(y, -t)
    found = {
        "constant": (y.mean(),),
        "exponential": exponential,
        "relaxation": ((y - transient(one)).mean(), 0, np.exp(one[0, 0]), np.expm1(one[0, 1])),
        "power": (*np.ravel(power(at)[1:]), np.exp(at[0, 0])),
        "two_exponentials": (*np.ravel(two_exponentials(two)[1:]), np.exp(two[0, 0]), np.expm1(two[0, 1])),
    }
    return {law: tuple(float(p) for p in values) for law, values in found.items()}


def _exponents(t, y, log_t0, worth, confidence):
    """The interval of exponents that the profile likelihood allows: n log(SSE / lowest) <= chi^2 quantile."""
    column = -np.log1p(t / np.exp(log_t0)[:, None])
    sse, _, slope = _line(y, column)
    allowed = sse.min() * np.exp(chi2.ppf(confidence, 1) / worth)
    square = ((column - column.mean(-1, keepdims=True)) ** 2).sum(-1)
    reach = np.sqrt(np.maximum(allowed - sse, 0) / square)[sse <= allowed]
    return float((slope[sse <= allowed] - reach).min()), float((slope[sse <= allowed] + reach).max())
