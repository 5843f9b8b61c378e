"""What a network is made of, and the registry of architectures.

Each lies in a file of its own, architectures/NAME.py; NAME is what the `model` column of a settings table says. To add
one, add a file: networks of other architectures don't depend on it and are not trained again. It holds a function
`build` from a `Shape` to either

    a list of `Layer`s, the last of which is the output: these only describe, and the fast trainers know them; or
    any torch.nn.Module. Beside it stands a function `hidden`, from the shape to the names of the submodules whose
    outputs are the hidden layers (as in `named_modules`; a name that is repeated is that submodule's next call).

No tensors are made here, and torch is imported inside of `build` alone: so the workflow can ask how many hidden layers
a row of a settings table has whenever it is parsed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from pathlib import Path

from repdyn.networks.activations import ACTIVATIONS


@dataclass(frozen=True)
class Shape:
    """The numbers that an architecture is built from (columns of a settings table, and the task's dimensions)."""

    width: int
    depth: int
    activation: str
    in_dim: int = 1
    out_dim: int = 1


@dataclass(frozen=True)
class Dense:
    """Every input unit to every output unit."""

    inputs: int
    outputs: int

    @property
    def weight_shape(self) -> tuple[int, int]:
        return self.inputs, self.outputs

    @property
    def fans(self) -> tuple[int, int]:
        return self.inputs, self.outputs

    @property
    def bias_size(self) -> int:
        return self.outputs

    def units_after(self, units: int) -> int:
        """How many units there are after this layer. Raises ValueError where it can't follow `units` units."""
        if units != self.inputs:
            raise ValueError(f"a dense layer for {self.inputs} units follows {units} units")
        return self.outputs


@dataclass(frozen=True)
class Conv1d:
    """A window of `kernel` positions slides over a line of positions, no padding, stride 1.

    Units are ordered position first, then channel: a layer with `length` positions has `length * channels` units.
    """

    in_channels: int
    out_channels: int
    kernel: int

    @property
    def weight_shape(self) -> tuple[int, int]:
        return self.kernel * self.in_channels, self.out_channels

    @property
    def fans(self) -> tuple[int, int]:
        return self.kernel * self.in_channels, self.kernel * self.out_channels

    @property
    def bias_size(self) -> int:
        return self.out_channels

    def units_after(self, units: int) -> int:
        """How many units there are after this layer. Raises ValueError where it can't follow `units` units."""
        length, rest = divmod(units, self.in_channels)
        if rest or length < self.kernel:
            shape = f"{self.in_channels} channels and kernel {self.kernel}"
            raise ValueError(f"a convolution of {shape} follows {units} units")
        return (length - self.kernel + 1) * self.out_channels


@dataclass(frozen=True)
class Layer:
    """h_n = activation(weights(dropout(h_{n-1}))) + h_{n-skip}   (the last term only where skip > 0)."""

    weights: Dense | Conv1d
    activation: str = "none"
    dropout: float = 0.0
    skip: int = 0


@dataclass(frozen=True)
class Module:
    """An architecture that is a torch module: the names of its hidden layers, and how one is made."""

    hidden: list[str]
    build: Callable


ARCHITECTURES = Path(__file__).parent / "architectures"


def known_architectures() -> list[str]:
    """The names that the `model` column of a settings table can hold."""
    return sorted(path.stem for path in ARCHITECTURES.glob("[!_]*.py"))


def layers(model: str, shape: Shape) -> list[Layer] | Module:
    """The layers of an architecture; the last one is the output, all before it are hidden layers 0, 1, ...

    Raises ValueError for a shape that the architecture can't have, and for layers that don't fit together.
    """
    file = import_module(f"repdyn.networks.architectures.{model}")
    if hasattr(file, "hidden"):
        return Module(list(file.hidden(shape)), lambda: file.build(shape))
    built = file.build(shape)
    units = [shape.in_dim]
    for n, layer in enumerate(built):
        units.append(layer.weights.units_after(units[n]))
        if not 0 <= layer.dropout < 1:
            raise ValueError(f"layer {n} drops units with probability {layer.dropout}: expected 0 <= dropout < 1")
        if layer.skip and not 0 < layer.skip <= n:
            raise ValueError(f"layer {n} adds the output of the layer {layer.skip} before it, which is none")
        if layer.skip and units[n + 1] != units[n + 1 - layer.skip]:
            raise ValueError(
                f"layer {n} has {units[n + 1]} units and adds the {units[n + 1 - layer.skip]} of layer {n - layer.skip}"
            )
    if units[-1] != shape.out_dim:
        raise ValueError(f"the last layer has {units[-1]} units, the task has {shape.out_dim} outputs")
    return built


def hidden_layers(model: str, shape: Shape) -> int:
    """How many hidden layers can be observed."""
    found = layers(model, shape)
    return len(found.hidden) if isinstance(found, Module) else len(found) - 1


def why_no_flow(layers: list[Layer] | Module) -> str | None:
    """Why gradient flow through such a network can't be followed, or None where it can: dense layers, smooth
    activations.

    Units of (leaky) ReLU networks slide along their kinks, so that plain steps have no limit as they become smaller.
    """
    dense = isinstance(layers, list) and all(isinstance(layer.weights, Dense) for layer in layers)
    if not dense or any(layer.dropout for layer in layers):
        return "gradient flow is followed through dense layers without dropout only"
    rough = sorted({layer.activation for layer in layers if not ACTIVATIONS[layer.activation].smooth})
    if rough:
        return f"{rough[0]} has a kink, along which units slide, so that there is no flow that could be followed"
    return None


def chain(shape: Shape, **options) -> list[Layer]:
    """`depth` dense hidden layers of `width` units and a dense output, each with the given options of `Layer`."""
    widths = [shape.in_dim] + [shape.width] * shape.depth
    hidden = [Layer(Dense(a, b), shape.activation, **options) for a, b in pairwise(widths)]
    return [*hidden, Layer(Dense(shape.width, shape.out_dim), **options)]
