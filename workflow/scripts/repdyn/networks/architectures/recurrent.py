"""A recurrent network that reads the same input several times."""

from repdyn.networks import Shape


def hidden(shape: Shape) -> list[str]:
    """The state after each reading: `depth` calls of one cell."""
    return ["cell"] * shape.depth


def build(shape: Shape):
    """h <- phi(W h + U x + b), `depth` times from h = 0 (Elman 1990), and a dense output."""
    import torch
    from torch import nn

    from repdyn.networks.modules import Phi

    class Cell(nn.Module):
        def __init__(self):
            super().__init__()
            self.read = nn.Linear(shape.in_dim, shape.width)
            self.again = nn.Linear(shape.width, shape.width, bias=False)
            self.phi = Phi(shape.activation)

        def forward(self, h, x):
            return self.phi(self.read(x) + self.again(h))

    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell, self.output = Cell(), nn.Linear(shape.width, shape.out_dim)

        def forward(self, x):
            h = torch.zeros(*x.shape[:-1], shape.width, dtype=x.dtype, device=x.device)
            for _ in range(shape.depth):
                h = self.cell(h, x)
            return self.output(h)

    return Recurrent()
