"""Orbit and clock: which path a network takes through (H, Y), and how fast it runs through it.

Dividing the theory's equations for Y and H leaves no time in them, dY/dH = rho H + Y/H with rho = eta_y/(eta_h dx2), so

    Y = H (c + rho H),        c = Y/H - rho H the conserved quantity.

Where a run starts and where it ends give both constants: nothing is fitted. Any change of both rates by one common
factor leaves the orbit as it is and changes the clock alone. The simplest one is a factor that grows with the outputs
(a form chosen for this project),

    eta_h, eta_y  ->  (1 + k Y/dy2) eta_h, (1 + k Y/dy2) eta_y:

at the end of training all goes 1 + k times as fast as with outputs that do not differ. Symbols and shapes: `effective`.
"""

import numpy as np

from repdyn.theory.effective import _constants, exact

_GAUSS = (np.polynomial.legendre.leggauss(3)[0] + 1) / 2, np.polynomial.legendre.leggauss(3)[1] / 2
# Where the theory's own time is cut into cells, in units of 1/kappa from the transition on: 0 is the start of the run,
# from -12 to 12 the outputs part, and what comes after relaxes ever more slowly.
_DURING, _AFTER = np.linspace(-12, 12, 61), np.geomspace(12, 1e4, 25)[1:]


def orbit_constants(H0, Y0, H_end, Y_end):
    """``(c, rho)`` of the orbit through a start and an end; any broadcasting shapes, infinite where H_end = H0.

    A negative rho is that of no rates: representations came closer, or moved away further than outputs did.
    """
    rho = (Y_end / H_end - Y0 / H0) / (H_end - H0)
    return Y0 / H0 - rho * H0, rho


def orbit(H, c, rho):
    """Y = H (c + rho H) of the theory's orbit."""
    return H * (c + rho * H)


def deep_orbit(H, H0, Y0, H_end, Y_end, exponent):
    """Another orbit between the same ends: Y - Y0 ~ (H - H0)^exponent, for H anywhere between H0 and H_end.

    Derived, for a chain of D maps that grow by one mode, all by the same amount s: behind the first n of them a mode of
    the input is s^n as large, so that what is added to |dh|^2 goes as s^(2n), what is added to Y as s^(2D), and the
    exponent is D/n. The theory's orbit is a parabola at most, which is this one in the middle of a deep chain alone,
    D = 2n. An exponent of 1 is the straight line. H that goes beyond an end stays at it.
    """
    share = np.clip((H - H0) / (H_end - H0), 0, 1)
    return Y0 + (Y_end - Y0) * share**exponent


def drifting(t, H0, Y0, w0, eta_h, eta_y, k, dx2, dy2):
    """`exact` with both rates times (1 + k Y/dy2); the curves ``(H, Y, w)``, each of shape (..., n).

    They are the closed form's at its own time s, with dt = ds / (1 + k Y(s)/dy2). The integral is taken by Gauss's rule
    of three points over cells of s, and s(t) between their ends follows from its first two derivatives there (Hermite's
    polynomial of degree five); against an integrator of the equations the curves are right to 1e-6 of their range.
    k > -1, dy2 > 0, else ValueError. At k = 0 it is `exact`.
    """
    t, k = np.asarray(t, float), np.asarray(k, float)
    if (k <= -1).any() or not np.all(np.asarray(dy2) > 0):
        raise ValueError(f"k must be above -1 and dy2 positive, got {k} and {dy2}")
    s = _own_time(t, H0, Y0, w0, eta_h, eta_y, k, dx2, dy2)
    return exact(s, H0, Y0, w0, eta_h, eta_y, dx2, dy2)


def _own_time(t, H0, Y0, w0, eta_h, eta_y, k, dx2, dy2):
    """s(t), shape (..., n)."""
    values = np.broadcast_arrays(*(np.asarray(v, float) for v in (H0, Y0, w0, eta_h, eta_y, k, dx2, dy2)))
    shape = values[0].shape
    *given, k, dx2, dy2 = (v.reshape(-1) for v in values)  # (m,)
    given = (*given, dx2, dy2)
    edges = _edges(*given)
    width = np.diff(edges)
    inside = (edges[:, :-1, None] + width[..., None] * _GAUSS[0]).reshape(k.size, -1)
    speed = 1 + (k / dy2)[:, None] * exact(inside, *given)[1]
    time = (width[..., None] * _GAUSS[1] / speed.reshape(*width.shape, -1)).sum(-1).cumsum(1)
    time = np.concatenate([np.zeros((k.size, 1)), time], 1)
    H, Y, w = exact(edges, *given)
    slope = 1 + (k / dy2)[:, None] * Y
    bend = -slope * (k / dy2)[:, None] * w * (given[4][:, None] * H + (given[3] * dx2)[:, None] * Y / H)
    return _quintic(t, time, edges, slope, bend).reshape(*shape, t.size)


def _edges(H0, Y0, w0, eta_h, eta_y, dx2, dy2):
    """Ends of the cells of s (m, cells + 1), from 0 on."""
    c = _constants(H0, Y0, w0, eta_h, eta_y, dx2, dy2)
    transition = np.maximum(np.log(4 * c.kappa**2 / c.r2), 0)
    before = np.maximum(transition + _DURING[0], 0) * np.linspace(0, 1, 9)[:-1]
    parting = np.maximum(transition + _DURING[0], 0) + (_DURING - _DURING[0])
    return np.concatenate([before, parting, parting[:, -1:] + (_AFTER - _AFTER[0] + 1)], 1) / c.kappa


def _quintic(x, nodes, *known):
    """Hermite's interpolation at x (n,), shape (m, n); beyond the last node a straight line.

    nodes (m, cells + 1), increasing; known: values and first and second derivatives there.
    """
    apart = 2 * max(nodes.max(), x.max()) * np.arange(len(nodes))[:, None]  # so that one search serves all
    last = nodes.shape[1] - 1
    i = np.searchsorted((nodes + apart).ravel(), (x + apart).ravel(), "right").reshape(len(nodes), -1) - 1
    first = np.arange(len(nodes))[:, None] * (last + 1)
    i = np.clip(i, first, first + last - 1)
    here, there = ([values.ravel()[j] for values in (nodes, *known)] for j in (i, i + 1))
    h = there[0] - here[0]
    d = np.minimum(x - here[0], h)
    u = d / h
    rest = there[1] - here[1] - h * here[2] - h**2 * here[3] / 2
    slope = h * (there[2] - here[2] - h * here[3])
    bend = h**2 * (there[3] - here[3]) / 2
    inner = here[1] + d * (here[2] + d * here[3] / 2)
    inner += u**3 * (10 * rest - 4 * slope + bend)
    inner += u**4 * (7 * slope - 15 * rest - 2 * bend + u * (6 * rest - 3 * slope + bend))
    return inner + np.maximum(x - here[0] - h, 0) * there[2]


def effective_kernel(kernel):
    """K_e = 4 det K / K_s of tangent kernels (..., 2, 2): how the difference of two outputs answers to its error.

    K_s = K_AA + K_BB + 2 K_AB. In deep networks K_s is much larger than
    the rest, so that the mean output follows the difference.
    """
    aa, bb, ab = kernel[..., 0, 0], kernel[..., 1, 1], (kernel[..., 0, 1] + kernel[..., 1, 0]) / 2
    return 4 * (aa * bb - ab**2) / (aa + bb + 2 * ab)


def drift_of_kernel(growth, H0, Y0, H_end, Y_end, dy2):
    """k from how much the tangent kernel grew, K_e(end)/K_e(start), and a layer's start and end: nothing is fitted.

    Derived. Gradient descent moves Y by dY/dt = -lr/2 K_e w, the theory by -w (eta_y H + eta_h dx2 Y/H), which on its
    orbit is -w eta_h dx2 (c + 2 rho H). So the rates at the end are, by those at the start,

        g = K_e(end)/K_e(start) * (c + 2 rho H0)/(c + 2 rho H_end),

    and the clock says (1 + k Y_end/dy2)/(1 + k Y0/dy2) for it: k = (g - 1)/(Y_end/dy2 - g Y0/dy2). nan where no k > -1
    is that of such a growth.
    """
    c, rho = orbit_constants(H0, Y0, H_end, Y_end)
    g = growth * (c + 2 * rho * H0) / (c + 2 * rho * H_end)
    k = (g - 1) / (Y_end / dy2 - g * Y0 / dy2)
    return np.where(np.isfinite(k) & (k > -1), k, np.nan)[()]
