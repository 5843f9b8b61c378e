"""The trainers against plain torch modules and torch.optim, against each other, and on a GPU that is not there."""

import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch
from runs import X, Y, after, ensemble, hidden_layers, on_two_points, plain
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from repdyn import networks
from repdyn.networks import Shape
from repdyn.networks.activations import ACTIVATIONS
from repdyn.training import batches, loop, recorders
from repdyn.training.compiled import CompiledTrainer
from repdyn.training.ensemble import BATCHES, Member, generator, initial_parameters
from repdyn.training.module import ModuleTrainer
from repdyn.training.optimisers import OPTIMISERS
from repdyn.training.passes.layer import NEAR
from repdyn.training.trace import Batch, Follow, Stop

MEMBERS = [Member(3, 1.0, 0.02), Member(0, 0.8, 0.03), Member(7, 1.2, 0.01)]
SHAPE = Shape(width=60, depth=3, activation="leaky_relu", in_dim=2, out_dim=2)
POINTS = np.array([[-0.8, 0.3], [0.4, 0.9]])
TARGETS = np.array([[0.6, -0.2], [0.1, 0.5]])
STEPPERS = {
    "sgd": lambda p, lr: torch.optim.SGD(p, lr=lr),
    "momentum": lambda p, lr: torch.optim.SGD(p, lr=lr, momentum=0.9),
    "adam": lambda p, lr: torch.optim.Adam(p, lr=lr),
}
LAYERED = ["mlp", "resnet", "cnn"]


def slower(members, solver):
    """Adam divides by gradients that may be close to zero, momentum adds steps up: small steps keep rounding small."""
    return [Member(m.seed, m.gain, m.lr / {"sgd": 1, "momentum": 10, "adam": 100}[solver]) for m in members]


def data(points, in_dim, out_dim, seed=0):
    draw = np.random.default_rng(seed)
    return draw.normal(size=(points, in_dim)), draw.normal(size=(points, out_dim))


def task(model):
    """Shape, points, targets. Of two points batch normalisation makes +1 and -1, whatever they are: it gets eight."""
    if model != "batchnorm_resnet":
        return SHAPE, POINTS, TARGETS
    draw = np.random.default_rng(5)
    return replace(SHAPE, in_dim=48), draw.normal(size=(8, 48)), draw.normal(size=(8, 2))


def test_every_optimiser_is_compared_with_torchs():
    assert STEPPERS.keys() == OPTIMISERS.keys()


@pytest.mark.parametrize("solver", STEPPERS)
@pytest.mark.parametrize(
    ("kind", "model"),
    [
        *((CompiledTrainer, m) for m in LAYERED),
        *((ModuleTrainer, m) for m in networks.known_architectures() if m != "dropout"),
    ],
)
def test_training_is_that_of_torch(kind, model, solver):
    shape, points, targets = task(model)
    together = ensemble(model, shape, slower(MEMBERS, solver), solver)
    # gradients before a normalisation vanish in part, but for rounding, which Adam divides by its own size
    steps = 8 if model == "batchnorm_resnet" and solver == "adam" else 25
    trainer = after(kind(together), points, targets, steps)
    hidden, output = trainer.look(points)
    x, y = (torch.tensor(a, dtype=torch.float32) for a in (points, targets))
    for e, member in enumerate(together.members):
        module, names = plain(together, e)
        stepper = STEPPERS[solver](module.parameters(), member.lr)
        for _ in range(steps):
            stepper.zero_grad()
            (0.5 * nn.functional.mse_loss(module(x), y)).backward()
            stepper.step()
        expected, out = hidden_layers(module, names, x)
        assert len(expected) == len(hidden) == trainer.hidden_layers == networks.hidden_layers(model, shape)
        for h, wanted in zip(hidden, expected, strict=True):
            size = wanted.abs().max().item() if model == "batchnorm_resnet" else 1.0  # it mixes units of that size
            np.testing.assert_allclose(h[e], wanted.detach(), rtol=2e-3, atol=2e-5 * size)
        np.testing.assert_allclose(output[e], out.detach(), rtol=2e-3, atol=2e-5)


class AlsoDetached(nn.Linear):
    """Its weights also pass inputs on without a gradient of their own."""

    def forward(self, x):
        return 0.5 * nn.functional.linear(x, self.weight.detach()) + super().forward(x)


class AlsoData(nn.Linear):
    """The same, in a way that torch does not watch (and refuses for several networks at once)."""

    def forward(self, x):
        return 0.5 * nn.functional.linear(x, self.weight.data) + super().forward(x)


@pytest.mark.parametrize(
    ("kind", "members"), [(AlsoDetached, MEMBERS[:1]), (AlsoDetached, MEMBERS), (AlsoData, MEMBERS[:1])]
)
def test_weights_that_are_also_used_detached(kind, members):
    """They move only after the backward pass, which reads them till its end; others within it."""
    together = ensemble("layernorm", SHAPE, members, "momentum")
    usual, trainer = after(ModuleTrainer(together), POINTS, TARGETS, 1), ModuleTrainer(together)
    by_hand, _ = plain(together, 0)
    for part in (*trainer.module.modules(), *by_hand.modules()):
        if isinstance(part, nn.Linear):
            part.__class__ = kind
    found = after(trainer, POINTS, TARGETS, 10).look(POINTS)[1][0]
    assert usual.at_once and not trainer.at_once
    x, y = (torch.tensor(a, dtype=torch.float32) for a in (POINTS, TARGETS))
    stepper = STEPPERS["momentum"](by_hand.parameters(), members[0].lr)
    for _ in range(10):
        stepper.zero_grad()
        (0.5 * nn.functional.mse_loss(by_hand(x), y)).backward()
        stepper.step()
    np.testing.assert_allclose(found, by_hand(x).detach(), rtol=2e-3, atol=2e-5)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("points", [1, 2, 3, 4, 7, 9])
def test_any_activation_and_any_small_number_of_points(activation, points):
    """The compiled steps beside the modules', with skip connections; 9 points go through the BLAS."""
    x, y = data(points, 2, 2)
    together = ensemble("resnet", Shape(33, 4, activation, 2, 2), MEMBERS)
    found = [after(kind(together), x, y, 20).look(x) for kind in (CompiledTrainer, ModuleTrainer)]
    for a, b in zip(*([*hidden, output] for hidden, output in found), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-5)


@pytest.mark.parametrize("width", [1, 7, 8, 9, 16, 31, 50, 190, 400])
def test_widths_around_a_vector_and_layers_that_no_near_cache_holds(width):
    assert 190**2 < NEAR < 400**2
    together = ensemble("mlp", Shape(width, 3, "tanh"), MEMBERS)
    found = [after(kind(together), X, Y, 20).look(X) for kind in (CompiledTrainer, ModuleTrainer)]
    for a, b in zip(*([*hidden, output] for hidden, output in found), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-5)
    recorded = on_two_points("mlp", together.shape, MEMBERS, 21).H[:, :, 20]
    apart = [((h[:, 0] - h[:, 1]) ** 2).sum(1) for h in found[0][0]]
    np.testing.assert_allclose(recorded, np.transpose(apart), rtol=1e-5)


@pytest.mark.parametrize("kind", [CompiledTrainer, ModuleTrainer])
@pytest.mark.parametrize("batch", [3, 16])
def test_mini_batches(kind, batch):
    """Orders of their own for every network, a last batch that is smaller; the loss is that of the batch."""
    x, y = data(50, 2, 2)
    together = ensemble("mlp", SHAPE, MEMBERS)
    source = batches.Epochs(x, y, batch, seed=5)
    at_end = recorders.AtEnd(lambda view: {"end": view.look(x)[1]})
    runs = loop.run(together, source, 2 * source.steps, [at_end], trainer=kind)
    assert source.steps == -(-50 // batch)
    means = source.means(runs.batch_loss.values)
    for e, member in enumerate(together.members):
        module, _ = plain(together, e)
        stepper = torch.optim.SGD(module.parameters(), lr=member.lr)
        draw, seen = generator(BATCHES, 5, member.seed), []
        inputs, targets = (torch.tensor(a, dtype=torch.float32) for a in (x, y))
        for _ in range(2):
            total = 0.0
            for rows in torch.randperm(50, generator=draw).split(batch):
                stepper.zero_grad()
                loss = 0.5 * nn.functional.mse_loss(module(inputs[rows]), targets[rows])
                total += loss.item() * len(rows)
                loss.backward()
                stepper.step()
            seen.append(total / 50)
        np.testing.assert_allclose(means[e], seen, rtol=1e-4)
        np.testing.assert_allclose(runs.end[e], module(inputs).detach(), rtol=2e-3, atol=2e-5)


@pytest.mark.parametrize("model", [*LAYERED, "dropout"])
def test_a_seed_names_one_network_whatever_else_is_in_the_ensemble(model):
    """Alone, in company, and in another place: the same bytes."""

    def trained(members):
        trainer = after(CompiledTrainer(ensemble(model, SHAPE, members)), POINTS, TARGETS, 30)
        return {m.seed: theta for m, theta in zip(members, trainer.theta, strict=True)}

    together, alone, turned = trained(MEMBERS), trained(MEMBERS[1:2]), trained(MEMBERS[::-1])
    assert np.array_equal(alone[0], together[0]) and np.array_equal(alone[0], turned[0])
    assert not np.array_equal(together[0], together[3])


@pytest.mark.parametrize("model", networks.known_architectures())
def test_a_module_is_one_network_whatever_else_is_in_the_ensemble(model):
    members = [Member(m.seed, m.gain, m.lr / 10) for m in MEMBERS]
    shape, points, targets = task(model)
    found = [
        after(ModuleTrainer(ensemble(model, shape, some)), points, targets, 10).look(points)[1]
        for some in (members, members[1:2])
    ]
    np.testing.assert_allclose(found[0][1], found[1][0], rtol=1e-3, atol=1e-5)


def test_a_cpu_trains_as_many_modules_at_a_time_as_its_cache_holds(monkeypatch):
    members = [Member(m.seed, m.gain, m.lr / 10) for m in MEMBERS]
    together, record = ensemble("layernorm", SHAPE, members), [recorders.Pairs(recorders.every(1, 9))]
    one = ModuleTrainer(together.some([0]))
    of_all = sum(p.nbytes for p in ModuleTrainer(together).parameters.values())
    found = []
    for cache, count in ((of_all, 3), (of_all - 1, 2), (1, 1)):
        monkeypatch.setattr("repdyn.training.module.CACHE", cache)
        assert loop._fitting(ModuleTrainer(together.some([0])), "cpu") == count
        found.append(loop.run(together, batches.Points(POINTS, TARGETS), 10, record))
    assert one.together > 3
    for other in found[1:]:
        np.testing.assert_allclose(other.distance, found[0].distance, rtol=1e-3, atol=1e-5)


def test_dropout_drops_a_tenth_and_keeps_the_mean():
    """In both trainers, at learning rate 0: what is trained on fluctuates, what is looked at does not."""
    for kind in (CompiledTrainer, ModuleTrainer):
        still = ensemble("dropout", Shape(300, 3, "none"), [Member(0, 1.0, 0.0)])
        runs = loop.run(still, batches.Points(X, Y), 200, [recorders.Pairs(recorders.every(1, 199))], trainer=kind)
        assert np.ptp(runs.distance.values, axis=-1).max() == 0 and np.ptp(runs.output.values, axis=1).max() == 0
        assert np.ptp(runs.batch_loss.values) > 0
    trainer = CompiledTrainer(still)
    masks = trainer._masks(Batch(X[None], Y[None]), 50)
    assert (masks == 0).mean() == pytest.approx(0.1, abs=0.01) and masks.mean() == pytest.approx(1, abs=0.01)


def test_initial_weights_are_xavier_normal_times_the_gain():
    layers = networks.layers("cnn", Shape(width=400, depth=2, activation="relu"))
    for layer, (weight, bias) in zip(layers, initial_parameters(layers, Member(1, 1.7, 0.1), 0), strict=True):
        expected = 1.7 * np.sqrt(2 / sum(layer.weights.fans))
        assert weight.std().item() == pytest.approx(expected, rel=4 / np.sqrt(weight.numel()))
        assert not bias.any()
    small, large = (initial_parameters(layers, Member(1, gain, 0.1), 0)[1][0] for gain in (0.5, 2.0))
    torch.testing.assert_close(4 * small, large)  # the same draw, scaled
    trainer = ModuleTrainer(ensemble("layernorm", Shape(200, 2, "relu"), [Member(0, 1.7, 0.1)]))
    weights = {name: p[0] for name, p in trainer.parameters.items()}
    assert weights["1.0.weight"].std().item() == pytest.approx(1.7 / 200**0.5, rel=0.03)
    assert (weights["1.1.weight"] == 1).all() and not weights["1.1.bias"].any() and not weights["1.0.bias"].any()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_and_slopes_are_torchs(name):
    """The plain functions and the compiled ones, over a wide range."""
    entry = ACTIVATIONS[name]
    z = torch.linspace(-30, 30, 2001, dtype=torch.float64).requires_grad_()
    a = entry.on_tensors(z)
    (slope,) = torch.autograd.grad(a.sum(), z)
    for value, f, s in zip(z.tolist()[::100], a.tolist()[::100], slope.tolist()[::100], strict=True):
        assert entry.function(value) == pytest.approx(f, rel=1e-9, abs=1e-12)
        assert entry.slope(value, f) == pytest.approx(s, rel=1e-9, abs=1e-9)
    trainer = CompiledTrainer(ensemble("mlp", Shape(2, 1, "none", 1, z.numel()), [Member(0, 1.0, 1e6 * z.numel())]))
    trainer.theta[:], bias = 0, trainer.parameters()[-1][1][0]
    bias[:] = before = z.detach().numpy().astype(np.float32)
    trainer.net[3][-1] = list(ACTIVATIONS).index(name)  # of the output, which then is phi(z)
    np.testing.assert_allclose(trainer.look(X)[1][0, 0], a.detach(), rtol=5e-7, atol=1e-6)
    after(trainer, X, trainer.look(X)[1][0] - 64, 1)
    np.testing.assert_allclose((before - bias) / 64e6, slope, rtol=1e-6, atol=1e-6)


def test_whether_an_activation_is_smooth_and_its_mean_square_slope_are_so():
    """Smooth: slopes just below and above 0 agree. Mean field: the mean of phi'^2 over inputs symmetric about 0."""
    z = np.random.default_rng(0).normal(size=100_000)
    for entry in ACTIVATIONS.values():
        below, above = (entry.slope(side, entry.function(side)) for side in (-1e-9, 1e-9))
        assert entry.smooth == (abs(below - above) < 1e-6)
        for scale in (0.1, 10) if entry.mean_square_slope else ():
            squares = [entry.slope(v, entry.function(v)) ** 2 for v in (scale * z[:20_000]).tolist()]
            assert entry.mean_square_slope == pytest.approx(np.mean(squares), rel=0.03)


@pytest.mark.parametrize("kind", [CompiledTrainer, ModuleTrainer])
def test_who_stops_moves_no_more_and_what_is_followed_need_not_be_trained_on(kind):
    members = [Member(0, 1.0, 0.3), Member(1, 1.0, 0.001)]
    trainer = kind(ensemble("mlp", Shape(30, 2, "tanh"), members))
    other = np.array([[[0.3], [0.9], [-0.4]]], np.float32)
    batch = Batch(X[None].astype(np.float32), Y[None].astype(np.float32))
    follow = Follow(np.arange(100), other, np.array([[0, 2], [1, 2]]))
    trace = trainer.train(batch, 0, 100, 100, Stop(1e-3, 5), follow)
    assert trace.reached[1] == 100 and 0 < trace.reached[0] < 100 and trace.reached[0] % 5 == 0
    losses = trace.losses[0, : trace.reached[0] + 1]
    assert losses[-1] <= 1e-3 < losses[::5][:-1].min()
    hidden, output = trainer.look(other[0])
    np.testing.assert_allclose(output[0], trace.outputs[0, trace.reached[0]], rtol=1e-5, atol=1e-6)
    for layer, h in enumerate(hidden):
        expected = [((h[0, a] - h[0, b]) ** 2).sum() for a, b in ((0, 2), (1, 2))]
        np.testing.assert_allclose(trace.distances[0, trace.reached[0], layer], expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(("kind", "model"), [(CompiledTrainer, "dropout"), (ModuleTrainer, "dropout")])
@pytest.mark.parametrize("solver", STEPPERS)
def test_what_is_saved_and_put_back_goes_on_as_if_nothing_had_been(kind, model, solver):
    together = ensemble(model, SHAPE, slower(MEMBERS, solver), solver)
    whole = after(kind(together), POINTS, TARGETS, 30)
    begun = after(kind(together), POINTS, TARGETS, 12)
    begun.keep([0, 2])
    fresh = kind(together)
    fresh.keep([0, 2])
    fresh.restore({name: value.copy() for name, value in begun.state().items()})
    after(fresh, POINTS, TARGETS, 18, first=12)
    np.testing.assert_allclose(fresh.look(POINTS)[1], whole.look(POINTS)[1][[0, 2]], rtol=1e-5, atol=1e-6)


# Torch built without CUDA differentiates nothing on its devices, not even fake tensors; on another device it does.
FAKE = "cuda" if torch.version.cuda else "meta"


@pytest.mark.parametrize("solver", STEPPERS)
@pytest.mark.parametrize("model", networks.known_architectures())
def test_on_a_gpu_that_is_not_there(model, solver):
    """Torch's fake tensors have a device, a shape and a type: every operation of a step is checked for them."""
    with FakeTensorMode():
        trainer = ModuleTrainer(ensemble(model, Shape(48, 3, "tanh"), MEMBERS, solver), FAKE)
        batch = Batch(X[None].astype(np.float32), Y[None].astype(np.float32))
        trace = trainer.train(batch, 0, 4, 4, Stop(0.1, 2), Follow(np.arange(4), None, np.array([[0, 1]])))
        assert all(p.device.type == FAKE for p in trainer.parameters.values())
        assert trace.distances.device.type == FAKE and trace.losses.device.type == FAKE
        assert trace.distances.shape == (3, 4, trainer.hidden_layers, 1) and trace.outputs.shape == (3, 4, 2, 1)
        order = np.zeros((3, 4, 2), np.int32)
        trainer.train(
            Batch(batch.x, batch.y, order, np.full(4, 2)),
            4,
            4,
            4,
            Stop(),
            Follow(np.full(4, -1), None, np.zeros((0, 2), int)),
        )
        hidden, output = trainer.look(X)
        assert len(hidden) == trainer.hidden_layers and output.device.type == FAKE
        with pytest.raises(RuntimeError, match=r"(?i)device"):
            torch.zeros(3, 2, 1) + output


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU on this machine: its arithmetic is tested on the CPU")
@pytest.mark.parametrize("solver", STEPPERS)
@pytest.mark.parametrize("model", [m for m in networks.known_architectures() if m != "dropout"])
def test_a_gpu_trains_the_same_networks(model, solver):
    shape, points, targets = task(model)
    members = [Member(seed, 0.7, 0.005 / {"sgd": 1, "momentum": 10, "adam": 10}[solver]) for seed in range(3)]
    cpu, gpu = (
        loop.run(
            ensemble(model, shape, members, solver),
            batches.Points(points, targets),
            200,
            [recorders.Pairs(recorders.every(1, 199))],
            device=device,
        )
        for device in ("cpu", "cuda")
    )
    for name, atol in (("distance", 1e-5), ("batch_loss", 1e-6)):
        np.testing.assert_allclose(gpu[name], cpu[name], rtol=5e-3, atol=atol)


@pytest.mark.parametrize("kind", [CompiledTrainer, ModuleTrainer])
def test_steps_that_see_one_point_and_follow_none(kind):
    """As in an experiment that looks at moments and records no pair of points."""
    source = batches.Subsets(*data(5, 2, 2), 1)
    found = loop.run(ensemble("mlp", SHAPE, MEMBERS), source, 30, device="cpu", trainer=kind)
    assert np.isfinite(found.batch_loss[:, :30]).all() and "distance" not in found


def test_a_trainer_that_nobody_holds_leaves_memory_at_once():
    trainer = ModuleTrainer(ensemble("mlp", SHAPE, MEMBERS))
    parameters = weakref.ref(next(iter(trainer.parameters.values())))
    gc.disable()
    try:
        trainer.look(POINTS)
        del trainer
        assert parameters() is None
    finally:
        gc.enable()
