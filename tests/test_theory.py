"""The closed form of the theory, against integration, its limits, and a network really trained."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from repdyn import theory


def vectors(seed, out_dim, small=-2.0):
    """H0, Y0, w0, dy2 of random difference vectors, outputs not anti-aligned with their targets."""
    g = np.random.default_rng(seed)
    dh = g.normal(size=3) * 10 ** g.uniform(small, 0)
    dyh = g.normal(size=out_dim) * 10 ** g.uniform(small, 0)
    dy = g.normal(size=out_dim)
    dyh = dyh if dyh @ dy > 0 else -dyh
    return dh @ dh, dyh @ dyh, dyh @ dyh - dyh @ dy, dy @ dy


def integrate(t, state, *parameters):
    """The independent oracle: an ODE solver on the differential equations themselves."""
    solved = solve_ivp(
        theory.right_hand_side, (t[0], t[-1]), state, "LSODA", t, rtol=1e-11, atol=1e-14, args=parameters
    )
    assert solved.success
    return solved.y


@pytest.fixture(autouse=True)
def no_silent_overflow():
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        yield


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    out_dim=st.integers(1, 4),
    log_h=st.floats(-4, -1),
    log_y=st.floats(-4, -1),
    dx2=st.floats(0.2, 2),
)
def test_exact_solves_the_differential_equations(seed, out_dim, log_h, log_y, dx2):
    H0, Y0, w0, dy2 = vectors(seed, out_dim)
    t = np.linspace(0, 2000, 101)
    rates = 10**log_h, 10**log_y, dx2, dy2
    expected = integrate(t, [H0, Y0, w0], *rates)
    np.testing.assert_allclose(theory.exact(t, H0, Y0, w0, *rates), expected, atol=1e-8, rtol=1e-8)


def test_without_the_orthogonal_part_more_than_one_output_would_be_wrong():
    """The oracle above tells the two apart: outputs not parallel to the targets behave differently."""
    H0, Y0, w0, dy2 = vectors(3, 3)
    t = np.linspace(0, 500, 51)
    whole = theory.exact(t, H0, Y0, w0, 1e-2, 1e-2, 1, dy2)
    parallel = theory.exact(t, H0, Y0, Y0 - np.sqrt(Y0 * dy2), 1e-2, 1e-2, 1, dy2)
    assert np.abs(whole[0] - parallel[0]).max() > 1e-3


@pytest.mark.parametrize("out_dim", [1, 3])
@pytest.mark.parametrize("offset", [0, 1e-14, 1e-9, 1e-5, -1e-9])
def test_balanced_start(out_dim, offset):
    """lam -> 0: both halves of the network equal, the conserved quantity near or at 0."""
    H0, Y0, w0, dy2 = vectors(5, out_dim)
    eta_h = 1e-2
    eta_y = eta_h * Y0 / H0**2 * (1 + offset)
    assert theory.conserved(H0, Y0, eta_h, eta_y, 1.0) == pytest.approx(0, abs=2e-5 * Y0 / H0)
    t = np.linspace(0, 1000, 51)
    np.testing.assert_allclose(
        theory.exact(t, H0, Y0, w0, eta_h, eta_y, 1, dy2), integrate(t, [H0, Y0, w0], eta_h, eta_y, 1, dy2), atol=1e-8
    )


@pytest.mark.parametrize("eta_y", [1e-3, 2e-2, 0.5])
def test_targets_that_coincide(eta_y):
    """dy = 0: outputs come together, and then Y = w; eta_y = 0.02 is also balanced, so k = 0."""
    H0, Y0, eta_h = 0.5, 0.5, 1e-2
    t = np.linspace(0, 3000, 61)
    H, Y, w = theory.exact(t, H0, Y0, Y0, eta_h, eta_y, 1, 0.0)
    np.testing.assert_allclose((H, Y, w), integrate(t, [H0, Y0, Y0], eta_h, eta_y, 1, 0.0), atol=1e-8)
    np.testing.assert_array_equal(Y, w)
    balanced = theory.exact(t, H0, Y0, Y0, eta_h, eta_h * Y0 / H0**2, 1, 0.0)
    np.testing.assert_allclose(balanced, integrate(t, [H0, Y0, Y0], eta_h, eta_h * Y0 / H0**2, 1, 0.0), atol=1e-8)


def test_at_time_zero_the_initial_state_returns():
    for seed in range(20):
        H0, Y0, w0, dy2 = vectors(seed, 1 + seed % 4)
        curves = theory.exact(np.array([0.0]), H0, Y0, w0, 1e-3, 1e-2, 1, dy2)
        np.testing.assert_allclose(np.ravel(curves), [H0, Y0, w0], rtol=1e-12, atol=1e-14)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), out_dim=st.integers(1, 4), log_h=st.floats(-12, 4), log_y=st.floats(-12, 4))
def test_long_times_reach_the_fixed_point(seed, out_dim, log_h, log_y):
    H0, Y0, w0, dy2 = vectors(seed, out_dim)
    eta_h, eta_y = 10**log_h, 10**log_y
    t = np.geomspace(1e-3, 1e40, 200)
    H, Y, w = theory.exact(t, H0, Y0, w0, eta_h, eta_y, 1, dy2)
    assert np.isfinite([H, Y, w]).all()
    H_inf, A_low, A_high = theory.fixed_point(H0, Y0, eta_h, eta_y, 1, dy2)
    assert H[-1] == pytest.approx(H_inf, rel=1e-9)
    assert Y[-1] == pytest.approx(dy2, rel=1e-9)
    assert w[-1] == pytest.approx(0, abs=1e-12 * dy2)
    assert H_inf**2 == pytest.approx(H_inf * A_high + A_low**2, rel=1e-9, abs=1e-12 * H_inf * abs(A_high))


def test_fixed_point_limits():
    H_inf, A_low, _ = theory.fixed_point(1e-9, 1e-12, 1e-3, 4e-3, 1.0, 0.5)
    assert H_inf == pytest.approx(A_low, rel=1e-3) and A_low == pytest.approx(np.sqrt(0.125))  # rich
    assert theory.fixed_point(2.0, 1e-3, 1e-9, 1e-2, 1.0, 0.5)[0] == pytest.approx(2.0, rel=1e-6)  # lazy
    assert theory.fixed_point(0.1, 5.0, 1e-2, 1e-3, 1.0, 0.0)[0] == 0  # same targets, small weights
    assert theory.fixed_point(np.ones(3), 0.1, 1e-2, np.full((2, 1), 1e-2), 1.0, 0.5)[0].shape == (2, 3)


STATES = [(1e-300, 0.0, 0.0), (1e-12, 1e-12, 1e-12 - 7e-7), (0.3, 0.0, 0.0), (85.0, 120.0, 112.0)]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("eta_h", [0, 1e-300, 1e-12, 1e4])
@pytest.mark.parametrize("eta_y", [0, 1e-12, 1e4])
@pytest.mark.parametrize("dy2", [0.0, 0.5])
def test_extremes_stay_finite_and_silent(state, eta_h, eta_y, dy2):
    t = np.r_[0, np.geomspace(1e-6, 1e12, 100)]
    if dy2 == 0:
        state = state[0], state[1], state[1]
    curves, gradient = theory.exact_with_gradient(t, *state, eta_h, eta_y, 1, dy2)
    assert np.isfinite(curves).all() and np.isfinite(gradient).all()
    assert (curves[:2] >= 0).all()


def test_frozen_halves():
    t = np.arange(500.0)
    H, Y, _ = theory.exact(t, 0.3, 0.01, 0.01 - np.sqrt(0.005), 0, 0.02, 1, 0.5)
    np.testing.assert_allclose(H, 0.3, rtol=1e-13)
    assert Y[-1] > 0.3
    H, Y, _ = theory.exact(t, 0.3, 0.01, 0.01 - np.sqrt(0.005), 0.02, 0, 1, 0.5)
    np.testing.assert_allclose(Y / H, 0.01 / 0.3, rtol=1e-12)  # the readout does not move


def test_conserved_quantity():
    for seed in range(20):
        H0, Y0, w0, dy2 = vectors(seed, 1 + seed % 4)
        H, Y, _ = theory.exact(np.linspace(0, 3000, 100), H0, Y0, w0, 3e-3, 2e-2, 0.7, dy2)
        c = theory.conserved(H, Y, 3e-3, 2e-2, 0.7)
        np.testing.assert_allclose(c, c[0], atol=1e-10 * (Y / H).max())


def test_only_the_ratio_of_the_rates_fixes_the_path():
    t = np.linspace(0, 800, 100)
    np.testing.assert_allclose(
        theory.exact(t, 0.1, 0.02, -0.08, 1e-3, 1e-2, 1, 0.5),
        theory.exact(t / 7, 0.1, 0.02, -0.08, 7e-3, 7e-2, 1, 0.5),
        rtol=1e-10,
        atol=1e-14,
    )


def test_parameters_broadcast():
    t = np.linspace(0, 400, 9)
    H0, eta_h = np.array([0.1, 0.2, 0.3]), np.array([[1e-3], [2e-3]])
    curves, gradient = theory.exact_with_gradient(t, H0, 0.02, -0.05, eta_h, 1e-2, 1.0, 0.5)
    assert curves.shape == (3, 2, 3, 9) and gradient.shape == (2, 3, 2, 3, 9)
    np.testing.assert_array_equal(curves, theory.exact(t, H0, 0.02, -0.05, eta_h, 1e-2, 1.0, 0.5))
    for i, j in np.ndindex(2, 3):
        one = theory.exact(t, H0[j], 0.02, -0.05, eta_h[i, 0], 1e-2, 1.0, 0.5)
        np.testing.assert_allclose(curves[:, i, j], one, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("bad", [dict(H0=0.0), dict(H0=-1.0), dict(Y0=-1e-9), dict(eta_h=-1e-3), dict(dy2=-0.5)])
def test_impossible_parameters_are_refused(bad):
    parameters = dict(H0=0.1, Y0=0.02, w0=-0.05, eta_h=1e-3, eta_y=1e-2, dx2=1.0, dy2=0.5) | bad
    with pytest.raises(ValueError, match="H0 must be positive"):
        theory.exact(np.arange(3.0), **parameters)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    out_dim=st.integers(1, 4),
    log_h=st.floats(-4, -1),
    log_y=st.floats(-4, -1),
    balanced=st.sampled_from([None, 0.0, 1e-7]),
)
def test_gradient_is_that_of_the_curves(seed, out_dim, log_h, log_y, balanced):
    H0, Y0, w0, dy2 = vectors(seed, out_dim)
    eta_h, eta_y = 10**log_h, 10**log_y
    if balanced is not None:
        eta_y = eta_h * Y0 / H0**2 * (1 + balanced)
    t = np.linspace(0, 3000, 60)

    def at(h, y):
        return np.array(theory.exact(t, H0, Y0, w0, eta_h * np.exp(h), eta_y * np.exp(y), 1, dy2))

    curves, gradient = theory.exact_with_gradient(t, H0, Y0, w0, eta_h, eta_y, 1, dy2)
    np.testing.assert_array_equal(curves, at(0, 0))
    d = 1e-3
    for axis, direction in enumerate(np.eye(2)):
        one, two = d * direction, 2 * d * direction
        central = (8 * (at(*one) - at(*-one)) - (at(*two) - at(*-two))) / (12 * d)  # error of order d^4
        np.testing.assert_allclose(gradient[axis], central, rtol=1e-6, atol=1e-8 * np.abs(curves).max())


def train_linear(lr, steps, out_dim=2, width=5, seed=0):
    """Gradient descent on MSE/2 of a two-layer linear network, two points opposite to each other.

    Its first layer starts along one hidden direction, which the second layer reads: rank one.
    """
    g = np.random.default_rng(seed)
    r = g.normal(size=width)
    r /= np.linalg.norm(r)
    W1, W2 = 0.3 * r[:, None], np.outer(0.2 * g.normal(size=out_dim), r)
    dx, dy = np.array([1.2]), np.array([0.9, -0.4])[:out_dim]
    if W2 @ W1 @ dx @ dy < 0:
        W2 = -W2
    x, y = np.array([dx, -dx]).T / 2, np.array([dy, -dy]).T / 2  # columns are points
    curves = np.empty((3, steps))
    for i in range(steps):
        dh = W1 @ dx
        dyh = W2 @ dh
        curves[:, i] = dh @ dh, dyh @ dyh, dyh @ (dyh - dy)
        error = (W2 @ W1 @ x - y) / y.size
        W1, W2 = W1 - lr * W2.T @ error @ x.T, W2 - lr * error @ (W1 @ x).T
    return curves, dx @ dx, dy @ dy


def test_a_trained_linear_network_follows_the_theory():
    """There the theory is exact, with both rates lr/(2 out_dim): with x = -+dx/2 the loss is
    |dyh - dy|^2/(8 out_dim), so d(v)/dt = -lr/(4 out_dim) u dx (dyh - dy) for weights u, v of
    dyh = u v dx, whence dH/dt = 2 u u' dx2 = -lr/(2 out_dim) dx2 w, and likewise for Y. What is left
    is the error of finite steps, proportional to lr.
    """
    gaps = []
    for lr in (0.04, 0.02):
        observed, dx2, dy2 = train_linear(lr, int(60 / lr))
        t = np.arange(observed.shape[1])
        predicted = theory.exact(t, *observed[:, 0], lr / 4, lr / 4, dx2, dy2)
        gaps.append(np.abs(predicted - observed).max())
    assert observed[1, -1] == pytest.approx(dy2, rel=1e-2)  # it has learnt
    assert gaps[0] < 0.01
    assert gaps[1] / gaps[0] == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("out_dim", [1, 2, 3, 4])
def test_loss_splits_into_mean_and_difference(out_dim):
    g = np.random.default_rng(out_dim)
    y, yhat = g.normal(size=(2, 2, out_dim))
    loss = 0.5 * np.mean((yhat - y) ** 2)
    dy, dyh = y[0] - y[1], yhat[0] - yhat[1]
    m0_squared = np.sum((yhat - y).mean(axis=0) ** 2)
    Y, w = dyh @ dyh, dyh @ dyh - dyh @ dy
    curve = theory.loss_curve([0.0], np.array([Y]), np.array([w]), m0_squared, 0.1, dy @ dy, out_dim)
    assert curve == pytest.approx([loss], rel=1e-12)


def test_loss_ends_at_zero_and_broadcasts():
    t = np.array([0.0, 10.0, 1e4])
    _, Y, w = theory.exact(t, np.array([0.1, 0.2]), 0.02, -0.08, 1e-2, 1e-2, 1, 0.5)
    loss = theory.loss_curve(t, Y, w, np.array([0.3, 0.4]), 0.01, 0.5)
    assert loss.shape == (2, 3) and np.abs(loss[:, -1]).max() < 1e-12
    np.testing.assert_allclose(theory.mean_error(t, 0.3, 0.01), 0.3 * np.exp(-0.02 * t))
