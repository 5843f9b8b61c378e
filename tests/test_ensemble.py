"""Stacked networks against the same networks written the usual way: torch modules, autograd, torch.optim."""

import weakref

import numpy as np
import pytest
import torch
from torch import nn

from repdyn import blas, networks, optimisers
from repdyn.activations import ACTIVATIONS
from repdyn.ensemble import Ensemble, Member, initial_parameters
from repdyn.networks import Conv1d, Shape

MEMBERS = [Member(3, 1.0, 0.02), Member(0, 0.8, 0.03), Member(7, 1.2, 0.01)]
SHAPE = Shape(width=60, depth=3, activation="leaky_relu", in_dim=2, out_dim=2)
X = torch.tensor([[-0.8, 0.3], [0.4, 0.9]])
Y = torch.tensor([[0.6, -0.2], [0.1, 0.5]])


class Reference(nn.Module):
    """One network of nn.Linear and nn.Conv1d, with the given layers' initial weights."""

    def __init__(self, layers, member):
        super().__init__()
        self.description = layers
        self.stack = nn.ModuleList()
        for layer, (weight, bias) in zip(layers, initial_parameters(layers, member, init_seed=0), strict=True):
            w = layer.weights
            if isinstance(w, Conv1d):
                module = nn.Conv1d(w.in_channels, w.out_channels, w.kernel)
                weight = weight.view(w.kernel, w.in_channels, w.out_channels).permute(2, 1, 0)
            else:
                module = nn.Linear(w.inputs, w.outputs)
                weight = weight.T
            module.weight.data, module.bias.data = weight.clone().contiguous(), bias.clone()
            self.stack.append(module)

    def forward(self, h, masks=None):
        outputs = []
        for n, (layer, module) in enumerate(zip(self.description, self.stack, strict=True)):
            if masks is not None:
                h = h * masks[n]
            if isinstance(layer.weights, Conv1d):
                line = h.view(len(h), -1, layer.weights.in_channels).transpose(1, 2)
                z = module(line).transpose(1, 2).flatten(1)
            else:
                z = module(h)
            h = ACTIVATIONS[layer.activation][0](z)
            if layer.skip:
                h = h + outputs[n - layer.skip]
            outputs.append(h)
        return outputs[:-1], outputs[-1]


LOOPS = {"two points": optimisers.loops, "large layers": lambda x, weight: blas, "stacked": lambda x, weight: None}


@pytest.fixture(params=LOOPS)
def arithmetic(request, monkeypatch):
    """The loops for two points on a CPU, those for large layers, and the stacked products of all else and of a GPU."""
    monkeypatch.setattr(optimisers, "loops", LOOPS[request.param])


@pytest.mark.usefixtures("arithmetic")
@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
@pytest.mark.parametrize("model", networks.architectures())
def test_stacked_training_equals_separate_training(model, optimiser):
    layers = networks.layers(model, SHAPE)
    # Adam divides by gradients that may be close to zero: small steps keep rounding from growing.
    members = MEMBERS if optimiser == "sgd" else [Member(m.seed, m.gain, m.lr / 100) for m in MEMBERS]
    ensemble = Ensemble(layers, members, optimiser, dropout_seed=5)
    references = [Reference(layers, member) for member in members]
    steppers = [
        (torch.optim.SGD if optimiser == "sgd" else torch.optim.Adam)(net.parameters(), lr=member.lr)
        for net, member in zip(references, members, strict=True)
    ]
    for _ in range(25):
        hidden, output = ensemble.forward(X)
        masks = [entry[-1] for entry in ensemble._tape] if ensemble.has_dropout else None
        ensemble.backward((output - Y) / Y.numel())
        for e, (net, stepper) in enumerate(zip(references, steppers, strict=True)):
            expected_hidden, expected = net(X, [mask[e] for mask in masks] if masks else None)
            for n, h in enumerate(expected_hidden):
                torch.testing.assert_close(hidden[n][e], h, rtol=2e-3, atol=2e-5)
            torch.testing.assert_close(output[e], expected, rtol=2e-3, atol=2e-5)
            stepper.zero_grad()
            (0.5 * nn.functional.mse_loss(expected, Y)).backward()
            stepper.step()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_pull_backs_are_the_derivatives(name):
    function, pull_back = ACTIVATIONS[name]
    z = torch.linspace(-3, 3, 61, dtype=torch.float64).requires_grad_()
    g = torch.randn(61, dtype=torch.float64)
    a = function(z)
    (expected,) = torch.autograd.grad(a, z, g, retain_graph=True)
    torch.testing.assert_close(pull_back(g, z.detach(), a.detach()), expected)


@pytest.mark.usefixtures("arithmetic")
@pytest.mark.parametrize("arithmetic", ["two points", "large layers"], indirect=True)
@pytest.mark.parametrize("model", networks.architectures())
def test_a_seed_names_one_network_whatever_else_is_in_the_ensemble(model):
    """Alone, in company, and in another place of the stack: the same network.

    To the last bit where all layers are dense; a stacked product of a convolution may add in another order.
    """
    layers = networks.layers(model, SHAPE)

    def trained(members):
        ensemble = Ensemble(layers, members, dropout_seed=5)
        for _ in range(10):
            _, output = ensemble.forward(X)
            ensemble.backward((output - Y) / Y.numel())
        return {m.seed: [w[e].clone() for w in ensemble.weights] for e, m in enumerate(members)}

    together, alone, turned = trained(MEMBERS), trained(MEMBERS[1:2]), trained(MEMBERS[::-1])
    rounding = 1e-5 if model == "cnn" else 0
    for n, weight in enumerate(alone[0]):
        for other in (together[0][n], turned[0][n]):
            torch.testing.assert_close(other, weight, rtol=rounding, atol=rounding)
    assert not torch.equal(together[0][0], together[3][0])


def test_initial_weights_are_xavier_normal_times_the_gain():
    layers = networks.layers("cnn", Shape(width=400, depth=2, activation="relu"))
    for layer, (weight, bias) in zip(layers, initial_parameters(layers, Member(1, 1.7, 0.1), 0), strict=True):
        expected = 1.7 * np.sqrt(2 / sum(layer.weights.fans))
        assert weight.std().item() == pytest.approx(expected, rel=4 / np.sqrt(weight.numel()))
        assert not bias.any()
    small, large = (initial_parameters(layers, Member(1, gain, 0.1), 0)[1][0] for gain in (0.5, 2.0))
    torch.testing.assert_close(4 * small, large)  # the same draw, scaled


def test_dropout_drops_a_tenth_and_keeps_the_mean():
    layers = networks.layers("dropout", Shape(width=500, depth=4, activation="relu"))
    ensemble = Ensemble(layers, MEMBERS, dropout_seed=9)
    x = torch.ones(2, 1)
    ensemble.forward(x)
    masks = torch.cat([mask.flatten() for *_, mask in ensemble._tape])
    assert (masks == 0).float().mean().item() == pytest.approx(0.1, abs=0.02)
    assert masks.mean().item() == pytest.approx(1.0, abs=0.02)
    first, second = (ensemble.forward(x)[1] for _ in range(2))
    assert not torch.equal(first, second)
    first, second = (ensemble.forward(x, training=False)[1] for _ in range(2))
    assert torch.equal(first, second)


def test_a_network_that_is_done_leaves_the_memory():
    """Views that are kept beside parameters don't keep them."""
    ensemble = Ensemble(networks.layers("mlp", Shape(20, 2, "tanh")), [Member(0, 1.0, 0.1)], "adam")
    ensemble.forward(torch.ones(2, 1))
    ensemble.backward(torch.ones(1, 2, 1))
    parameters = [weakref.ref(tensor) for tensor in (*ensemble.weights, *ensemble.biases)]
    del ensemble
    assert not any(reference() is not None for reference in parameters)
