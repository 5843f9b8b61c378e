"""Orbit and clock: against an integrator, limits, really trained and exactly solvable networks; what the tables say."""

import numpy as np
import pandas as pd
import pytest
from clock import analyse
from clock import plot as plot_clock
from clock_drift import plot as plot_drift
from clock_orbit import plot as plot_orbit
from runs import on_two_points
from scipy.integrate import solve_ivp

from repdyn import artifacts, fitting, theory
from repdyn.fitting.clock import fit_clocks, orbit
from repdyn.fitting.levenberg_marquardt import descend
from repdyn.networks import Shape
from repdyn.plotting import style
from repdyn.theory import clock
from repdyn.training.ensemble import Member

DX2, DY2 = 1.3, 0.5


def case(seed):
    """Initial values, rates and a drift at random; outputs along the targets or not."""
    g = np.random.default_rng(seed)
    Y0 = DY2 * 10 ** g.uniform(-5, -0.5)
    p = np.sqrt(Y0) * (1 if seed % 2 else g.uniform(0, 1))
    H0, k = 10 ** g.uniform(-5, 0), np.exp(g.uniform(-1.5, 2.5)) - 1
    return (H0, Y0, Y0 - p * np.sqrt(DY2)), (10 ** g.uniform(-4, -2), 10 ** g.uniform(-4, -1)), k


def times(initial, rates):
    H0, Y0, _ = initial
    kappa = np.hypot(np.sqrt(rates[0] * DX2 * rates[1] * DY2), 0.5 * (rates[0] * DX2 * Y0 / H0 - rates[1] * H0))
    return np.linspace(0, 30 / kappa, 200)


@pytest.mark.parametrize("seed", range(12))
def test_the_drifting_clock_against_an_integrator(seed):
    initial, rates, k = case(seed)
    t = times(initial, rates)

    def slope(t, state):
        return (1 + k * state[1] / DY2) * theory.right_hand_side(t, state, *rates, DX2, DY2)

    options = {"method": "LSODA", "rtol": 1e-11, "atol": 1e-13 * min(initial[:2])}
    expected = solve_ivp(slope, t[[0, -1]], initial, t_eval=t, **options).y
    found = np.array(clock.drifting(t, *initial, *rates, k, DX2, DY2))
    assert (np.abs(found - expected).max(1) < 1e-5 * np.ptp(expected, axis=1)).all()


def test_the_drifting_clock_without_drift_is_the_closed_form():
    initial, rates, _ = case(3)
    t = times(initial, rates)
    expected = theory.exact(t, *initial, *rates, DX2, DY2)
    np.testing.assert_allclose(clock.drifting(t, *initial, *rates, 0.0, DX2, DY2), expected, rtol=1e-7)


def test_the_drifting_clock_of_many_is_that_of_each():
    initial, rates, k = case(5)
    t, growth = times(initial, rates), np.array([[-0.5, 0.0], [k, 9.0]])
    together = clock.drifting(t, *initial, *rates, growth, DX2, DY2)
    assert together[0].shape == (2, 2, t.size)
    for i, one in np.ndenumerate(growth):
        np.testing.assert_allclose(
            np.array(together)[(slice(None), *i)], clock.drifting(t, *initial, *rates, one, DX2, DY2), rtol=1e-9
        )


@pytest.mark.parametrize("k, dy2", [(-1.0, 0.5), (-2.0, 0.5), (1.0, 0.0)])
def test_a_clock_that_stands_still_is_refused(k, dy2):
    with pytest.raises(ValueError, match="k must be above -1 and dy2 positive"):
        clock.drifting(np.arange(9.0), 0.1, 0.01, 0.0, 0.01, 0.01, k, DX2, dy2)


@pytest.mark.parametrize("seed", range(1, 12, 2))
def test_the_orbit_is_the_same_for_any_clock(seed):
    """Y(H) of the integrated equations, drift or not, is the parabola through start and end."""
    initial, rates, k = case(seed)
    H, Y, _ = clock.drifting(times(initial, rates), *initial, *rates, k, DX2, DY2)
    c, rho = clock.orbit_constants(H[0], Y[0], H[-1], Y[-1])
    np.testing.assert_allclose(clock.orbit(H, c, rho), Y, rtol=1e-5, atol=1e-9)
    assert rho == pytest.approx(rates[1] / (rates[0] * DX2), rel=1e-4)
    assert c == pytest.approx(theory.conserved(*initial[:2], *rates, DX2), rel=1e-3, abs=1e-5 * Y[-1] / H[-1])
    found = orbit(H, Y, 3.0)
    assert found.error < 1e-5 < found.error_line and found.conserved_drift < 1e-3
    assert 1 - 1e-3 < found.exponent < 2 + 1e-3


def test_errors_of_a_known_path():
    """Y = H^3 from nearly 0 to 1: a parabola through both ends is Y = H^2, and the line Y = H."""
    H = np.linspace(1e-6, 1, 4001)
    found = orbit(H, H**3, 3.0)

    def rms(power):  # over the path of Y = H^3: the integral of (H^power - H^3)^2 3 H^2
        return np.sqrt(3 / (2 * power + 3) - 6 / (power + 6) + 1 / 3)

    assert found.error == pytest.approx(rms(2), abs=1e-4)
    assert found.error_line == pytest.approx(rms(1), abs=1e-4)
    assert found.error_depth < 1e-4 and found.exponent == pytest.approx(3, rel=1e-3)


def test_an_orbit_has_no_clock():
    """The same path, run through at another pace and with a rest at its end."""
    H = np.linspace(0.1, 1, 3001)
    slow = 0.1 + 0.9 * np.r_[np.linspace(0, 1, 3001) ** 3, np.ones(5000)]
    first, second = (orbit(curve, curve**3, 2.0) for curve in (H, slow))
    for name, value in vars(first).items():
        assert getattr(second, name) == pytest.approx(value, rel=1e-3), name


@pytest.mark.parametrize("H, Y", [([1, 1, 1], [0, 1, 2]), ([1, 2, 3], [1, 1, 1]), ([1, np.nan, 3], [0, 1, 2])])
def test_what_does_not_move_has_no_orbit(H, Y):
    assert np.isnan(list(vars(orbit(H, Y, 2.0)).values())).all()


@pytest.mark.parametrize("before, maps", [(1, 4), (2, 4), (3, 4), (5, 6)])
def test_the_orbit_of_a_chain_that_grows_by_one_mode(before, maps):
    """A chain of scalars from equal small values, by gradient descent: |dh|^2 = s^2n, Y = s^2D."""
    weights, dy, path = np.full(maps, 0.2), 0.7, []
    for _ in range(12000):
        h = np.prod(weights[:before])
        y = np.prod(weights)
        path.append((h**2, y**2))
        weights = weights - 0.05 * (y - dy) * y / weights
    H, Y = np.array(path).T
    assert Y[-1] == pytest.approx(dy**2, rel=1e-3)
    found = orbit(H, Y, maps / before)
    assert found.error_depth < 0.02
    assert found.exponent == pytest.approx(maps / before, rel=0.08)  # it starts from 0.2, not from 0
    assert (found.error < 0.02) == (maps == 2 * before)


def synthetic(k, layers=3, noise=0.0):
    t = np.arange(1500.0)
    g = np.random.default_rng(0)
    eta_h, eta_y, H0 = (np.array(v[:layers]) for v in ([0.004, 0.006, 0.01], [0.03, 0.02, 0.02], [0.05, 0.02, 0.004]))
    Y0 = 1e-3
    w0 = Y0 - np.sqrt(Y0 * DY2)
    H, Y, w = clock.drifting(t, H0, Y0, w0, eta_h, eta_y, k, 1.0, DY2)
    return t, H, Y, w, eta_h, eta_y, noise * g.standard_normal(Y.shape)


@pytest.mark.parametrize("k", [-0.6, 0.0, 1.5, 6.0])
def test_a_planted_drift_is_recovered(k):
    t, H, Y, w, eta_h, eta_y, _ = synthetic(k)
    for layer in range(3):  # each with outputs of its own
        one = H[layer : layer + 1], Y[layer], w[layer]
        fits = [fitting.fit_trajectory(t, one[0][0], *one[1:], 1.0, DY2)]
        (found,) = fit_clocks(t, *one, 1.0, DY2, fits)
        assert found.reason == ""
        assert found.k == pytest.approx(k, rel=0.02, abs=0.01)
        assert (found.eta_h, found.eta_y) == pytest.approx((eta_h[layer], eta_y[layer]), rel=0.01)
        assert found.sse < 1e-4 + 1e-3 * fits[0].sse and found.error_active < 2e-3


def test_the_drift_can_only_lower_the_sum_of_squares():
    """On curves that no clock of the kind has, and close to the best of all steps by a general optimiser."""
    from scipy.optimize import least_squares

    t, H, Y, w, *_, noise = synthetic(3.0, layers=1, noise=0.01)
    H, Y, w = H[0] ** 0.9, Y[0] + noise[0], w[0]
    fit = fitting.fit_trajectory(t, H, Y, w, 1.0, DY2)
    (found,) = fit_clocks(t, H[None], Y, w, 1.0, DY2, [fit])

    def residual(theta):
        start = H[0], Y[0], w[0]
        curves = clock.drifting(t, *start, *np.exp(theta[:2]), np.expm1(theta[2]), 1.0, DY2)
        return (np.array(curves) - [H, Y, w]).ravel()

    best = least_squares(residual, np.log([found.eta_h, found.eta_y, 1 + found.k]), xtol=1e-12).cost * 2
    assert best <= found.sse < best * 1.001
    assert found.sse < fit.sse


def test_no_drift_where_there_are_no_rates():
    t, H, Y, w, *_ = synthetic(1.0)
    reasons = [fitting.Fit(), fitting.Fit(eta_h=1e-12, eta_y=0.1)]
    clocks = fit_clocks(t, H[:2], Y[0], w[0], 1.0, DY2, reasons)
    assert [one.reason for one in clocks] == ["no rates to start from"] * 2
    assert np.isnan([one.k for one in clocks]).all()
    (still,) = fit_clocks(t, H[:1], Y[0], Y[0], 1.0, 0.0, [fitting.Fit(eta_h=0.1, eta_y=0.1)])
    assert np.isnan(still.k)


def test_descent_in_more_than_two_constants():
    """A quadratic of four constants, one of them held, one on its bound."""

    class Bowl:
        centre, weights = np.array([0.3, -0.7, 5.0, 2.0]), np.array([1.0, 10.0, 1.0, 1e4])

        def normal_equations(self, theta, which):
            off = theta - self.centre
            matrix = np.tile(np.diag(self.weights), (len(theta), 1, 1))
            return (self.weights * off**2).sum(1), self.weights * off, matrix

    free = np.array([[True, True, True, True], [True, False, True, True]])
    bounds = np.full(4, -2.0), np.array([2.0, 2.0, 1.0, 3.0])
    ends, _, done = descend(Bowl(), np.zeros((2, 4)), free, 1e-14, bounds=bounds)
    assert done.all()
    np.testing.assert_allclose(ends, [[0.3, -0.7, 1, 2], [0.3, 0, 1, 2]], atol=1e-6)


@pytest.fixture(scope="module")
def two_layer():
    """The exactly solvable network: its rates are constants while its weights are small at the start."""
    runs = on_two_points("mlp", Shape(200, 1, "none"), [Member(s, 0.1, 0.01) for s in range(2)], 4000)
    assert runs.loss[:, -1].max() < 1e-5
    return runs


def test_a_linear_network_of_two_layers_takes_the_orbit(two_layer):
    for H, Y in zip(two_layer.H[:, 0].astype(float), two_layer.Y, strict=True):
        found = orbit(H, Y, 2.0)
        assert found.error < 0.02 < 5 * found.error < found.error_line


def test_the_drift_of_a_network_of_two_layers_is_small(two_layer):
    t = np.arange(two_layer.Y.shape[1], dtype=float)
    for H, Y, w in zip(two_layer.H, two_layer.Y, two_layer.w, strict=True):
        fits = [fitting.fit_trajectory(t, H[0].astype(float), Y, w, 1.0, 0.5)]
        (found,) = fit_clocks(t, H, Y, w, 1.0, 0.5, fits)
        assert -0.4 < found.k < 0.4 and found.sse <= fits[0].sse


def test_the_kernel_says_the_drift():
    """K_e of the theory is 2/lr (eta_y H + eta_h dx2 Y/H): with rates that drift, its growth gives k back."""
    initial, rates, k = case(7)
    H, Y, _ = clock.drifting(times(initial, rates), *initial, *rates, k, DX2, DY2)
    kernel = (1 + k * Y / DY2) * (rates[1] * H + rates[0] * DX2 * Y / H)
    ends = H[0], Y[0], H[-1], Y[-1]
    assert clock.drift_of_kernel(kernel[-1] / kernel[0], *ends, DY2) == pytest.approx(k, rel=1e-4)
    assert np.isnan(clock.drift_of_kernel(1e9, 0.1, 0.4 * DY2, 0.2, DY2, DY2))


def test_the_active_part_of_a_run():
    t = np.arange(4000.0)
    H, Y, w = theory.exact(t, 0.01, 1e-3, 1e-3 - np.sqrt(1e-3 * DY2), 0.01, 0.03, 1.0, DY2)
    H = H + 0.02 * np.sin(t) * (t < 400)
    short, long = (fitting.fit_trajectory(t[:n], H[:n], Y[:n], w[:n], 1.0, DY2) for n in (1200, 4000))
    last = np.flatnonzero(np.abs(w) > 0.01 * DY2)[-1]
    assert 300 < last < 1000
    assert long.error_active == pytest.approx(short.error_active, rel=0.02)
    assert long.nrmse < 0.65 * short.nrmse  # diluted by the quiet end
    assert long.error_active > long.nrmse


def test_fits_that_say_nothing_are_no_estimates():
    t, g = np.arange(400.0), np.random.default_rng(0)
    H, Y, w = theory.exact(t, 0.1, 0.01, 0.01 - np.sqrt(0.01 * DY2), 1e-6, 1e-6, 1.0, DY2)
    still = fitting.fit_trajectory(t, H, Y, w, 1.0, DY2)
    assert not still.converged and "hardly move" in still.reason
    H, Y = 1 - 0.9 * t / 400, DY2 * np.exp(-(((t - 200) / 60) ** 2)) + 1e-3 * g.random(400)
    worse = fitting.fit_trajectory(t, H, Y, Y - np.sqrt(DY2 * Y), 1.0, DY2)
    described = fitting.describe(
        np.array([H, Y, Y]), np.array([H + 3, Y + 3, Y + 3]), np.log([0.01, 0.01]), done=True, dy2=DY2
    )
    assert described.r2 < 0 and not described.converged and "R^2 < 0" in described.reason
    assert worse.r2 >= 0 or "R^2 < 0" in worse.reason


def test_a_drift_that_is_no_estimate_counts_nowhere(tmp_path):
    path = fits_of("tanh", 6, 5, tmp_path, 0.01)
    fits = artifacts.read_table(path).astype({"clock_reason": object})
    fits.loc[(fits.seed == 3), ["k", "clock_reason"]] = [999.0, "1 + k at its upper bound"]
    artifacts.write_table(fits, path)
    row = {"name": "tanh", "activation": "tanh", "gain": 1.0, "width": 50, "depth": 5, "layer": 2}
    analyse.main([path], [row], 0, 0.95, *(tmp_path / name for name in ("layers", "networks", "summary")))
    networks, summary = (artifacts.read_table(tmp_path / name) for name in ("networks", "summary"))
    assert np.isnan(networks.growth[3]) and np.isnan(networks.growth_spread[3])
    assert summary.growth[0] == pytest.approx(5) and summary.growth_n[0] == 4 and summary.orbit_error_n[0] == 5


def fits_of(setting, networks, layers, folder, orbit_error):
    """A table as two_points/fit.py writes it, of networks that all say the same but for a little scatter."""
    g, rows = np.random.default_rng(1), []
    for seed in range(networks):
        for layer in range(layers):
            scatter = np.exp(0.05 * g.standard_normal())
            rows.append(
                {
                    **{"setting": setting, "seed": seed, "layer": layer, "kept": seed != 1, "reason": ""},
                    **{"eta_h": 0.01, "eta_y": 0.02, "sse": 8 * scatter, "sse_clock": 2.0, "clock_reason": ""},
                    **{"clock_eta_h": 0.005, "clock_eta_y": 0.01, "error_active": 0.2 * scatter, "error_clock": 0.05},
                    **{"orbit_error": orbit_error * scatter, "orbit_error_line": 0.1, "orbit_error_depth": 0.02},
                    **{"orbit_exponent": (layers + 1) / (layer + 1), "conserved_drift": 0.1},
                    **{"k": 2.0 + layer, "k_kernel": 3.5, "converged": True, "h_start": 0.1, "h_end": 0.5},
                }
            )
    path = folder / f"{setting}.csv"
    artifacts.write_table(pd.DataFrame(rows), path)
    return path


@pytest.fixture
def tables(tmp_path):
    rows = [
        {"name": name, "activation": activation, "gain": 1.0, "width": 50, "depth": 5, "layer": 2}
        for name, activation in (("tanh", "tanh"), ("leaky", "leaky_relu"))
    ]
    fits = [fits_of(row["name"], 8, 5, tmp_path, error) for row, error in zip(rows, (0.01, 0.3), strict=True)]
    paths = [tmp_path / f"{name}.csv" for name in ("layers", "networks", "summary")]
    analyse.main(fits, rows, 2, 0.95, *paths)
    return paths


def test_tables_of_the_clock(tables):
    layers, networks, summary = map(artifacts.read_table, tables)
    assert len(layers) == 80 and len(networks) == 16 and list(summary.setting) == ["tanh", "leaky"]
    assert (networks.held_out == (networks.seed >= 2)).all()
    assert layers.place.unique() == pytest.approx(np.arange(1, 6) / 6)
    assert list(summary.smooth) == [True, False] and (summary.side == "held out").all()
    tanh, leaky = summary.iloc[0], summary.iloc[1]
    assert tanh.networks == 6 and tanh.growth_n == 6  # of 8, two explored, the other that is not kept among them
    assert tanh.growth == pytest.approx(5) and tanh.growth_ratio == pytest.approx(0.9)
    assert tanh.growth_spread == pytest.approx((3 + 4) / (3 + 3))  # layers 3 and 4 of 5
    assert tanh.orbit_error_low < tanh.orbit_error < tanh.orbit_error_high
    assert tanh.orbit_error == pytest.approx(0.01, rel=0.1) and leaky.orbit_error == pytest.approx(0.3, rel=0.1)
    assert leaky.orbit_late_depth == pytest.approx(0.02) and leaky.orbit_late_ratio > 10 > 1 > tanh.orbit_late_ratio


def test_figures_of_the_clock(tables, tmp_path):
    layers, networks, summary = tables
    for name, plot, arguments in (
        ("clock", plot_clock, (networks, summary, 0.95)),
        ("clock_drift", plot_drift, (networks, summary, 0.95)),
        ("clock_orbit", plot_orbit, (layers, summary)),
    ):
        with style.applied():
            figure, numbers = plot.main(*arguments)
            style.save(figure, numbers, *(tmp_path / f"{name}.{kind}" for kind in ("svg", "png", "csv")))
        title = figure.texts[0].get_text().replace("\n", " ")
        said = {
            "clock": "path in 1 of 2",
            "clock_drift": "in 2 of 2",
            "clock_orbit": "in 0 of 1 smooth settings and 1 of 1 kinked settings",
        }
        assert said[name] in title, title
        assert len(numbers) and (tmp_path / f"{name}.svg").stat().st_size > 1000
