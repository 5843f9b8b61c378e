"""A small vision transformer: self-attention over the patches of an image."""

from repdyn.data.pictures import picture
from repdyn.networks import Shape

HEADS, PATCH = 2, 4


def hidden(shape: Shape) -> list[str]:
    """The tokens after each block, all of their units side by side."""
    if shape.width % HEADS:
        raise ValueError(f"attention of {HEADS} heads needs a width that they divide, not {shape.width}")
    return [f"blocks.{n}" for n in range(shape.depth)]


def build(shape: Shape):
    """Each patch of 4 x 4 pixels becomes a token of `width` units by a dense layer and a learned position; `depth`
    blocks; layer normalisation, and a dense output that reads the mean over tokens.

    A block is t <- t + attention(LN(t)), then t <- t + W2 phi(W1 LN(t)), two heads, 2 x `width` units in between
    (Dosovitskiy et al. 2021, with the mean in place of a class token). Images whose sides 4 does not divide have one
    pixel a patch.
    """
    import torch
    from torch import nn

    from repdyn.networks.modules import Phi

    colours, rows, columns = picture(shape.in_dim)
    edge = 1 if rows % PATCH or columns % PATCH else PATCH
    width, part, tokens = shape.width, shape.width // HEADS, rows * columns // edge**2

    class Patches(nn.Module):
        def forward(self, x):  # (point, unit) -> (point, token, pixels of a patch)
            grid = x.unflatten(1, (colours, rows // edge, edge, columns // edge, edge))
            return grid.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.query, self.key, self.value, self.mix = (nn.Linear(width, width) for _ in range(4))

        def forward(self, t):
            q, k, v = (w(t).unflatten(-1, (HEADS, part)).transpose(-3, -2) for w in (self.query, self.key, self.value))
            weights = torch.softmax(q @ k.mT / part**0.5, -1)  # (point, head, token, token)
            return self.mix((weights @ v).transpose(-3, -2).flatten(-2))

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.Sequential(nn.LayerNorm(width), Attention())
            self.mlp = nn.Sequential(
                nn.LayerNorm(width), nn.Linear(width, 2 * width), Phi(shape.activation), nn.Linear(2 * width, width)
            )

        def forward(self, t):
            t = t + self.attention(t)
            return t + self.mlp(t)

    class VisionTransformer(nn.Module):
        def __init__(self):
            super().__init__()
            self.patches, self.embed = Patches(), nn.Linear(colours * edge**2, width)
            self.positions = nn.Parameter(torch.zeros(tokens, width))
            self.blocks = nn.ModuleList(Block() for _ in range(shape.depth))
            self.norm, self.output = nn.LayerNorm(width), nn.Linear(width, shape.out_dim)

        def forward(self, x):
            t = self.embed(self.patches(x)) + self.positions
            for block in self.blocks:
                t = block(t)
            return self.output(self.norm(t).mean(-2))

    return VisionTransformer()
