"""Dense layers trained with dropout."""

from repdyn.networks import Layer, Shape, chain


def build(shape: Shape) -> list[Layer]:
    """An mlp that drops each unit with probability 0.1 before every weight matrix, the input included."""
    return chain(shape, dropout=0.1)
