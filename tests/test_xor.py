"""XOR: distances and structure against other methods, theory against an integrator, networks that learn it."""

import itertools

import numpy as np
import pandas as pd
import pytest
import torch
from runs import X, Y, ensemble, figure_files, on_two_points
from scipy.integrate import solve_ivp
from scipy.spatial.distance import pdist, squareform
from torch import nn
from two_points import data as make_two_points
from two_points import fit as fit_two_points
from two_points import train as train_two_points
from xor import compare as compare_xor
from xor import plot as plot_xor
from xor import train as train_xor

from repdyn import artifacts, networks, theory
from repdyn.data import xor
from repdyn.networks import Shape
from repdyn.networks.observables import output_observables
from repdyn.plotting import style
from repdyn.statistics import distance_correlation
from repdyn.theory import bounds
from repdyn.training import batches, loop, recorders
from repdyn.training.ensemble import Member, initial_parameters

LAYER, FINER = 5, 0.5
ROW = {
    **{"model": "mlp", "activation": "leaky_relu", "width": 50, "depth": 6, "solver": "sgd", "networks": 5},
    **{"init_seed": 0, "dropout_seed": None},
}
SETTINGS = {"rich": {"gain": 0.75, "lr": 0.1, "steps": 2000}, "lazy": {"gain": 2.0, "lr": 0.00025, "steps": 500}}
TASK = {"dx2": 1.0, "dy2": 0.5, "in_dim": 1, "out_dim": 1}


def test_the_points_and_their_distances():
    assert [int(a) ^ int(b) for a, b in xor.INPUTS] == xor.TARGETS.ravel().tolist()
    points = np.random.default_rng(0).normal(size=(3, 4, 7))
    for one, matrix in zip(points, xor.matrix(xor.pair_distances(points)), strict=True):
        np.testing.assert_allclose(xor.pair_distances(one), pdist(one) ** 2)
        np.testing.assert_allclose(matrix, squareform(pdist(one) ** 2))
    assert (xor.DX2 == 2 - xor.DY2).all()  # why no number can tell the input from a reversed task


def test_the_prediction_is_where_the_equations_end():
    rng = np.random.default_rng(1)
    H0, Y0, ratio = rng.uniform(0.1, 1, 6), rng.uniform(0.01, 0.2, 6), 0.3
    for pair, end in enumerate(distance_correlation.predicted(H0, Y0, ratio, xor.DX2, xor.DY2)):
        dx2, dy2 = xor.DX2[pair], xor.DY2[pair]
        start = [H0[pair], Y0[pair], Y0[pair] - 0.1 * dy2**0.5 * Y0[pair] ** 0.5]
        solved = solve_ivp(
            theory.right_hand_side, (0, 3000), start, "LSODA", args=(0.3, 1.0, dx2, dy2), rtol=1e-10, atol=1e-12
        )
        # with one target the approach is slow but not the end: Y falls as 1/t at the most
        assert end == pytest.approx(solved.y[0, -1], rel=1e-3)


def test_a_frozen_representation_stays_and_one_that_is_undefined_is_not_predicted():
    H0 = np.array([1.0, 2, 3, 4, 5, 0])
    distances = xor.DX2, xor.DY2
    stays = distance_correlation.predicted(H0, np.ones(6), 0.0, *distances)
    np.testing.assert_array_equal(stays, [1, 2, 3, 4, 5, np.nan])
    assert np.isnan(distance_correlation.predicted(H0, np.ones(6), np.nan, *distances)).all()


def test_what_the_theory_adds_is_a_difference_of_fishers_z():
    assert distance_correlation.adds(0.9, 0.5) == pytest.approx(0.5 * np.log(19 / 3))
    assert distance_correlation.adds(0.5, 0.9) == -distance_correlation.adds(0.9, 0.5)
    assert distance_correlation.adds(1.0, 1.0) == 0 and np.isnan(distance_correlation.adds(np.nan, 0.5))


def test_nothing_correlates_with_what_does_not_vary_or_is_not_known():
    six = np.array([1.0, 0.8, 2.5, 0.3, 0.9, 0.4])
    assert distance_correlation.correlation(3 * six + 1, six) == pytest.approx(1)
    assert distance_correlation.correlation(xor.DX2, xor.DY2) == pytest.approx(-1)
    for other in (np.ones(6), np.r_[np.nan, six[1:]]):
        assert np.isnan(distance_correlation.correlation(six, other))
    assert np.isnan(distance_correlation.correlation(six[:0], six[:0]))
    assert distance_correlation.relative_error(six, six) == distance_correlation.NEAREST
    assert distance_correlation.relative_error(1.1 * six, six) == pytest.approx(0.1)


def test_the_ratio_counts_frozen_networks_as_zero_and_says_what_it_leaves_out():
    low = bounds.LOWEST_RATE
    fits = pd.DataFrame(
        [
            (0, 0.02, 0.1, True, True, ""),
            (1, low, 0.1, False, True, "eta_h at its lower bound"),
            (2, 0.04, low, False, True, "eta_y at its lower bound"),
            (3, 9.0, 0.1, True, False, "final loss 1 above 0.01"),
        ],
        columns=["seed", "eta_h", "eta_y", "converged", "kept", "reason"],
    )
    ratio, single, note = distance_correlation.rate_ratio(fits)
    assert ratio == pytest.approx(0.1) and sorted(single) == pytest.approx([0, 0.2])
    assert "seed 2 has no ratio (eta_y at its lower bound)" in note and "1 of 3 two-point networks frozen" in note
    ratio, _, note = distance_correlation.rate_ratio(fits[3:])
    assert ratio == pytest.approx(90) and "no two-point network learned" in note
    assert np.isnan(distance_correlation.rate_ratio(fits[2:3])[0])


def test_some_moments_hold_what_a_record_of_every_step_holds():
    """Dropout drops the same units however often networks are looked at."""
    chosen = "dropout", Shape(40, 3, "tanh"), [Member(0, 1.0, 0.05), Member(1, 0.9, 0.1)]
    at = recorders.denser_early(899, train_xor.MOST_RECORDED)
    assert at[0] == 0 and at[-1] == 899 and len(at) <= train_xor.MOST_RECORDED
    whole = on_two_points(*chosen, 900)
    some = loop.run(ensemble(*chosen), batches.Points(X, Y), 900, [recorders.Pairs(at)])
    np.testing.assert_array_equal(some.distance[:, :, 0], whole.H[..., at])
    np.testing.assert_allclose(output_observables(some.output.values, Y)["loss"], whole.loss[:, at], rtol=1e-9)


def test_four_points_are_trained_as_torch_does_it(tmp_path):
    """Plain modules, autograd, 1/2 MSE over the four points, and a leaky ReLU that is one."""
    layers, member = networks.layers("mlp", Shape(30, 3, "leaky_relu", 2, 1)), Member(1, 1.2, 0.1)
    row = {"name": "small", **ROW, "width": 30, "depth": 3, "gain": 1.2, "lr": 0.05, "steps": 60}
    train_xor.main(row, FINER, "cpu", tmp_path / "small.nc")
    recorded = artifacts.read_dataset(tmp_path / "small.nc").sel(seed=1)
    modules = []
    for weight, bias in initial_parameters(layers, member, 0):
        linear = nn.Linear(*weight.shape)
        linear.weight.data, linear.bias.data = weight.T.clone(), bias.clone()
        modules += [linear, nn.LeakyReLU(0.01)]
    net = nn.Sequential(*modules[:-1])
    stepper = torch.optim.SGD(net.parameters(), lr=member.lr)
    x, y = (torch.tensor(points, dtype=torch.float32) for points in (xor.INPUTS, xor.TARGETS))
    for _ in range(59):
        stepper.zero_grad()
        (0.5 * nn.functional.mse_loss(net(x), y)).backward()
        stepper.step()
    for layer in range(3):
        expected = xor.pair_distances(net[: 2 * layer + 2](x).detach().numpy())
        np.testing.assert_allclose(recorded.distance[layer, :, -1], expected, rtol=1e-3)
    assert recorded.loss[-1] == pytest.approx(0.5 * nn.functional.mse_loss(net(x), y).item(), rel=1e-3)


def test_divergence_stays_with_its_network():
    members, moments = [Member(0, 1.0, 0.05), Member(1, 1.0, 1e4)], recorders.denser_early(299, train_xor.MOST_RECORDED)
    together = ensemble("mlp", Shape(30, 3, "leaky_relu", 2, 1), members)
    runs = loop.run(together, batches.Points(xor.INPUTS, xor.TARGETS), 300, [recorders.Pairs(moments, xor.PAIRS)])
    at, H, loss = runs.diverged_at.values[1], runs.distance.values, runs.batch_loss.values[1]
    assert runs.diverged_at[0] == -1 and np.isfinite(H[0]).all()
    assert at > 0 and np.isfinite(loss[:at]).all() and np.isnan(loss[at:]).all()
    later = moments >= at
    assert np.isnan(H[1][..., later]).all() and np.isfinite(H[1][..., ~later]).all()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two settings of small networks through every script."""
    folder = tmp_path_factory.mktemp("xor")
    make_two_points.main(TASK, folder / "points.nc")
    for name, setting in SETTINGS.items():
        row = {"name": name, **ROW, **setting}
        train_xor.main(row, FINER, "cpu", folder / f"{name}.nc")
        rates = {**row, **TASK, "lr": row["lr"] / FINER, "finer": 1, "rest_loss": 0.0}
        train_two_points.main(folder / "points.nc", rates, "cpu", folder / f"{name}_rates.nc")
        fit_two_points.main(folder / f"{name}_rates.nc", 0.01, folder / f"{name}.csv")
    compare(folder, folder)
    return folder


def compare(folder, output, loss_above=0.01):
    compare_xor.main(
        [folder / f"{name}.nc" for name in SETTINGS],
        [folder / f"{name}.csv" for name in SETTINGS],
        dict.fromkeys(SETTINGS, LAYER),
        loss_above,
        0.95,
        *(output / f"{name}.csv" for name in ("networks", "pairs", "summary", "matrices")),
    )


def test_small_weights_learn_the_distances_of_the_task_and_large_ones_keep_theirs(folder):
    """The paper's claim, on really trained networks, and what predicts as well without any theory."""
    summary = artifacts.read_table(folder / "summary.csv").set_index("setting")
    assert (summary.kept == 5).all() and (summary.unit == "network").all()
    assert summary.r_targets["rich"] > 0.9 and summary.r_initial["lazy"] > 0.95
    assert summary.r_targets["lazy"] < 0.9 and summary.r_initial["rich"] < 0.9
    assert summary.r_theory["rich"] > 0.9
    assert (summary.r_theory_low < summary.r_theory).all() and (summary.r_theory < summary.r_theory_high).all()


def test_what_the_theory_adds_is_paired_by_network(folder):
    networks = artifacts.read_table(folder / "networks.csv")
    assert len(networks) == 2 * 5 and networks.kept.all()
    z = np.arctanh(networks[["r_theory", "r_targets", "r_initial"]])
    np.testing.assert_allclose(networks.over_targets, z.r_theory - z.r_targets, rtol=1e-3)
    better = z[["r_targets", "r_initial"]].max(axis=1)
    np.testing.assert_allclose(networks.over_better, z.r_theory - better, rtol=1e-3)
    rich = artifacts.read_table(folder / "summary.csv").iloc[0]
    assert rich.over_better == pytest.approx(networks[networks.setting == "rich"].over_better.mean())
    pairs = artifacts.read_table(folder / "pairs.csv").query("setting == 'lazy' and seed == 2")
    one = networks.query("setting == 'lazy' and seed == 2").iloc[0]
    assert one.r_initial == pytest.approx(pairs.measured_start.corr(pairs.measured_end))
    assert one.scale == pytest.approx(pairs.predicted.sum() / pairs.measured_end.sum())


def test_the_table_holds_every_network_and_pair(folder):
    pairs = artifacts.read_table(folder / "pairs.csv")
    assert len(pairs) == 2 * 5 * 6 and pairs.kept.all()
    run = artifacts.read_dataset(folder / "rich.nc")
    one = pairs[(pairs.setting == "rich") & (pairs.seed == 1)]
    np.testing.assert_allclose(one.measured_end, run.distance.sel(seed=1, layer=LAYER).isel(step=-1), rtol=1e-8)
    outputs = run.output.sel(seed=1).isel(step=0, output_unit=0).values
    for row, (a, b) in zip(one.itertuples(), itertools.combinations(range(4), 2), strict=True):
        Y0 = (outputs[a] - outputs[b]) ** 2
        end, _, _ = theory.fixed_point(row.measured_start, Y0, row.eta_ratio, 1.0, row.dx2, row.dy2)
        assert row.predicted == pytest.approx(end, rel=1e-6)
    assert run.learning_rate == SETTINGS["rich"]["lr"] / FINER


def test_networks_that_did_not_learn_are_listed_and_count_in_no_mean(folder, tmp_path):
    runs = artifacts.read_dataset(folder / "rich.nc")
    runs.loss[0] = 0.1
    runs.diverged_at[1] = 7
    runs.distance[1] = np.nan
    artifacts.write_dataset(runs, tmp_path / "rich.nc")
    for name in ("lazy.nc", "lazy.csv", "rich.csv"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    compare(tmp_path, tmp_path)
    networks = artifacts.read_table(tmp_path / "networks.csv").query("setting == 'rich'")
    assert networks.kept.tolist() == [False, False, True, True, True]
    row = artifacts.read_table(tmp_path / "summary.csv").iloc[0]
    assert row.kept == row.r_theory_n == 3 and np.isnan(row.r_theory_low)  # no interval of three
    assert "seed 0: final loss 0.1 above 0.01 | seed 1: diverged by step 7; no prediction" in row.reason
    assert row.r_theory == pytest.approx(np.tanh(np.arctanh(networks.r_theory[2:]).mean()))
    draw(tmp_path, tmp_path)


def test_settings_without_a_ratio_of_rates_keep_what_needs_none(folder, tmp_path):
    for name in SETTINGS:
        (tmp_path / f"{name}.nc").write_bytes((folder / f"{name}.nc").read_bytes())
        fits = artifacts.read_table(folder / f"{name}.csv")
        artifacts.write_table(fits.assign(converged=False, eta_h=1.0, reason="no optimum"), tmp_path / f"{name}.csv")
    compare(tmp_path, tmp_path)
    summary = artifacts.read_table(tmp_path / "summary.csv")
    assert summary.r_theory.isna().all() and summary.reason.str.contains("no optimum").all()
    assert summary.r_targets[0] > 0.9 and summary.r_initial[1] > 0.95
    draw(tmp_path, tmp_path)


def draw(folder, output):
    gains = {name: setting["gain"] for name, setting in SETTINGS.items()}
    tables = (folder / f"{name}.csv" for name in ("matrices", "networks", "summary"))
    paths = figure_files(plot_xor, output, *tables, gains, 0.95)
    return [path.read_bytes() for path in paths]


def test_the_figure_has_fixed_bytes_and_a_table_of_what_it_draws(folder, tmp_path):
    assert draw(folder, tmp_path) == draw(folder, tmp_path / "again")
    drawn = pd.read_csv(tmp_path / "figure.csv")
    pairs = artifacts.read_table(folder / "pairs.csv")
    ends = pairs[pairs.setting == "lazy"].groupby("pair", sort=False).measured_end
    shown = drawn[(drawn.setting == "lazy") & (drawn.quantity == "measured_end")]
    np.testing.assert_allclose(shown.value, ends.mean(), rtol=1e-6)
    np.testing.assert_allclose(shown.spread, ends.std(), rtol=1e-6)
    assert (drawn[drawn.quantity == "r_theory"].seed.notna()).sum() == 10


def test_a_figure_without_any_network_that_learned(folder, tmp_path):
    compare(folder, tmp_path, loss_above=-1.0)
    assert artifacts.read_table(tmp_path / "summary.csv").kept.sum() == 0
    draw(tmp_path, tmp_path)
    assert set(pd.read_csv(tmp_path / "figure.csv").networks.dropna()) == {0}
    assert style.number(float("nan")) == "none"
