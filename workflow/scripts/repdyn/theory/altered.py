"""The theory's differential equations with one term changed: what would its success be worth if others fitted too?

A description with free constants may fit by its freedom alone. So four altered right-hand sides of the theory
(`theory.right_hand_side`), which have the same two constants, are held against the same networks (van Rossem and Saxe
2024, arXiv 2402.09142, on falsification). Every alteration multiplies terms by a number:

    dH/dt = -f a w
    dY/dt = -g w (b H + c a Y/H)
    dw/dt = -1/2 b (3w - Y + dy2) H - d/2 a (Y + w) w/H,       a = eta_h dx2, b = eta_y

with (f, g, c, d) = (1, 1, 1, 1) for the theory. None of the four is the theory with other rates: doubling dH/dt, say,
is halving eta_h everywhere else.

*Orbit and clock* (derived). Dividing the second equation by the first leaves no time: the orbit Y(H) has one constant,
the ratio of the rates (`orbit`). How fast it is run through is the clock: both rates times one function of the state
leave it as it is. So a rate that drifts while a network learns spoils trajectories of right and wrong equations alike,
and no orbit. `solve` takes such a drift, the same for every system: both rates times 1 + k Y/dy2.

*One output* (derived). There dyhat is a multiple of dy, so w = Y - |dy| sqrt(Y) whatever the dynamics. The equations
keep this if g = 1 and g c = d: the theory does, and of its alterations dH/dt doubled. The others describe no pair of
single outputs at all, and that they don't fit one's w says nothing about the theory (`keeps_one_output`). Their
orbits Y(H) are tests nevertheless, but for the flipped sign, which stands in dw/dt alone and leaves
Y(H) the theory's (`same_orbit`).

*Small initial weights* (derived). An orbit forgets its start: with p = g c/f < 2 it tends to Y = g rho H^2/(f (2 - p)),
the same curve for all of them at some ratio, and dH/dt doubled then is the theory with other rates. Only what is
inherited (H0, Y0) or lies across the targets tells them apart. And there a wide network of two linear layers isn't
the theory's: its output weights v are as long as dh but at right angles to it, so Y = H^2 - H0^2, the orbit with the
last term of dY/dt dropped. The theory, in which v lies along dh from the start, is exact for one hidden unit.

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
import scipy

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
RIVALS = tuple(DYNAMICS)[1:]


def keeps_one_output(name: str) -> bool:
    """Whether these equations keep w = Y - |dy| sqrt(Y), which holds for every network of one output."""
    _, g, c, d = DYNAMICS[name].factors
    return g == 1 and g * c == d


def same_orbit(name: str) -> bool:
    """Whether Y(H) is that of the theory at the same ratio of the rates."""
    f, g, c, _ = DYNAMICS[name].factors
    return g == f and g * c == f


def orbit_parts(H, H0, Y0, factors):
    """The orbit Y(H) from its start (H0, Y0) as ``(inherited, learned)``: Y = inherited + rho learned.

    dY/dH = g/f (rho H + c Y/H) with rho = eta_y/(eta_h dx2), the one constant, is linear in Y (derived). With p = g c/f

        inherited = Y0 (H/H0)^p
        learned   = g/f (H^2 - H0^2 (H/H0)^p)/(2 - p),      at p = 2:  g/f H^2 log(H/H0)

    For the theory (p = 1) this is its conserved quantity: Y/H - rho H = Y0/H0 - rho H0. H > 0 of shape (...), H0 > 0.
    """
    f, g, c, _ = factors
    p, ratio = g * c / f, np.asarray(H, float) / H0
    inherited = Y0 * ratio**p
    if p == 2:
        return inherited, g / f * H0**2 * ratio**2 * np.log(ratio)
    return inherited, g / f * H0**2 * (ratio**2 - ratio**p) / (2 - p)


def orbit_end(H0, Y0, rho, dy2, factors):
    """The H at which an orbit reaches Y = dy2, where training ends: H0 to 1e6 H0 is searched; nan if it is not there.

    For the theory the H of `theory.fixed_point` at eta_y/(eta_h dx2) = rho. Numbers, H0 > 0.
    """

    def short(log_ratio):
        inherited, learned = orbit_parts(H0 * np.exp(log_ratio), H0, Y0, factors)
        return inherited + rho * learned - dy2

    far = np.log(1e6)
    if not np.isfinite(rho) or short(-far) * short(far) > 0:
        return np.nan
    return float(H0 * np.exp(scipy.optimize.brentq(short, -far, far, xtol=1e-12)))


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


def solve(times, initial, factors, eta_h, eta_y, drift, dx2, dy2, rtol=1e-9, most_steps=4000):
    """Solve K altered systems numerically; returns the curves H, Y, w at the `times` (n,), shape (3, K, n).

    initial (3, K), factors (K, 4), eta_h, eta_y, drift (K,); dx2 and dy2 are numbers. The rates are per step, and at a
    time both are multiplied by 1 + drift Y/dy2. times[0] is the time of the initial values. From where a solution
    cannot be continued, its curves are nan.
    """
    H, Y, w = initial
    x = np.sqrt(H)
    drifts = np.zeros(H.size) + drift / max(dy2, 1e-300)
    parameters = np.vstack([np.asarray(factors, float).T, eta_h * dx2, eta_y, np.full(H.size, dy2), drifts])
    state = np.stack([x, w / x, Y / H])
    x, v, z = runge_kutta.integrate(_derivative, state, parameters, times, _scale(dy2), rtol, most_steps)
    return np.stack([x**2, x**2 * z, x * v])


def _derivative(state, parameters):
    """d(x, v, z)/dt."""
    f, g, c, d, a, b, dy2, drift = parameters
    x, v, z = state
    pole = (d != f) | (f != g * c)
    x = np.where(pole & (x <= 0), np.nan, x)  # no solution is followed through a pole
    q, xx = a * v / x, x * x
    force = 3 * x * v - xx * z + dy2
    inner = d * a * z + (d - f) * q
    moved = np.empty_like(state)
    moved[0] = -0.5 * f * a * v
    moved[1] = -0.5 * b * x * force - 0.5 * v * inner
    moved[2] = -g * b * v * x + (f - g * c) * z * q
    return moved * (1 + drift * xx * z)


def _scale(dy2):
    """Sizes of the components: of x itself; of v where Y or w is; of z also what a thousandth of dy2 is."""

    def scale(state):
        x, v, z = np.abs(state)
        return np.stack([x, v + x * z, z + 1e-3 * dy2 / x**2]) + 1e-200

    return scale
