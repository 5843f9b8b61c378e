"""The compiled trainer: networks of dense and convolutional layers on a CPU, whole steps and the loop over them
compiled.
"""

import math

import numpy as np
import torch

from repdyn.networks.activations import ACTIVATIONS
from repdyn.training.ensemble import DROPOUT, Ensemble, described, generator, initial_parameters
from repdyn.training.optimisers import OPTIMISERS
from repdyn.training.passes import descent
from repdyn.training.trace import Batch, Follow, Stop, Trace

NOTHING = np.zeros((0, 0, 0), np.float32)


class LayeredNetworks:
    """Parameters of networks of layers, each network's in one row, and what the compiled passes know of a network.

    theta: (network, parameter), layer after layer the weights (inputs, outputs) and the biases (outputs,); a
    convolution's inputs are those of its window.
    """

    together = math.inf  # one after the other, whatever their number

    def __init__(self, ensemble: Ensemble, device: str = "cpu"):
        self.ensemble, self.layers = ensemble, described(ensemble)
        units = [ensemble.shape.in_dim]
        for layer in self.layers:
            units.append(layer.weights.units_after(units[-1]))
        widths, shapes = np.array(units), np.array([layer.weights.weight_shape for layer in self.layers])
        sizes = shapes.prod(1) + shapes[:, 1]
        names = list(ACTIVATIONS)
        self.net = (
            widths,
            np.r_[0, np.cumsum(widths)[:-1]],
            np.r_[0, np.cumsum(sizes)[:-1]],
            np.array([names.index(layer.activation) for layer in self.layers]),
            np.array([layer.skip for layer in self.layers]),
            0,
            shapes,
            np.array([getattr(layer.weights, "in_channels", 0) for layer in self.layers]),
        )
        self.theta = np.zeros((len(ensemble.members), sizes.sum()), np.float32)
        for theta, member in zip(self.theta, ensemble.members, strict=True):
            drawn = initial_parameters(self.layers, member, ensemble.init_seed)
            theta[:] = torch.cat([part.flatten() for layer in drawn for part in layer]).numpy()

    @property
    def networks(self) -> int:
        return len(self.theta)

    @property
    def hidden_layers(self) -> int:
        return len(self.layers) - 1

    @property
    def bytes_each(self) -> int:
        return self.theta.itemsize * self.theta.shape[1]

    def keep(self, index) -> None:
        """Go on with these networks alone, in this order."""
        self.ensemble = self.ensemble.some(index)
        self.theta = self.theta[index]

    def look(self, x: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
        """Hidden layers (network, point, units) and output (network, point, output) at x, every unit in place.

        x: (point, input), the same for all networks, or (network, point, input).
        """
        x = np.asarray(x, np.float32)
        points = x.shape[-2]
        x = even(x if x.ndim > 2 else x[None])
        widths, at = self.net[:2]
        layers = np.zeros((self.networks, x.shape[1] * widths.sum()), np.float32)
        descent.look(self.net, self.theta, x, layers)
        blocks = [layers[:, x.shape[1] * a :][:, : x.shape[1] * w] for a, w in zip(at, widths)]
        *hidden, output = (b.reshape(self.networks, x.shape[1], -1)[:, :points] for b in blocks[1:])
        return hidden, output

    def parameters(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Weights (network, inputs, outputs) and biases (network, outputs) of every layer, views."""
        parts = []
        for first, layer in zip(self.net[2], self.layers):
            inputs, outputs = layer.weights.weight_shape
            weight, bias = np.split(self.theta[:, first : first + (inputs + 1) * outputs], [inputs * outputs], axis=1)
            parts.append((weight.reshape(-1, inputs, outputs), bias))
        return parts

    def modules(self):
        """As a torch module: a template, the names of its hidden layers, and each network's parameters by name."""
        from repdyn.networks import modules

        module, hidden = modules.made(self.layers, self.ensemble.shape)
        arrays = [tuple(map(torch.from_numpy, layer)) for layer in self.parameters()]
        each = [modules.named(self.layers, [(w[e], b[e]) for w, b in arrays]) for e in range(self.networks)]
        return module, hidden, each

    def state(self) -> dict[str, np.ndarray]:
        """All that decides what comes next, under names."""
        return {"theta": self.theta}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go on as the one whose `state` this is."""
        self.theta = state["theta"]


class CompiledTrainer(LayeredNetworks):
    """Descent, momentum, Adam, with skip connections and dropout; see `passes` for what it does.

    It follows the protocol that `loop` describes. A network ends with the same bytes whatever is trained beside it.
    """

    def __init__(self, ensemble: Ensemble, device: str = "cpu"):
        super().__init__(ensemble)
        self.optimiser = OPTIMISERS[ensemble.solver]
        memory = self.theta.shape if self.optimiser.memory else (len(self.theta), 1)
        self.memories = (
            np.zeros(memory, np.float32),
            np.zeros(memory if self.optimiser.memory > 1 else (len(self.theta), 1), np.float32),
        )
        self.dropout = np.array([layer.dropout for layer in self.layers], np.float32)
        self.draws = []
        if self.dropout.any():
            self.draws = [generator(DROPOUT, ensemble.dropout_seed, member.seed) for member in ensemble.members]

    @property
    def bytes_each(self) -> int:
        return super().bytes_each * (1 + self.optimiser.memory)

    def train(self, batch: Batch, first: int, steps: int, updates: int, stop: Stop, follow: Follow) -> Trace:
        """Do `steps` steps, the first `updates` of them with an update; see `loop`."""
        layers, outputs = self.hidden_layers, self.net[0][-1]
        ordered = batch.order is not None
        seen = NOTHING if follow.points is None else even(np.asarray(follow.points, np.float32))
        points = batch.x.shape[1] if follow.points is None else follow.points.shape[1]
        trace = Trace(
            np.zeros((self.networks, follow.count, layers, len(follow.pairs)), np.float32),
            np.zeros((self.networks, follow.count, points, outputs), np.float32),
            np.full((self.networks, steps), np.nan),
            np.zeros(self.networks, np.int64),
        )
        which = list(OPTIMISERS).index(self.ensemble.solver)
        t = np.arange(first + 1, first + steps + 1)
        corrections = np.empty((steps, 2), np.float32)
        corrections[:, 0], corrections[:, 1] = self.optimiser.corrections(t)
        descent.train(
            self.net,
            (self.theta, *self.memories),
            (which, self.ensemble.rates, corrections),
            (
                *(batch.x, batch.y),
                batch.order if ordered else np.zeros((0, 0, 0), np.int32),
                batch.sizes if ordered else np.zeros(0, np.int64),
                self._masks(batch, steps),
            ),
            *(first, steps, updates, (float(stop.loss), stop.every)),
            (np.asarray(follow.slots, np.int64), seen, np.asarray(follow.pairs, np.int64)),
            (trace.distances, trace.outputs, trace.losses, trace.reached),
        )
        return trace

    def _masks(self, batch: Batch, steps: int) -> np.ndarray:
        """What dropout multiplies units by in these steps: (network, step, points x units of all inputs of layers)."""
        if not self.draws:
            return NOTHING
        points = batch.x.shape[1] if batch.order is None else batch.order.shape[2]
        points += points % 2
        dropped = np.concatenate([np.full(points * n, p) for n, p in zip(self.net[0], self.dropout)]).astype(np.float32)
        drawn = torch.stack([torch.rand(steps, dropped.size, generator=draw) for draw in self.draws]).numpy()
        return (drawn >= dropped) / (1 - dropped)

    def keep(self, index) -> None:
        super().keep(index)
        self.memories = tuple(memory[index] for memory in self.memories)
        self.draws = [self.draws[i] for i in index] if self.draws else []

    def state(self) -> dict[str, np.ndarray]:
        draws = {f"draw.{n}": draw.get_state().numpy() for n, draw in enumerate(self.draws)}
        return super().state() | {"m": self.memories[0], "v": self.memories[1]} | draws

    def restore(self, state: dict[str, np.ndarray]) -> None:
        super().restore(state)
        self.memories = state["m"], state["v"]
        for n, draw in enumerate(self.draws):
            draw.set_state(torch.from_numpy(state[f"draw.{n}"]))


def even(x: np.ndarray) -> np.ndarray:
    """x (network, points, input) with one more point where their number is odd."""
    return np.ascontiguousarray(np.pad(x, [(0, 0), (0, x.shape[1] % 2), (0, 0)]))
