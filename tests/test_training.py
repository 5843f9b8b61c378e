"""The training loop: what it records, against a really solvable network; divergence; independence of stacking."""

import numpy as np
import pytest
import torch

from repdyn import networks, theory, training
from repdyn.ensemble import Ensemble, Member
from repdyn.networks import Shape
from repdyn.observables import output_observables, squared_distances

X = np.array([[-1.0], [0.0]])
Y = np.array([[0.6], [0.6 + 0.5**0.5]])


def deviation_from_theory(refine: int) -> float:
    """Largest relative deviation of a trained linear network from the exact solution, nothing fitted.

    For inputs and targets symmetric about zero a linear network with one hidden unit is the theory's own system:
    |dh|^2 moves by -lr/2 |dx|^2 w a step (and the output likewise), so both effective rates are lr / 2. (With more
    units it is so only where the output weights lie along dh.)
    """
    lr, steps = 0.04 / refine, 1000 * refine
    x, y = np.array([[0.7], [-0.7]]), np.array([[0.5], [-0.5]])
    layers = networks.layers("mlp", Shape(width=1, depth=1, activation="none"))
    runs = training.train(layers, [Member(seed, 1.0, lr) for seed in range(3)], x, y, steps)
    t = np.arange(steps)
    worst = 0.0
    for e in range(3):
        H, Yd, w = theory.exact(t, runs.H[e, 0, 0], runs.Y[e, 0], runs.w[e, 0], lr / 2, lr / 2, 1.4**2, 1.0)
        assert runs.loss[e, -1] < 1e-3 * runs.loss[e, 0]
        for measured, exact in ((runs.H[e, 0], H), (runs.Y[e], Yd), (runs.w[e], w)):
            worst = max(worst, np.abs(measured - exact).max() / np.ptp(exact))
    return worst


def test_a_linear_network_follows_the_exact_solution():
    """The deviation is that of a finite step size: halving the step halves it."""
    coarse, fine = deviation_from_theory(1), deviation_from_theory(2)
    assert coarse < 0.03
    assert fine == pytest.approx(coarse / 2, rel=0.15)


def test_every_layer_is_recorded_at_every_step():
    """Recorded values against a fresh evaluation of a network that was trained for as many steps."""
    layers = networks.layers("resnet", Shape(width=30, depth=4, activation="tanh"))
    members = [Member(0, 0.7, 0.05), Member(1, 0.9, 0.02)]
    runs = training.train(layers, members, X, Y, steps=40)
    assert runs.H.shape == (2, 4, 40)
    ensemble = Ensemble(layers, members)
    x, y = torch.tensor(X, dtype=torch.float32), torch.tensor(Y, dtype=torch.float32)
    for t in range(40):
        hidden, output = ensemble.forward(x)
        for n, h in enumerate(hidden):
            expected = ((h[:, 0] - h[:, 1]) ** 2).sum(-1)
            np.testing.assert_allclose(runs.H[:, n, t], expected, rtol=1e-5)
        expected = output_observables(output.numpy(), Y)
        np.testing.assert_allclose(runs.Y[:, t], expected["Y"], rtol=1e-6)
        ensemble.backward((output - y) / y.numel())


def test_loss_is_the_sum_of_its_parts():
    """L = 1/4 (2 m^2 + w + (|dy|^2 - Y) / 2) / out_dim at every step, for any outputs."""
    rng = np.random.default_rng(0)
    for out_dim in (1, 3):
        y, outputs = rng.normal(size=(2, out_dim)), rng.normal(size=(50, 2, out_dim))
        seen = output_observables(outputs, y)
        dy2 = ((y[0] - y[1]) ** 2).sum()
        parts = (2 * seen["mean_error"] + seen["w"] + (dy2 - seen["Y"]) / 2) / 4 / out_dim
        np.testing.assert_allclose(seen["loss"], parts)


def test_distances_of_layers_of_different_sizes():
    hidden = [torch.randn(3, 2, 5), torch.randn(3, 2, 7)]
    expected = torch.stack([((h[:, 0] - h[:, 1]) ** 2).sum(-1) for h in hidden])
    torch.testing.assert_close(squared_distances(hidden), expected)


def test_stacking_and_cache_size_change_nothing(monkeypatch):
    layers = networks.layers("dropout", Shape(width=40, depth=3, activation="gelu"))
    members = [Member(seed, 1.0, 0.05) for seed in range(4)]
    together = training.train(layers, members, X, Y, 60, dropout_seed=3)
    monkeypatch.setattr("repdyn.ensemble.CACHE_BYTES", 1)
    apart = training.train(layers, members, X, Y, 60, dropout_seed=3)
    for name in ("H", "Y", "w", "loss", "mean_error"):
        assert np.array_equal(getattr(together, name), getattr(apart, name)), name


def test_dropout_is_observed_with_every_unit_in_place():
    """Observables of a network that never moves (learning rate 0) don't fluctuate from step to step."""
    layers = networks.layers("dropout", Shape(width=40, depth=3, activation="relu"))
    still = training.train(layers, [Member(0, 1.0, 0.0)], X, Y, 20, dropout_seed=3)
    assert np.ptp(still.H, axis=-1).max() == 0 and np.ptp(still.loss) == 0
    moving = training.train(layers, [Member(0, 1.0, 0.1)], X, Y, 20, dropout_seed=3)
    assert np.ptp(moving.loss) > 0


def test_divergence_is_recorded_and_stays_with_its_network():
    layers = networks.layers("mlp", Shape(width=40, depth=4, activation="relu"))
    healthy, wild = Member(0, 1.0, 0.01), Member(1, 1.0, 1e4)
    runs = training.train(layers, [healthy, wild], X, Y, 2500)
    alone = training.train(layers, [healthy], X, Y, 2500)
    assert runs.diverged_at[0] == -1
    at = runs.diverged_at[1]
    assert 0 < at < 100
    assert np.isfinite(runs.H[1, :, :at]).all() and np.isnan(runs.H[1, :, at:]).all()
    assert np.isnan(runs.loss[1, at:]).all()
    assert np.array_equal(runs.H[0], alone.H[0])


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_a_network_at_rest_keeps_what_it_has_and_leaves_the_others_alone(optimiser):
    """Beside one that trains every step: the same up to its rest, nothing new after it, nowhere far from the truth."""
    layers = networks.layers("mlp", Shape(width=40, depth=2, activation="tanh"))
    rate = 0.1 if optimiser == "sgd" else 1e-3
    quick, slow, wild = Member(0, 1.0, rate), Member(1, 1.0, rate / 500), Member(2, 1.0, 1e30)
    full = training.train(layers, [quick, slow, wild], X, Y, 3050, optimiser)
    runs = training.train(layers, [quick, slow, wild], X, Y, 3050, optimiser, rest_loss=1e-8)
    first = np.flatnonzero(full.loss[0] >= 1e-8)[-1] + 1  # below for good from here on
    end = training.LOOK * -(-(first + training.LOOK) // training.LOOK) - 1  # looked at when it was so for LOOK steps
    assert 0 < end < 2500
    for name in ("H", "Y", "w", "loss", "mean_error"):
        rested, trained = getattr(runs, name), getattr(full, name)
        assert np.array_equal(rested[0, ..., : end + 1], trained[0, ..., : end + 1]), name
        assert np.ptp(rested[0, ..., end:], axis=-1).max() == 0, name
        np.testing.assert_allclose(rested[0], trained[0], atol=3e-4)
        assert np.array_equal(rested[1:], trained[1:], equal_nan=True), name
    assert full.loss[0, -1] < runs.loss[0, -1] < 1e-8 < runs.loss[1, -1]
    assert runs.diverged_at.tolist() == full.diverged_at.tolist() and runs.diverged_at[2] >= 0


def test_a_small_loss_is_no_rest_before_it_has_lasted():
    """At the look after step 999 a falling loss has been below a threshold for LOOK steps, or for one too few."""
    layers = networks.layers("mlp", Shape(width=40, depth=2, activation="none"))

    def run(rest_loss):
        return training.train(layers, [Member(0, 1.0, 0.003)], X, Y, 10 * training.LOOK + 50, rest_loss=rest_loss)

    full, last = run(0.0), 10 * training.LOOK - 1
    assert (np.diff(full.loss[0]) < 0).all()
    before = last - training.LOOK
    long_enough, too_short = (run(full.loss[0, step : step + 2].mean()) for step in (before, before + 1))
    assert np.ptp(long_enough.loss[0, last:]) == 0 < np.ptp(full.loss[0, last:])
    assert np.array_equal(too_short.loss, full.loss)


def test_a_gpu_that_is_not_there_is_named():
    if torch.cuda.is_available():
        assert training.choose_device("auto") == "cuda"
    else:
        assert training.choose_device("auto") == "cpu"
        with pytest.raises(RuntimeError, match="training.device is 'cuda'"):
            training.choose_device("cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU on this machine: its arithmetic is tested on the CPU")
@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
@pytest.mark.parametrize("model", networks.architectures())
def test_a_gpu_trains_the_same_networks(model, optimiser):
    layers = networks.layers(model, Shape(width=60, depth=3, activation="leaky_relu"))
    members = [Member(seed, 0.9, 0.01 if optimiser == "sgd" else 1e-4) for seed in range(3)]
    cpu, gpu = (
        training.train(layers, members, X, Y, 200, optimiser, device, dropout_seed=3) for device in ("cpu", "cuda")
    )
    np.testing.assert_allclose(gpu.H, cpu.H, rtol=5e-3, atol=1e-6)
    np.testing.assert_allclose(gpu.loss, cpu.loss, rtol=5e-3, atol=1e-6)
