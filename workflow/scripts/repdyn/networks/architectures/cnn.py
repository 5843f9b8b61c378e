"""Convolutions along a line of units."""

from itertools import pairwise

from repdyn.networks import Conv1d, Dense, Layer, Shape

KERNEL, CHANNELS = 11, 20


def build(shape: Shape) -> list[Layer]:
    """A dense layer to `width` positions, `depth` convolutions to 20 channels, one to a single channel, a dense output.

    Kernel 11, no padding: each convolution shortens the line by 10. The paper's reference counts the same layers, so
    depth 10 has hidden layers 0 (dense), 1 to 10 (20 channels) and 11 (one channel).
    """
    left = shape.width - (KERNEL - 1) * (shape.depth + 1)
    if left < 1:
        raise ValueError(
            f"a cnn of depth {shape.depth} needs a width of at least {shape.width - left + 1}: each of its "
            f"{shape.depth + 1} convolutions shortens the line by {KERNEL - 1}"
        )
    channels = [1] + [CHANNELS] * shape.depth + [1]
    convolutions = [Layer(Conv1d(a, b, KERNEL), shape.activation) for a, b in pairwise(channels)]
    first = Layer(Dense(shape.in_dim, shape.width), shape.activation)
    return [first, *convolutions, Layer(Dense(left, shape.out_dim))]
