"""A transformer that repdyn knows nothing of: from a plain training loop to rates, a verdict and a figure.

    pip install '.[torch]' && python examples/own_network.py

Two sequences of tokens are to be told apart, by five networks. All that repdyn needs are the lines marked with <--.
"""

import torch
from torch import nn

import repdyn  # <--

torch.set_num_threads(1)  # such small networks lose by more


class Block(nn.Module):
    def __init__(self, units):
        super().__init__()
        self.attend = nn.MultiheadAttention(units, num_heads=4, batch_first=True)
        self.think = nn.Sequential(nn.Linear(units, 4 * units), nn.GELU(), nn.Linear(4 * units, units))
        self.before, self.between = nn.LayerNorm(units), nn.LayerNorm(units)

    def forward(self, x):
        h = self.before(x)
        x = x + self.attend(h, h, h, need_weights=False)[0]
        return x + self.think(self.between(x))


class Transformer(nn.Module):
    def __init__(self, tokens=10, length=8, units=32, depth=3):
        super().__init__()
        self.embed = nn.Embedding(tokens, units)
        self.place = nn.Parameter(0.02 * torch.randn(length, units))
        self.blocks = nn.Sequential(*(Block(units) for _ in range(depth)))
        self.out = nn.Linear(units, 1)

    def forward(self, x):
        return self.out(self.blocks(self.embed(x) + self.place).mean(1))


x = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6], [2, 7, 1, 8, 2, 8, 1, 8]])
y = torch.tensor([[0.6], [1.3]])

runs = []
for seed in range(5):
    torch.manual_seed(seed)
    model = Transformer()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.005)
    with repdyn.observe(model, x, y, layers=["blocks.0", "blocks.2"], name=f"seed {seed}") as seen:  # <--
        for _ in range(300):
            optimiser.zero_grad()
            (0.5 * (model(x) - y).square().mean()).backward()
            optimiser.step()
    runs.append(seen)

report = repdyn.fit(runs)  # <--
print(report)  # <--
repdyn.plot(report, "own_network.png")  # <--
