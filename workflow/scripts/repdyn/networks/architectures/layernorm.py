"""Dense layers with layer normalisation."""

from itertools import pairwise

from repdyn.networks import Shape


def hidden(shape: Shape) -> list[str]:
    """Each layer after its activation."""
    return [str(n) for n in range(shape.depth)]


def build(shape: Shape):
    """`depth` hidden layers h_n = phi(LayerNorm(W h_{n-1} + b)) (Ba, Kiros & Hinton 2016) and a dense output."""
    from torch import nn

    from repdyn.networks.modules import Phi

    widths = [shape.in_dim] + [shape.width] * shape.depth
    layers = [nn.Sequential(nn.Linear(a, b), nn.LayerNorm(b), Phi(shape.activation)) for a, b in pairwise(widths)]
    return nn.Sequential(*layers, nn.Linear(shape.width, shape.out_dim))
