"""The theory's differential equations with one term changed: what would its success be worth if others fitted too?

A description with two free constants may fit by its freedom alone. So each network's curves are also fitted with
four altered right-hand sides of the theory (`theory.right_hand_side`), which have the same two constants
(van Rossem and Saxe 2024, arXiv 2402.09142, on falsification). Every alteration multiplies terms by a number:

    dH/dt = -f a w
    dY/dt = -g w (b H + c a Y/H)
    dw/dt = -1/2 b (3w - Y + dy2) H - d/2 a (Y + w) w/H,       a = eta_h dx2, b = eta_y

with (f, g, c, d) = (1, 1, 1, 1) for the theory. None of the four is the theory with other rates: doubling dH/dt, say,
is halving eta_h everywhere else.

What they break (derived). With x = |dh| = sqrt(H), v = w/x and z = Y/H the equations are

    dx/dt = -f/2 a v
    dv/dt = -1/2 b x (3 x v - x^2 z + dy2) - d/2 a z v - (d - f)/2 a v^2/x
    dz/dt = -g b v x + (f - g c) a z v/x

So f = d = g c makes them polynomial: representations pass through x = 0, as vectors do, and Y/H - (b/a) H is conserved.
Each alteration leaves a pole there. With H' doubled or the sign flipped, representations that meet do so at a
singularity after finite time (v grows as x^(-1/2) or x^(-2)); with Y' doubled, z vanishes as C x^2 for any C, so what
comes after is not determined; with a term dropped they never meet. With the sign flipped (d = -1) the conserved
quantity stays, but the fixed point w = 0, Y = dy2 is stable only where a Y/H < 3 b H; with Y' doubled it is a spiral,
around which Y overshoots its target, where a Y/H < 10.7 b H.
"""

from dataclasses import dataclass

import numpy as np

from repdyn.theory import runge_kutta


@dataclass(frozen=True)
class Dynamics:
    """One right-hand side: the factors (f, g, c, d), and what is changed in plain words."""

    factors: tuple[float, float, float, float]
    change: str


DYNAMICS = {
    "theory": Dynamics((1, 1, 1, 1), "theory"),
    "y_doubled": Dynamics((1, 2, 1, 1), "dY/dt doubled"),
    "h_doubled": Dynamics((2, 1, 1, 1), "dH/dt doubled"),
    "sign_flipped": Dynamics((1, 1, 1, -1), "last sign of dw/dt flipped"),
    "term_dropped": Dynamics((1, 1, 0, 1), "last term of dY/dt dropped"),
}
FACTORS = np.array([dynamics.factors for dynamics in DYNAMICS.values()])


def right_hand_side(t, state, factors, eta_h, eta_y, dx2, dy2):
    """The three equations as they are written above, for an integrator; for the theory, `theory.right_hand_side`.

    ``state`` is (H, Y, w), shape (3, ...); returns the derivatives per step, shape (3, ...). Singular at H = 0.
    """
    H, Y, w = state
    f, g, c, d = factors
    a, b = eta_h * dx2, eta_y
    return np.array(
        [
            -f * a * w,
            -g * w * (b * H + c * a * Y / H),
            -0.5 * b * (3 * w - Y + dy2) * H - 0.5 * d * a * (Y + w) * w / H,
        ]
    )


def solve(times, initial, factors, eta_h, eta_y, dx2, dy2, rtol=1e-9, most_steps=4000, gradient=False):
    """Solve K altered systems numerically; returns the curves H, Y, w at the `times` (n,), shape (3, K, n).

    initial (3, K), factors (K, 4), eta_h and eta_y (K,), per step; dx2 and dy2 are numbers. times[0] is the time of
    the initial values. With `gradient` returns ``(curves, gradient)`` as `theory.exact_with_gradient` does: derivatives
    with respect to (log eta_h, log eta_y), shape (2, 3, K, n). Scaling both rates is scaling time, so only the first is
    integrated with the curves (the variational equations); the other is t d(curve)/dt less the first.
    From where a solution cannot be continued, curves and gradients are nan.
    """
    H, Y, w = initial
    x = np.sqrt(H)
    parameters = np.vstack([np.asarray(factors, float).T, eta_h * dx2, eta_y, np.full(H.size, dy2)])
    state = np.zeros((6 if gradient else 3, H.size))
    state[:3] = x, w / x, Y / H
    found = runge_kutta.integrate(_derivative, state, parameters, times, _scale(dy2), rtol, most_steps)
    x, v, z = found[:3]
    curves = np.stack([x**2, x**2 * z, x * v])
    if not gradient:
        return curves
    along = _in_curves(found[:3], found[3:])
    movement = _derivative(found[:3], parameters[..., None])
    clock = np.asarray(times, float) * _in_curves(found[:3], movement)
    return curves, np.stack([along, clock - along])


def _in_curves(state, change):
    """A change of (x, v, z) as a change of (H, Y, w)."""
    (x, v, z), (dx, dv, dz) = state, change
    return np.stack([2 * x * dx, x * (2 * z * dx + x * dz), x * dv + v * dx])


def _derivative(state, parameters):
    """d(x, v, z)/dt, and below it that of their derivatives with respect to log a if the state has them."""
    f, g, c, d, a, b, dy2 = parameters
    x, v, z = state[:3]
    pole = (d != f) | (f != g * c)
    x = np.where(pole & (x <= 0), np.nan, x)  # no solution is followed through a pole
    q, xx = a * v / x, x * x
    half_b, left = 0.5 * b, f - g * c
    force = 3 * x * v - xx * z + dy2
    inner = d * a * z + (d - f) * q
    found = np.empty_like(state)
    found[0] = -0.5 * f * a * v
    found[1] = -half_b * x * force - 0.5 * v * inner
    found[2] = -g * b * v * x + left * z * q
    if len(state) == 6:
        dx, dv, dz = state[3:]
        dq = q + (a * dv - q * dx) / x
        dforce = 3 * (x * dv + v * dx) - 2 * x * z * dx - xx * dz
        found[3] = -0.5 * f * a * (v + dv)
        found[4] = -half_b * (dx * force + x * dforce)
        found[4] -= 0.5 * (dv * inner + v * (d * a * (z + dz) + (d - f) * dq))
        found[5] = -g * b * (dv * x + v * dx) + left * (dz * q + z * dq)
    return found


def _scale(dy2):
    """Sizes of the components: of x itself; of v where Y or w is; of z also what a thousandth of dy2 is."""

    def scale(state):
        size = np.empty_like(state)
        x, v, z = np.abs(state[:3])
        size[0] = x
        size[1] = v + x * z
        size[2] = z + 1e-3 * dy2 / x**2
        size[:3] += 1e-200
        if len(state) == 6:
            size[3:] = 10 * (size[:3] + np.abs(state[3:]))
        return size

    return scale
