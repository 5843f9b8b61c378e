"""The theory's effective learning rates, measured in a network at one moment of its training instead of fitted.

For two points A and B, a hidden layer h and the outputs yh, with dh = h_A - h_B, dyh = yh_A - yh_B, dy = y_A - y_B:

    H = |dh|^2      Y = |dyh|^2      w = Y - <dy, dyh>      L = 1/2 MSE, a mean over points and output components

Under gradient flow every parameter moves by -g, g the gradient of L. The output then moves for two reasons, because the
hidden layer moves (hd) and because of what the parameters do while the hidden layer is held where it is:

    hd = (dh/dtheta) (-g)      o_enc = (do/dh) hd      o_dec = (do/dtheta at fixed h) (-g)

Put into the theory's equations dH/dt = -eta_h |dx|^2 w and dY/dt = -w (eta_y H + eta_h |dx|^2 Y/H) (van Rossem & Saxe
2024, section 3), these give the encoder's rate twice, independently, and the decoder's:

    eta_h = -dH/dt / (|dx|^2 w)      eta_h = -dY/dt(o_enc) H / (w Y |dx|^2)      eta_y = -dY/dt(o_dec) / (w H)

o_enc + o_dec is the exact derivative of the output, in any network. What bypasses the layer, as a skip connection
around it does, is no part of h, and counts to the decoder.

Where other points are learned as well they go through the network with the two, and L and g are those of all of them:
H and Y then move for the others' sake, too, and the rates are those that this training shows.

All of it comes from first-order backward passes, for any number F changes at the rate <dF/dtheta, -g>. A layer is held
fixed by cutting the gradient that flows back into it. So a layer is a submodule's output, and parameters need not be
split by hand and may be shared by both sides.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from math import nan

import torch


@dataclass(frozen=True)
class Rates:
    """What is measured at one hidden layer, per unit of time: learning rate x steps. Times lr, they are per step.

    eta_h               from dH/dt; NaN where |dx|^2 w = 0
    eta_h_from_output   from the encoder's part of dY/dt; NaN where w Y |dx|^2 = 0. It divides by Y, so it is
                        ill-conditioned while the outputs are close together: leave it out where Y is small
    eta_y               from the decoder's part of dY/dt; NaN where w H = 0
    dH, dY_encoder, dY_decoder      the derivatives themselves; dY/dt is the sum of the last two
    alignment           cos^2 of the angle between the gradients of Y and of H with respect to (h_A, h_B); the theory
                        takes it for 1. With one linear layer before h and one behind it, and one output, it is
                        eta_h / eta_h_from_output; with more layers it is not. NaN where a gradient is 0
    """

    eta_h: float
    eta_h_from_output: float
    eta_y: float
    dH: float
    dY_encoder: float
    dY_decoder: float
    alignment: float


def _ratio(a: float, b: float) -> float:
    return a / b if b else nan


def _dot(a: Sequence[torch.Tensor], b: Sequence[torch.Tensor]) -> float:
    return sum(float((p.double() * q.double()).sum()) for p, q in zip(a, b, strict=True))


def _gradient(of: torch.Tensor, to: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    """Of a number; zeros where it does not depend on a tensor. The graph stays."""
    return torch.autograd.grad(of, to, retain_graph=True, allow_unused=True, materialize_grads=True)


def _difference(points: torch.Tensor) -> torch.Tensor:
    return (points[0] - points[1]).flatten()


def _forward(module, parameters, buffers, x, names) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """The output and the hidden layers on the way to it, all in one graph. The module stays as it was."""
    submodules = {name: submodule for name, submodule in module.named_modules() if name}
    calls = {name: [] for name in names}

    def keep(name):
        def hook(_module, _inputs, output):
            if not (torch.is_tensor(output) and output.is_floating_point() and output.shape[:1] == x.shape[:1]):
                raise ValueError(f"hidden layer {name!r}: expected one tensor of numbers, ({len(x)}, ...)")
            kept = output.clone()
            calls[name].append(kept if kept.requires_grad else kept.requires_grad_())
            return kept.clone()  # what comes next may write into it

        return hook

    with ExitStack() as stack:
        stack.enter_context(torch.random.fork_rng(devices=[x.device] if x.is_cuda else []))
        for name in calls:
            if name not in submodules:
                raise ValueError(f"no submodule {name!r}; there are: {', '.join(submodules)}")
            stack.enter_context(submodules[name].register_forward_hook(keep(name)))
        output = torch.func.functional_call(module, {**buffers, **parameters}, (x,))
    for name, found in calls.items():
        if len(found) < list(names).count(name):
            raise ValueError(f"hidden layer {name!r} is named more often than it is called: {len(found)} times")
    following = {name: iter(found) for name, found in calls.items()}
    return output, [next(following[name]) for name in names]


@torch.enable_grad()
def measured_rates(
    module: torch.nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    hidden: Sequence[str],
    parameters: dict[str, torch.Tensor] | None = None,
    buffers: dict[str, torch.Tensor] | None = None,
    dx2: float | None = None,
    among: Sequence[int] | None = None,
) -> list[Rates]:
    """The rates at every layer in `hidden`, in that order, or at those places of it that `among` names.

    hidden      names of submodules, as in `named_modules`; a name for the k-th time is that submodule's k-th call in a
                forward pass. Its output is one tensor (point, ...) and is flattened
    x, y        (point, ...) and (point, out_dim), on the module's device and of its precision; the module maps x to y's
                shape. The first two points are the pair; others are learned beside it
    parameters  by name, those that training moves; without them all of the module's own that require a gradient
    buffers     by name; without them the module's own
    dx2         |dx|^2; without it the squared distance of the flattened inputs

    The module stays as it is (parameters, gradients, buffers, hooks, modes), and so does the random generators' state.
    One forward pass serves all layers, so dropout in training mode has one mask; each layer takes four backward passes.
    At the kinks of a (leaky) ReLU slopes are autograd's, and a step of finite size need not follow them.

    Raises ValueError for a name that is no submodule or is not called that often, a hidden layer that is not one tensor
    of all points, an output or a target that is not (point, out_dim), fewer than two points, and where no parameter
    moves.
    """
    if parameters is None:
        parameters = {name: p for name, p in module.named_parameters() if p.requires_grad}
    if not parameters:
        raise ValueError("no parameter moves: none requires a gradient")
    buffers = dict(module.named_buffers()) if buffers is None else buffers
    parameters = {name: p.detach().requires_grad_() for name, p in parameters.items()}
    buffers = {name: b.detach().clone() for name, b in buffers.items()}
    output, layers = _forward(module, parameters, buffers, x.detach(), hidden)
    points = max(2, len(x))
    if output.ndim != 2 or len(output) != points or output.shape != y.shape:
        shapes = f"{tuple(output.shape)} and {tuple(y.shape)}"
        raise ValueError(f"expected output and target ({points}, out_dim), got {shapes}")
    theta = list(parameters.values())
    g = _gradient(0.5 * (output - y).square().mean(), theta)
    Y = _difference(output).square().sum()
    w = _dot([_difference(output.detach())], [_difference(output.detach() - y)])
    dx2 = float(_difference(x.detach().double()).square().sum()) if dx2 is None else dx2
    return [_rates_at(layers[n], Y, w, dx2, theta, g) for n in (range(len(layers)) if among is None else among)]


def _rates_at(h, Y, w, dx2, theta, g) -> Rates:
    H = _difference(h).square().sum()
    *H_theta, H_h = _gradient(H, [*theta, h])
    (Y_h,) = _gradient(Y, [h])
    dH = -_dot(H_theta, g)
    dY_encoder = -_dot(_gradient((h * Y_h).sum(), theta), g)
    with h.register_hook(torch.zeros_like):
        dY_decoder = -_dot(_gradient(Y, theta), g)
    H, Y = H.item(), Y.item()
    return Rates(
        eta_h=_ratio(-dH, dx2 * w),
        eta_h_from_output=_ratio(-dY_encoder * H, w * Y * dx2),  # type: ignore[arg-type]
        eta_y=_ratio(-dY_decoder, w * H),
        dH=dH,
        dY_encoder=dY_encoder,
        dY_decoder=dY_decoder,
        alignment=_ratio(_dot([Y_h], [H_h]) ** 2, _dot([Y_h], [Y_h]) * _dot([H_h], [H_h])),
    )
