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

from repdyn import artifacts, theory
from repdyn.data import two_points
from repdyn.fitting import prediction
from repdyn.networks import Shape
from repdyn.networks.observables import output_observables
from repdyn.training import batches, loop, recorders
from repdyn.training.compiled import CompiledTrainer
from repdyn.training.ensemble import Member
from repdyn.training.trace import Stop

GRID = {"dx": [0.5, 1.0], "dy": [0.0, 0.5], "inputs": 3, "finer": 2.0, "steps": 600, "stop_loss": 1e-3}
ROW = {
    **{"name": "10", "model": "mlp", "activation": "leaky_relu", "gain": 1.0, "lr": 0.04, "width": 30, "depth": 3},
    **{"solver": "sgd", "networks": 2, "out_dim": 1, "init_seed": 0, "dropout_seed": None},
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
    grid = {"dx": [1.0], "dy": [0.5], "inputs": 2, "finer": 1.0, "steps": 50, "stop_loss": 1e-9}
    row = {**ROW, "activation": "tanh", "lr": 0.05, "depth": 2, "networks": 1}
    train_final_distance.main(row, grid, 6, "cpu", tmp_path / "one.nc")
    rotation = artifacts.read_dataset(tmp_path / "one.nc").rotation.values[0]
    x, y = two_points.two_points(1.0, 0.5, 2)
    trainer = CompiledTrainer(ensemble("mlp", Shape(30, 2, "tanh", 2), [Member(0, 1.0, 0.05)]))
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
    assert score["cells"] == 8 and score["r2_log"] > 0.999 and score["r2_linear"] > 0.999


ETA_H, ETA_Y = 0.004, 0.03
CELLS = [(dx, dy) for dx in (0.5, 1.0, 1.5) for dy in (0.0, 0.5, 1.0)]


def synthetic(steps=15000, factor=1.0, seeds=1):
    """A grid whose networks obey the theory; those at |dx| = 1.5 have another eta_h, `factor` times as large."""
    t = np.linspace(0, steps, 601)
    curves = [
        theory.exact(t, 0.02 * dx**2, 0.01, 0.002, ETA_H * (factor if dx == 1.5 else 1), ETA_Y, dx**2, dy**2)
        for dx, dy in CELLS
    ]
    H, Y, w = (np.array(one * seeds) for one in zip(*curves, strict=True))
    count, dy2 = 9 * seeds, np.array([dy**2 for _, dy in CELLS * seeds])
    loss = theory.loss_curve(t, Y, w, np.zeros(count), np.ones(count), dy2)
    return xr.Dataset(
        {
            "step": (("network", "sample"), np.tile(t, (count, 1))),
            "H": (("network", "layer", "sample"), np.repeat(H[:, None], 3, axis=1)),
            **{name: (("network", "sample"), curve) for name, curve in {"Y": Y, "w": w, "loss": loss}.items()},
            "rotation": (("network", "layer"), np.ones((count, 3))),
        },
        coords={
            "position": ("network", ["general"] * count),
            "dx": ("network", [dx for dx, _ in CELLS * seeds]),
            "dy": ("network", [dy for _, dy in CELLS * seeds]),
            "seed": ("network", np.repeat(range(seeds), 9)),
            "layer": range(3),
        },
        attrs={"setting": "10"},
    )


def cells_of(runs):
    return prediction.final_distances(prediction.with_reference(prediction.measured(runs, 1, 1e-4, 1e-3)))


def test_half_way_is_half_of_the_way_to_the_target():
    assert prediction.half_way(np.array([0.0, 0.1, 0.2, 0.3, 0.5]), 0.5) == 3
    assert prediction.half_way(np.array([0.4, 0.3, 0.2, 0.1]), 0.0) == 2
    assert prediction.half_way(np.array([0.1, 0.0, 0.0]), 0.5) == 2  # never


def test_first_halves_and_another_pair_predict_the_end_that_an_integrator_finds():
    cells = cells_of(synthetic())
    task = cells[cells.dy > 0]
    for one in task.itertuples():
        start = [one.h_start, one.y_start, 0.002]
        rates = (ETA_H, ETA_Y, one.dx**2, one.dy**2)
        end = solve_ivp(theory.right_hand_side, (0, 30000), start, "LSODA", args=rates, rtol=1e-9, atol=1e-12).y[:, -1]
        assert one.y_half < 0.6 * one.dy**2  # so what comes after is not in the rates
        assert one.predicted_early == pytest.approx(end[0], rel=1e-3)
        assert one.predicted_orbit == pytest.approx(end[0], rel=1e-3)
    reference = cells[cells.reference]
    assert list(zip(reference.dx, reference.dy)) == [(1.0, 1.0)]  # in the middle, of dy > 0
    assert reference.predicted_elsewhere.isna().all()
    others = task[~task.reference]
    np.testing.assert_allclose(others.predicted_elsewhere, others.h_end, rtol=2e-3)
    assert (cells.status == "converged").all()


def test_rates_that_depend_on_the_data_are_seen_from_elsewhere_alone():
    cells = cells_of(synthetic(factor=4))
    far = cells[(cells.dx == 1.5) & (cells.dy > 0)]
    assert (np.abs(far.log_ratio_early) < 2e-3).all() and (far.log_ratio_elsewhere > 0.3).all()
    scores = prediction.agreements(cells).set_index("prediction")
    assert scores.rms_log["early"] < 2e-3 and scores.rms_log["elsewhere"] > 0.3
    assert scores.r2_log["early"] > 0.999 and scores.r2_linear["early"] > 0.999


def test_a_prediction_does_not_see_the_second_half():
    """Runs that leave the theory once they are half way: what is predicted stays as it was."""
    runs = synthetic()
    before = cells_of(runs)
    for n in range(9):
        half = prediction.half_way(runs.Y.values[n], CELLS[n][1] ** 2)
        runs["H"][n, :, half + 1 :] *= 3
    after = cells_of(runs)
    for name in ("early", "orbit", "half", "start"):
        np.testing.assert_array_equal(before[f"predicted_{name}"], after[f"predicted_{name}"])
    task = after.dy > 0
    assert (after.log_ratio_early[task] > 1).all() and (after.h_end[task] > 2.9 * before.h_end[task]).all()


def test_baselines():
    cells = cells_of(synthetic())
    np.testing.assert_array_equal(cells.predicted_start, cells.h_start)
    task = cells[cells.dy > 0]
    for i in task.index:
        others = task.h_end.drop(i)
        assert cells.predicted_constant[i] == pytest.approx(np.exp(np.log(others).mean()))
    scores = prediction.agreements(cells).set_index("prediction")
    assert scores.ahead_half["early"] == pytest.approx(np.log(scores.rms_log["half"] / scores.rms_log["early"]))
    assert (scores.ahead_start[["early", "orbit", "elsewhere", "half"]] > 0).all()
    assert scores.r2_log["constant"] < 0 and (scores.cells == 5).all()


def test_agreement_of_known_numbers():
    x = np.array([0.01, 0.1, 1.0])
    score = prediction.agreement(x, 2 * x)
    assert score["rms_log"] == pytest.approx(np.log(2))
    assert score["r2_log"] == pytest.approx(1 - np.log(2) ** 2 / np.log(x).var())
    assert score["rms_linear"] == pytest.approx(np.sqrt((x**2).mean()) / 1.98)
    assert score["r2_linear"] == pytest.approx(1 - (x**2).mean() / (2 * x).var())
    assert prediction.agreement([0, *x], [1, *x])["cells"] == 3  # 0 has no logarithm
    assert np.isnan(prediction.agreement(x[:2], x[:2])["r2_log"])


def test_trajectories_of_the_theory_are_predicted_and_others_are_not():
    runs = synthetic(factor=4)
    cells = prediction.with_reference(prediction.measured(runs, 1, 1e-4, 1e-3))
    errors = prediction.trajectories(runs, cells, 1)
    task, far = errors.dy > 0, errors.dx == 1.5
    assert (errors.rest[task] < 1e-3).all() and (errors.rest_flat[task] > 0.1).all()
    near = task & ~far & ~errors.reference
    assert (errors.elsewhere[near] < 1e-3).all() and (errors.elsewhere[task & far] > 0.02).all()
    assert (errors.orbit[near] < 1e-3).all() and (errors.orbit[task & far] > 0.1).all()
    assert errors.elsewhere[errors.reference].isna().all()
    H, Y, line = np.array([1.0, 2.0, 3.0]), np.array([0.0, 0.2, 1.0]), 0.5
    weights = np.array([0.35, 1.0, 0.65]) / 2  # steps of 0.5 + 0.2 and 0.5 + 0.8 ranges
    expected = np.sqrt(weights[1] * (line - 0.2) ** 2)
    assert prediction.orbit_errors(H, Y, 1.0)[1] == pytest.approx(expected)


def test_a_slower_clock_spoils_trajectories_and_no_orbit():
    """Both rates of the far cells three times as large: the same orbits, run through faster."""
    slow = synthetic()
    cells = prediction.with_reference(prediction.measured(slow, 1, 1e-4, 1e-3))
    cells[["eta_h_elsewhere", "eta_y_elsewhere"]] *= 3
    errors = prediction.trajectories(slow, cells, 1)
    compared = (errors.dy > 0) & ~errors.reference
    assert (errors.orbit[compared] < 1e-3).all() and (errors.elsewhere[compared] > 0.2).all()


def test_no_cell_is_lost_and_each_says_what_became_of_it():
    runs = synthetic()
    runs.loss[1, -1], runs.loss[2, -1] = 5e-4, 5e-2
    for name in ("H", "Y", "w", "loss"):
        runs[name].loc[{"network": 4, "sample": slice(400, None)}] = np.nan
    cells = prediction.measured(runs, 1, 1e-4, 1e-3)
    kinds = {1: "slow", 2: "dropped", 4: "dropped"}
    assert cells.status.tolist() == [kinds.get(n, "converged") for n in range(9)]
    assert cells.kept.tolist() == [n not in (2, 4) for n in range(9)]
    assert cells.reason[1] == "loss 0.0005 above 0.0001 at step 15000"
    assert cells.reason[2] == "loss 0.05 above 0.001 at step 15000"
    assert cells.reason[4] == "diverged by step 15000"
    rates = prediction.with_reference(cells)
    assert len(prediction.trajectories(runs, rates, 1)) == 9
    # without a reference that counts nothing is predicted from elsewhere
    cells.loc[5, "kept"] = False
    found = prediction.final_distances(prediction.with_reference(cells))
    assert found.predicted_elsewhere.isna().all() and found.predicted_early[1] > 0


def test_means_are_over_networks():
    each = prediction.agreements(cells_of(synthetic(factor=4, seeds=6)))
    assert len(each) == 6 * 6
    each.loc[each.prediction == "elsewhere", "rms_log"] *= np.exp(np.repeat([-0.1, 0.1], 3))
    summary = predict_final_distance.means(each, 0.95).set_index("prediction")
    one = each[each.prediction == "elsewhere"].rms_log
    assert summary.rms_log["elsewhere"] == pytest.approx(np.exp(np.log(one).mean()))
    assert summary.rms_log_low["elsewhere"] < one.min() * 1.01 and summary.rms_log_n["elsewhere"] == 6
    few = predict_final_distance.means(each[each.seed < 4], 0.95)
    assert few.rms_log_low.isna().all() and few.rms_log.notna().all()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Really trained networks through every script; beside them a setting of which nothing counts."""
    folder = tmp_path_factory.mktemp("grid")
    grid = {**GRID, "dx": [0.5, 1.0, 1.5], "dy": [0.0, 0.5, 1.0]}
    train_final_distance.main(ROW, grid, 6, "cpu", folder / "10.nc")
    fit_final_distance.main(folder / "10.nc", 1, 1e-3, 5e-3, folder / "10.csv")
    lost = artifacts.read_table(folder / "10.csv").assign(kept=False, status="dropped", setting="none")
    artifacts.write_table(lost, folder / "none.csv")
    cells = [folder / "10.csv", folder / "none.csv"]
    outputs = {name: folder / f"final_distance_{name}.csv" for name in ("table", "networks", "summary")}
    predict_final_distance.main(cells, 0.95, **outputs)
    outputs = {name: folder / f"out_of_sample_{name}.csv" for name in ("table", "networks", "summary")}
    predict_out_of_sample.main([folder / "10.nc"] * 2, cells, [1, 1], 0.95, **outputs)
    return folder


def test_the_grid_is_trained_with_the_same_networks_in_every_cell(trained):
    runs = artifacts.read_dataset(trained / "10.nc")
    assert runs.sizes["network"] == 36 and runs.learning_rate == 0.02
    assert list(zip(runs.position.values, runs.dx.values, runs.dy.values, runs.seed.values)) == [
        (position, dx, dy, seed)
        for position in ("paper", "general")
        for dx in (0.5, 1.0, 1.5)
        for dy in (0.0, 0.5, 1.0)
        for seed in (0, 1)
    ]
    for network in range(36):
        run = runs.isel(network=network)
        there = np.isfinite(run.step.values)
        ends = run.loss.values[there][-1], run.step.values[there][-1]
        assert ends[0] <= 1e-3 or ends[1] == 600
        assert run.step.values[0] == 0 and (np.diff(run.step.values[there]) > 0).all()
    for network, (x, y) in {
        9: two_points.two_points(1.0, 0.5, 3),
        27: two_points.general_position(1.0, 0.5, 3, 1, (6, 1)),
    }.items():
        alone = on_two_points("mlp", Shape(30, 3, "leaky_relu", 3), [Member(1, 1.0, 0.02)], 11, x=x, y=y)
        np.testing.assert_array_equal(runs.H.isel(network=network, sample=[0, 1]).values, alone.H[0][:, [0, 10]])


def test_tables_hold_every_cell(trained):
    for experiment in ("final_distance", "out_of_sample"):
        table = artifacts.read_table(trained / f"{experiment}_table.csv")
        assert len(table) == 72 and table.setting.tolist() == ["10"] * 36 + ["none"] * 36
        assert not table.kept[36:].any()
        networks = artifacts.read_table(trained / f"{experiment}_networks.csv")
        assert set(networks.setting) == {"10"} and set(networks.position) == {"paper", "general"}
        assert artifacts.read_table(trained / f"{experiment}_summary.csv").interval.nunique() == 1


@pytest.mark.parametrize("experiment", ["final_distance", "out_of_sample"])
def test_figures_have_fixed_bytes_and_draw_what_counts(trained, tmp_path, experiment):
    plot = {"final_distance": plot_final_distance, "out_of_sample": plot_out_of_sample}[experiment]
    tables = [trained / f"{experiment}_{name}.csv" for name in ("networks", "summary")]
    first, second = (figure_files(plot, tmp_path / run, *tables) for run in "ab")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert len(pd.read_csv(first[2])) > 0
    for path in tables:
        artifacts.write_table(artifacts.read_table(path)[:0], tmp_path / path.name)
    empty = figure_files(plot, tmp_path / "none", *(tmp_path / path.name for path in tables))
    assert all(path.stat().st_size for path in empty)


def test_titles_say_what_was_found():
    summary = pd.DataFrame({"setting": list("aab"), "position": "paper", "prediction": ["orbit", "early", "orbit"]})
    summary = summary.assign(ahead_half=[0.4, 0.3, 0.2], ahead_half_low=[0.1, -0.2, -0.1])
    assert "foretells final distances in 1 of 2 cases, its rates in 0, " in plot_final_distance.title(summary)
    of_few = plot_final_distance.title(summary.assign(ahead_half_low=np.nan))
    assert "foretells final distances in 2 of 2 cases, its rates in 1, " in of_few and of_few.endswith(", on average")
    summary = summary.assign(prediction=["rest", "orbit", "orbit"], ahead=0.4, ahead_low=[0.1, 0.1, -0.1])
    assert plot_out_of_sample.title(summary).endswith(
        "orbits in 1 of 2 cases and whole runs in 0; those of a first half the rest in 1"
    )
