"""Final distances on a grid: training to the end, predictions from rates fitted elsewhere, what becomes of failures."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from final_distance import fit as fit_final_distance
from final_distance import plot as plot_final_distance
from final_distance import predict as predict_final_distance
from final_distance import train as train_final_distance
from out_of_sample import plot as plot_out_of_sample
from out_of_sample import predict as predict_out_of_sample
from runs import X, Y, after, ensemble, figure_files, on_two_points
from scipy.integrate import solve_ivp

from repdyn import artifacts, fitting, theory
from repdyn.data import two_points
from repdyn.fitting import prediction
from repdyn.networks import Shape
from repdyn.networks.observables import output_observables
from repdyn.theory import bounds
from repdyn.training import batches, loop, recorders
from repdyn.training.compiled import CompiledTrainer
from repdyn.training.ensemble import Member
from repdyn.training.trace import Stop

GRID = {"dx": [0.5, 1.0], "dy": [0.0, 0.5], "networks": 2, "finer": 2.0, "steps": 600, "stop_loss": 1e-3}
ROW = {
    **{"name": "10", "model": "mlp", "activation": "leaky_relu", "gain": 1.0, "lr": 0.04, "width": 30, "depth": 3},
    **{"solver": "sgd", "in_dim": 1, "out_dim": 1, "init_seed": 0, "dropout_seed": None},
}


def until(stop_loss, model, shape, members, x, y, steps):
    """Networks on data of their own, each until its loss is so small; H, Y, w, loss every 10 steps, last samples."""
    record, stop = [recorders.Pairs(recorders.every(10, steps))], Stop(stop_loss, 10)
    runs = loop.run(ensemble(model, shape, members), batches.Points(x, y), steps, record, stop=stop)
    seen = [output_observables(output, target) for output, target in zip(runs.output.values, y, strict=True)]
    curves = {name: np.stack([one[name] for one in seen]) for name in ("Y", "w", "loss")}
    return SimpleNamespace(H=runs.distance.values[:, :, 0], last=runs.ended_at.values // 10, **curves)


@pytest.mark.parametrize(("model", "solver"), [("mlp", "sgd"), ("resnet", "adam"), ("dropout", "sgd")])
def test_dropping_a_network_leaves_the_others_as_they_are(model, solver):
    members = [Member(seed, 1.0, 0.01 * (1 + seed)) for seed in range(3)]
    whole, smaller = (CompiledTrainer(ensemble(model, Shape(20, 3, "tanh"), members, solver)) for _ in range(2))
    after(whole, X, Y, 30)
    after(smaller, X, Y, 10).keep([0, 2])
    after(smaller, X, Y, 20, first=10)
    assert [member.seed for member in smaller.ensemble.members] == [0, 2]
    np.testing.assert_array_equal(smaller.theta, whole.theta[[0, 2]])


@pytest.mark.parametrize("model", ["mlp", "dropout"])
def test_every_cell_is_what_it_would_be_alone_and_stops_when_it_has_learned(model):
    """Different data, each beside a run to the end on that alone; what counts is the loss without dropout."""
    members, shape = [Member(seed, 1.0, 0.03) for seed in (0, 1, 0)], Shape(30, 3, "leaky_relu")
    cells = [two_points.two_points(dx, dy) for dx, dy in [(0.5, 0.0), (1.0, 0.5), (1.5, 1.0)]]
    x, y = (np.stack(data) for data in zip(*cells, strict=True))
    found = until(2e-3, model, shape, members, x, y, 800)
    assert len(set(found.last)) == 3  # each has its own end, else this tests little
    for n, member in enumerate(members):
        alone = on_two_points(model, shape, [member], 801, x=x[n], y=y[n])
        low = np.flatnonzero(alone.loss[0, ::10] <= 2e-3)
        last = low[0] if low.size else 80
        assert found.last[n] == last
        for name in ("Y", "w", "loss"):
            expected = getattr(alone, name)[0, ::10][: last + 1]
            np.testing.assert_array_equal(getattr(found, name)[n, : last + 1], expected)
            assert np.isnan(getattr(found, name)[n, last + 1 :]).all()
        np.testing.assert_array_equal(found.H[n, :, : last + 1], alone.H[0][:, ::10][:, : last + 1])


def test_rotation_is_the_angle_between_first_and_last_difference(tmp_path):
    grid = {"dx": [1.0], "dy": [0.5], "networks": 1, "finer": 1.0, "steps": 50, "stop_loss": 1e-9}
    row = {**ROW, "activation": "tanh", "lr": 0.05, "depth": 2}
    train_final_distance.main(row, grid, "cpu", tmp_path / "one.nc")
    rotation = artifacts.read_dataset(tmp_path / "one.nc").rotation.values[0]
    x, y = two_points.two_points(1.0, 0.5)
    trainer = CompiledTrainer(ensemble("mlp", Shape(30, 2, "tanh"), [Member(0, 1.0, 0.05)]))
    seen = trainer.look(x)[0], after(trainer, x, y, 50).look(x)[0]
    for layer, pair in enumerate(zip(*seen, strict=True)):
        a, b = (np.float64(h[0, 0] - h[0, 1]) for h in pair)
        assert rotation[layer] == pytest.approx(a @ b / np.sqrt((a @ a) * (b @ b)), rel=1e-5)
    assert rotation.min() < 0.9999


def test_a_linear_network_ends_where_the_fixed_point_says():
    """One hidden unit, points symmetric about zero: the theory's own system with both rates lr / 2, nothing fitted."""
    cells = [(dx, dy) for dx in (0.7, 1.4) for dy in (0.3, 1.0)]
    members = [Member(seed, gain, 0.02) for seed, gain in ((0, 0.5), (5, 1.5)) for _ in cells]
    x = np.array([[[dx / 2], [-dx / 2]] for dx, _ in cells] * 2)
    y = np.array([[[dy / 2], [-dy / 2]] for _, dy in cells] * 2)
    runs = until(1e-9, "mlp", Shape(1, 1, "none"), members, x, y, 20000)
    ends = runs.H[np.arange(8), 0, runs.last]
    dx2, dy2 = (np.array(cells * 2) ** 2).T
    expected, low, high = theory.fixed_point(runs.H[:, 0, 0], runs.Y[:, 0], 0.01, 0.01, dx2, dy2)
    assert (runs.last < 2000).all() and (high > low).any() and (high < low).any()
    np.testing.assert_allclose(ends, expected, rtol=0.02)
    score = prediction.agreement(expected, ends)
    assert score["cells"] == 8 and score["r2"] > 0.999 and score["slope"] == pytest.approx(1, abs=0.01)


ETA_H, ETA_Y = 0.004, 0.03
CELLS = [(dx, dy) for dx in (0.5, 1.0, 1.5) for dy in (0.25, 0.5, 1.0)]


def synthetic(steps=15000, factor=1.0, layer=1):
    """A grid whose networks obey the theory; those at |dx| = 1.5 have another eta_h, `factor` times as large."""
    t = np.linspace(0, steps, 301)
    curves = [
        theory.exact(t, 0.02 * dx**2, 0.01, 0.002, ETA_H * (factor if dx == 1.5 else 1), ETA_Y, dx**2, dy**2)
        for dx, dy in CELLS
    ]
    H, Y, w = (np.array(one) for one in zip(*curves, strict=True))
    loss = theory.loss_curve(t, Y, w, np.zeros(9), np.ones(9), np.array([dy**2 for _, dy in CELLS]))
    return xr.Dataset(
        {
            "step": (("network", "sample"), np.tile(t, (9, 1))),
            "H": (("network", "layer", "sample"), np.repeat(H[:, None], 3, axis=1)),
            **{name: (("network", "sample"), curve) for name, curve in {"Y": Y, "w": w, "loss": loss}.items()},
            "rotation": (("network", "layer"), np.linspace(0.1, 0.9, 27).reshape(9, 3)),
        },
        coords={
            "dx": ("network", [dx for dx, _ in CELLS]),
            "dy": ("network", [dy for _, dy in CELLS]),
            "seed": ("network", [0] * 9),
            "layer": range(3),
        },
        attrs={"setting": "10"},
    )


def fits_table(**changes):
    """Fits of the two-point study with the planted rates at layer 1, at a learning rate 2.5 times that of the grid."""
    spread = np.array([0.9, 1.0, 1 / 0.9])
    table = pd.DataFrame({"setting": "10", "seed": range(3), "layer": 1, "eta_h": 2.5 * ETA_H * spread})
    return table.assign(eta_y=2.5 * ETA_Y, converged=True, kept=True, reason="").assign(**changes)


def predicted(runs, fits, horizon=0):
    cells = prediction.measured(runs, 1, horizon, 1e-4, 1e-3)
    return cells.join(prediction.final_distance(cells, prediction.rates(fits, 1)))


def test_planted_rates_predict_the_end_that_an_integrator_finds():
    cells = predicted(synthetic(), fits_table())
    for one in cells.itertuples():
        start = [one.h_start, one.y_start, one.w_start]
        rates = (ETA_H, ETA_Y, one.dx**2, one.dy**2)
        end = solve_ivp(theory.right_hand_side, (0, 30000), start, "LSODA", args=rates, rtol=1e-9, atol=1e-12).y[:, -1]
        assert one.predicted == pytest.approx(end[0], rel=1e-4)
        assert one.low < one.predicted < one.high
    # only the ratio of the rates counts: the pairs' lowest and highest eta_h give the ends of the interval
    state = cells.h_start, cells.y_start
    for name, factor in (("low", 0.9), ("high", 1 / 0.9)):
        expected = theory.fixed_point(*state, factor * ETA_H, ETA_Y, cells.dx**2, cells.dy**2)[0]
        np.testing.assert_allclose(cells[name], expected)
    assert (cells.status == "converged").all() and prediction.agreement(cells.predicted, cells.h_end)["r2"] > 0.9999


def test_what_explains_a_deviation_is_found():
    """Rates that depend on the data, and training that was not finished, planted one by one."""

    def left(runs):
        cells = predicted(runs, fits_table()).assign(kept=True)
        return prediction.explanations(cells).set_index("explanation")

    other = left(synthetic(factor=4))
    assert other.deviation["as predicted"] > 0.25
    assert other.deviation["rates of the cell"] < 0.01 and other.before["rates of the cell"] > 0.25
    assert other.deviation["unfinished training"] > 0.25
    early = left(synthetic(steps=250))
    assert early.deviation["as predicted"] > 0.2
    assert early.deviation["unfinished training"] < 0.01 and early.deviation["both"] < 0.01
    assert early.deviation["rates of the cell"] > 0.2
    assert other.deviation["nothing moves"] > other.deviation["as predicted"]


def test_agreement_of_known_numbers():
    x = np.array([0.01, 0.1, 1.0])
    score = prediction.agreement(x, 2 * x**0.5)
    assert score["slope"] == pytest.approx(0.5) and score["correlation"] == pytest.approx(1)
    assert score["deviation"] == pytest.approx(np.sqrt(np.mean((np.log(2) - 0.5 * np.log(x)) ** 2)))
    assert score["r2"] == pytest.approx(1 - score["deviation"] ** 2 / np.var(0.5 * np.log(x)))
    assert prediction.agreement([0, *x], [1, *x])["cells"] == 3  # 0 has no logarithm
    assert np.isnan(prediction.agreement(x[:2], x[:2])["r2"])


def test_intervals_are_over_the_initialisations():
    """Of the networks whose rates predict and of those on the grid; nothing else varies."""

    def ends(cells, fits, resamples=200):
        return prediction.intervals(cells, prediction.rates(fits, 1), 0.9, resamples, 0).set_index("explanation")

    one = predicted(synthetic(), fits_table())
    names = ["r2_low", "r2_high", "slope_low", "slope_high"]
    assert ends(one, fits_table()[1:2]).loc[:, names].isna().all(axis=None)  # one network here, one there
    assert ends(one, fits_table(eta_h=2.5 * ETA_H)).loc["all cells", names].to_numpy() == pytest.approx(1, abs=1e-3)
    spread = ends(one, fits_table())
    assert (spread.r2_low < 0.9999).all() and (spread.r2_high > 0.9999).all()

    # a second network on the grid that ends elsewhere, the rates known: R^2 of the one, of both, or of the other
    other = one.assign(seed=1, h_end=one.h_end * 1.3)
    both = pd.concat([one, other], ignore_index=True)
    several = ends(both, fits_table(eta_h=2.5 * ETA_H))
    of_each = [prediction.agreement(part.predicted, part.h_end)["r2"] for part in (other, one)]
    assert several.loc["as predicted", ["r2_low", "r2_high"]].tolist() == pytest.approx(of_each, abs=1e-3)
    assert several.slope_low["all cells"] == pytest.approx(1, abs=1e-3)


def test_planted_rates_predict_whole_trajectories_at_another_learning_rate():
    runs, fits = synthetic(factor=4), fits_table()
    cells = prediction.measured(runs, 1, 0, 1e-4, 1e-3)
    errors = prediction.trajectories(runs, cells, prediction.rates(fits, 1), 1, 0, finer=2.5)
    assert errors.eta_h.iloc[0] == pytest.approx(ETA_H) and errors.eta_y.iloc[0] == pytest.approx(ETA_Y)
    far = cells.dx == 1.5  # where the rates are others
    assert (errors.nrmse_predicted[~far] < 1e-6).all() and (errors.nrmse_predicted[far] > 0.02).all()
    assert (errors.nrmse_fitted < 1e-6).all()
    assert (errors.nrmse_same[~far] > 1e-3).all()  # seed 0 has 0.9 times the mean rate
    fit = fitting.fit_trajectory(*(lambda t, c: (t, *c))(*prediction.cell(runs, 0, 1, 0)), 0.25, 1.0)  # a wrong dy2
    t, observed = prediction.cell(runs, 0, 1, 0)
    curves = theory.exact(t, *observed[:, 0], fit.eta_h, fit.eta_y, 0.25, 1.0)
    assert fit.nrmse > 0.01 and prediction.nrmse(curves, observed) == pytest.approx(fit.nrmse)


def test_a_network_that_has_learned_is_held_to_the_horizon():
    t, curves = prediction.cell(synthetic(steps=600), 4, 1, 1000)
    assert t[300] == 600 and t[-1] == pytest.approx(998) and (np.diff(t) > 0).all()
    assert (curves[:, 300:] == curves[:, 300:301]).all() and t.size == 301 + 199
    assert prediction.cell(synthetic(steps=600), 4, 1, 500)[0].size == 301


def test_no_cell_is_lost_and_each_says_what_became_of_it():
    runs = synthetic()
    runs.loss[1, -1], runs.loss[2, -1] = 5e-4, 5e-2
    for name in ("H", "Y", "w", "loss"):
        runs[name].loc[{"network": 3, "sample": slice(200, None)}] = np.nan
    cells = prediction.measured(runs, 1, 0, 1e-4, 1e-3)
    assert cells.status.tolist() == ["converged", "slow", "dropped", "dropped"] + ["converged"] * 5
    assert cells.kept.tolist() == [True, True, False, False] + [True] * 5
    reasons = [
        "loss 0.0005 above 0.0001 at step 15000",
        "loss 0.05 above 0.001 at step 15000",
        "diverged by step 15000",
    ]
    assert cells.reason[1:4].tolist() == reasons
    assert np.isnan(cells.eta_h[3]) and cells.fit_reason[3]

    frozen = prediction.rates(fits_table(converged=False, eta_h=bounds.LOWEST_RATE), 1)
    assert frozen.note == "no converged fit of 3 networks: eta_h is 0 in 3"
    np.testing.assert_allclose(prediction.final_distance(cells, frozen).predicted, cells.h_start, rtol=1e-4)
    assert prediction.with_note(cells, frozen).status.tolist()[:3] == ["frozen", "frozen", "dropped"]
    none = prediction.rates(fits_table(kept=False), 1)
    assert none.note == "no converged fit of 3 networks, 0 of them kept"
    assert prediction.final_distance(cells, none).isna().all(axis=None)
    noted = prediction.with_note(cells, none)
    assert noted.status[0] == "no rates" and noted.reason[1] == f"{reasons[0]}, {none.note}"
    with pytest.raises(ValueError, match="no row of layer 5"):
        prediction.rates(fits_table(), 5)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Really trained networks through every script; beside them a setting that has no rates."""
    folder = tmp_path_factory.mktemp("grid")
    train_final_distance.main(ROW, GRID, "cpu", folder / "10.nc")
    fit_final_distance.main(folder / "10.nc", 1, 300.0, 1e-3, 5e-3, folder / "10.csv")
    artifacts.write_table(fits_table(), folder / "fits.csv")
    artifacts.write_table(fits_table(kept=False), folder / "none.csv")
    cells, fits = [folder / "10.csv"] * 2, [folder / "fits.csv", folder / "none.csv"]
    intervals = {"confidence": 0.95, "resamples": 50}
    outputs = folder / "final_distance.csv", folder / "explained.csv"
    predict_final_distance.main(cells, fits, intervals, 0, *outputs)
    runs = [folder / "10.nc"] * 2
    predict_out_of_sample.main(runs, cells, fits, [1, 1], [300.0, 300.0], 2.5, folder / "out_of_sample.csv")
    return folder


def test_the_grid_is_trained_with_the_networks_of_the_two_point_study(trained):
    runs = artifacts.read_dataset(trained / "10.nc")
    assert runs.sizes["network"] == 8 and runs.learning_rate == 0.02
    assert list(zip(runs.dx.values, runs.dy.values, runs.seed.values)) == [
        (dx, dy, seed) for dx in GRID["dx"] for dy in GRID["dy"] for seed in (0, 1)
    ]
    for network in range(8):
        run = runs.isel(network=network)
        there = np.isfinite(run.step.values)
        ends = run.loss.values[there][-1], run.step.values[there][-1]
        assert ends[0] <= 1e-3 or ends[1] == 600
        assert run.step.values[0] == 0 and (np.diff(run.step.values[there]) > 0).all()
    x, y = two_points.two_points(1.0, 0.5)
    alone = on_two_points("mlp", Shape(30, 3, "leaky_relu"), [Member(1, 1.0, 0.02)], 11, x=x, y=y)
    np.testing.assert_array_equal(runs.H.isel(network=7, sample=[0, 1]).values, alone.H[0][:, [0, 10]])


def test_tables_hold_every_cell(trained):
    table = artifacts.read_table(trained / "final_distance.csv")
    columns = "setting dx dy seed measured predicted low high a_low a_high status"
    assert list(table.columns)[:11] == columns.split() and len(table) == 16
    assert set(table.status[:8]) <= {"converged", "slow", "dropped"} and table.status[0] == "converged"
    assert set(table.status[8:]) <= {"no rates", "dropped"} and table.predicted[8:].isna().all()
    assert artifacts.read_table(trained / "explained.csv").explanation.nunique() == 8
    errors = artifacts.read_table(trained / "out_of_sample.csv")
    columns = "setting dx dy seed nrmse_predicted nrmse_fitted"
    assert list(errors.columns)[:6] == columns.split() and len(errors) == 16
    there = errors.nrmse_predicted.notna()
    assert there.tolist() == [True] * 8 + [False] * 8 and errors.nrmse_fitted[:8].notna().any()


def test_figures_have_fixed_bytes_and_draw_settings_without_rates(trained, tmp_path):
    row = {**ROW, "layer": 1, "dx2": 1.0, "dy2": 0.5}
    rows = {"10": row, "none": {**row, "name": "none"}}
    figures = {plot_final_distance: ["final_distance.csv", "explained.csv"], plot_out_of_sample: ["out_of_sample.csv"]}
    for plot, tables in figures.items():
        for name in tables:
            table = artifacts.read_table(trained / name)
            table.loc[8:, "setting"] = "none"
            artifacts.write_table(table, tmp_path / name)
        paths = [tmp_path / name for name in tables]
        first, second = (figure_files(plot, tmp_path / run, *paths, rows) for run in "ab")
        assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
        numbers = pd.read_csv(first[2], dtype={"setting": str})
        assert set(numbers.setting) == {"10"} and len(numbers) > 0
