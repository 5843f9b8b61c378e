"""Architectures as descriptions: sizes, hidden layers, refusals, and that describing needs no torch."""

import subprocess
import sys

import pytest

from repdyn import networks
from repdyn.networks import Shape


@pytest.mark.parametrize(
    ("model", "hidden"),
    [("mlp", 6), ("resnet", 6), ("dropout", 6), ("cnn", 8)],
)
def test_hidden_layers(model, hidden):
    assert networks.hidden_layers(model, Shape(width=200, depth=6, activation="relu")) == hidden


@pytest.mark.parametrize("model", networks.architectures())
def test_layers_fit_together(model):
    """What leaves a layer is what the next one takes, from the input to the output."""
    layers = networks.layers(model, Shape(width=100, depth=4, activation="tanh", in_dim=3, out_dim=2))
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


def test_describing_needs_no_torch():
    found = "import sys, repdyn.settings, repdyn.sources; print('torch' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", found], capture_output=True, text=True, cwd="workflow/scripts")
    assert done.stdout.split() == ["False", "False"], done.stderr
