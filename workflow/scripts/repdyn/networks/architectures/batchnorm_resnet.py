"""A residual network of convolutions with batch normalisation, for images."""

from collections import OrderedDict
from itertools import pairwise

from repdyn.data.pictures import picture
from repdyn.networks import Shape


def hidden(shape: Shape) -> list[str]:
    """The feature maps after each block, all of their units side by side."""
    return [f"blocks.{n}" for n in range(shape.depth)]


def build(shape: Shape):
    """A convolution (3 x 3, stride 2) of `width` channels, `depth` residual blocks, the mean over positions, a dense
    output.

    A block is phi(t + BN(conv(phi(BN(conv(t)))))) with convolutions of 3 x 3 (He, Zhang, Ren & Sun 2016). The later
    half of the blocks has twice the channels on half the rows and columns; where that changes, t goes through a
    convolution of 1 x 1. Batch normalisation takes its mean and variance from the points that go through the network
    together, in training and when it is looked at, and keeps no running averages of them: these would lag behind the
    weights, most of all in the first steps, and representations would then move without any learning.
    """
    from torch import nn

    from repdyn.networks.modules import Phi

    colours, rows, columns = picture(shape.in_dim)

    def convolution(a, b, kernel=3, stride=1):
        return nn.Conv2d(a, b, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(b, track_running_stats=False)

    class Block(nn.Module):
        def __init__(self, a, b):
            super().__init__()
            stride = 1 if a == b else 2
            self.change = nn.Sequential(*convolution(a, b, stride=stride), Phi(shape.activation), *convolution(b, b))
            self.shortcut = nn.Identity() if a == b else nn.Sequential(*convolution(a, b, 1, stride))
            self.phi = Phi(shape.activation)

        def forward(self, t):  # (point, channel, row, column)
            return self.phi(self.shortcut(t) + self.change(t))

    channels = [shape.width * (1 + (shape.depth > 1 and n > shape.depth // 2)) for n in range(shape.depth + 1)]
    return nn.Sequential(
        OrderedDict(
            image=nn.Unflatten(1, (colours, rows, columns)),
            stem=nn.Sequential(*convolution(colours, shape.width, stride=2), Phi(shape.activation)),
            blocks=nn.Sequential(*(Block(a, b) for a, b in pairwise(channels))),
            mean=nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
            output=nn.Linear(channels[-1], shape.out_dim),
        )
    )
