"""Altered equations: solved as an independent solver does, fitted as the closed form is, and compared fairly."""

import numpy as np
import pandas as pd
import pytest
from falsification import analyse as analyse_falsification
from falsification import fit as fit_falsification
from falsification import plot as plot_falsification
from runs import figure_files
from scipy.integrate import solve_ivp
from two_points import collect as collect_fits
from two_points import data as make_two_points
from two_points import fit as fit_two_points
from two_points import train as train_two_points

from repdyn import artifacts, fitting, theory
from repdyn.fitting import falsification, selection
from repdyn.statistics.intervals import jeffreys
from repdyn.theory import altered, bounds, runge_kutta
from repdyn.theory.altered import DYNAMICS, FACTORS

T = np.arange(0, 6000.0, 20)
DX2, DY2 = 1.3, 0.5
NAMES = list(DYNAMICS)
# H0, Y0, eta_h, eta_y over what fits visit: tiny and large distances, late and early, stiff both ways
VISITED = np.array(
    [
        (6e-4, 2e-8, 7e-4, 4e-2),
        (6e-4, 1e-4, 1e-2, 1e-3),
        (0.3, 1e-3, 2e-4, 5e-3),
        (0.05, 1e-2, 2e-2, 1e-1),
        (1e-4, 1e-6, 5e-3, 5e-1),
        (1.0, 1e-4, 3e-2, 1e-2),
    ]
)


def solved(name, H0, Y0, eta_h, eta_y, sign=1, t=T, **options):
    """Curves (3, n) of one system whose outputs start aligned with the targets (sign 1) or against them (-1)."""
    start = np.array([[H0], [Y0], [Y0 - sign * np.sqrt(Y0 * DY2)]])
    rates = np.array([eta_h]), np.array([eta_y])
    return altered.solve(t, start, [DYNAMICS[name].factors], *rates, DX2, DY2, **options)


def test_the_first_dynamics_is_the_theory():
    state = np.random.default_rng(0).uniform(0.1, 1, (3, 20))
    mine = altered.right_hand_side(0, state, FACTORS[0], 0.2, 0.3, DX2, DY2)
    np.testing.assert_allclose(mine, theory.right_hand_side(0, state, 0.2, 0.3, DX2, DY2), rtol=1e-14)


@pytest.mark.parametrize(
    "name, changed",
    [
        ("y_doubled", lambda dH, dY, dw, last: (dH, 2 * dY, dw)),
        ("h_doubled", lambda dH, dY, dw, last: (2 * dH, dY, dw)),
        ("sign_flipped", lambda dH, dY, dw, last: (dH, dY, dw - 2 * last["w"])),
        ("term_dropped", lambda dH, dY, dw, last: (dH, dY - last["Y"], dw)),
    ],
)
def test_each_alteration_is_what_its_name_says(name, changed):
    H, Y, w = state = np.random.default_rng(1).uniform(0.1, 1, (3, 20))
    last = {"Y": -w * 0.2 * DX2 * Y / H, "w": -0.5 * 0.2 * DX2 * (Y + w) * w / H}
    expected = changed(*theory.right_hand_side(0, state, 0.2, 0.3, DX2, DY2), last)
    mine = altered.right_hand_side(0, state, DYNAMICS[name].factors, 0.2, 0.3, DX2, DY2)
    np.testing.assert_allclose(mine, expected, rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_an_independent_solver_agrees(name):
    compared = 0
    for H0, Y0, eta_h, eta_y in VISITED:
        mine = solved(name, H0, Y0, eta_h, eta_y)[:, 0]
        end = np.flatnonzero(np.isfinite(mine).all(axis=0))[-1]  # some alterations blow up
        arguments = (DYNAMICS[name].factors, eta_h, eta_y, DX2, DY2)
        until = T[: max(end // 2, 2) if end < T.size - 1 else T.size]
        start = [H0, Y0, Y0 - np.sqrt(Y0 * DY2)]
        there = solve_ivp(
            altered.right_hand_side,
            (0, until[-1]),
            start,
            method="LSODA",
            t_eval=until,
            rtol=1e-10,
            atol=1e-13,
            args=arguments,
        )
        np.testing.assert_allclose(mine[:, : until.size], there.y, atol=1e-7)
        compared += until.size == T.size
    assert compared >= 3


@pytest.mark.parametrize("sign", [1, -1])
def test_the_theory_is_its_closed_form_also_through_zero(sign):
    """With outputs against the targets |dh| can pass through 0, where the equations for H are singular."""
    for H0, Y0, eta_h, eta_y in VISITED:
        curves, gradient = solved("theory", H0, Y0, eta_h, eta_y, sign, gradient=True)
        w0 = Y0 - sign * np.sqrt(Y0 * DY2)
        expected = theory.exact_with_gradient(T, H0, Y0, w0, eta_h, eta_y, DX2, DY2)
        np.testing.assert_allclose(curves[:, 0], expected[0], atol=1e-7)
        np.testing.assert_allclose(gradient[:, :, 0], expected[1], atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_derivatives_are_those_of_differences(name):
    H0, Y0, eta_h, eta_y = VISITED[0]
    _, gradient = solved(name, H0, Y0, eta_h, eta_y, gradient=True)
    step = 1e-4
    for i, change in enumerate(([step, 0], [0, step])):
        up, down = (solved(name, H0, Y0, *(np.array([eta_h, eta_y]) * np.exp(s * np.array(change)))) for s in (1, -1))
        np.testing.assert_allclose(gradient[i, :, 0], (up - down)[:, 0] / (2 * step), atol=2e-5)


@pytest.mark.parametrize("name, kept", [("theory", True), ("sign_flipped", True), ("term_dropped", False)])
def test_which_dynamics_keep_the_conserved_quantity(name, kept):
    H0, Y0, eta_h, eta_y = VISITED[2]
    H, Y, _ = solved(name, H0, Y0, eta_h, eta_y)[:, 0]
    there = np.isfinite(H)
    quantity = theory.conserved(H[there], Y[there], eta_h, eta_y, DX2)
    assert (np.ptp(quantity) < 1e-6 * np.abs(quantity).max()) == kept


def test_a_solution_that_blows_up_ends_with_nan_and_others_go_on():
    """y' = y^2 from 1 is 1/(1 - t); beside it y' = -y, and y' = 0."""

    def derivative(y, p):
        return np.where(p == 2, y * y, -p * y)

    t = np.linspace(0, 2, 41)
    y = runge_kutta.integrate(derivative, np.ones((1, 3)), np.array([[2.0, 1.0, 0.0]]), t, np.abs, 1e-9, 3000)[0]
    before = t < 0.99
    np.testing.assert_allclose(y[0, before], 1 / (1 - t[before]), rtol=1e-6)
    assert np.isnan(y[0, t > 1.01]).all()
    np.testing.assert_allclose(y[1], np.exp(-t), atol=1e-8)
    assert (y[2] == 1).all()


def test_fixed_points_are_stable_as_derived():
    """Eigenvalues at w = 0, Y = dy2 over the ratio of a Y/H to b H."""
    step = 1e-6
    for ratio, sign_stable, spiral in ((0.5, True, True), (2.9, True, True), (3.1, False, True), (10.8, False, False)):
        b, H = 0.4, 0.7
        a = ratio * b * H * H / DY2
        found = {}
        for name, dynamics in DYNAMICS.items():
            shifts = [np.array([H, DY2, 0.0]) + step * unit for unit in np.vstack([np.eye(3), -np.eye(3)])]
            slopes = [altered.right_hand_side(0, s, dynamics.factors, a / DX2, b, DX2, DY2) for s in shifts]
            matrix = (np.array(slopes[:3]) - slopes[3:]).T / (2 * step)
            found[name] = np.linalg.eigvals(matrix[1:, 1:])  # H itself is free
        assert (found["sign_flipped"].real.max() < 0) == sign_stable
        assert (np.abs(found["y_doubled"].imag).max() > 1e-6) == spiral
        assert all(np.abs(found[name].imag).max() < 1e-6 for name in ("h_doubled", "term_dropped"))
        assert all(found[name].real.max() < 0 for name in NAMES if name != "sign_flipped")


def test_altered_equations_end_at_a_meeting_of_the_representations():
    """Outputs that start far on the wrong side: the theory passes through |dh| = 0, the alterations don't."""
    start = 6e-4, 1e-2, 7e-4, 4e-3
    H = {name: solved(name, *start, sign=-1, t=np.arange(0, 400, 0.1))[0, 0] for name in NAMES}
    assert np.isfinite(H["theory"]).all() and H["theory"].min() < 1e-5
    for name in ("y_doubled", "h_doubled", "sign_flipped"):
        assert np.isnan(H[name][-1]), name
    assert np.isfinite(H["term_dropped"]).all() and H["term_dropped"].min() > 0


def planted(name, networks=2, n=1500):
    """Curves of a dynamics, (3, networks, n), at steps 0, 4, 8..."""
    t = np.arange(n) * 4.0
    curves = [solved(name, H0, 1e-4, 8e-4, 0.03, t=t)[:, 0] for H0 in np.geomspace(1e-3, 3e-3, networks)]
    return t, np.stack(curves, axis=1)


@pytest.mark.parametrize("name", NAMES)
def test_each_dynamics_is_found_in_its_own_curves(name):
    t, curves = planted(name, networks=1)
    for dynamics in falsification.fit(t, *curves, DX2, DY2):
        sse = np.array([found.sse for found, _ in dynamics.values()])
        assert falsification.wins(sse).tolist() == [float(other == name) for other in NAMES]
        found, _ = dynamics[name]
        assert found.converged and found.sse < 1e-7  # averages over cells, not all steps, were descended
        assert (found.eta_h, found.eta_y) == pytest.approx((8e-4, 0.03), rel=1e-4)
        assert np.delete(sse, NAMES.index(name)).min() > 1e-2


def test_the_theory_is_fitted_as_its_closed_form_is():
    """Curves that no dynamics describes: two thirds of one, a third of another; and one in which H falls."""
    t, ((H, _), (Y, _), (w, _)) = planted("theory")
    _, ((H2, _), (Y2, _), (w2, _)) = planted("y_doubled")
    mixed = [(2 * a + b) / 3 for a, b in ((H, H2), (Y, Y2), (w, w2))]
    falling = [0.5 - 0.2 * Y / DY2, Y, w]
    results = falsification.fit(t, *np.stack([mixed, falling], axis=1), DX2, DY2)
    for curves, dynamics in zip((mixed, falling), results, strict=True):
        exact, found = fitting.fit_trajectory(t, *curves, DX2, DY2), dynamics["theory"][0]
        assert exact.sse > 1e-3
        assert found.sse == pytest.approx(exact.sse, rel=1e-5)
        assert found.nrmse == pytest.approx(exact.nrmse, rel=1e-4)
        assert (found.converged, found.reason) == (exact.converged, exact.reason)
        assert found.eta_y == pytest.approx(exact.eta_y, rel=1e-3)
    frozen = [found.sse for found, _ in results[1].values()]
    assert results[1]["theory"][0].eta_h == pytest.approx(bounds.LOWEST_RATE)
    # without eta_h three alterations are the theory itself, and a win is divided
    assert (falsification.wins(np.array(frozen))[[0, 2, 4]] > 0).all() or np.argmin(frozen) in (1, 3)


def test_no_pair_of_rates_on_a_grid_is_better():
    t, curves = planted("theory", networks=1)
    found = falsification.fit(t, *curves, DX2, DY2)[0]
    rates = np.stack(np.meshgrid(np.geomspace(1e-5, 1e-1, 25), np.geomspace(1e-3, 1, 25))).reshape(2, -1)
    start = np.repeat(curves[:, :, 0], rates.shape[1], axis=1)
    thin = slice(None, None, 10)
    for name, (best, predicted) in found.items():
        factors = np.repeat([DYNAMICS[name].factors], rates.shape[1], axis=0)
        grid = altered.solve(t[thin], start, factors, *rates, DX2, DY2, rtol=1e-6)
        lowest = np.nanmin(((grid - curves[:, :, thin]) ** 2).sum((0, 2)))
        assert ((predicted[:, thin] - curves[:, 0, thin]) ** 2).sum() <= lowest * 1.001, name
        assert best.sse == pytest.approx(((predicted - curves[:, 0]) ** 2).sum())


def test_what_cannot_be_fitted_has_a_reason():
    t, curves = planted("theory")
    curves[0, 1, 700:] = np.nan
    first, second = falsification.fit(t, *curves, DX2, DY2)
    assert first["theory"][0].converged
    for found, predicted in second.values():
        assert np.isnan(found.sse) and np.isnan(predicted).all()
        assert found.reason == "H is not finite from step 2800 on"


def test_effective_observations_of_a_known_process():
    """An autoregression x_t = r x_{t-1} + noise has the autocorrelation time (1 + r)/(1 - r)."""
    noise = np.random.default_rng(3).standard_normal((3, 200_000))
    for r in (0.0, 0.5, 0.9):
        x = noise.copy()
        for i in range(1, x.shape[1]):
            x[:, i] += r * x[:, i - 1]
        expected = x.shape[1] * (1 - r) / (1 + r)
        np.testing.assert_allclose(selection.effective_observations(x), expected, rtol=0.15)
    assert selection.effective_observations(np.ones((1, 50))) < 3


def test_criterion_and_ties():
    low, high = falsification.criterion(np.array([1.0, np.e]), 12.0, 100)
    assert high - low == pytest.approx(12)
    assert falsification.wins(np.array([2.0, 1.0, np.nan])).tolist() == [0, 1, 0]
    assert falsification.wins(np.array([1.0, 1.0 + 1e-7, 2.0])).tolist() == [0.5, 0.5, 0]
    assert falsification.wins(np.array([np.nan, np.nan])).tolist() == [0, 0]


def test_jeffreys_interval_covers_and_is_open_at_the_ends():
    assert jeffreys(0, 10, 0.95)[0] == 0 and 0.1 < jeffreys(0, 10, 0.95)[1] < 0.4
    assert jeffreys(10, 10, 0.95)[1] == 1
    g = np.random.default_rng(0)
    hits = [low < 0.3 < high for low, high in (jeffreys(k, 40, 0.9) for k in g.binomial(40, 0.3, 400))]
    assert 0.85 < np.mean(hits) < 0.95


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A small network, really trained: three initialisations, one of them made to diverge, one not kept."""
    folder = tmp_path_factory.mktemp("falsification")
    task = {"dx2": 1.0, "dy2": 0.5, "in_dim": 1, "out_dim": 1}
    row = {
        "name": "small", "model": "mlp", "activation": "leaky_relu", "gain": 1.0, "lr": 0.02, "width": 60, "depth": 4,
        "steps": 900, "solver": "sgd", "networks": 3, "finer": 1, "rest_loss": 0.0, **task,
        "init_seed": 0, "dropout_seed": None,
    }  # fmt: skip
    make_two_points.main(task, folder / "points.nc")
    train_two_points.main(folder / "points.nc", row, "cpu", folder / "small.nc")
    runs = artifacts.read_dataset(folder / "small.nc")
    runs["H"][1, :, 300:] = np.nan
    runs["diverged_at"][1] = 300
    runs["loss"][2, -1] = 0.05
    artifacts.write_dataset(runs, folder / "small.nc")
    fit_two_points.main(folder / "small.nc", 0.01, folder / "fits.csv")
    fit_falsification.main(folder / "small.nc", folder / "fits.csv", 2, folder / "altered.csv")
    return folder


def test_table_of_trained_networks(trained):
    table = artifacts.read_table(trained / "altered.csv")
    columns = "setting seed dynamics sse criterion nrmse eta_h eta_y converged reason"
    assert list(table.columns)[:10] == columns.split()
    assert table.dynamics.tolist() == NAMES * 3
    closed = artifacts.read_table(trained / "fits.csv").query("layer == 2").set_index("seed")
    mine = table[table.dynamics == "theory"].set_index("seed")
    np.testing.assert_allclose(mine.sse[[0, 2]], closed.sse[[0, 2]], rtol=1e-5)
    assert mine.kept.tolist() == [True, False, False]
    assert mine.reason[1] == "diverged at step 300; H is not finite from step 300 on" and np.isnan(mine.sse[1])
    assert mine.reason[2] == "final loss 0.05 above 0.01"
    for seed, group in table.groupby("seed"):
        if seed != 1:
            assert group.win.sum() == pytest.approx(1)
            assert group.delta.min() == 0 and group.observations.nunique() == 1
            best = group.loc[group.sse.idxmin()]
            assert best.delta == 0 and 3 <= best.observations < 2700
            difference = best.observations * np.log(group.sse / best.sse)
            np.testing.assert_allclose(group.delta, difference, atol=1e-5)


INTERVALS = {"confidence": 0.95, "resamples": 100}


def draw(folder, fits, runs):
    numbers = folder.with_suffix(".csv")
    analyse_falsification.main(fits, runs, INTERVALS, 2, numbers)
    return figure_files(plot_falsification, folder, numbers, fits, "small", INTERVALS["confidence"])


def test_figure_has_fixed_bytes_and_a_csv_of_what_it_shows(trained, tmp_path):
    collect_fits.main([trained / "altered.csv"], tmp_path / "all.csv")
    first, second = (draw(tmp_path / run, tmp_path / "all.csv", trained / "small.nc") for run in ("one", "two"))
    for a, b in zip(first, second, strict=True):
        assert a.read_bytes() == b.read_bytes() and a.stat().st_size > 1000
    numbers = pd.read_csv(first[2])
    fits = artifacts.read_table(tmp_path / "all.csv").query("seed == 0").set_index("dynamics")
    sums = numbers[numbers.quantity == "sse"].set_index("dynamics")
    np.testing.assert_allclose(sums.value, fits.sse[sums.index], rtol=1e-6)
    assert numbers[numbers.quantity == "win"].value.sum() == pytest.approx(1)
    curves = numbers[numbers.step.notna()]
    assert set(curves.dynamics.fillna("")) == {"", *NAMES} and set(curves.seed) == {0}


@pytest.mark.parametrize("how", ["none kept", "nothing fitted"])
def test_failed_networks_are_drawn(trained, tmp_path, how):
    table = artifacts.read_table(trained / "altered.csv").assign(kept=False)
    if how == "nothing fitted":
        table[["sse", "criterion", "delta", "eta_h", "eta_y"]] = np.nan
    artifacts.write_table(table, tmp_path / "all.csv")
    assert all(path.stat().st_size for path in draw(tmp_path / "out", tmp_path / "all.csv", trained / "small.nc"))
