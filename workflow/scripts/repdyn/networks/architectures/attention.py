"""Self-attention over a short sequence that is made of the inputs."""

from repdyn.networks import Shape

TOKENS, HEADS = 4, 2


def hidden(shape: Shape) -> list[str]:
    """The tokens after each block, all of their units side by side."""
    if shape.width % HEADS:
        raise ValueError(f"attention of {HEADS} heads needs a width that they divide, not {shape.width}")
    return [f"blocks.{n}" for n in range(shape.depth)]


def build(shape: Shape):
    """An input becomes 4 tokens of `width` units by a dense layer and learned positions; `depth` blocks; a dense
    output.

    A block is t <- t + attention(t), then t <- t + W2 phi(W1 t) (Vaswani et al. 2017, without normalisation, 2 heads).
    The output reads the mean over tokens.
    """
    import torch
    from torch import nn

    from repdyn.networks.modules import Phi

    width, part = shape.width, shape.width // HEADS

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.query, self.key, self.value, self.mix = (nn.Linear(width, width) for _ in range(4))
            self.mlp = nn.Sequential(nn.Linear(width, width), Phi(shape.activation), nn.Linear(width, width))

        def forward(self, t):  # (point, token, unit)
            q, k, v = (w(t).unflatten(-1, (HEADS, part)).transpose(-3, -2) for w in (self.query, self.key, self.value))
            weights = torch.softmax(q @ k.mT / part**0.5, -1)  # (point, head, token, token)
            t = t + self.mix((weights @ v).transpose(-3, -2).flatten(-2))
            return t + self.mlp(t)

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Linear(shape.in_dim, TOKENS * width)
            self.positions = nn.Parameter(torch.zeros(TOKENS, width))
            self.blocks = nn.ModuleList(Block() for _ in range(shape.depth))
            self.output = nn.Linear(width, shape.out_dim)

        def forward(self, x):
            t = self.embed(x).unflatten(-1, (TOKENS, width)) + self.positions
            for block in self.blocks:
                t = block(t)
            return self.output(t.mean(-2))

    return Attention()
