"""Intervals cover what they say, at the numbers of units that are in use; and there is none where there are too few."""

import numpy as np
import pytest
from scipy import special, stats

from repdyn.statistics import intervals

ROUNDS = 4000  # 95 % then has a standard error of 0.34 %


def coverage(make, truth: float) -> float:
    """Share of intervals, each of data that `make` draws, that hold the truth."""
    draw = np.random.default_rng(0)
    found = [make(draw) for _ in range(ROUNDS)]
    return np.mean([estimate.low <= truth <= estimate.high for estimate in found])


def sound(share: float) -> bool:
    return 0.94 <= share <= 0.96


@pytest.mark.parametrize("n", (5, 8, 20))
def test_the_mean_of_rates_is_covered(n):
    made = coverage(lambda draw: intervals.mean(np.exp(draw.normal(-1.0, 0.8, n)), scale="log"), np.exp(-1.0))
    assert sound(made), made


@pytest.mark.parametrize("n", (5, 8, 20))
def test_the_mean_of_correlations_is_covered(n):
    """Of networks, each with the correlation of 6 pairs: its z has a spread of its own around the truth."""
    made = coverage(lambda draw: intervals.mean(np.tanh(draw.normal(1.2, 0.5, n)), scale="fisher"), np.tanh(1.2))
    assert sound(made), made


def test_the_mean_of_shares_is_covered_and_a_share():
    """Of variance that a feature explains: logits are normal, and an interval ends before 0 and 1."""
    made = coverage(
        lambda draw: intervals.mean(special.expit(draw.normal(3.0, 0.8, 5)), scale="logit"), special.expit(3)
    )
    assert sound(made), made
    estimate = intervals.mean([0.9, 0.95, 0.97, 0.99, 0.999], scale="logit")
    assert 0.8 < estimate.low < estimate.value < estimate.high < 1
    assert intervals.mean([1.0] * 5, scale="logit").value == pytest.approx(1)


def test_the_change_of_paired_networks_is_covered_and_narrower_than_unpaired():
    def pair(draw):
        first = draw.normal(0, 1, 8)
        return first, first + draw.normal(0.3, 0.2, 8)

    made = coverage(lambda draw: intervals.change(*pair(draw)), 0.3)
    assert sound(made), made
    first, second = pair(np.random.default_rng(1))
    paired, alone = intervals.change(first, second), intervals.mean(second)
    assert paired.high - paired.low < (alone.high - alone.low) / 2


def test_clusters_are_the_units():
    """Ten numbers of one network are not ten networks."""

    def nested(draw):
        cluster = np.repeat(np.arange(8), 10)
        return draw.normal(0, 1, 8)[cluster] + draw.normal(0, 0.3, 80), cluster

    made = coverage(lambda draw: intervals.of_clusters(*nested(draw)), 0.0)
    assert sound(made), made
    naive = coverage(lambda draw: intervals.mean(nested(draw)[0]), 0.0)
    assert naive < 0.6


def test_a_correlation_over_pairs_of_images_is_covered():
    """Distances of pairs share images: images are the units, and pairs as units are far too sure."""

    def pairs(draw, n=40):
        own, other = draw.normal(0, 1, (2, n))
        a, b = np.triu_indices(n, 1)
        x, y = np.empty((2, n, n))
        x[a, b], y[a, b] = own[a] + own[b], own[a] + own[b] + other[a] + other[b]
        x[b, a], y[b, a] = x[a, b], y[a, b]

        def correlation(kept):
            i, j = (kept[ends] for ends in np.triu_indices(len(kept), 1))
            return np.corrcoef(x[i, j], y[i, j])[0, 1]

        return correlation, n

    draw, truth = np.random.default_rng(0), 1 / np.sqrt(2)
    found = [intervals.jackknife(*pairs(draw), scale="fisher") for _ in range(400)]  # standard error 1.1 %
    share = np.mean([f.low <= truth <= f.high for f in found])
    assert 0.92 <= share <= 0.975, share
    assert np.mean([f.high - f.low for f in found]) > 3 * 2 * 1.96 * (1 - truth**2) / np.sqrt(40 * 39 / 2)


@pytest.mark.parametrize("quantile", (0.7, 0.9))
def test_what_lies_beyond_the_highest_gain_is_counted(quantile):
    """A part of the units is only known to lie above: left out, the mean would be too low."""
    limit, draw = stats.norm.ppf(quantile), np.random.default_rng(0)
    hits, naive = [], []
    for _ in range(250):  # standard error 1.4 %
        values = draw.normal(0, 1, 20)
        found = intervals.censored_mean(np.where(values > limit, np.inf, values), -9, limit)
        hits.append(not found.low > 0 and not found.high < 0 and np.isfinite(found.low))
        dropped = intervals.mean(values[values <= limit])
        naive.append(dropped.low <= 0 <= dropped.high)
    assert 0.915 <= np.mean(hits) <= 0.985, np.mean(hits)
    assert np.mean(naive) < np.mean(hits) - 0.05


def test_without_censoring_it_is_students_interval():
    values = np.random.default_rng(0).normal(1.4, 0.1, 12)
    almost = intervals.censored_mean(np.r_[values, np.inf], 0, 1e-9 + values.max())
    assert intervals.censored_mean(values, 0, 2) == intervals.mean(values)
    assert almost.censored == 1 and almost.value > values.mean()


def test_shares_are_covered_on_average():
    """A share of 20 can take 21 values, so no interval is exact at each: Wilson's is on average over shares."""
    draw = np.random.default_rng(0)
    hits = []
    for truth in draw.uniform(0.05, 0.95, 400):
        counts = np.arange(21)
        ends = [intervals.share(k, 20) for k in counts]
        inside = [e.low <= truth <= e.high for e in ends]
        hits.append(stats.binom.pmf(counts, 20, truth) @ inside)
    assert sound(np.mean(hits)), np.mean(hits)


def test_there_is_no_interval_of_fewer_than_five():
    for found in (
        intervals.mean([1.0, 2.0, 3.0, 4.0, np.nan]),
        intervals.change([1.0, 2.0], [3.0, 4.0]),
        intervals.of_clusters(np.arange(40.0), np.repeat(np.arange(4), 10)),
        intervals.jackknife(np.mean, 4),
        intervals.censored_mean([1.0, 2.0, 3.0, 4.0, np.inf], 0, 5),
        intervals.share(2, 4),
        intervals.mean([]),
    ):
        assert np.isnan(found.low) and np.isnan(found.high)
    assert intervals.mean([1.0, 2.0, 3.0, 4.0, 5.0, np.nan]).n == 5


def test_a_logarithm_needs_positive_numbers():
    with pytest.raises(ValueError, match="positive"):
        intervals.mean([1.0, -1.0], scale="log")


def test_of_many_tests_few_are_named():
    p = np.r_[np.random.default_rng(0).uniform(size=200), np.nan]
    assert intervals.discoveries(p).sum() <= 2 < (p < 0.05).sum()
    assert intervals.discoveries([1e-6, 0.5])[0]


@pytest.mark.parametrize("n", (5, 20))
def test_a_further_network_lies_below_its_limit_as_often_as_it_says(n):
    draw = np.random.default_rng(1)
    below = [
        np.exp(draw.normal(-4.0, 0.7)) <= intervals.prediction_limit(np.exp(draw.normal(-4.0, 0.7, n)), scale="log")
        for _ in range(ROUNDS)
    ]
    assert sound(np.mean(below)), np.mean(below)
    assert np.isnan(intervals.prediction_limit([0.1, 0.2, 0.1, 0.4]))


def test_p_is_uniform_where_nothing_differs_and_agrees_with_the_interval():
    draw = np.random.default_rng(2)
    ratios = np.exp(draw.normal(0.0, 0.5, (ROUNDS, 5)))
    p = np.array([intervals.p_value(one, 1, "log") for one in ratios])
    assert sound(np.mean(p > 0.05)), np.mean(p > 0.05)
    for one, value in zip(ratios[:50], p, strict=False):
        mean = intervals.mean(one, scale="log")
        assert (value < 0.05) == (not mean.low <= 1 <= mean.high)
    assert np.isnan(intervals.p_value([1.0, 2.0, 3.0, 4.0])) and np.isnan(intervals.p_value(np.ones(9)))
