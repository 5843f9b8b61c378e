"""Fits of the effective rates: planted rates come back, optima are the lowest, failures say why."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from repdyn import theory
from repdyn.fitting import fit_mean_rate, fit_trajectory
from repdyn.theory.bounds import LOWEST_RATE

T = np.arange(6000.0)
DX2, DY2 = 1.0, 0.5


def curves(t, H0, Y0, eta_h, eta_y, cosine=1.0):
    """Exact curves from outputs at this cosine to the targets."""
    w0 = Y0 - cosine * np.sqrt(Y0 * DY2)
    return np.array(theory.exact(t, H0, Y0, w0, eta_h, eta_y, DX2, DY2))


def sse(t, observed, log_h, log_y):
    predicted = np.array(theory.exact(t, *observed[:, 0], np.exp(log_h), np.exp(log_y), DX2, DY2))
    return ((predicted - observed[(slice(None),) + (None,) * np.ndim(log_h)]) ** 2).sum(axis=(0, -1))


def imperfect(t, seed):
    """Curves the theory comes close to: its rates change once, when half of the difference is learnt."""
    g = np.random.default_rng(seed)
    rates = 10 ** g.uniform([-3.5, -2.5], [-2, -1])
    whole = curves(t, 10 ** g.uniform(-3, -0.5), 10 ** g.uniform(-4, -1), *rates)
    half = max(int(np.argmax(whole[1] > DY2 / 2)), 1)
    second = theory.exact(t[half:] - t[half], *whole[:, half], *(rates * g.uniform(0.3, 3, 2)), DX2, DY2)
    return np.hstack([whole[:, :half], second])


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    log_H0=st.floats(-4, 0),
    log_Y0=st.floats(-4, -0.35),
    log_h=st.floats(-5, -1),
    log_y=st.floats(-4, 0),
    cosine=st.floats(0.2, 1),
)
def test_planted_rates_come_back(log_H0, log_Y0, log_h, log_y, cosine):
    planted = 10**log_h, 10**log_y
    observed = curves(T, 10**log_H0, 10**log_Y0, *planted, cosine)
    fit = fit_trajectory(T, *observed, DX2, DY2)
    # Where a rate leaves no trace in the curves, any value of it is as good.
    traces = [np.abs(g).max() for g in theory.exact_with_gradient(T, *observed[:, 0], *planted, DX2, DY2)[1]]
    assert fit.sse < 1e-10
    for found, true, trace in zip((fit.eta_h, fit.eta_y), planted, traces):
        if trace > 1e-3:
            assert found == pytest.approx(true, rel=1e-6)
            assert fit.converged == (np.ptp(observed[1]) >= 0.01 * DY2)
            assert fit.converged == (fit.reason == "")


@pytest.mark.parametrize(
    "H0, eta_h, eta_y",
    [
        (30.0, 1e-2, 1e-6),
        (30.0, 1e-3, 1e-5),
        (1e3, 1.0, 1e-9),
        (0.5, 1e-4, 3e-4),
        (2.0, 1e-9, 1e-4),
        (0.02, 1e-7, 3e-2),
    ],
)
def test_small_rates_come_back(H0, eta_h, eta_y):
    fit = fit_trajectory(T, *curves(T, H0, 0.05, eta_h, eta_y), DX2, DY2)
    assert fit.converged and (fit.eta_h, fit.eta_y) == pytest.approx((eta_h, eta_y), rel=1e-5)


def test_very_slow_training_comes_back():
    """As of Adam or of a large gain with a tiny learning rate: everything moves by a little."""
    observed = curves(T, 3e4, 0.05, 1e-3, 1e-9)
    fit = fit_trajectory(T, *observed, DX2, DY2)
    assert np.ptp(observed[1]) > 0.01 and fit.eta_y == pytest.approx(1e-9, rel=1e-4)


def test_times_need_not_be_every_step_nor_start_at_zero():
    t = np.r_[np.arange(10.0), np.geomspace(10, 5000, 90)]
    fit = fit_trajectory(t + 17, *curves(t, 0.01, 0.01, 1e-3, 1e-2), DX2, DY2)
    assert (fit.eta_h, fit.eta_y) == pytest.approx((1e-3, 1e-2), rel=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_no_pair_of_rates_on_a_dense_grid_is_better(seed):
    t = np.arange(400.0) * 8
    observed = imperfect(t, seed)
    fit = fit_trajectory(t, *observed, DX2, DY2)
    assert fit.sse > 1e-4 and fit.converged  # the theory does not hold exactly
    axis = np.log(np.geomspace(1e-7, 1e1, 200))
    lowest = min(sse(t, observed, *np.broadcast_arrays(h, axis)).min() for h in axis)
    assert fit.sse <= lowest
    assert fit.sse == pytest.approx(float(sse(t, observed, np.log(fit.eta_h), np.log(fit.eta_y))), rel=1e-12)


def test_a_valley_that_traps_a_single_start_does_not_trap_the_fit():
    """A late, sudden transition: descending from a start with the wrong ratio ends 600 too high."""
    planted = 0.0115, 3.75e-4
    observed = curves(T, 0.0315, 7.8e-7, *planted)
    trapped = minimize(lambda x: sse(T[::20], observed[:, ::20], *x), [-1.85, -14.0], method="BFGS")
    assert trapped.fun * 20 > 100
    fit = fit_trajectory(T, *observed, DX2, DY2)
    assert fit.sse < 1e-8 and (fit.eta_h, fit.eta_y) == pytest.approx(planted, rel=1e-6)


@pytest.mark.parametrize("fall", [0.01, 0.3, 0.6])
@pytest.mark.parametrize("H0", [0.5, 5.0, 500.0])
def test_falling_distance_ends_on_the_bound(fall, H0):
    """With large initial weights H falls. Then no interior optimum is better than eta_h = 0."""
    H, Y, w = curves(T, H0, 0.05, 0, 5e-4 / H0)
    H = H * (1 - fall * (Y - Y[0]) / (DY2 - Y[0]))
    fit = fit_trajectory(T, H, Y, w, DX2, DY2)
    assert fit.eta_h == pytest.approx(LOWEST_RATE) and not fit.converged
    assert fit.reason.split(";")[0] == "eta_h at its lower bound: H falls while the theory can only raise it"
    assert (fit.r2 < 0) == ("R^2 < 0" in fit.reason)
    assert np.isfinite([fit.sse, fit.nrmse, fit.r2]).all() and 2e-4 < fit.eta_y * H0 < 1e-3
    log_y = np.log(np.geomspace(1e-7, 1e-1, 400))
    for eta_h in (1e-9, 1e-6, 1e-4, 1e-2):
        assert fit.sse <= sse(T[::10], np.array([H, Y, w])[:, ::10], np.log(eta_h) + 0 * log_y, log_y).min() * 10.5


def test_readout_that_does_not_learn_ends_on_the_other_bound():
    fit = fit_trajectory(T, *curves(T, 0.5, 0.05, 1e-3, 0), DX2, DY2)
    assert fit.eta_y == pytest.approx(LOWEST_RATE) and fit.eta_h == pytest.approx(1e-3, rel=1e-6)
    assert not fit.converged and fit.reason.startswith("eta_y at its lower bound")


def test_errors_are_those_of_the_curves():
    t = np.arange(1000.0) * 3
    observed = imperfect(t, 7)
    fit = fit_trajectory(t, *observed, DX2, DY2)
    residual = np.array(theory.exact(t, *observed[:, 0], fit.eta_h, fit.eta_y, DX2, DY2)) - observed
    each = np.sqrt((residual**2).mean(axis=1)) / (observed.max(axis=1) - observed.min(axis=1))
    assert (fit.nrmse_h, fit.nrmse_y, fit.nrmse_w) == pytest.approx(tuple(each))
    assert fit.nrmse == pytest.approx(each.mean())
    assert fit.sse == pytest.approx((residual**2).sum())
    assert fit.r2 == pytest.approx(1 - fit.sse / (observed.var(axis=1) * t.size).sum())


def broken(**changes):
    t = np.arange(100.0)
    data = dict(zip("HYw", curves(t, 0.1, 0.05, 1e-2, 1e-1))) | dict(t=t, dx2=DX2, dy2=DY2)
    for name, change in changes.items():
        data[name] = change(data[name])
    return data


def with_nan(curve):
    curve = curve.copy()
    curve[40] = np.nan
    return curve


@pytest.mark.parametrize(
    "changes, reason",
    [
        (dict(Y=with_nan), "Y is not finite from step 40 on"),
        (dict(H=lambda H: H * 1e150), "H diverges"),
        (dict(H=lambda H: H - H[0]), "H is 0 at the first step: the two representations coincide"),
        (dict(Y=lambda Y: Y - 1), "Y is negative at the first step"),
        (dict.fromkeys("HYw", lambda c: np.full_like(c, c[0])), "H, Y and w do not change"),
        (dict(dx2=lambda _: 0.0), "the inputs coincide"),
        (dict(dy2=lambda _: np.nan), "dx2 or dy2 is negative or not finite"),
        (dict(t=lambda t: t * 0), "the steps do not increase"),
        (dict.fromkeys(("H", "Y", "w", "t"), lambda c: c[:3]), "only 3 steps"),
    ],
)
def test_what_cannot_be_fitted_says_why(changes, reason):
    fit = fit_trajectory(**broken(**changes))
    assert np.isnan([fit.eta_h, fit.eta_y, fit.sse, fit.nrmse, fit.r2]).all()
    assert not fit.converged and fit.reason == reason


@pytest.mark.parametrize(
    "changes",
    [
        dict(H=lambda H: np.full_like(H, 0.1)),
        dict(Y=lambda Y: np.r_[Y[:-1], 1e9]),
        dict(H=lambda H: np.r_[1e-200, H[1:]]),
        dict(H=lambda H: H[::-1]),
        dict(dy2=lambda _: 0.0),
        dict.fromkeys("HYw", lambda c: np.random.default_rng(0).uniform(size=c.size)),
        dict.fromkeys("HYw", lambda c: np.r_[c[0], c[:-1] * 0]),
        dict.fromkeys("YHw", lambda c: np.geomspace(1e-8, 1e90, c.size)),
    ],
)
@pytest.mark.filterwarnings("error")
def test_odd_data_never_raise(changes):
    fit = fit_trajectory(**broken(**changes))
    assert fit.converged == (fit.reason == "")
    assert np.isfinite(fit.sse) or fit.reason


def test_arrays_of_different_length_are_an_error():
    with pytest.raises(ValueError, match="of one length"):
        fit_trajectory(T, T[1:], T[1:], T[1:], DX2, DY2)
    with pytest.raises(ValueError, match="of one length"):
        fit_mean_rate(T, T[1:])


def test_coinciding_targets_are_fitted():
    w = Y = theory.exact(T, 0.3, 0.4, 0.4, 1e-3, 1e-2, DX2, 0.0)[1]
    H = theory.exact(T, 0.3, 0.4, 0.4, 1e-3, 1e-2, DX2, 0.0)[0]
    fit = fit_trajectory(T, H, Y, w, DX2, 0.0)
    assert (fit.eta_h, fit.eta_y) == pytest.approx((1e-3, 1e-2), rel=1e-6)


@pytest.mark.parametrize("eta_m", [1e-8, 1e-4, 3e-3, 0.5])
def test_mean_rate_comes_back(eta_m):
    rate, reason = fit_mean_rate(T + 5, theory.mean_error(T, 0.37, eta_m))
    assert rate == pytest.approx(eta_m, rel=1e-5) and reason == ""


def test_mean_rate_is_the_least_squares_one():
    observed = 0.2 / (1 + 0.01 * T)  # not exponential
    rate, _ = fit_mean_rate(T, observed)
    sums = [((theory.mean_error(T, 0.2, x) - observed) ** 2).sum() for x in rate * np.array([0.999, 1, 1.001])]
    assert sums[1] == min(sums)


@pytest.mark.parametrize(
    "values, rate, reason",
    [
        (np.linspace(1, 2, 50), 0.0, "mean_error does not decay"),
        (np.zeros(50), np.nan, "mean_error is 0 at the first step"),
        (np.r_[1.0, np.nan, np.ones(48)], np.nan, "mean_error is not finite"),
        (np.r_[1.0, np.full(49, 1e200)], np.nan, "mean_error diverges"),
    ],
)
def test_mean_rate_says_what_is_wrong(values, rate, reason):
    assert fit_mean_rate(np.arange(50.0), values) == (pytest.approx(rate, nan_ok=True), reason)


def test_mean_rate_of_an_immediate_decay():
    rate, reason = fit_mean_rate(np.arange(50.0), np.r_[1.0, np.zeros(49)])
    assert rate > 5 and reason == "mean_error decays within the first step"


@pytest.fixture(scope="module")
def benchmark():
    path = Path(__file__).resolve().parent.parent / "benchmarks" / "fitting.py"
    spec = importlib.util.spec_from_file_location("benchmark_of_fitting", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_never_a_higher_sum_of_squares_than_the_usual_fit(benchmark):
    """On really trained networks, also at a large gain, where the usual fit may go astray from its one ratio."""
    cases = {
        "small": (("mlp", "tanh", 1.0, 0.01, 30, 4), (1, 2)),
        "large gain": (("mlp", "leaky_relu", 2.0, 0.0001, 50, 8), (4,)),
    }
    rows = benchmark.compare(dict(benchmark.trajectories(cases, steps=1500)), repeats=1)
    assert len(rows) == 3
    for row in rows:
        assert row["sse"] <= row["baseline_sse"] * (1 + 1e-6), row
