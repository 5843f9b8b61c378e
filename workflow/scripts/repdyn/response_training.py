"""Train networks of one hidden layer on the encoding task, and measure on copies how they would answer to a step.

A method says how many points a step sees and what rule moves the weights. The points of a step are drawn anew for every
step and network, without replacement, so a batch of all points is full-batch training. The loss is 1/2 MSE.
"""

from dataclasses import dataclass

import numpy as np
import torch

from repdyn import response
from repdyn.checkpoints import Checkpoint
from repdyn.encoding import Encoding
from repdyn.ensemble import BATCHES, Ensemble, Member, generator
from repdyn.networks import Layer
from repdyn.training import Progress, flushed_subnormals

DIRECTIONS = 16  # of random perturbations, evenly spaced on a circle in the plane of the inputs: no draw is needed


@dataclass(frozen=True)
class Recorded:
    """What was measured before the updates `step` (time,); a network that diverged has NaN from then on.

    loss       (network, time) 1/2 MSE over all points
    residual   (network, time, point) |f(x0) - y0|
    kernel     (network, time, place, point) trace of K(x, x0) by the number of outputs
    along      (network, time, place, point) <e, K(x, x0) e> / |e|^2 along the residual e at x0
    response   (network, time, place, point) the same quantity from one step of the row's size at x0
    variances  (network, time, component) of the hidden layer over the grid, in its principal directions
    jacobian   (network, time, point, output, input) of the outputs with respect to the input
    perturbed  (network, time, point, direction) |f(x + d) - f(x)| for |d| = radius
    """

    step: np.ndarray
    loss: np.ndarray
    residual: np.ndarray
    kernel: np.ndarray
    along: np.ndarray
    response: np.ndarray
    variances: np.ndarray
    jacobian: np.ndarray
    perturbed: np.ndarray


def times(steps: int, most: int) -> np.ndarray:
    """At most `most` numbers of updates: 0, and logarithmically spaced ones from 1 to `steps`."""
    return np.unique(np.r_[0, np.geomspace(1, steps, most - 1).round().astype(int)])


@torch.no_grad()
def train(
    layers: list[Layer],
    members: list[Member],
    task: Encoding,
    steps: int,
    batch: int,
    optimiser: str,
    at: np.ndarray,
    size: float,
    radius: float,
    init_seed: int = 0,
    batch_seed: int = 0,
    device: str = "cpu",
    label: str = "training",
    checkpoint: Checkpoint | None = None,
    number: int = 0,
) -> Recorded:
    """Train every member for `steps` updates and measure before the updates `at`; training does not notice.

    size: of the gradient step whose response is measured. radius: of the ball of input perturbations. number: which of
    the job's stacks this is, to its checkpoint.
    """
    ensemble = Ensemble(layers, members, optimiser, device, init_seed)
    measure = Measurement(task, layers[0].activation, size, radius, device)
    x, y = (torch.as_tensor(a, dtype=torch.float32, device=ensemble.device) for a in (task.points, task.targets))
    draws = [generator(BATCHES, batch_seed, member.seed) for member in members]
    whole, place = batch >= len(x), {t: n for n, t in enumerate(at.tolist())}
    shapes = {name: values.shape for name, values in measure(response.parameters(ensemble)).items()}
    found = {name: np.full((len(members), len(at), *shape[1:]), np.nan) for name, shape in shapes.items()}
    part = (checkpoint or Checkpoint()).part(number, ensemble, found, draws)
    start = part.resume()
    with flushed_subnormals(), Progress(label, steps) as progress:
        progress.update(start)
        for t in range(start, steps + 1):
            if t % _AHEAD == 0:
                part.offer(t)
            if t in place:
                for name, values in measure(response.parameters(ensemble)).items():
                    found[name][:, place[t]] = values
            if t == steps:
                break
            if not whole and t % _AHEAD == 0:
                chosen = _subsets(draws, len(x), batch).to(ensemble.device)
            here = slice(None) if whole else chosen[t % _AHEAD]
            _, output = ensemble.forward(x[here])
            ensemble.backward((output - y[here]) / output[0].numel())
            progress.update()
    part.end(steps + 1)
    return Recorded(at, **found)


_AHEAD = 1000  # steps whose points are drawn at once


def _subsets(draws: list[torch.Generator], points: int, batch: int) -> torch.Tensor:
    """Random subsets of the points for the next steps: (step, network, batch)."""
    drawn = [torch.rand(_AHEAD, points, generator=draw).argsort(1)[:, :batch] for draw in draws]
    return torch.stack(drawn, 1)


class Measurement:
    """What is measured of networks (their `response.Parameters`): a call gives a dict of arrays, network first."""

    def __init__(self, task: Encoding, activation: str, size: float, radius: float, device: str = "cpu"):
        self.points, self.targets, self.grid = (
            torch.as_tensor(a, dtype=torch.float64, device=device) for a in (task.points, task.targets, task.grid)
        )
        angle = torch.arange(DIRECTIONS, dtype=torch.float64, device=device) * (2 * torch.pi / DIRECTIONS)
        self.ring = radius * torch.stack([angle.cos(), angle.sin()], 1)
        self.activation, self.size = activation, size

    def __call__(self, networks: response.Parameters) -> dict[str, np.ndarray]:
        sound = torch.stack([p.isfinite().flatten(1).all(1) for p in networks]).all(0)
        networks = tuple(torch.nan_to_num(p, 0, 0, 0) for p in networks)
        outputs = torch.func.vmap(lambda one, x: response.output(one, x, self.activation), in_dims=(0, None))
        at_points = outputs(networks, self.points)
        residual = at_points - self.targets
        kernel = response.tangent_kernel(networks, self.grid, self.points, self.activation)
        df = response.change(networks, self.grid, self.points, self.targets, self.size, self.activation)
        around = outputs(networks, self.points.unsqueeze(1) + self.ring)
        hidden = torch.func.vmap(lambda one: response.hidden(one, self.grid, self.activation))(networks)
        centred = hidden - hidden.mean(1, keepdim=True)
        found = {
            "loss": 0.5 * residual.square().mean((1, 2)),
            "residual": residual.norm(dim=2),
            "kernel": response.contracted(kernel),
            "along": response.along(kernel, residual),
            "response": response.response(df, residual, self.size),
            "variances": torch.linalg.svdvals(centred).square() / centred.shape[1],
            "jacobian": response.input_jacobian(networks, self.points, self.activation),
            "perturbed": (around - at_points.unsqueeze(2)).norm(dim=3),
        }
        for values in found.values():
            values[~sound] = torch.nan
        return {name: values.cpu().numpy() for name, values in found.items()}
