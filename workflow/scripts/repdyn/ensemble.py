"""Many networks of one architecture as stacked parameters: forward, backward, update.

The members of an ensemble share an architecture and differ in seed, gain and learning rate. Weights carry a leading
network axis, so one operation serves all of them, on a CPU as on a GPU. A seed names one network: all its random
numbers come from generators of its own, on the CPU, so it starts as the same network whatever else is in the ensemble
and wherever it is trained. (On a CPU a network of dense layers stays so to the last bit.)
"""

from dataclasses import dataclass

import numpy as np
import torch

from repdyn.activations import ACTIVATIONS
from repdyn.networks import Conv1d, Layer
from repdyn.optimisers import OPTIMISERS, affine

# Networks that are trained together on a CPU should fit into its cache together: stacking saves interpreter time for
# small ones and would cost memory bandwidth for large ones.
CACHE_BYTES = 4 * 2**20


@dataclass(frozen=True)
class Member:
    """One network of an ensemble."""

    seed: int
    gain: float
    lr: float


INIT, DROPOUT, BATCHES = 0, 1, 2  # purposes of random numbers: the same seed for two of them gives unrelated draws


def generator(purpose: int, seed: int, member: int) -> torch.Generator:
    """A random generator for one purpose (INIT, DROPOUT, BATCHES), one seed of the study, and one network."""
    (state,) = np.random.SeedSequence((purpose, seed, member)).generate_state(1)
    return torch.Generator().manual_seed(int(state))


def initial_parameters(layers: list[Layer], member: Member, init_seed: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Xavier normal weights times the gain, zero biases: std = gain sqrt(2 / (fan_in + fan_out))."""
    draw = generator(INIT, init_seed, member.seed)
    parameters = []
    for layer in layers:
        std = member.gain * (2 / sum(layer.weights.fans)) ** 0.5
        weight = torch.randn(layer.weights.weight_shape, generator=draw) * std
        parameters.append((weight, torch.zeros(layer.weights.bias_size)))
    return parameters


def parameter_count(layers: list[Layer]) -> int:
    """Weights and biases of one network."""
    return sum(int(np.prod(layer.weights.weight_shape)) + layer.weights.bias_size for layer in layers)


def stacks(layers: list[Layer], members: int, device: str) -> list[slice]:
    """Which members train together: on a GPU all of them, on a CPU as many as serve it best."""
    together = members
    if device == "cpu":
        together = max(1, CACHE_BYTES // (4 * parameter_count(layers)))
    return [slice(first, first + together) for first in range(0, members, together)]


def windows(x: torch.Tensor, channels: int, kernel: int) -> torch.Tensor:
    """(network, point, length * channels) -> (network, point, length - kernel + 1, kernel * channels).

    Units are ordered position first, so the units that a window covers lie next to each other.
    """
    return x.unfold(2, kernel * channels, channels)


class Ensemble:
    """Stacked networks of one architecture.

    forward(x) keeps what the backward pass needs; backward(g) moves every parameter by one optimiser step.
    """

    def __init__(
        self,
        layers: list[Layer],
        members: list[Member],
        optimiser: str = "sgd",
        device: str = "cpu",
        init_seed: int = 0,
        dropout_seed: int | None = None,
    ):
        self.layers = layers
        self.members = members
        self.index = np.arange(len(members))  # which of the members that it began with are still there
        self.device = torch.device(device)
        drawn = [initial_parameters(layers, member, init_seed) for member in members]
        self.weights = [torch.stack([p[n][0] for p in drawn]).to(self.device) for n in range(len(layers))]
        self.biases = [torch.stack([p[n][1] for p in drawn]).to(self.device) for n in range(len(layers))]
        rates = torch.tensor([member.lr for member in members], dtype=torch.float32, device=self.device)
        self.optimiser = OPTIMISERS[optimiser](rates)
        self.has_dropout = any(layer.dropout for layer in layers)
        if self.has_dropout:
            self._dropout_draws = [generator(DROPOUT, dropout_seed, member.seed) for member in members]
        self._tape: list[tuple] = []

    def forward(self, x: torch.Tensor, training: bool = True) -> tuple[list[torch.Tensor], torch.Tensor]:
        """Every hidden layer, and the output.

        x: (point, in_dim), the same for all networks, or (network, point, in_dim).
        Returns hidden layers, each (network, point, units), and the output (network, point, out_dim).
        With training=False units are never dropped and nothing is kept for a backward pass.
        """
        h = x.expand(len(self.members), *x.shape[-2:]).contiguous()
        tape, outputs = [], []
        for n, layer in enumerate(self.layers):
            mask = self._mask(layer.dropout, h) if training and layer.dropout else None
            if mask is not None:
                h = h * mask
            z, rows = self._weigh(n, h)
            a = ACTIVATIONS[layer.activation][0](z)
            tape.append((rows, z, a, mask))
            h = a + outputs[n - layer.skip] if layer.skip else a
            outputs.append(h)
        if training:
            self._tape = tape
        return outputs[:-1], outputs[-1]

    def backward(self, g: torch.Tensor) -> None:
        """Pull g, the gradient of the loss with respect to the output, back through the last forward pass and step."""
        self.optimiser.start_step()
        skipped: dict[int, torch.Tensor] = {}  # gradients that reach a layer by a skip connection
        for n in reversed(range(len(self.layers))):
            layer = self.layers[n]
            rows, z, a, mask = self._tape[n]
            if n in skipped:
                g = g + skipped.pop(n)
            if layer.skip:
                earlier = n - layer.skip
                skipped[earlier] = skipped[earlier] + g if earlier in skipped else g
            g = ACTIVATIONS[layer.activation][1](g, z, a)
            g = self._pull(n, g, rows)
            if n == 0:
                break
            if mask is not None:
                g = g * mask

    def keep(self, index: list[int]) -> None:
        """Go on with these members alone, in this order; what the last forward pass kept is gone."""
        self.members = [self.members[i] for i in index]
        self.index = self.index[index]
        self.weights = [weight[index] for weight in self.weights]
        self.biases = [bias[index] for bias in self.biases]
        self.optimiser.keep(index)
        if self.has_dropout:
            self._dropout_draws = [self._dropout_draws[i] for i in index]
        self._tape = []

    def state(self) -> dict[str, np.ndarray]:
        """All that decides what its members do next, under names; see `restore`."""
        parameters = {"weight": self.weights, "bias": self.biases}
        tensors = {f"{name}.{n}": p for name, layers in parameters.items() for n, p in enumerate(layers)}
        tensors |= {f"optimiser.{name}": value for name, value in self.optimiser.state().items()}
        if self.has_dropout:
            tensors |= {f"dropout.{n}": draw.get_state() for n, draw in enumerate(self._dropout_draws)}
        return {"index": self.index, **{name: tensor.cpu().numpy() for name, tensor in tensors.items()}}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Become what `state` was taken of: an ensemble that began with the same members as this one."""
        self.keep(np.flatnonzero(np.isin(self.index, state["index"])).tolist())
        tensors = {name: torch.from_numpy(value) for name, value in state.items() if name != "index"}
        for n in range(len(self.layers)):
            self.weights[n] = tensors[f"weight.{n}"].to(self.device)
            self.biases[n] = tensors[f"bias.{n}"].to(self.device)
        memory = {name: value for name, value in tensors.items() if name.startswith("optimiser.")}
        self.optimiser.restore({name.removeprefix("optimiser."): v.to(self.device) for name, v in memory.items()})
        if self.has_dropout:
            for n, draw in enumerate(self._dropout_draws):
                draw.set_state(tensors[f"dropout.{n}"])

    def _weigh(self, n: int, h: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Layer n's weights applied to h, and the rows that they were applied to (a convolution's windows)."""
        weights = self.layers[n].weights
        if not isinstance(weights, Conv1d):
            return affine(h, self.weights[n], self.biases[n]), h
        networks, points = h.shape[:2]
        patches = windows(h, weights.in_channels, weights.kernel)
        rows = patches.reshape(networks, -1, patches.shape[-1])
        z = affine(rows, self.weights[n], self.biases[n])  # (network, point * position, channel)
        return z.view(networks, points, -1), rows

    def _pull(self, n: int, g: torch.Tensor, rows: torch.Tensor) -> torch.Tensor | None:
        """The gradient with respect to layer n's input (perhaps none for layer 0); its weights move by one step."""
        weights = self.layers[n].weights
        if not isinstance(weights, Conv1d):
            return self.optimiser.pull(n, g, rows, self.weights[n], self.biases[n])
        networks, points = g.shape[:2]
        flat = rows.shape[:2] + (weights.out_channels,)
        patches = self.optimiser.pull(n, g.reshape(flat), rows, self.weights[n], self.biases[n])
        if n == 0:
            return None
        patches = patches.view(networks, points, -1, weights.kernel * weights.in_channels)
        positions = patches.shape[2]
        back = g.new_zeros(networks, points, positions + weights.kernel - 1, weights.in_channels)
        for k, share in enumerate(patches.split(weights.in_channels, dim=3)):
            back[:, :, k : k + positions] += share  # position p of the input is the k-th of window p - k
        return back.flatten(2)

    def _mask(self, dropout: float, h: torch.Tensor) -> torch.Tensor:
        """Zeros where units of h are dropped, 1 / (1 - dropout) elsewhere; a member's draws are its own."""
        drawn = torch.stack([torch.rand(h.shape[1:], generator=draw) for draw in self._dropout_draws])
        return (drawn >= dropout).float().div_(1 - dropout).to(self.device)
