"""Which networks are trained: one architecture and solver, and members that differ in seed, gain and learning rate.

A seed names one network: all its random numbers come from generators of its own, on the CPU, so it starts as the same
network whatever else is in the ensemble and wherever it is trained.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from repdyn import networks
from repdyn.networks import Layer, Shape

INIT, DROPOUT, BATCHES = 0, 1, 2  # purposes of random numbers: the same seed for two of them gives unrelated draws


@dataclass(frozen=True)
class Member:
    """One network of an ensemble."""

    seed: int
    gain: float
    lr: float


@dataclass(frozen=True)
class Ensemble:
    """Networks that are trained together.

    model, shape       the architecture, a file architectures/MODEL.py, and the numbers that it is built from
    solver             an optimiser of the registry, or flow
    init_seed          of the study, for initial weights; dropout_seed: for dropout, where units are dropped
    tolerance          of the solver flow
    """

    model: str
    shape: Shape
    members: tuple[Member, ...]
    solver: str = "sgd"
    init_seed: int = 0
    dropout_seed: int | None = None
    tolerance: float = 1e-4

    def some(self, index: Sequence[int]) -> "Ensemble":
        """The same with these members alone, in this order."""
        return replace(self, members=tuple(self.members[i] for i in index))

    @property
    def rates(self) -> np.ndarray:
        """Learning rates (network,), float32."""
        return np.array([member.lr for member in self.members], np.float32)


def of_row(row: dict, lr: float, in_dim: int, out_dim: int, **options) -> Ensemble:
    """The networks of a row of a settings table: seeds 0, 1, ... at the row's gain."""
    shape = Shape(row["width"], row["depth"], row["activation"], in_dim, out_dim)
    members = tuple(Member(seed, row["gain"], lr) for seed in range(row["networks"]))
    options |= {key: row[key] for key in ("init_seed", "dropout_seed", "tolerance") if key in row}
    return Ensemble(row["model"], shape, members, row["solver"], **options)


def generator(purpose: int, seed: int | None, member: int) -> torch.Generator:
    """A random generator for one purpose (INIT, DROPOUT, BATCHES), one seed of the study, and one network."""
    (state,) = np.random.SeedSequence((purpose, seed, member)).generate_state(1)  # type: ignore[arg-type]
    return torch.Generator().manual_seed(int(state))


def initial_parameters(layers: list[Layer], member: Member, init_seed: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Xavier normal weights times the gain, zero biases: std = gain sqrt(2 / (fan_in + fan_out)).

    Weights (inputs, outputs) and bias (outputs,) of every layer; a convolution's inputs are its window's, position
    first.
    """
    draw = generator(INIT, init_seed, member.seed)
    parameters = []
    for layer in layers:
        std = member.gain * (2 / sum(layer.weights.fans)) ** 0.5
        weight = torch.randn(layer.weights.weight_shape, generator=draw) * std
        parameters.append((weight, torch.zeros(layer.weights.bias_size)))
    return parameters


def described(ensemble: Ensemble):
    """What the ensemble's architecture is: a list of layers, or a `networks.Module`."""
    return networks.layers(ensemble.model, ensemble.shape)
