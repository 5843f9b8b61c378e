"""The activation functions and their derivatives, by the name that the settings tables use.

Each entry is a pair: the function z -> phi(z), and the pull-back (g, z, phi(z)) -> g * phi'(z). The pull-backs are
the ones that torch's own automatic differentiation calls; a test holds the two together.
"""

import torch
import torch.nn.functional as F

LEAKY_SLOPE = 0.01

_aten = torch.ops.aten

ACTIVATIONS = {
    "none": (lambda z: z, lambda g, z, a: g),
    "leaky_relu": (
        lambda z: F.leaky_relu(z, LEAKY_SLOPE),
        lambda g, z, a: _aten.leaky_relu_backward(g, z, LEAKY_SLOPE, False),
    ),
    "relu": (F.relu, lambda g, z, a: _aten.threshold_backward(g, z, 0.0)),
    "elu": (F.elu, lambda g, z, a: _aten.elu_backward(g, 1.0, 1.0, 1.0, False, z)),
    "tanh": (torch.tanh, lambda g, z, a: _aten.tanh_backward(g, a)),
    "sigmoid": (torch.sigmoid, lambda g, z, a: _aten.sigmoid_backward(g, a)),
    "silu": (F.silu, lambda g, z, a: _aten.silu_backward(g, z)),
    "gelu": (F.gelu, lambda g, z, a: _aten.gelu_backward(g, z)),
}
