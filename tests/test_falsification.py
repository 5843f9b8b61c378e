"""Altered equations: solved as an independent solver does, held against networks, and what can tell them apart."""

import numpy as np
import pandas as pd
import pytest
from falsification import analyse as analyse_falsification
from falsification import fit as fit_falsification
from falsification import plot as plot_falsification
from falsification import train as train_falsification
from runs import figure_files
from scipy.integrate import solve_ivp
from two_points import collect as collect_fits

from repdyn import artifacts, theory
from repdyn.data import two_points
from repdyn.fitting import falsification, selection
from repdyn.theory import altered, runge_kutta
from repdyn.theory.altered import DYNAMICS, FACTORS, RIVALS

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


def solved(name, H0, Y0, eta_h, eta_y, aligned=1.0, t=T, drift=0.0, **options):
    """Curves (3, 1, n) of one system; aligned: the cosine of its outputs' difference and the targets' at the start."""
    start = np.array([[H0], [Y0], [Y0 - aligned * np.sqrt(Y0 * DY2)]])
    rates = np.array([eta_h]), np.array([eta_y]), np.array([drift])
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
        curves = solved("theory", H0, Y0, eta_h, eta_y, sign)
        expected = theory.exact(T, H0, Y0, Y0 - sign * np.sqrt(Y0 * DY2), eta_h, eta_y, DX2, DY2)
        np.testing.assert_allclose(curves[:, 0], expected, atol=1e-7)


@pytest.mark.parametrize("name", NAMES)
def test_a_drift_is_both_rates_times_a_function_of_the_state(name):
    H0, Y0, eta_h, eta_y = VISITED[2]

    def drifting(t, state):
        return (1 + 3 * state[1] / DY2) * altered.right_hand_side(
            t, state, DYNAMICS[name].factors, eta_h, eta_y, DX2, DY2
        )

    start = [H0, Y0, Y0 - np.sqrt(Y0 * DY2)]
    t = T[:150]
    there = solve_ivp(drifting, (0, t[-1]), start, method="LSODA", t_eval=t, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(solved(name, H0, Y0, eta_h, eta_y, t=t, drift=3.0)[:, 0], there.y, atol=1e-7)


@pytest.mark.parametrize("drift", [0.0, 4.0])
@pytest.mark.parametrize("name", NAMES)
def test_solutions_run_along_the_orbit_whatever_the_clock(name, drift):
    for H0, Y0, eta_h, eta_y in VISITED[2:4]:
        H, Y, _ = solved(name, H0, Y0, eta_h, eta_y, aligned=0.6, drift=drift)[:, 0]
        there = np.isfinite(H)
        assert np.ptp(Y[there]) > 0.3
        inherited, learned = altered.orbit_parts(H[there], H0, Y0, DYNAMICS[name].factors)
        np.testing.assert_allclose(inherited + eta_y / (eta_h * DX2) * learned, Y[there], atol=1e-7)


def test_an_orbit_ends_at_the_fixed_point():
    for H0, Y0, eta_h, eta_y in VISITED:
        end = altered.orbit_end(H0, Y0, eta_y / (eta_h * DX2), DY2, DYNAMICS["theory"].factors)
        assert end == pytest.approx(theory.fixed_point(H0, Y0, eta_h, eta_y, DX2, DY2)[0], rel=1e-9)
    assert np.isnan(altered.orbit_end(1.0, 0.0, 0.0, DY2, DYNAMICS["theory"].factors))


@pytest.mark.parametrize("name", NAMES)
def test_which_equations_describe_a_pair_of_single_outputs(name):
    """From outputs along the targets w = Y - |dy| sqrt(Y) holds for every network, and for these equations only."""
    H0, Y0, eta_h, eta_y = VISITED[2]
    _, Y, w = solved(name, H0, Y0, eta_h, eta_y)[:, 0]
    off = np.nanmax(np.abs(w - Y + np.sqrt(DY2 * Y))) / DY2
    assert (off < 1e-6) == altered.keeps_one_output(name)
    assert off < 1e-6 or off > 1e-3
    assert altered.same_orbit(name) == (name in ("theory", "sign_flipped"))


def test_the_exact_orbit_of_a_wide_two_layer_network():
    """h = W x, f = v.h with v orthogonal to dh and as long at the start: Y = H^2 - H0^2, the orbit without the last
    term of dY/dt. The theory takes v to lie along dh from the start."""
    random = np.random.default_rng(0)
    h, v = np.linalg.qr(random.standard_normal((50, 2)))[0].T * 0.3  # |dx| = 1
    H, Y, lr = [], [], 0.01
    for _ in range(3000):
        H.append(h @ h)
        Y.append((v @ h) ** 2)
        gap = DY2**0.5 - v @ h
        h, v = h + lr * gap * v, v + lr * gap * h
    H, Y = np.array(H), np.array(Y)
    np.testing.assert_allclose(Y, H**2 - H[0] ** 2, atol=0.01)
    rho, error = falsification.fit_orbit(H, Y, DYNAMICS["term_dropped"].factors)
    assert rho == pytest.approx(2, rel=0.02) and error < 0.01
    assert falsification.fit_orbit(H, Y, DYNAMICS["theory"].factors)[1] > 3 * error


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
    H = {name: solved(name, *start, -1, t=np.arange(0, 400, 0.1))[0, 0] for name in NAMES}
    assert np.isfinite(H["theory"]).all() and H["theory"].min() < 1e-5
    for name in ("y_doubled", "h_doubled", "sign_flipped"):
        assert np.isnan(H[name][-1]), name
    assert np.isfinite(H["term_dropped"]).all() and H["term_dropped"].min() > 0


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


def planted(name, drift=2.0, H0=0.02, Y0=2e-3, aligned=0.5, n=600):
    """Curves (3, 1, n) of a dynamics whose rates drift, with outputs in several dimensions, at steps 0, 5, 10..."""
    t = np.arange(n) * 5.0
    return t, solved(name, H0, Y0, 2e-3, 0.02, aligned, t, drift)


@pytest.mark.parametrize("name", ["theory", "h_doubled", "term_dropped"])
def test_each_dynamics_is_found_in_its_own_curves(name):
    t, curves = planted(name)
    (found,) = falsification.fit(t, *curves, DX2, DY2, outputs=3)
    errors = {other: one.error for other, one in found.items()}
    assert min(errors, key=errors.get) == name and errors[name] < 2e-3
    assert min(error for other, error in errors.items() if other != name) > 5e-3
    mine = found[name]
    assert (mine.eta_h, mine.eta_y, mine.drift) == pytest.approx((2e-3, 0.02, 2.0), rel=0.05)
    assert mine.rho == pytest.approx(0.02 / (2e-3 * DX2), rel=1e-3) and mine.orbit_error < 1e-4
    assert mine.reason == ""


def test_the_power_of_a_comparison_is_what_a_rival_misses_of_exact_theory():
    t, curves = planted("theory")
    (found,) = falsification.fit(t, *curves, DX2, DY2, outputs=3)
    for name in RIVALS:
        assert found[name].power == pytest.approx(found[name].error, rel=0.05), name
        assert found[name].orbit_power == pytest.approx(found[name].orbit_error, rel=0.05, abs=1e-6), name
    columns = falsification.behind("h_doubled", found)
    assert columns["separable_trajectory"] and columns["behind_trajectory"] > 0
    best = falsification.behind("theory", found)
    assert best["rival_trajectory"] == min(RIVALS, key=lambda name: found[name].error)
    assert np.isnan(falsification.behind("sign_flipped", found)["behind_orbit"])


def test_from_small_weights_doubled_hidden_motion_is_the_theory_with_other_rates():
    """Orbits are Y ~ H^2 for both when nothing is inherited, so with one output nothing tells them apart."""
    powers = []
    for size in (1e-1, 1e-4):
        t, curves = planted("theory", 0.0, 0.5 * size, 0.2 * size**2, aligned=1.0, n=1200)
        (found,) = falsification.fit(t, *curves, DX2, DY2, outputs=1)
        assert found["h_doubled"].breach < 1e-6 and np.isnan(found["y_doubled"].error)
        powers.append((found["h_doubled"].orbit_power, found["h_doubled"].power))
    assert np.all(np.diff(powers, axis=0) < 0) and max(powers[-1]) < 3e-3


def test_what_cannot_be_compared_has_a_reason():
    t, curves = planted("theory")
    broken = curves.copy()
    broken[0, 0, 300:] = np.nan
    both = np.concatenate([curves, broken], axis=1)
    first, second = falsification.fit(t, *both, DX2, DY2, outputs=3)
    assert first["theory"].reason == "" and first["theory"].error < 2e-3
    for found in second.values():
        assert np.isnan(found.error) and np.isnan(found.rho)
        assert found.reason == "H is not finite from step 1500 on"
    (idle,) = falsification.fit(t, *curves, DX2, 0.0, outputs=3)
    assert idle["theory"].reason == "the targets coincide: there is no task" and np.isnan(idle["theory"].error)
    assert np.isnan(falsification.freedom(curves[1, 0], curves[2, 0], 0.0))


def test_freedom_is_the_share_of_outputs_across_the_targets():
    dy = np.array([0.0, 0.6, 0.3])
    dyh = np.array([[0.1, 0.2, 0.1], [0.0, 0.6, 0.3]])  # 0.1 across at first, none at the end
    Y = (dyh**2).sum(1)
    assert falsification.freedom(Y, Y - dyh @ dy, dy @ dy) == pytest.approx(0.1**2 / (dy @ dy))
    assert falsification.freedom(Y, Y - np.sqrt(Y * (dy @ dy)), dy @ dy) == pytest.approx(0, abs=1e-15)


def test_the_quiet_end_is_not_active():
    assert falsification.active_steps(np.array([-0.1, -0.3, -0.01, -0.004, 0.001]), 0.5) == 3
    assert falsification.active_steps(np.zeros(4), 0.5) == 4


@pytest.mark.parametrize("inputs, outputs", [(2, 1), (3, 3), (10, 2)])
def test_general_position(inputs, outputs):
    for seed in range(20):
        x, y = two_points.general_position(1.3, 0.4, inputs, outputs, seed)
        assert np.linalg.norm(x[0] - x[1]) == pytest.approx(1.3) and np.linalg.norm(y[0] - y[1]) == pytest.approx(0.4)
        assert (x[0] + x[1]) @ (x[0] - x[1]) == pytest.approx(0, abs=1e-12)
        assert np.linalg.matrix_rank(x, tol=0.1) == 2  # neither input is 0, nor are they collinear with the origin
    with pytest.raises(ValueError, match="at least 2 inputs"):
        two_points.general_position(1, 1, 1, 1, 0)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A small network with one output and with two; of two networks each one diverged or did not learn."""
    folder = tmp_path_factory.mktemp("falsification")
    row = {
        "name": "small", "model": "mlp", "activation": "tanh", "gain": 1.0, "lr": 0.02, "width": 40, "depth": 2,
        "steps": 700, "solver": "sgd", "networks": 2, "finer": 1, "rest_loss": 0.0, "dx2": 1.0, "dy2": 0.5,
        "init_seed": 0, "dropout_seed": None,
    }  # fmt: skip
    train_falsification.main(row, 3, [1, 2], 6, "cpu", folder / "small.nc")
    runs = artifacts.read_dataset(folder / "small.nc")
    assert runs.outputs.values.tolist() == [1, 1, 2, 2] and runs.seed.values.tolist() == [0, 1, 0, 1]
    runs["H"][1, :, 50:] = np.nan
    runs["diverged_at"][1] = 250
    runs["loss"][3, -1] = 0.05
    artifacts.write_dataset(runs, folder / "small.nc")
    fit_falsification.main(folder / "small.nc", 1, 0.01, folder / "fits.csv")
    collect_fits.main([folder / "fits.csv"], folder / "all.csv")
    return folder


def test_table_of_trained_networks(trained):
    table = artifacts.read_table(trained / "all.csv")
    assert table.dynamics.tolist() == NAMES * 4
    mine = table[table.dynamics == "theory"].set_index(["outputs", "seed"])
    assert mine.kept.to_dict() == {(1, 0): True, (1, 1): False, (2, 0): True, (2, 1): False}
    assert mine.reason[1, 1] == "diverged at step 250; H is not finite from step 250 on"
    assert mine.reason[2, 1].startswith("final loss 0.1 above 0.01")  # of both outputs
    assert mine.freedom[1, 0] == pytest.approx(0, abs=1e-6) and mine.freedom[2, 0] > 1e-4
    one = table.query("outputs == 1 and seed == 0").set_index("dynamics")
    assert one.error.notna().to_dict() == {name: name in ("theory", "h_doubled") for name in NAMES}
    assert one.reason["y_doubled"] == "describes no pair of single outputs: orbit alone"
    two = table.query("outputs == 2 and seed == 0").set_index("dynamics")
    ratios = two.loc[list(RIVALS), "error"] / two.error["theory"]
    np.testing.assert_allclose(two.behind_trajectory[list(RIVALS)], np.log(ratios))
    assert two.behind_trajectory["theory"] == pytest.approx(np.log(ratios.min()))
    assert two.rival_trajectory["theory"] == ratios.idxmin()


def fits_of(ratios, networks=6):
    """A table of fits in which every rival's error is a known multiple of the theory's, with some scatter."""
    random, rows = np.random.default_rng(0), []
    for seed in range(networks):
        scatter = np.exp(0.05 * random.standard_normal())
        dynamics = {"theory": falsification.Alternative(orbit_error=0.01, error=0.02)}
        for name, ratio in ratios.items():
            error = {"orbit_error": 0.01 * ratio * scatter, "error": 0.02 * ratio * scatter}
            dynamics[name] = falsification.Alternative(**error, orbit_power=0.02, power=0.01)
        for name, one in dynamics.items():
            known = {"setting": "a", "outputs": 3, "seed": seed, "freedom": 0.1, "dynamics": name, "kept": True}
            rows.append({**known, **vars(one), **falsification.behind(name, dynamics)})
    return pd.DataFrame(rows)


def test_verdicts_follow_from_intervals_over_networks():
    ratios = {"y_doubled": 3.0, "h_doubled": 0.5, "sign_flipped": 1.01, "term_dropped": 2.0}
    table = analyse_falsification.table(fits_of(ratios), 0.95).set_index(["comparison", "rival"])
    here = table.loc["trajectory"]
    verdicts = {"y_doubled": "behind", "h_doubled": "ahead", "term_dropped": "behind", "best": "ahead"}
    assert here.verdict[list(verdicts)].to_dict() == verdicts
    assert here.ratio["y_doubled"] == pytest.approx(3, rel=0.1) and here.networks["y_doubled"] == 6
    assert here.theory["y_doubled"] == pytest.approx(0.02) and here.power["y_doubled"] == pytest.approx(0.5)
    assert table.verdict["orbit", "sign_flipped"] == "not compared"
    assert table.separable["orbit", "y_doubled"] == 6 and table.separable["trajectory", "y_doubled"] == 0
    few = analyse_falsification.table(fits_of(ratios, 4), 0.95)
    assert few.ratio_low.isna().all() and set(few.verdict) == {"open", "not compared"}


def draw(folder, fits):
    analyse_falsification.main(fits, 0.95, folder.with_suffix(".csv"))
    return figure_files(plot_falsification, folder, folder.with_suffix(".csv"))


def test_figure_has_fixed_bytes_and_a_csv_of_what_it_shows(trained, tmp_path):
    first, second = (draw(tmp_path / run, trained / "all.csv") for run in ("one", "two"))
    for a, b in zip(first, second, strict=True):
        assert a.read_bytes() == b.read_bytes() and a.stat().st_size > 1000
    numbers = pd.read_csv(first[2])
    assert set(numbers.outputs) == {2} and set(numbers.rival) == {*RIVALS, "best"}  # the most outputs that were tried


def test_titles_say_what_was_found():
    theory_best = analyse_falsification.table(fits_of(dict.fromkeys(RIVALS, 2.0)), 0.95)
    assert plot_falsification.title(theory_best).startswith(
        "The theory's equations fit best in 1 of 1 settings, an alt"
    )
    beaten = analyse_falsification.table(fits_of(dict.fromkeys(RIVALS, 0.5)), 0.95)
    assert "best in 0 of 1 settings, an altered one in 1, the clock" in plot_falsification.title(beaten)


def test_failed_networks_are_drawn(trained, tmp_path):
    artifacts.write_table(artifacts.read_table(trained / "all.csv").assign(kept=False), tmp_path / "all.csv")
    assert all(path.stat().st_size for path in draw(tmp_path / "out", tmp_path / "all.csv"))
