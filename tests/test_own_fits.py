"""What is fitted to records of one's own networks, and what is said of them."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import repdyn
from repdyn import fitting, theory
from repdyn.own import fits, verdict
from repdyn.statistics import intervals

T = np.arange(0, 1600.0, 2)
RATES = {"eta_h": 0.004, "eta_y": 0.02}
DX2, DY2 = 1.3, 0.5
START = (0.02, 0.001, 0.001 - 0.8 * np.sqrt(0.5 * 0.001))


def curves(start=START, t=T, **rates):
    return np.array(theory.exact(t, *start, *{**RATES, **rates}.values(), DX2, DY2))


def one_fit(H, Y, w, t=T, **given):
    (found,) = repdyn.fit(step=t, H=H, Y=Y, w=w, **{"dx2": DX2, "dy2": DY2, **given}).fits
    return found


def test_the_theory_itself_is_recognised():
    found = one_fit(*curves())
    assert found.verdict == "applies" and found.converged and not found.reason
    np.testing.assert_allclose([found.eta_h, found.eta_y], list(RATES.values()), rtol=1e-8)
    assert found.eta_h_dx2 == pytest.approx(RATES["eta_h"] * DX2) and max(found.error, found.orbit_error) < 1e-6
    end = float(theory.fixed_point(*START[:2], *RATES.values(), DX2, DY2)[0])
    assert (found.H_predicted, found.H_end) == (pytest.approx(end), pytest.approx(end, rel=1e-3))
    assert found.regime == "rich" and abs(found.k) < 1e-3
    assert abs(one_fit(*curves()[:, ::4], t=T[::4]).k) < 1e-6  # so few moments that none are averaged


def test_what_one_pair_cannot_tell():
    """|dx|^2 changes eta_h and nothing else; a rescaled layer changes both rates, not their product."""
    noise = 0.003 * np.random.default_rng(0).normal(size=(3, len(T))) * (T > 0)
    H, Y, w = curves() + noise
    plain, doubled, scaled = one_fit(H, Y, w), one_fit(H, Y, w, dx2=2 * DX2), one_fit(9 * H, Y, w)
    assert doubled.eta_h == pytest.approx(plain.eta_h / 2, rel=1e-6)
    for name in ("eta_h_dx2", "eta_h_dx2_se", "eta_y", "error", "product"):
        assert getattr(doubled, name) == pytest.approx(getattr(plain, name), rel=1e-5)
    clean, larger = one_fit(*curves()), one_fit(*(curves() * [[9], [1], [1]]))
    assert (
        scaled.converged
        and larger.eta_h == pytest.approx(9 * clean.eta_h)
        and larger.eta_y == pytest.approx(clean.eta_y / 9)
    )
    assert larger.product == pytest.approx(clean.product)


@pytest.mark.parametrize("correlation", [0.0, 0.9])
def test_standard_errors_cover_what_they_say(correlation):
    """Noise that is correlated in time, the same in Y and w as in outputs of one component; 95 % within t intervals."""
    draw, truth, covered, sizes = np.random.default_rng(1), curves(), [], []
    for _ in range(120):
        noise = draw.normal(size=(2, len(T)))
        for n in range(1, len(T)):
            noise[:, n] = correlation * noise[:, n - 1] + np.sqrt(1 - correlation**2) * noise[:, n]
        observed = truth.copy()
        observed[:, 1:] += 0.01 * noise[[0, 1, 1], 1:] * [[0.5], [1], [1]]
        found = fitting.fit_trajectory(T, *observed, DX2, DY2)
        errors = fits.standard_errors(T, observed, found.eta_h, found.eta_y, DX2, DY2)
        off = np.log([found.eta_h, found.eta_y]) - np.log(list(RATES.values()))
        covered.append(np.abs(off) < 2 * np.array(errors))
        sizes.append(np.array(errors) / np.abs(off).clip(1e-12))
    share = np.mean(covered, axis=0)
    assert (share > 0.88).all() and np.median(sizes) < 4, (share, np.median(sizes))


def test_a_run_with_another_clock_keeps_its_path():
    """Against an integrator: both rates times (1 + 4 Y/|dy|^2)."""
    t = np.arange(0, 4000.0, 5)

    def slope(_, state):
        return theory.right_hand_side(0, state, 0.001, 0.005, DX2, DY2) * (1 + 4 * state[1] / DY2)

    observed = solve_ivp(slope, (0, t[-1]), START, t_eval=t, rtol=1e-10, atol=1e-12).y
    found = one_fit(*observed, t=t)
    assert found.verdict == "orbit only" and found.converged and "rates change" in found.reason
    assert found.k == pytest.approx(4, rel=0.02) and found.error_drift < 1e-3 < 0.1 < found.error
    assert found.orbit_error < 1e-6


def test_a_quiet_end_changes_neither_errors_nor_rates():
    noise = 0.01 * np.random.default_rng(2).normal(size=(3, 1)) * np.sin(T / 90)
    H, Y, w = curves() + noise * np.exp(-T / 500)
    n = verdict.active(w, DY2)
    longer = [np.r_[curve, np.full(6000, curve[-1])] for curve in (H, Y, w)]
    short, long = one_fit(H, Y, w), one_fit(*longer, t=np.arange(len(longer[0])) * 2.0)
    assert long.active == short.active == n
    assert long.error == pytest.approx(short.error, rel=0.15) and long.eta_y == pytest.approx(short.eta_y, rel=0.03)
    assert any("quiet end" in note for note in long.notes)


def test_a_path_that_is_far_off_is_noted_where_the_curves_are_not():
    """As where the last moment of the active part is an outlier."""
    H, Y, w = curves()
    assert not one_fit(H, Y, w).notes
    H[verdict.active(w, DY2) - 1] += 0.5 * np.ptp(H)
    found = one_fit(H, Y, w)
    assert found.verdict == "applies" and found.orbit_error > verdict.ERROR
    assert any(f"off by {found.orbit_error:.0%} of Y's range" in note for note in found.notes)


def test_no_run_that_breaks_an_assumption_converges():
    H, Y, w = curves()
    falling = H[0] + 0.9 * (H[0] - H) * H[0] / np.ptp(H)
    over = 1 + 0.5 * np.exp(-(((T - 1100) / 200) ** 2))
    along = np.sqrt(Y) * np.sqrt(DY2)
    noise = np.random.default_rng(3).normal(size=(3, len(T)))
    cases = {
        "not finite": (np.where(T > 300, np.nan, H), Y, w, {}, verdict.UNKNOWN),
        "same targets": (H, Y[::-1], Y[::-1], {"dy2": 0.0}, verdict.UNKNOWN),
        "same inputs": (H, Y, w, {"dx2": 0.0}, verdict.UNKNOWN),
        "no difference": (H - H[0], Y, w, {}, verdict.UNKNOWN),
        "nothing to learn": (H, np.full_like(H, DY2), np.zeros_like(H), {}, verdict.UNKNOWN),
        "not learned": (*curves()[:, : np.argmax(Y > 0.2)], {"t": T[: np.argmax(Y > 0.2)]}, verdict.UNKNOWN),
        "too few moments": (*curves()[:, ::100], {"t": T[::100]}, verdict.UNKNOWN),
        "H falls": (falling, Y, w, {}, verdict.NOT),
        "Y beyond its target": (H, Y * over, Y * over - along * np.sqrt(over), {}, verdict.NOT),
        "R^2 < 0": (np.abs(H[0] * (1 + 0.1 * noise[0])), Y, w, {}, verdict.NOT),
    }
    for name, (h, y, ww, given, expected) in cases.items():
        found = one_fit(h, y, ww, **given)
        assert name in found.failures and not found.converged, (name, found.failures)
        assert found.verdict == (verdict.UNKNOWN if found.verdict == verdict.UNKNOWN else expected), name
        assert found.reason in str(found) and found.reason in found.line() and "nan" not in str(found), name
        assert found.eta_h_dx2_se != found.eta_h_dx2_se or not found.converged


def test_a_run_that_is_learned_only_a_little_way_is_not_learned():
    still = np.full_like(T, 0.02)
    found = one_fit(still, np.full_like(T, 0.01), 0.01 - np.sqrt(0.01 * DY2) * np.ones_like(T))
    assert not found.converged and found.verdict == verdict.UNKNOWN


def test_a_point_that_all_units_answer_with_0_is_noted():
    record = repdyn.Record.of_curves(T, *curves(), DX2, DY2, norms=np.array([[[START[0], 0.0]]]))
    assert any("kink" in note for note in repdyn.fit(record).fits[0].notes)
    record = repdyn.Record.of_curves(T, *curves(), DX2, DY2, norms=np.array([[[1.0, 0.9]]]))
    assert not repdyn.fit(record).fits[0].notes


def test_intervals_over_runs():
    runs = [
        repdyn.Record.of_curves(T, *curves(eta_h=0.004 * (1 + 0.1 * n)), DX2, DY2, name=f"network {n}")
        for n in range(6)
    ]
    broken = repdyn.Record.of_curves(T[:150], *curves()[:, :150], DX2, DY2, name="stopped early")
    found = repdyn.fit(runs, broken)
    (row,) = found.summary_rows()
    expected = intervals.mean([0.004 * DX2 * (1 + 0.1 * n) for n in range(6)], scale="log")
    assert (row["runs"], row["converged"], row["eta_h_dx2_n"]) == (7, 6, 6)
    np.testing.assert_allclose(
        [row["eta_h_dx2"], row["eta_h_dx2_low"], row["eta_h_dx2_high"]],
        [expected.value, expected.low, expected.high],
        rtol=1e-6,
    )
    few = repdyn.fit(runs[:4])
    assert np.isnan(few.summary_rows()[0]["eta_h_dx2_low"]) and "no interval below 5 runs" in str(few)
    assert len(found.table) == 7 and list(found.summary.unit) == ["run"]
    assert found.of(run="network 2").fits[0].eta_h == pytest.approx(0.0048)
    with pytest.raises(ValueError, match="no such fit; layers: hidden"):
        found.of(layer="another")


def test_many_points_are_fitted_pair_by_pair():
    draw = np.random.default_rng(5)
    hidden, output = draw.normal(size=(12, 5, 3, 2)), draw.normal(size=(12, 5, 2))
    record = repdyn.Record.of_activations(range(12), hidden, output, draw.normal(size=(5, 2)), draw.normal(size=(5, 4)))
    found = repdyn.fit(record)
    assert len(found.fits) == 10 and {(one.a, one.b) for one in found.fits} == set(record.pairs)
    h = hidden[7].reshape(5, -1)
    assert record.H[0, record.pairs.index((1, 3)), 7] == pytest.approx(((h[1] - h[3]) ** 2).sum())


def test_what_cannot_be_fitted_is_refused():
    for wrong, message in (((), "nothing to fit"), ((3,), "expected a record or an observer, got int")):
        with pytest.raises(ValueError, match=message):
            repdyn.fit(*wrong)
    with pytest.raises(ValueError, match="Y has the shape"):
        repdyn.fit(step=T, H=curves()[0], Y=T[:5], w=T, dx2=1, dy2=1)
    for hidden, message in ((np.zeros((2, 3, 4)), "2 moments and points|moments and points"), (np.zeros(4), "points")):
        with pytest.raises(ValueError, match=message):
            repdyn.Record.of_activations(range(5), hidden, np.zeros((5, 3, 1)), np.zeros((3, 1)))


def test_what_has_no_curves_is_drawn_with_its_reason():
    H, Y, w = curves()
    found = repdyn.fit(step=T, H=H, Y=Y, w=w, dx2=DX2, dy2=0.0)
    figure = repdyn.plot(found)
    assert any("targets are the same" in text.get_text() for text in figure.texts)
