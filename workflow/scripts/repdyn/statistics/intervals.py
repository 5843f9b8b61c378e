"""Means over few networks and their confidence intervals. Every interval of the study comes from here.

A unit is what could have come out otherwise: mostly a network, given by its initial weights. Numbers that vary by
factors (rates, distances, errors) are averaged as logarithms, correlations as Fisher's z = artanh r, shares of variance
as logits; numbers of one network are one unit, however many there are. Intervals are Student's t, which covers what it
says from few units on, where the percentile bootstrap does not (of a mean: 74 % for 95 % with 3 units, 80 % with 4).
Below FEWEST units there is none.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy  # which loads a part of itself when it is first used: most jobs need none of these

from repdyn.statistics.claims import FEWEST

SCALES: dict[str, tuple[Callable, Callable]] = {
    "linear": (lambda x: x, lambda x: x),
    "log": (np.log, np.exp),
    "fisher": (lambda r: np.arctanh(np.clip(r, -1 + 1e-12, 1 - 1e-12)), np.tanh),
    "logit": (lambda p: np.log(np.clip(p, 1e-12, 1) / np.clip(1 - p, 1e-12, 1)), lambda x: 1 / (1 + np.exp(-x))),
}


@dataclass(frozen=True)
class Estimate:
    """A mean (on its scale: of log the geometric mean), the ends of its interval (nan: none), and how many units."""

    value: float
    low: float
    high: float
    n: int
    censored: int = 0

    def columns(self, name: str, n: str | None = None) -> dict[str, float]:
        """As columns of a table: NAME, NAME_low, NAME_high and the number of units, NAME_n or what `n` says."""
        return {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high, n or f"{name}_n": self.n}


NOTHING = Estimate(np.nan, np.nan, np.nan, 0)


def mean(values, confidence: float = 0.95, scale: str = "linear") -> Estimate:
    """Student's t interval of the mean of independent units, values (n,), on a scale of SCALES; nan is left out.

    value: back from the scale, so with `log` the geometric mean. Raises ValueError where the scale has no such values.
    """
    values = np.asarray(values, float).ravel()
    values = values[np.isfinite(values)]
    to, back = SCALES[scale]
    if scale == "log" and (values <= 0).any():
        raise ValueError("only positive numbers have a logarithm")
    return _student(to(values), confidence, back)


def _student(x: np.ndarray, confidence: float, back: Callable) -> Estimate:
    centre = x.mean() if x.size else np.nan
    half = np.nan
    if x.size >= FEWEST:
        half = scipy.special.stdtrit(x.size - 1, (1 + confidence) / 2) * x.std(ddof=1) / np.sqrt(x.size)
    value, low, high = (float(back(end)) for end in (centre, centre - half, centre + half))
    return Estimate(value, low, high, x.size)


def change(first, second, confidence: float = 0.95, scale: str = "linear") -> Estimate:
    """Mean of second - first (log: second / first) over pairs of runs that share their initial network, both (n,)."""
    first, second = np.asarray(first, float), np.asarray(second, float)
    values = second / first if scale == "log" else second - first
    return mean(values, confidence, scale)


def p_value(values, null: float = 0.0, scale: str = "linear") -> float:
    """Two-sided p of Student's t test that the mean of `mean` is `null`; nan below FEWEST units or without scatter."""
    to = SCALES[scale][0]
    x = np.asarray(values, float).ravel()
    x = to(x[np.isfinite(x)]) - to(null)
    return float(scipy.stats.ttest_1samp(x, 0).pvalue) if x.size >= FEWEST and x.std() > 0 else np.nan


def prediction_limit(values, confidence: float = 0.95, scale: str = "linear") -> float:
    """Below which one further unit lies with this confidence: mean + t s sqrt(1 + 1/n), one-sided, on the scale.

    nan below FEWEST units (n,); nan is left out.
    """
    to, back = SCALES[scale]
    values = np.asarray(values, float).ravel()
    x = to(values[np.isfinite(values)])
    if x.size < FEWEST:
        return np.nan
    return float(
        back(x.mean() + scipy.special.stdtrit(x.size - 1, confidence) * x.std(ddof=1) * np.sqrt(1 + 1 / x.size))
    )


def mean_of_further(estimate: Estimate, n: int, scale: str = "linear") -> tuple[float, float]:
    """Where the mean of n further units lies, with the confidence of the estimate: mean +- t s sqrt(1/n + 1/N).

    s, the scatter of a unit, follows from the t interval of the estimate, a mean of N units.
    """
    to, back = SCALES[scale]
    centre, low, high = (float(to(x)) for x in (estimate.value, estimate.low, estimate.high))
    half = (high - low) / 2 * np.sqrt(1 + estimate.n / n)
    return float(back(centre - half)), float(back(centre + half))


def of_clusters(values, cluster, confidence: float = 0.95, scale: str = "linear") -> Estimate:
    """The mean over clusters (networks, images) of each one's own mean, both (n,): clusters are the units."""
    to, back = SCALES[scale]
    values, cluster = np.asarray(values, float), np.asarray(cluster)
    sound = np.isfinite(values)
    names, where = np.unique(cluster[sound], return_inverse=True)
    sums = np.bincount(where, to(values[sound]), names.size) if names.size else np.zeros(0)
    return _student(sums / np.maximum(np.bincount(where, minlength=names.size), 1), confidence, back)


def jackknife(statistic: Callable, units: int, confidence: float = 0.95, scale: str = "linear") -> Estimate:
    """Interval of a number that is made from all units together, as a correlation over pairs of images is.

    statistic(kept) is that number made from the units `kept` alone, an array of indices. Tukey's pseudo-values
    n s - (n - 1) s_without_i, on the scale, take the place of single units. Source: Tukey 1958; Efron & Stein 1981.
    """
    to, back = SCALES[scale]
    everything = np.arange(units)
    whole = to(statistic(everything))
    if units < FEWEST or not np.isfinite(whole):
        return Estimate(float(back(whole)), np.nan, np.nan, units)
    without = np.array([to(statistic(np.delete(everything, i))) for i in everything])
    spread = _student(units * whole - (units - 1) * without, confidence, lambda x: x)
    half = (spread.high - spread.low) / 2
    value, low, high = (float(back(whole + d)) for d in (0, -half, half))
    return Estimate(value, low, high, units)


def censored_mean(values, lowest: float, highest: float, confidence: float = 0.95) -> Estimate:
    """Mean of units (n,) of which some are known only to lie below `lowest` (-inf) or above `highest` (inf).

    The normal distribution of highest likelihood (Tobit), and the means whose profile likelihood is less than
    n/2 log(1 + t^2 / (n - 1)) below it: Student's interval where nothing is censored. No interval with fewer than
    FEWEST units seen, nor with more than half of them censored. nan is left out.
    """
    values = np.asarray(values, float).ravel()
    values = values[~np.isnan(values)]
    seen, below, above = values[np.isfinite(values)], int((values == -np.inf).sum()), int((values == np.inf).sum())
    n, hidden = values.size, below + above
    if not hidden:
        return mean(seen, confidence)
    if seen.size < FEWEST or 2 * hidden > n or not np.ptp(seen):
        return Estimate(float(np.median(values)) if n else np.nan, np.nan, np.nan, n, hidden)

    def deficit(mu: float, log_sigma: float) -> float:
        """The negative logarithm of the likelihood, without its constant."""
        sigma = np.exp(log_sigma)
        tails = below * scipy.special.log_ndtr((lowest - mu) / sigma) + above * scipy.special.log_ndtr(
            (mu - highest) / sigma
        )
        return (((seen - mu) / sigma) ** 2).sum() / 2 + seen.size * log_sigma - tails

    start = np.array([seen.mean(), np.log(seen.std(ddof=1))])
    best = scipy.optimize.minimize(
        lambda p: deficit(*p), start, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-9}
    )
    width = (start[1] - 3, start[1] + 4)

    t = scipy.special.stdtrit(n - 1, (1 + confidence) / 2)
    depth = best.fun + n / 2 * np.log1p(t**2 / (n - 1))

    def beyond(mu: float) -> float:
        return scipy.optimize.minimize_scalar(lambda s: deficit(mu, s), bounds=width, method="bounded").fun - depth

    centre, far = best.x[0], 20 * np.exp(best.x[1])
    low, high = (scipy.optimize.brentq(beyond, centre, centre + side * far) for side in (-1, 1))
    return Estimate(float(centre), float(low), float(high), n, hidden)


def share(successes: int, trials: int, confidence: float = 0.95) -> Estimate:
    """A share of independent trials, with Wilson's interval; none below FEWEST trials."""
    if trials < FEWEST:
        return Estimate(successes / trials if trials else np.nan, np.nan, np.nan, trials)
    ends = scipy.stats.binomtest(int(successes), int(trials)).proportion_ci(confidence, method="wilson")
    return Estimate(successes / trials, float(ends.low), float(ends.high), trials)


def discoveries(p, level: float = 0.05) -> np.ndarray:
    """Which of many tests (n,) hold when a share `level` of those named may be false (Benjamini & Hochberg 1995)."""
    p = np.asarray(p, float)
    sound = np.isfinite(p)
    found = np.zeros(p.shape, bool)
    found[sound] = scipy.stats.false_discovery_control(p[sound]) <= level if sound.any() else False
    return found
