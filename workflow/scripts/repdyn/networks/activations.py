"""The activation functions, one entry each: to add one, add an entry here.

The configuration's schema, the manual, the networks, the figures and all trainers read this registry. An entry is plain
Python on single numbers: the compiled trainer compiles it, so it may use `expm1` below and what numba knows of `math`.
Neither torch nor numba is imported here, for the workflow reads the names whenever it is parsed.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from types import FunctionType

LEAKY_SLOPE, SHARPNESS = 0.01, 1.0  # of leaky ReLU and softplus; others are entries of their own
OTHER_SLOPES, OTHER_SHARPNESSES = (0.03, 0.1, 0.3), (3.0, 10.0, 30.0)


@dataclass(frozen=True)
class Activation:
    """One activation function phi.

    label               its name in figures
    torch               its name in torch.nn.functional, and arguments
    function            z -> phi(z)
    slope               (z, phi(z)) -> phi'(z)
    smooth              whether phi' is continuous: then gradient flow can be followed
    mean_square_slope   mean field: the mean of phi'^2 over units whose inputs are symmetric about zero, by which a
    layer
                        at gain 1 multiplies squared distances; None where it depends on how large the inputs are
    """

    label: str
    torch: tuple
    function: Callable[[float], float]
    slope: Callable[[float, float], float]
    smooth: bool = True
    mean_square_slope: float | None = None

    def on_tensors(self, z):
        """phi of a torch tensor."""
        name, *arguments = self.torch
        return z if name == "identity" else getattr(import_module("torch.nn.functional"), name)(z, *arguments)


def expm1(z: float) -> float:
    """e^z - 1. (The compiled trainer has a version of its own, that works on many numbers at once.)"""
    return math.expm1(z)


def _leaky_relu(z):
    return z if z > 0.0 else LEAKY_SLOPE * z


def _leaky_relu_slope(z, a):
    return 1.0 if z > 0.0 else LEAKY_SLOPE


def _relu(z):
    return z if z > 0.0 else 0.0 * z


def _relu_slope(z, a):
    return 1.0 if z > 0.0 else 0.0


def _elu(z):
    return z if z > 0.0 else expm1(min(z, 0.0))


def _elu_slope(z, a):
    return 1.0 if z > 0.0 else a + 1.0


def _tanh(z):
    e = expm1(2.0 * min(max(z, -20.0), 20.0))
    return e / (e + 2.0)


def _tanh_slope(z, a):
    return 1.0 - a * a


def _sigmoid(z):
    return 1.0 / (2.0 + expm1(-z))


def _sigmoid_slope(z, a):
    return a * (1.0 - a)


def _silu(z):
    return z / (2.0 + expm1(-z))


def _silu_slope(z, a):
    s = 1.0 / (2.0 + expm1(-z))
    return s + a * (1.0 - s)


def _gelu(z):
    return 0.5 * z * (1.0 + math.erf(z * 0.7071067811865476))


def _gelu_slope(z, a):
    return 0.5 * (1.0 + math.erf(z * 0.7071067811865476)) + 0.3989422804014327 * z * math.exp(-0.5 * z * z)


def _softplus(z):
    return (max(SHARPNESS * z, 0.0) + math.log1p(1.0 + expm1(-abs(SHARPNESS * z)))) / SHARPNESS


def _softplus_slope(z, a):
    return 1.0 / (2.0 + expm1(min(-SHARPNESS * z, 80.0)))


def _identity(z):
    return z


def _one(z, a):
    return 1.0


def _with(function: Callable, **constants: float) -> Callable:
    """The same function with other constants of this module."""
    return FunctionType(function.__code__, {**globals(), **constants}, function.__name__)


def _leaky(slope: float) -> Activation:
    """max(z, slope z)."""
    function, derivative = (_with(f, LEAKY_SLOPE=slope) for f in (_leaky_relu, _leaky_relu_slope))
    label = "leaky ReLU" if slope == LEAKY_SLOPE else f"leaky ReLU, slope {slope:g}"
    return Activation(label, ("leaky_relu", slope), function, derivative, False, (1 + slope**2) / 2)


def _softened(sharpness: float) -> Activation:
    """log(1 + e^(b z)) / b with the sharpness b: the larger, the closer to ReLU."""
    function, derivative = (_with(f, SHARPNESS=sharpness) for f in (_softplus, _softplus_slope))
    label = "softplus" if sharpness == SHARPNESS else f"softplus, sharpness {sharpness:g}"
    return Activation(label, ("softplus", sharpness), function, derivative)


ACTIVATIONS = {
    "leaky_relu": _leaky(LEAKY_SLOPE),
    "relu": Activation("ReLU", ("relu",), _relu, _relu_slope, smooth=False, mean_square_slope=0.5),
    "elu": Activation("ELU", ("elu",), _elu, _elu_slope),
    "tanh": Activation("tanh", ("tanh",), _tanh, _tanh_slope),
    "sigmoid": Activation("sigmoid", ("sigmoid",), _sigmoid, _sigmoid_slope),
    "silu": Activation("swish", ("silu",), _silu, _silu_slope),
    "gelu": Activation("GELU", ("gelu",), _gelu, _gelu_slope),
    "softplus": _softened(SHARPNESS),
    "none": Activation("linear", ("identity",), _identity, _one, mean_square_slope=1.0),
    **{f"leaky_relu_{slope:g}": _leaky(slope) for slope in OTHER_SLOPES},
    **{f"softplus_{sharpness:g}": _softened(sharpness) for sharpness in OTHER_SHARPNESSES},
}
