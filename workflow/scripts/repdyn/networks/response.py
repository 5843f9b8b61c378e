"""How the output at x answers to one training step at x0, in networks of one hidden layer.

A gradient step of size s on the single point x0, with the loss 1/2 MSE over the n outputs, moves the outputs by

    df(x) = -s/n K(x, x0) (f(x0) - y0) + O(s^2),      K_kl(x, x0) = grad f_k(x) . grad f_l(x0),

with K the empirical neural tangent kernel (Jacot et al. 2018) and gradients with respect to all weights and biases. It
is a matrix over outputs. Two contractions of it are used: along the residual e = f(x0) - y0, which is what a step
shows,

    response(x, x0) = -n <df(x), e> / (s |e|^2)  ->  <e, K(x, x0) e> / |e|^2       as s -> 0,

and the trace over outputs by their number, the mean answer of an output to an error of its own, which needs no target.

Networks are stacked: `Parameters` holds (network, ...) tensors. Nothing here changes the parameters that it is given.
"""

import numpy as np
import torch

from repdyn.data.encoding import Encoding
from repdyn.networks.activations import ACTIVATIONS

DIRECTIONS = 16  # of random perturbations, evenly spaced on a circle in the plane of the inputs: no draw is needed
Parameters = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


def parameters(trainer) -> Parameters:
    """A copy in double precision of weights and biases of networks of one hidden layer: w, b, v, c."""
    _, _, found = trainer.modules()
    w, b, v, c = (torch.stack([one[name] for one in found]).double() for name in found[0])
    return w.mT, b, v.mT, c


def hidden(networks: Parameters, x: torch.Tensor, activation: str) -> torch.Tensor:
    """phi(x w + b), (network, place, unit); x (place, input), or (network, place, input)."""
    w, b, _, _ = networks
    return ACTIVATIONS[activation].on_tensors(x @ w + b.unsqueeze(-2))


def output(networks: Parameters, x: torch.Tensor, activation: str) -> torch.Tensor:
    """f(x) = phi(x w + b) v + c, (network, place, output)."""
    _, _, v, c = networks
    return hidden(networks, x, activation) @ v + c.unsqueeze(-2)


def _apart(networks: Parameters, points: int) -> Parameters:
    """Every network so many times: a second axis (network, point, ...), which takes no memory."""
    w, b, v, c = (p.detach().unsqueeze(1).expand(-1, points, *p.shape[1:]) for p in networks)
    return w, b, v, c


def tangent_kernel(networks: Parameters, x: torch.Tensor, x0: torch.Tensor, activation: str) -> torch.Tensor:
    """K_kl(x, x0) of every network: (network, place of x, place of x0, k, l). With h = phi(z), z = x w + b it is

    (x . x0 + 1) sum over units j of phi'(z_j) v_jk phi'(z0_j) v_jl  +  delta_kl (h . h0 + 1)
    """
    w, b, v, _ = networks

    def encoded(places):
        z = (places @ w + b.unsqueeze(1)).detach().requires_grad_()
        with torch.enable_grad():
            h = ACTIVATIONS[activation].on_tensors(z)
            (slopes,) = torch.autograd.grad(h.sum(), z)
        return h.detach(), slopes.unsqueeze(2) * v.mT.unsqueeze(
            1
        )  # (network, place, unit), (network, place, output, unit)

    (h, back), (h0, back0) = encoded(x), encoded(x0)
    of_encoder = torch.einsum("nxkj,nylj->nxykl", back, back0) * (x @ x0.T + 1)[..., None, None]
    of_decoder = (h @ h0.mT + 1)[..., None, None] * torch.eye(v.shape[2], dtype=h.dtype, device=h.device)
    return of_encoder + of_decoder


def contracted(kernel: torch.Tensor) -> torch.Tensor:
    """The trace over outputs by their number: (..., k, k) -> (...)."""
    return kernel.diagonal(dim1=-2, dim2=-1).mean(-1)


def along(kernel: torch.Tensor, residual: torch.Tensor) -> torch.Tensor:
    """<e, K e> / |e|^2, (network, place, point); kernel (network, place, point, k, k), residual (network, point, k)."""
    unit = residual / residual.norm(dim=-1, keepdim=True)
    return torch.einsum("nxykl,nyk,nyl->nxy", kernel, unit, unit)


def change(
    networks: Parameters, grid: torch.Tensor, x0: torch.Tensor, y0: torch.Tensor, size: float, activation: str
) -> torch.Tensor:
    """df: how one gradient step at each x0 (point, 2), target y0 (point, output), moves the outputs on the grid.

    Every step starts from the same networks, on a copy. Shape (network, place, point, output).
    """
    apart = _apart(networks, len(x0))
    for p in apart:
        p.requires_grad_()
    with torch.enable_grad():
        errors = output(apart, x0.unsqueeze(1), activation) - y0.unsqueeze(1)
        slopes = torch.autograd.grad(0.5 * errors.square().mean((-2, -1)).sum(), apart)
    w, b, v, c = (p.detach() - size * g for p, g in zip(apart, slopes, strict=True))
    return (output((w, b, v, c), grid, activation) - output(networks, grid, activation).unsqueeze(1)).transpose(1, 2)


def response(df: torch.Tensor, residual: torch.Tensor, size: float) -> torch.Tensor:
    """-n <df(x), e> / (s |e|^2) from df (network, place, point, output), e (network, point, output)."""
    projected = torch.einsum("nxyk,nyk->nxy", df, residual) / residual.square().sum(-1).unsqueeze(1)
    return -projected * df.shape[-1] / size


def input_jacobian(networks: Parameters, x: torch.Tensor, activation: str) -> torch.Tensor:
    """df_k/dx_i of every network and place, exact: (network, place, output, input)."""
    x = x.expand(len(networks[0]), *x.shape).clone().requires_grad_()
    with torch.enable_grad():
        outputs = output(networks, x, activation).unbind(-1)
        slopes = [torch.autograd.grad(one.sum(), x, retain_graph=True)[0] for one in outputs]
    return torch.stack(slopes, 2)


class Measurement:
    """What is measured of networks (their `Parameters`): a call gives a dict of arrays, network first.

    loss       (network,) 1/2 MSE over all points
    residual   (network, point) |f(x0) - y0|
    kernel     (network, place, point) trace of K(x, x0) by the number of outputs
    along      (network, place, point) <e, K(x, x0) e> / |e|^2 along the residual e at x0
    response   (network, place, point) the same quantity from one step of the row's size at x0
    variances  (network, component) of the hidden layer over the grid, in its principal directions
    jacobian   (network, point, output, input) of the outputs with respect to the input
    perturbed  (network, point, direction) |f(x + d) - f(x)| for |d| = radius

    All of a network whose parameters are not finite is NaN. size: of the gradient step whose response is measured.
    """

    def __init__(self, task: Encoding, activation: str, size: float, radius: float, device: str = "cpu"):
        self.points, self.targets, self.grid = (
            torch.as_tensor(a, dtype=torch.float64, device=device) for a in (task.points, task.targets, task.grid)
        )
        angle = torch.arange(DIRECTIONS, dtype=torch.float64, device=device) * (2 * torch.pi / DIRECTIONS)
        self.ring = radius * torch.stack([angle.cos(), angle.sin()], 1)
        self.activation, self.size = activation, size

    def __call__(self, networks: Parameters) -> dict[str, np.ndarray]:
        sound = torch.stack([p.isfinite().flatten(1).all(1) for p in networks]).all(0)
        networks = tuple(torch.nan_to_num(p, 0, 0, 0) for p in networks)
        at_points = output(networks, self.points, self.activation)
        residual = at_points - self.targets
        kernel = tangent_kernel(networks, self.grid, self.points, self.activation)
        df = change(networks, self.grid, self.points, self.targets, self.size, self.activation)
        around = output(_apart(networks, len(self.points)), self.points.unsqueeze(1) + self.ring, self.activation)
        encoded = hidden(networks, self.grid, self.activation)
        centred = encoded - encoded.mean(1, keepdim=True)
        found = {
            "loss": 0.5 * residual.square().mean((1, 2)),
            "residual": residual.norm(dim=2),
            "kernel": contracted(kernel),
            "along": along(kernel, residual),
            "response": response(df, residual, self.size),
            "variances": torch.linalg.svdvals(centred).square() / centred.shape[1],
            "jacobian": input_jacobian(networks, self.points, self.activation),
            "perturbed": (around - at_points.unsqueeze(2)).norm(dim=3),
        }
        for values in found.values():
            values[~sound] = torch.nan
        return {name: values.cpu().numpy() for name, values in found.items()}
