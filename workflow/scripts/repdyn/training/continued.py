"""Training that goes on from given weights, for instance on another task."""

from collections.abc import Callable

import numpy as np

from repdyn.training.compiled import CompiledTrainer
from repdyn.training.ensemble import Ensemble
from repdyn.training.recorders import Look


def weights_at(moments: np.ndarray) -> Look:
    """Recorder of `theta` (network, age, parameter), all weights and biases of networks of layers on a CPU."""

    def theta(view) -> dict[str, np.ndarray]:
        return {"theta": view.trainer.theta.copy()}

    return Look(theta, moments, "age", {"theta": ("parameter",)})


def continued_trainer(theta: np.ndarray) -> Callable[[Ensemble, str], CompiledTrainer]:
    """What makes a `CompiledTrainer` that starts from theta (seed, parameter); its optimiser remembers nothing.

    Raises ValueError where the networks of the ensemble have another number of parameters.
    """

    def made(ensemble: Ensemble, device: str = "cpu") -> CompiledTrainer:
        trainer = CompiledTrainer(ensemble, device)
        if trainer.theta.shape[1] != theta.shape[1]:
            raise ValueError(f"networks of {trainer.theta.shape[1]} parameters can't go on from {theta.shape[1]}")
        trainer.theta[:] = theta[[member.seed for member in ensemble.members]]
        return trainer

    return made
