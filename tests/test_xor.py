"""XOR: distances and structure against other methods, theory against an integrator, networks that learn it."""

import itertools

import numpy as np
import pandas as pd
import pytest
import torch
from runs import X, Y, ensemble, figure_files, on_two_points
from scipy.integrate import solve_ivp
from scipy.optimize import nnls
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
from repdyn.statistics import structure_index
from repdyn.theory import bounds
from repdyn.training import batches, loop, recorders
from repdyn.training.ensemble import Member, initial_parameters

LAYER, FINER = 5, 0.5
ROW = {
    **{"model": "mlp", "activation": "leaky_relu", "width": 50, "depth": 6, "solver": "sgd", "networks": 3},
    **{"init_seed": 0, "dropout_seed": None},
}
SETTINGS = {"rich": {"gain": 0.75, "lr": 0.1, "steps": 2000}, "lazy": {"gain": 2.0, "lr": 0.00025, "steps": 500}}
TASK = {"dx2": 1.0, "dy2": 0.5, "in_dim": 1, "out_dim": 1}
INTERVALS = {"confidence": 0.95, "resamples": 200}


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
    for pair, end in enumerate(structure_index.predicted(H0, Y0, ratio)):
        dx2, dy2 = xor.DX2[pair], xor.DY2[pair]
        start = [H0[pair], Y0[pair], Y0[pair] - 0.1 * dy2**0.5 * Y0[pair] ** 0.5]
        solved = solve_ivp(
            theory.right_hand_side, (0, 3000), start, "LSODA", args=(0.3, 1.0, dx2, dy2), rtol=1e-10, atol=1e-12
        )
        # with one target the approach is slow but not the end: Y falls as 1/t at the most
        assert end == pytest.approx(solved.y[0, -1], rel=1e-3)


def test_a_frozen_representation_stays_and_one_that_is_undefined_is_not_predicted():
    H0 = np.array([1.0, 2, 3, 4, 5, 0])
    np.testing.assert_array_equal(structure_index.predicted(H0, np.ones(6), 0.0), [1, 2, 3, 4, 5, np.nan])
    assert np.isnan(structure_index.predicted(H0, np.ones(6), np.nan)).all()


def test_structure_at_its_ends():
    start = np.array([1.0, 0.8, 2.5, 0.3, 0.9, 0.4])
    assert structure_index.structure(3 * xor.DY2, start) == pytest.approx((1, 1))
    assert structure_index.structure(7 * start + 1, start) == pytest.approx((-1, 1))
    assert structure_index.structure(2 - xor.DY2, xor.DY2 + 0.1 * start)[1] == pytest.approx(
        0, abs=1e-12
    )  # reversed: nothing
    assert (
        np.isnan(structure_index.structure(np.ones(6), start)).all()
        and np.isnan(structure_index.structure(start, xor.DY2)).all()
    )
    assert structure_index.task_correlation(xor.DX2) == pytest.approx(-1) and structure_index.task_correlation(
        xor.DY2
    ) == pytest.approx(1)


def test_structure_is_the_variance_explained_by_least_squares_that_are_not_negative():
    rng = np.random.default_rng(2)

    def share(end, *regressors):
        design = np.stack([r - r.mean() for r in regressors], 1)
        return 1 - nnls(design, end - end.mean())[1] ** 2 / ((end - end.mean()) ** 2).sum()

    seen = set()
    for _ in range(200):
        start, end = rng.uniform(size=6), rng.uniform(size=6) + rng.uniform(-1, 1) * xor.DY2
        both, task, begun = share(end, xor.DY2, start), share(end, xor.DY2), share(end, start)
        index, explained = structure_index.structure(end, start)
        assert explained == pytest.approx(both, abs=1e-9)
        if 2 * both - task - begun > 1e-9:
            assert index == pytest.approx((task - begun) / (2 * both - task - begun))
            seen.add(np.sign(index))
    assert seen == {-1, 1}


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
    ratio, single, note = structure_index.rate_ratio(fits)
    assert ratio == pytest.approx(0.1) and sorted(single) == pytest.approx([0, 0.2])
    assert "seed 2 has no ratio (eta_y at its lower bound)" in note and "1 of 3 two-point networks frozen" in note
    ratio, _, note = structure_index.rate_ratio(fits[3:])
    assert ratio == pytest.approx(90) and "no two-point network learned" in note
    assert np.isnan(structure_index.rate_ratio(fits[2:3])[0])


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
        INTERVALS,
        0,
        output / "pairs.csv",
        output / "summary.csv",
    )


def test_small_weights_learn_the_task_structure_and_large_ones_keep_theirs(folder):
    """The paper's claim, on really trained networks."""
    summary = artifacts.read_table(folder / "summary.csv").set_index("setting")
    assert (summary.kept == 3).all()
    assert summary.structure_index["rich"] > 0.8 and summary.explained["rich"] > 0.8
    assert summary.structure_index["lazy"] < -0.9
    assert summary.correlation["rich"] > 0.9
    assert (summary.correlation_low <= summary.correlation).all()
    assert (summary.correlation <= summary.correlation_high).all()


def test_the_table_holds_every_network_and_pair(folder):
    pairs = artifacts.read_table(folder / "pairs.csv")
    assert len(pairs) == 2 * 3 * 6 and set(pairs.status) == {"kept"}
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
    pairs = artifacts.read_table(tmp_path / "pairs.csv").query("setting == 'rich'")
    assert pairs.groupby("seed").status.first().tolist() == ["discarded", "discarded", "kept"]
    row = artifacts.read_table(tmp_path / "summary.csv").iloc[0]
    assert row.kept == 1 and np.isnan(row.correlation_low)
    assert row.reason.endswith("seed 0: final loss 0.1 above 0.01 | seed 1: diverged by step 7")
    alone = structure_index.correlation(pairs.predicted[-6:], pairs.measured_end[-6:])
    assert row.correlation == pytest.approx(alone, rel=1e-6)
    draw(tmp_path, tmp_path)


def draw(folder, output):
    gains = {name: setting["gain"] for name, setting in SETTINGS.items()}
    paths = figure_files(plot_xor, output, folder / "pairs.csv", folder / "summary.csv", gains, 0.95)
    return [path.read_bytes() for path in paths]


def test_the_figure_has_fixed_bytes_and_a_table_of_what_it_draws(folder, tmp_path):
    assert draw(folder, tmp_path) == draw(folder, tmp_path / "again")
    drawn = pd.read_csv(tmp_path / "figure.csv")
    pairs = artifacts.read_table(folder / "pairs.csv")
    ends = pairs[pairs.setting == "lazy"].groupby("pair", sort=False).measured_end
    shown = drawn[(drawn.setting == "lazy") & (drawn.quantity == "measured_end")]
    np.testing.assert_allclose(shown.value, ends.mean(), rtol=1e-6)
    np.testing.assert_allclose(shown.spread, ends.std(), rtol=1e-6)
    assert set(drawn.networks) == {3}


def test_a_figure_without_any_network_that_learned(folder, tmp_path):
    compare(folder, tmp_path, loss_above=-1.0)
    assert artifacts.read_table(tmp_path / "summary.csv").kept.sum() == 0
    draw(tmp_path, tmp_path)
    assert set(pd.read_csv(tmp_path / "figure.csv").networks) == {0}
    assert style.number(float("nan")) == "none"
