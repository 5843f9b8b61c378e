"""Architectures as torch modules: a list of layers as one, and the initial parameters of any.

A network's own generator draws everything that is random in it, so it starts as the same network, and drops the same
units, whatever is trained beside it.
"""

import torch
from torch import nn

from repdyn.networks import Conv1d, Layer, Module, Shape
from repdyn.networks.activations import ACTIVATIONS

Parameters = dict[str, torch.Tensor]


class Phi(nn.Module):
    """An activation function of the registry, by its name."""

    def __init__(self, name: str):
        super().__init__()
        self.name = name

    def forward(self, z):
        return ACTIVATIONS[self.name].on_tensors(z)


class Dropout(nn.Module):
    """Multiplies units by a mask that the trainer draws anew for every step; of ones where nothing is dropped."""

    def __init__(self, share: float, units: int):
        super().__init__()
        self.share, self.units = share, units
        self.register_buffer("mask", torch.ones(1))

    def draw(self, points: int, generator: torch.Generator) -> torch.Tensor:
        """A mask (points, units): 0 where a unit is dropped, else 1 / (1 - share)."""
        kept = torch.rand(points, self.units, generator=generator) >= self.share
        return kept.float() / (1 - self.share)

    def forward(self, x):
        return x * self.mask


class Step(nn.Module):
    """One `Layer`: weights, activation, and what an earlier layer put out added to it."""

    def __init__(self, layer: Layer, units: int):
        super().__init__()
        w = layer.weights
        self.channels = w.in_channels if isinstance(w, Conv1d) else 0
        self.drop = Dropout(layer.dropout, units) if layer.dropout else nn.Identity()
        self.weights = (
            nn.Conv1d(w.in_channels, w.out_channels, w.kernel) if self.channels else nn.Linear(*w.weight_shape)
        )
        self.phi = Phi(layer.activation)

    def forward(self, x, earlier=None):
        x = self.drop(x)
        if self.channels:  # units are ordered position first, then channel
            line = x.unflatten(-1, (-1, self.channels)).transpose(-1, -2)
            h = self.phi(self.weights(line)).transpose(-1, -2).flatten(-2)
        else:
            h = self.phi(self.weights(x))
        return h if earlier is None else h + earlier


class Layers(nn.Module):
    """A list of layers: submodules hidden.0, hidden.1, ... and output."""

    def __init__(self, layers: list[Layer], in_dim: int):
        super().__init__()
        units = [in_dim]
        for layer in layers:
            units.append(layer.weights.units_after(units[-1]))
        steps = [Step(layer, n) for layer, n in zip(layers, units)]
        self.skips = [layer.skip for layer in layers]
        self.hidden, self.output = nn.ModuleList(steps[:-1]), steps[-1]

    def forward(self, x):
        outputs = []
        for skip, step in zip(self.skips, [*self.hidden, self.output]):
            earlier = outputs[len(outputs) - skip] if skip else None
            outputs.append(step(outputs[-1] if outputs else x, earlier))
        return outputs[-1]


def made(found: list[Layer] | Module, shape: Shape) -> tuple[nn.Module, list[str]]:
    """A module of this architecture, and the names of its hidden layers; torch's own random numbers stay as they
    are.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if isinstance(found, Module):
            return found.build(), found.hidden
        return Layers(found, shape.in_dim), [f"hidden.{n}" for n in range(len(found) - 1)]


def named(layers: list[Layer], parameters: list[tuple[torch.Tensor, torch.Tensor]]) -> Parameters:
    """Weights (inputs, outputs) and biases of every layer, under the names that `Layers` gives them."""
    found = {}
    for n, (layer, (weight, bias)) in enumerate(zip(layers, parameters, strict=True)):
        name = f"hidden.{n}" if n < len(layers) - 1 else "output"
        w = layer.weights
        if isinstance(w, Conv1d):
            weight = weight.reshape(w.kernel, w.in_channels, w.out_channels).permute(2, 1, 0)
        else:
            weight = weight.mT
        found |= {f"{name}.weights.weight": weight.contiguous(), f"{name}.weights.bias": bias}
    return found


def drawn(module: nn.Module, gain: float, generator: torch.Generator) -> Parameters:
    """Initial parameters of any module.

    Those of two or more dimensions are Xavier normal times the gain, those named bias are 0, all else is as it was
    made.
    """
    found = {}
    for name, parameter in module.named_parameters():
        value = parameter.detach().clone()
        if value.dim() > 1:
            nn.init.xavier_normal_(value, gain, generator=generator)
        elif name.rpartition(".")[2] == "bias":
            value.zero_()
        found[name] = value
    return found
