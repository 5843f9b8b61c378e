"""Tangent kernel, stable learning rate, and what the phase diagram is made of."""

import numpy as np
import pytest
import torch
from phase_diagram import fit as fit_phase_diagram
from phase_diagram import plot as plot_phase_diagram
from phase_diagram import summarise as summarise_phase_diagram
from phase_diagram import train as train_phase_diagram
from runs import ensemble, figure_files, on_two_points
from two_points import data as make_two_points

from repdyn import artifacts, networks
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
    for never in ([-1, -1, -1, -0.1], [0.1, 0.2, 0.3, 0.4], [np.nan] * 4):
        assert np.isnan(regimes.crossover(gains, never))


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
    outputs = {name: folder / f"{name}.csv" for name in ("table", "cells", "crossover", "exponents")}
    intervals = {"confidence": 0.9, "resamples": 100}
    summarise_phase_diagram.main([folder / "3.csv", folder / "12.csv"], rows, 0.3, intervals, 0, **outputs)
    return folder


def test_every_cell_is_in_the_table_trained_or_not(folder):
    table = artifacts.read_table(folder / "table.csv")
    assert len(table) == 3 * 2 * (3 + 12)
    status = table.groupby(["depth", "gain"]).status.first()
    assert (status.loc[3] == "ok").all()
    assert status.loc[12].iloc[0].startswith("final loss")
    trained = table[table.status == "ok"].groupby(["depth", "gain", "seed"])
    assert (trained.best.sum() == 1).all() and not table[table.status != "ok"].best.any()
    best = table[table.best & (table.depth == 3)].sort_values("gain")
    assert best.regime.iloc[0] == "rich" and best.regime.iloc[-1] == "lazy"
    crossover = artifacts.read_table(folder / "crossover.csv").set_index("depth")
    assert 0.7 < crossover.value[3] < 1.7
    assert crossover.mean_field.tolist() == pytest.approx([summarise_phase_diagram.critical_gain("leaky_relu")] * 2)


def test_the_figure_holds_its_numbers_and_has_the_same_bytes_twice(folder):
    inputs = [folder / f"{name}.csv" for name in ("cells", "crossover", "exponents")]
    first, second = (figure_files(plot_phase_diagram, folder / run, *inputs, [30, 30], 0.3, 0.9) for run in "ab")
    for a, b in zip(first, second, strict=True):
        assert a.read_bytes() == b.read_bytes()
    drawn = artifacts.read_table(first[2])
    table = artifacts.read_table(folder / "table.csv")
    cell = drawn[(drawn.depth == 3) & (drawn.gain == 1.2) & (drawn.quantity == "nrmse")].iloc[0]
    assert cell.value == pytest.approx(table[(table.depth == 3) & (table.gain == 1.2) & table.best].nrmse.mean())
    untrained = drawn[(drawn.depth == 12) & (drawn.gain == 0.7) & (drawn.quantity == "nrmse")].iloc[0]
    assert np.isnan(untrained.value) and untrained.networks == 0 and untrained.of == 2
