"""Dense layers, one after the other."""

from repdyn.networks import Layer, Shape, chain


def build(shape: Shape) -> list[Layer]:
    """`depth` hidden layers of `width` units each."""
    return chain(shape)
