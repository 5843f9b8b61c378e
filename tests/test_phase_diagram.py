"""Tangent kernel, stable learning rate, and what the phase diagram is made of."""

import numpy as np
import pandas as pd
import pytest
import torch
from phase_diagram import fit as fit_phase_diagram
from phase_diagram import plot as plot_phase_diagram
from phase_diagram import summarise as summarise_phase_diagram
from phase_diagram import train as train_phase_diagram
from runs import ensemble, figure_files, on_two_points
from two_points import data as make_two_points

from repdyn import artifacts, networks, theory
from repdyn.networks import Shape
from repdyn.networks.activations import ACTIVATIONS
from repdyn.networks.tangent_kernel import of_networks, stable_rate
from repdyn.theory import regimes
from repdyn.training.compiled import LayeredNetworks
from repdyn.training.ensemble import Member, initial_parameters

X = np.array([[-0.8, 0.3], [0.4, 0.9], [0.1, -0.2]])
MEMBERS = [Member(3, 1.0, 0.1), Member(4, 1.5, 0.1)]


@pytest.mark.parametrize("model", ["mlp", "resnet"])
def test_the_kernel_is_that_of_automatic_differentiation(model):
    shape = Shape(width=12, depth=3, activation="tanh", in_dim=2, out_dim=2)
    kernel = of_networks(*LayeredNetworks(ensemble(model, shape, MEMBERS)).modules(), X)
    layers = networks.layers(model, shape)
    for e, member in enumerate(MEMBERS):
        parameters = [p.requires_grad_() for pair in initial_parameters(layers, member, 0) for p in pair]
        outputs, h = [], torch.tensor(X, dtype=torch.float32)
        for n, layer in enumerate(layers):
            h = ACTIVATIONS[layer.activation].on_tensors(h @ parameters[2 * n] + parameters[2 * n + 1])
            h = h + outputs[n - layer.skip] if layer.skip else h
            outputs.append(h)
        rows = [torch.autograd.grad(f, parameters, retain_graph=True) for f in h.flatten()]  # point by point
        jacobian = torch.stack([torch.cat([g.flatten() for g in row]) for row in rows])
        torch.testing.assert_close(torch.tensor(kernel[e]), jacobian @ jacobian.T, rtol=1e-4, atol=1e-4)


def test_the_kernel_moves_nothing_and_is_that_of_every_unit_in_place():
    shape = Shape(width=12, depth=3, activation="relu", in_dim=2)
    whole, dropping = (LayeredNetworks(ensemble(model, shape, MEMBERS)) for model in ("mlp", "dropout"))
    before = whole.theta.copy()
    module, hidden, each = whole.modules()
    own = [p.clone() for p in module.parameters()]
    kernel = of_networks(module, hidden, each, X)
    assert np.array_equal(whole.theta, before)
    assert all(torch.equal(a, b) for a, b in zip(own, module.parameters(), strict=True))
    assert np.array_equal(of_networks(*dropping.modules(), X), kernel)


@pytest.mark.parametrize("fraction", [0.05, 0.5, 0.9, 1.0, 1.2])
def test_one_step_at_a_fraction_of_the_stable_rate(fraction):
    """A small error along the kernel's first eigenvector is multiplied by 1 - 2 fraction, and grows above 1."""
    shape, x = Shape(width=200, depth=2, activation="tanh"), np.array([[-1.0], [0.7]])
    still = LayeredNetworks(ensemble("mlp", shape, [Member(0, 1.0, 0.0)]))
    kernel = of_networks(*still.modules(), x)
    first = np.linalg.eigh(kernel[0]).eigenvectors[:, -1:]
    y = still.look(x)[1][0] - 0.01 * first
    rate = fraction * stable_rate(kernel).item()
    loss = on_two_points("mlp", shape, [Member(0, 1.0, rate)], 2, x=x, y=y).loss[0]
    assert loss[1] / loss[0] == pytest.approx((1 - 2 * fraction) ** 2, abs=0.03)


def test_balance_is_between_rich_and_lazy():
    assert regimes.balance(1.0, 0.0) == -1  # the task alone
    assert regimes.balance(0.0, 2.0) == 1  # the initialisation alone
    assert regimes.balance(3.0, 3.0) == 0
    assert np.isnan(regimes.balance(0.0, 0.0)) and np.isnan(regimes.balance(np.nan, 1.0))


def test_the_crossover_is_where_the_balance_changes_sign_for_good():
    gains = [0.8, 1.0, 1.2, 1.4]
    assert regimes.crossover(gains, [-1, -0.5, 0.5, 1]) == pytest.approx(1.1)
    assert regimes.crossover(gains, [-1, 0.2, -0.1, 0.3]) == pytest.approx(1.25)
    assert regimes.crossover(gains, [-1, np.nan, -0.5, 0.5]) == pytest.approx(1.3)
    assert regimes.crossover(gains, [-1, -1, 0.2, -0.1]) == np.inf  # beyond the largest gain
    assert regimes.crossover(gains, [0.1, 0.2, 0.3, np.nan]) == -np.inf
    assert np.isnan(regimes.crossover(gains, [np.nan] * 4))


@pytest.mark.parametrize("Y0", [0.0, 1e-4])
def test_the_golden_growth_is_where_the_two_terms_of_the_fixed_point_are_equal(Y0):
    """A_low = A_high, put into the fixed point, and into the exact solution at late times."""
    H0, dy2 = 0.3, 0.5
    ratio = H0**2 / dy2  # A_low = H0
    end, A_low, A_high = theory.fixed_point(H0, Y0, ratio, 1.0, 1.0, dy2)
    assert A_low / A_high == pytest.approx(1, rel=1e-3) and end / H0 == pytest.approx(regimes.GOLDEN, rel=1e-3)
    H, _, _ = theory.exact(np.array([0.0, 1e4]), H0, max(Y0, 1e-8), -1e-5, ratio, 1.0, 1.0, dy2)
    assert H[-1] / H0 == pytest.approx(regimes.GOLDEN, rel=1e-3)


def test_parameters_are_counted():
    layers = networks.layers("mlp", Shape(width=7, depth=3, activation="relu", in_dim=2))
    counts = [
        sum(np.prod(w.weights.weight_shape) + w.weights.bias_size for w in part) for part in (layers[:2], layers[2:])
    ]
    encoder, decoder = regimes.parameter_counts([2, 7, 7, 7, 1])
    assert [encoder[1], decoder[1]] == counts


def test_a_planted_exponent_is_found():
    counts = np.array([10.0, 20, 30, 45])
    assert regimes.exponent(counts, 0.3 * counts**1.7) == pytest.approx(1.7)
    assert np.isnan(regimes.exponent(counts, [1, np.nan, np.nan, 2])) and np.isnan(
        regimes.exponent([5, 5, 5], [1, 2, 3])
    )


def test_fits_end_at_twice_the_time_of_learning():
    loss = np.r_[np.ones(30), np.zeros(200)]
    assert regimes.window(loss, 0.1) == 60
    assert regimes.window(np.ones(50), 0.1) == 50 and regimes.window(loss, 2.0) == 10


def test_the_mean_field_gain():
    assert summarise_phase_diagram.critical_gain("relu") == pytest.approx(2**0.5)
    assert np.isnan(summarise_phase_diagram.critical_gain("tanh"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two depths through every script; at the deeper one too few steps to train at the smallest gain."""
    folder = tmp_path_factory.mktemp("diagram")
    task = {"dx2": 1.0, "dy2": 0.5, "in_dim": 1, "out_dim": 1}
    make_two_points.main(task, folder / "points.nc")
    rows = []
    for depth in (3, 12):
        sizes = {"name": f"depth_{depth}", "depth": depth, "width": 30, "activation": "leaky_relu", "steps": 300}
        sweep = {"lowest_gain": 0.7, "highest_gain": 1.7, "gains": 3, "networks": 2, "fraction": 0.05, "init_seed": 0}
        sweep["rest_loss"] = 0.0
        rows.append({**sizes, **sweep, **task})
        train_phase_diagram.main(folder / "points.nc", rows[-1], "cpu", folder / f"{depth}.nc")
        fit_phase_diagram.main(folder / f"{depth}.nc", 1e-3, folder / f"{depth}.csv")
    outputs = [folder / f"{name}.csv" for name in ("table", "cells", "networks", "crossover")]
    summarise_phase_diagram.main([folder / "3.csv", folder / "12.csv"], rows, 0.9, *outputs)
    return folder


def test_every_cell_is_in_the_table_trained_or_not(folder):
    table = artifacts.read_table(folder / "table.csv")
    assert len(table) == 3 * 2 * (3 + 12)
    assert table[table.place == "middle"].groupby("depth").layer.unique().map(list).to_dict() == {3: [1], 12: [6]}
    assert table.nrmse.notna().sum() == ((table.place == "middle") & (table.status == "ok")).sum()
    status = table.groupby(["depth", "gain"]).status.first()
    assert (status.loc[3] == "ok").all()
    assert status.loc[12].iloc[0].startswith("final loss")
    assert (table.measured_balance.notna() == (table.status == "ok")).all()
    first, last = (table[(table.layer == 1) & (table.depth == 3) & (table.gain == gain)] for gain in (0.7, 1.7))
    assert (first.measured_balance < 0).all() and (last.measured_balance > 0).all()
    crossover = (
        artifacts.read_table(folder / "crossover.csv").query("depth == 3 and place == 'middle'").set_index("way")
    )
    assert 0.7 < crossover.value["measured"] < 1.7 and np.isnan(crossover.low["measured"])  # of two networks
    assert crossover.mean_field["fitted"] == pytest.approx(summarise_phase_diagram.critical_gain("leaky_relu"))


def fits(balances: dict[int, list[float]]) -> pd.DataFrame:
    """A table of fits at gains 1, 1.1, ... of networks with these balances."""
    rows = []
    for seed, one in balances.items():
        for n, balance in enumerate(one):
            about = {"setting": "a", "depth": 4, "width": 10, "gain": 1 + n / 10, "seed": seed, "layer": 2}
            rows.append({**about, "place": "middle", "measured_balance": balance, "fitted_balance": balance})
    return pd.DataFrame(rows)


def test_networks_that_cross_beyond_the_gains_are_counted():
    inside = {seed: [-1, -1 - seed / 10, 1, 1] for seed in range(6)}
    beyond = {6: [-1, -1, -1, -1], 7: [-1, -1, -1, np.nan], 8: [np.nan] * 4}
    single = summarise_phase_diagram.crossings(fits(inside | beyond), {"a": 1.4})
    measured = single[single.way == "measured"].set_index("seed")
    assert measured.beyond.to_dict() == {**dict.fromkeys(range(6), 0), 6: 1, 7: 1, 8: 0}
    assert np.isinf(measured.crossover[[6, 7]]).all() and np.isnan(measured.crossover[8])
    assert (measured.lowest == 1).all() and (measured.highest == 1.2).all()  # where all of those beyond have trained
    assert measured.reason[7] == "rich at all gains from 1 to 1.2" and measured.reason[8] == "no network trained"
    found = summarise_phase_diagram.summary(single, 0.95).set_index("way").loc["measured"]
    alone = summarise_phase_diagram.summary(single[single.seed < 6], 0.95).set_index("way").loc["measured"]
    assert (found.networks, found.censored, alone.censored) == (8, 2, 0)
    assert found.value > alone.value == pytest.approx(measured.crossover[:6].mean())
    assert alone.low < alone.value < alone.high < found.high


def test_the_figure_holds_its_numbers_and_has_the_same_bytes_twice(folder):
    inputs = [folder / f"{name}.csv" for name in ("cells", "networks", "crossover")]
    first, second = (figure_files(plot_phase_diagram, folder / run, *inputs) for run in "ab")
    for a, b in zip(first, second, strict=True):
        assert a.read_bytes() == b.read_bytes()
    drawn, table = artifacts.read_table(first[2]), artifacts.read_table(folder / "table.csv")
    cell = drawn[(drawn.depth == 3) & (drawn.gain == 1.2) & (drawn.what == "cell")].iloc[0]
    here = table[(table.depth == 3) & (table.gain == 1.2) & (table.layer == 1)]
    assert cell.growth == pytest.approx(np.exp(np.log(here.h_end / here.h_start).mean()))
    untrained = drawn[(drawn.depth == 12) & (drawn.gain == 0.7)].iloc[0]
    assert np.isnan(untrained.growth) and untrained.networks == 0 and untrained.of == 2
