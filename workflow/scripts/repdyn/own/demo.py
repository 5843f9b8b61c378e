"""A small network trained in numpy, so that the command `repdyn` can show what it does without anything else."""

from itertools import pairwise

import numpy as np

from repdyn.own.record import Record


def run(seed: int = 0, width: int = 60, depth: int = 4, lr: float = 0.02, steps: int = 800, every: int = 4) -> Record:
    """A tanh network of `depth` hidden layers on two points, by gradient descent on 1/2 MSE: its last two layers."""
    draw = np.random.default_rng(seed)
    x, y = np.array([[1.0, 0.0, 0.5], [0.4, 0.9, 0.5]]), np.array([[0.6], [1.3]])
    sizes = [x.shape[1], *[width] * depth, 1]
    weights = [draw.normal(0, 0.6 * np.sqrt(2 / (m + n)), (m, n)) for m, n in pairwise(sizes)]
    biases = [np.zeros(n) for n in sizes[1:]]
    at, hidden, outputs = [], [], []
    for step in range(steps + 1):
        layers = [x]
        for weight, bias in zip(weights[:-1], biases[:-1]):
            layers.append(np.tanh(layers[-1] @ weight + bias))
        output = layers[-1] @ weights[-1] + biases[-1]
        if step % every == 0:
            at.append(step)
            hidden.append(layers[1:])
            outputs.append(output)
        g = (output - y) / y.size
        for n in reversed(range(len(weights))):
            back = g @ weights[n].T * (1 - layers[n] ** 2)
            weights[n] -= lr * layers[n].T @ g
            biases[n] -= lr * g.sum(0)
            g = back
    names = {f"tanh{n + 1}": np.array([one[n] for one in hidden]) for n in (depth - 2, depth - 1)}
    return Record.of_activations(at, names, np.array(outputs), y, x, name=f"seed {seed}")
