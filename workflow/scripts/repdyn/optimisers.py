"""How weights move: given what went into a layer and the gradient that came back, pull it through and step.

The gradient of a dense layer is the product x^T g of what went in and what came back. An optimiser is asked to
`pull` a layer: it returns the gradient with respect to the layer's input, computed with the weights as they were in
the forward pass, and moves weight and bias; before layer 0 there are only the data, and that gradient need not be
made. Learning rates are per network (one number for each member of the stack).

Shapes: x (network, row, inputs), g (network, row, outputs), weight (network, inputs, outputs), bias (network, outputs).
"""

import numpy as np
import torch

from repdyn import blas, kernels


def loops(x: torch.Tensor, weight: torch.Tensor):
    """The module with loops of our own for such a layer on a CPU, or None: then torch serves best, as on a GPU."""
    if not x.is_cpu:
        return None
    if x.size(1) in kernels.POINTS:
        return kernels
    return blas if x.size(1) * weight.shape[1] * weight.shape[2] >= blas.LARGE else None


def array(lasting: torch.Tensor) -> np.ndarray:
    """The numpy view of a tensor that is changed in place only; made once, for that costs as much as an activation."""
    if not hasattr(lasting, "array"):
        lasting.array = lasting.detach().numpy()  # of an alias: a view that held the tensor would keep it for ever
    return lasting.array


def affine(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """x @ weight + bias for every network of the stack."""
    if ours := loops(x, weight):
        x, weight = x.numpy(), array(weight)
        z = np.empty((*x.shape[:2], weight.shape[2]), np.float32)
        ours.forward(x, weight, array(bias), z)
        return torch.from_numpy(z)
    return torch.baddbmm(bias.unsqueeze(1), x, weight)


class SGD:
    """Plain gradient descent: weight -= lr x^T g."""

    def __init__(self, lr: torch.Tensor):
        self.lr = lr  # (network,)

    def start_step(self) -> None:
        pass

    def keep(self, index: list[int]) -> None:
        """Go on with these networks of the stack alone."""
        self.lr = self.lr[index]

    def state(self) -> dict[str, torch.Tensor]:
        """What it remembers from step to step, under names."""
        return {}

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Remember what `state` holds."""

    def pull(self, layer: int, g, x, weight, bias) -> torch.Tensor | None:
        if ours := loops(x, weight):
            g, x = g.contiguous().numpy(), x.numpy()
            gx = np.empty_like(x) if layer or ours is kernels else None
            ours.backward_sgd(g, x, array(weight), array(bias), array(self.lr), gx)
            return None if gx is None else torch.from_numpy(gx)
        gx = torch.bmm(g, weight.transpose(1, 2)) if layer else None
        step = g * -self.lr.view(-1, 1, 1)
        weight.baddbmm_(x.transpose(1, 2), step)
        bias.add_(step.sum(1))
        return gx


class Adam:
    """Adam (Kingma & Ba 2015) with its usual constants: beta 0.9 and 0.999, epsilon 1e-8."""

    beta1, beta2, epsilon = 0.9, 0.999, 1e-8

    def __init__(self, lr: torch.Tensor):
        self.lr = lr
        self.steps = 0
        self.moments: dict[tuple[int, str], tuple[torch.Tensor, torch.Tensor]] = {}

    def start_step(self) -> None:
        self.steps += 1

    def keep(self, index: list[int]) -> None:
        """Go on with these networks of the stack alone."""
        self.lr = self.lr[index]
        self.moments = {name: (first[index], second[index]) for name, (first, second) in self.moments.items()}

    def state(self) -> dict[str, torch.Tensor]:
        """What it remembers from step to step, under names."""
        moments = {f"{layer}.{kind}": torch.stack(both) for (layer, kind), both in self.moments.items()}
        return {"steps": torch.tensor(self.steps), **moments}

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Remember what `state` holds."""
        self.steps = int(state.pop("steps"))
        for name, (first, second) in state.items():
            layer, kind = name.split(".")
            self.moments[int(layer), kind] = first.clone(), second.clone()

    def pull(self, layer: int, g, x, weight, bias) -> torch.Tensor | None:
        lr = self.lr / (1 - self.beta1**self.steps)
        root = (1 - self.beta2**self.steps) ** 0.5  # bias corrections of the two moments
        if loops(x, weight) is kernels:
            gx = torch.empty_like(x)
            moved = (array(tensor) for tensor in (weight, *self._moments(weight, (layer, "weight"))))
            constants = np.array([self.beta1, self.beta2, root, self.epsilon], np.float32)
            kernels.backward_adam(g.contiguous().numpy(), x.numpy(), *moved, lr.numpy(), *constants, gx.numpy())
        else:
            gx = torch.bmm(g, weight.transpose(1, 2)) if layer else None
            self._move(weight, torch.bmm(x.transpose(1, 2), g), (layer, "weight"), lr, root)
        self._move(bias, g.sum(1), (layer, "bias"), lr, root)
        return gx

    def _moments(self, parameter: torch.Tensor, name: tuple[int, str]) -> tuple[torch.Tensor, torch.Tensor]:
        if name not in self.moments:
            self.moments[name] = (torch.zeros_like(parameter), torch.zeros_like(parameter))
        return self.moments[name]

    def _move(self, parameter, gradient, name: tuple[int, str], lr: torch.Tensor, root: float) -> None:
        first, second = self._moments(parameter, name)
        first.lerp_(gradient, 1 - self.beta1)
        second.mul_(self.beta2).addcmul_(gradient, gradient, value=1 - self.beta2)
        step = first / (second.sqrt() / root + self.epsilon)
        parameter.sub_(step * lr.view(-1, *[1] * (parameter.dim() - 1)))


OPTIMISERS = {"sgd": SGD, "adam": Adam}
