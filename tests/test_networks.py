"""Architectures as descriptions: sizes, hidden layers, refusals."""

import pytest
import torch
from runs import hidden_layers

from repdyn import networks
from repdyn.networks import Shape, modules

SHAPE = Shape(width=100, depth=4, activation="tanh", in_dim=3, out_dim=2)
LAYERED = {
    name: found for name in networks.known_architectures() if isinstance(found := networks.layers(name, SHAPE), list)
}


@pytest.mark.parametrize(
    ("model", "hidden"),
    [("mlp", 6), ("resnet", 6), ("dropout", 6), ("cnn", 8), ("layernorm", 6), ("recurrent", 6), ("attention", 6)],
)
def test_hidden_layers(model, hidden):
    assert networks.hidden_layers(model, Shape(width=200, depth=6, activation="relu")) == hidden


@pytest.mark.parametrize("model", networks.known_architectures())
def test_modules_take_all_inputs_and_give_all_outputs(model):
    module, names = modules.made(networks.layers(model, SHAPE), SHAPE)
    hidden, output = hidden_layers(module, names, torch.zeros(5, 3))
    assert len(hidden) == networks.hidden_layers(model, SHAPE) and all(len(h) == 5 for h in hidden)
    assert output.shape == (5, 2)


@pytest.mark.parametrize("model", LAYERED)
def test_layers_fit_together(model):
    """What leaves a layer is what the next one takes, from the input to the output."""
    layers = LAYERED[model]
    units = 3
    for layer in layers:
        weights = layer.weights
        if isinstance(weights, networks.Conv1d):
            assert units % weights.in_channels == 0
            units = (units // weights.in_channels - weights.kernel + 1) * weights.out_channels
        else:
            assert weights.inputs == units
            units = weights.outputs
    assert units == 2
    assert layers[-1].activation == "none"


def test_skip_connections_start_at_the_third_layer():
    layers = networks.layers("resnet", Shape(width=10, depth=5, activation="relu"))
    assert [layer.skip for layer in layers] == [0, 0, 2, 2, 2, 0]


def test_a_cnn_that_is_too_narrow_is_refused():
    with pytest.raises(ValueError, match="width of at least 41"):
        networks.layers("cnn", Shape(width=40, depth=3, activation="relu"))
    assert networks.layers("cnn", Shape(width=41, depth=3, activation="relu"))[-1].weights.inputs == 1


def test_heads_of_attention_share_the_width():
    with pytest.raises(ValueError, match="2 heads needs a width that they divide, not 41"):
        networks.layers("attention", Shape(width=41, depth=3, activation="relu"))


def test_layers_that_do_not_fit_together_are_refused(monkeypatch):
    """What an architecture of one's own can get wrong is told when the table is read, not while training."""
    dense, shape = networks.Dense, Shape(width=5, depth=2, activation="relu")

    def described(*layers):
        monkeypatch.setattr(networks, "import_module", lambda name: type("module", (), {"build": lambda _: [*layers]}))
        return networks.layers("anything", shape)

    first, last = networks.Layer(dense(1, 5)), networks.Layer(dense(5, 1))
    assert len(described(first, networks.Layer(dense(5, 5), skip=1), last)) == 3
    for told, layers in {
        "a dense layer for 4 units follows 5": [first, networks.Layer(dense(4, 1))],
        "a convolution of 2 channels": [first, networks.Layer(networks.Conv1d(2, 1, 3)), last],
        "expected 0 <= dropout < 1": [first, networks.Layer(dense(5, 1), dropout=1.0)],
        "the layer 2 before it, which is none": [first, networks.Layer(dense(5, 5), skip=2), last],
        "layer 1 has 4 units and adds the 5 of layer 0": [
            first,
            networks.Layer(dense(5, 4), skip=1),
            networks.Layer(dense(4, 1)),
        ],
        "the last layer has 5 units": [first],
    }.items():
        with pytest.raises(ValueError, match=told):
            described(*layers)
