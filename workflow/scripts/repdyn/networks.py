"""What a network is made of: a registry of architectures.

An architecture is a function from a `Shape` to a list of `Layer`s. It only describes: no tensors are made here, so
the workflow can ask how many hidden layers a row of the settings table has without importing torch.

To add one, write a function, decorate it with `@architecture`, and name it in the `model` column of a table:

    @architecture
    def bottleneck(shape: Shape) -> list[Layer]:
        ...
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise


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


@dataclass(frozen=True)
class Layer:
    """h_n = activation(weights(dropout(h_{n-1}))) + h_{n-skip}   (the last term only where skip > 0)."""

    weights: Dense | Conv1d
    activation: str = "none"
    dropout: float = 0.0
    skip: int = 0


ARCHITECTURES: dict[str, Callable[[Shape], list[Layer]]] = {}


def architecture(build: Callable[[Shape], list[Layer]]) -> Callable[[Shape], list[Layer]]:
    """Register `build` under its own name. It raises ValueError for a shape that it cannot have."""
    ARCHITECTURES[build.__name__] = build
    return build


def layers(model: str, shape: Shape) -> list[Layer]:
    """The layers of a registered architecture; the last one is the output, all before it are hidden layers 0, 1, ..."""
    return ARCHITECTURES[model](shape)


def hidden_layers(model: str, shape: Shape) -> int:
    """How many hidden layers can be observed."""
    return len(layers(model, shape)) - 1


def _chain(shape: Shape, **options) -> list[Layer]:
    widths = [shape.in_dim] + [shape.width] * shape.depth
    hidden = [Layer(Dense(a, b), shape.activation, **options) for a, b in pairwise(widths)]
    return hidden + [Layer(Dense(shape.width, shape.out_dim), **options)]


@architecture
def mlp(shape: Shape) -> list[Layer]:
    """`depth` hidden layers of `width` units each."""
    return _chain(shape)


@architecture
def resnet(shape: Shape) -> list[Layer]:
    """An mlp whose hidden layer n adds the output of layer n - 2, from n = 2 on."""
    *hidden, output = _chain(shape)
    skipping = [Layer(layer.weights, layer.activation, skip=2) for layer in hidden[2:]]
    return hidden[:2] + skipping + [output]


@architecture
def dropout(shape: Shape) -> list[Layer]:
    """An mlp that drops each unit with probability 0.1 before every weight matrix, the input included."""
    return _chain(shape, dropout=0.1)


@architecture
def cnn(shape: Shape) -> list[Layer]:
    """A dense layer to `width` positions, `depth` convolutions to 20 channels, one to a single channel, a dense output.

    Kernel 11, no padding: each convolution shortens the line by 10. The paper's reference counts the same layers, so
    depth 10 has hidden layers 0 (dense), 1 to 10 (20 channels) and 11 (one channel).
    """
    kernel, channels = 11, 20
    left = shape.width - (kernel - 1) * (shape.depth + 1)
    if left < 1:
        raise ValueError(
            f"a cnn of depth {shape.depth} needs a width of at least {shape.width - left + 1}: each of its "
            f"{shape.depth + 1} convolutions shortens the line by {kernel - 1}"
        )
    ways = [1] + [channels] * shape.depth + [1]
    convolutions = [Layer(Conv1d(a, b, kernel), shape.activation) for a, b in pairwise(ways)]
    first = Layer(Dense(shape.in_dim, shape.width), shape.activation)
    return [first, *convolutions, Layer(Dense(left, shape.out_dim))]
