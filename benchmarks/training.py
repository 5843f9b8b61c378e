"""How fast the training engine is against a loop written the usual way, side by side on one CPU core.

    python benchmarks/training.py

The task is the default network of the two-point table: 20 layers of 500 units, leaky ReLU, SGD, two points, all 20
hidden layers recorded at every step. Compared are

    usual           autograd, torch.optim.SGD, and one evaluation pass a step from which the loss, the hidden layers
                    and the output are all read
    usual, tracked  the same with one evaluation pass for each of the three, as code with separate trackers does
    engine          repdyn.training.train

Rounds alternate between the three, so that a slow moment of the machine hits them alike. Ratios: median over rounds.
"""

import sys
import time
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

from repdyn import networks
from repdyn.ensemble import Member
from repdyn.training import train

WIDTH, DEPTH, LR = 500, 20, 0.005
X = np.array([[-1.0], [0.0]])
Y = np.array([[0.6], [0.6 + 0.5**0.5]])


class UsualNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        widths = [1] + [WIDTH] * DEPTH + [1]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        for layer in self.layers:
            nn.init.xavier_normal_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        hidden = []
        for layer in self.layers[:-1]:
            x = nn.functional.leaky_relu(layer(x))
            hidden.append(x)
        return self.layers[-1](x), hidden


def usual_loop(steps: int, tracked: bool) -> list:
    """One network trained and observed the way that one would write it without thinking of speed."""
    torch.manual_seed(0)
    network, criterion = UsualNetwork(), nn.MSELoss()
    optimiser = torch.optim.SGD(network.parameters(), lr=LR)
    x, y = torch.tensor(X, dtype=torch.float32), torch.tensor(Y, dtype=torch.float32)
    history = []
    for _ in range(steps):
        network.eval()
        with torch.no_grad():
            output, hidden = network(x)
            if tracked:
                hidden = network(x)[1]
            loss = 0.5 * criterion(network(x)[0] if tracked else output, y).item()
            H = [(h[0] - h[1]).square().sum().item() for h in hidden]
            history.append((loss, H, (output[0] - output[1]).square().sum().item()))
        network.train()
        optimiser.zero_grad()
        (0.5 * criterion(network(x)[0], y)).backward()
        optimiser.step()
    return history


def engine(steps: int):
    layers = networks.layers("mlp", networks.Shape(WIDTH, DEPTH, "leaky_relu"))
    return train(layers, [Member(0, 1.0, LR)], X, Y, steps)


def rate(loop, steps: int) -> float:
    started = time.perf_counter()
    loop(steps)
    return steps / (time.perf_counter() - started)


def main(rounds: int = 7, steps: int = 150) -> dict[str, float]:
    """Print the comparison; returns the engine's median ratio to each of the two usual loops."""
    torch.set_num_threads(1)
    loops = {
        "usual": lambda steps: usual_loop(steps, tracked=False),
        "usual, tracked": lambda steps: usual_loop(steps, tracked=True),
        "engine": engine,
    }
    for loop in loops.values():  # compile and warm up
        loop(10)
    rates = {name: [] for name in loops}
    for _ in range(rounds):
        for name, loop in loops.items():
            # The engine is faster: more steps give it a measurement as long as the others'.
            rates[name].append(rate(loop, steps * 6 if name == "engine" else steps))
    print(f"training: {DEPTH} x {WIDTH}, leaky ReLU, SGD, all {DEPTH} layers recorded, 1 thread, {rounds} rounds")
    for name, values in rates.items():
        print(f"  {name:15s} {median(values):7.1f} steps/s   (from {min(values):.1f} to {max(values):.1f})")
    ratios = {
        name: median(fast / slow for fast, slow in zip(rates["engine"], rates[name], strict=True))
        for name in ("usual", "usual, tracked")
    }
    for name, ratio in ratios.items():
        print(f"  engine / {name}: {ratio:.1f}")
    return ratios


if __name__ == "__main__":
    main()
