"""The effective theory of two representations that move apart or together while a network learns.

For two data points A and B, a smooth network around a hidden layer is summarised by three scalars
(van Rossem & Saxe 2024, arXiv 2402.09142, section 3):

    H = |h_A - h_B|^2           squared distance of the hidden representations
    Y = |yhat_A - yhat_B|^2     squared distance of the outputs
    w = Y - <dy, dyhat>         alignment; it is 0 once the outputs differ as the targets dy do

and two effective learning rates, ``eta_h`` = 1/tau_h and ``eta_y`` = 1/tau_y. Time is counted in
optimiser steps and the rates are per step. ``dx2`` = |x_A - x_B|^2 and ``dy2`` = |y_A - y_B|^2.
Parameters may be arrays of any shapes that broadcast to ``(...)``; times have shape ``(n,)``;
curves come back as ``(..., n)``.
"""

from types import SimpleNamespace

import numpy as np

_TINY = 1e-300  # stands for an exact 0 in a divisor whose quotient has a finite limit


def right_hand_side(t, state, eta_h, eta_y, dx2, dy2):
    """The three differential equations (paper, section 3), for an integrator.

        dH/dt = -eta_h dx2 w
        dY/dt = -w (eta_y H + eta_h dx2 Y/H)
        dw/dt = -1/2 eta_y (3w - Y + dy2) H - 1/2 eta_h dx2 (Y + w) w/H

    ``state`` is (H, Y, w), shape (3, ...); ``t`` is ignored, the system is autonomous. Returns the
    derivatives per step, shape (3, ...). They are singular at H = 0.
    """
    H, Y, w = state
    a = eta_h * dx2
    return np.array(
        [
            -a * w,
            -w * (eta_y * H + a * Y / H),
            -0.5 * eta_y * (3 * w - Y + dy2) * H - 0.5 * a * (Y + w) * w / H,
        ]
    )


def conserved(H, Y, eta_h, eta_y, dx2):
    """The quantity Y/H - eta_y H / (eta_h dx2) that training leaves unchanged (derived).

    It says how unequal the two halves of the network are. Positive rates; any broadcasting shapes.
    """
    return Y / H - eta_y / (eta_h * dx2) * H


def fixed_point(H0, Y0, eta_h, eta_y, dx2, dy2):
    """Where the squared hidden distance ends (paper, section 4), as ``(H_inf, A_low, A_high)``.

        H_inf  = A_high/2 + sqrt(A_high^2/4 + A_low^2)
        A_low  = sqrt(eta_h/eta_y) |dx| |dy|            set by the task ("rich")
        A_high = H0 - (eta_h/eta_y) dx2 Y0/H0           set by the initialisation ("lazy")

    Only the ratio of the rates enters. Positive rates and H0; any broadcasting shapes.
    """
    ratio = eta_h / eta_y * dx2
    A_low = np.sqrt(ratio * dy2)
    A_high = H0 - ratio * Y0 / H0
    larger = np.hypot(0.5 * A_high, A_low) + 0.5 * np.abs(A_high)
    # For A_high < 0 the two terms nearly cancel; their product A_low^2 gives the smaller root.
    smaller = A_low**2 / np.maximum(larger, _TINY)
    return np.where(A_high >= 0, larger, smaller)[()], A_low, A_high


def exact(t, H0, Y0, w0, eta_h, eta_y, dx2, dy2):
    """Solve the theory in closed form; returns the curves ``(H, Y, w)``, each of shape (..., n).

    Derived. With a = eta_h dx2, b = eta_y, the theory is a linear network with one hidden unit:
    dh = sqrt(a) x and dyhat = sqrt(a b) x u move by d(x, u)/ds = A (x, u) - (x^2 + |u|^2)(x, u)/2 in
    the time s = a b t/2, a Bernoulli equation that exp(A s) linearises. Written per step and
    relative to the initial state, with p = <dy, dyhat>/|dy| and o2 = Y - p^2 at t = 0,

        ell = a Y0/H0 - b H0                         the conserved quantity times a
        kappa = sqrt(a b dy2 + ell^2/4)              the rate of the growing mode
        slow, fast = kappa -+ ell/2                  slow * fast = a b dy2
        E = exp(-kappa t),  J = (1 - E)/(2 kappa),  F = exp(-slow t),  L = (F - E)/ell
        r = sqrt(b H0 slow) + p sqrt(a fast/H0)      the growing mode's initial amplitude
        xi = E + J (slow + a p |dy|/H0)
        mu = p E + J (fast p + b H0 |dy|)
        D  = E (1 + J (b H0 + a p^2/H0)) + J^2 r^2 + (a o2/H0) L
        H = H0 xi^2/D;  Y = (xi/D)^2 (mu^2 + o2 F);  w = Y - |dy| xi mu/D

    Every term of D is >= 0 and every exponent <= 0, so nothing cancels or overflows. A rate of 0
    is allowed (a frozen half). H0 > 0; rates, Y0, dx2, dy2 >= 0, else ValueError. If the initial
    outputs are anti-aligned (p < 0) x can pass through 0; the closed form goes on through that
    point, where the differential equations are singular.
    """
    t = np.asarray(t, float)
    c = _curves(t, _constants(H0, Y0, w0, eta_h, eta_y, dx2, dy2))
    return c.H, c.Y, c.w


def exact_with_gradient(t, H0, Y0, w0, eta_h, eta_y, dx2, dy2):
    """The curves of `exact` and their derivatives with respect to (log eta_h, log eta_y).

    Returns ``(curves, gradient)`` of shapes (3, ..., n) and (2, 3, ..., n): first axis of the
    gradient is the rate, the next is H, Y, w. Derived, by the chain rule through the constants of
    `exact`: in log a and log b each constant's derivative is itself a few products, and the arrays
    over time (the exponentials, 1/D) are shared with the curves. Same conditions as `exact`.
    """
    t = np.asarray(t, float)
    k = _constants(H0, Y0, w0, eta_h, eta_y, dx2, dy2)
    c = _curves(t, k)
    # d/d(kappa) of E is -T, of J is K.
    T = t * c.E
    K = (0.5 * T - c.J) / k.kappa
    xi_kappa = K * k.xi_gain - T
    mu_kappa = K * k.mu_gain - k.p * T
    D_kappa = K * (k.spread * c.E + 2 * k.r2 * c.J) - T * (1 + k.spread * c.J)
    JE, JJ, twice_v, fF = c.J * c.E, c.J**2, 2 * c.v, None
    if c.F is not None:
        # F' = -slow' t F, and L' = -kappa' t L + ell' (t F/2 - L)/ell. At ell -> 0 the last bracket
        # is a difference of equals: use its series there.
        z = 0.5 * k.ell * t
        series = T * t * (1 + 2 * z / 3) / 8
        L_ell = np.where(np.abs(z) < 1e-5, series, (0.5 * t * c.F - c.L) / k.ell_safe)
        L_kappa, tF, fF = -t * c.L, t * c.F, c.f * c.F
    curves = np.stack([c.H, c.Y, c.w])
    gradient = np.empty((2,) + curves.shape)
    for (dH, dY, dw), g in zip(gradient, _constants_gradient(k)):
        xi = g.kappa * xi_kappa + g.xi_gain * c.J
        mu = g.kappa * mu_kappa + g.mu_gain * c.J
        D = g.kappa * D_kappa + g.spread * JE + g.r2 * JJ
        if fF is not None:
            D = D + g.across * c.L + k.across * (g.kappa * L_kappa + g.ell * L_ell)
        f = (xi - c.f * D) * c.reciprocal
        v = f * c.mu + c.f * mu
        np.multiply(k.H0, f * c.xi + c.f * xi, out=dH)
        np.multiply(twice_v, v, out=dY)
        if fF is not None:
            dY += k.o2 * (2 * fF * f - g.slow * c.f**2 * tF)
        np.subtract(dY, k.dy * v, out=dw)
    return curves, gradient


def mean_error(t, m0_squared, eta_m):
    """Squared error of the mean output, |mean over A, B of (yhat - y)|^2 = m0^2 exp(-2 eta_m t).

    Paper, appendix: the mean of the two outputs relaxes on its own, at a third effective rate
    ``eta_m`` per step from ``m0_squared`` at t = 0. Shape (..., n).
    """
    m0_squared, eta_m = np.asarray(m0_squared, float), np.asarray(eta_m, float)
    return m0_squared[..., None] * np.exp(-2 * eta_m[..., None] * np.asarray(t, float))


def loss_curve(t, Y, w, m0_squared, eta_m, dy2, out_dim=1):
    """The training loss L = MSE/2 that follows from the curves Y(t) and w(t) (derived).

        L = (2 m0^2 exp(-2 eta_m t) + w + (dy2 - Y)/2) / (4 out_dim)

    The errors of A and B split exactly into their mean and their difference, and
    |dyhat - dy|^2 = 2w - Y + dy2. MSE averages over the 2 points and over the ``out_dim`` output
    components, whence the divisor. Y and w have shape (..., n), the result too; same units as L.
    """
    difference = w + 0.5 * (np.asarray(dy2, float)[..., None] - Y)
    return (2 * mean_error(t, m0_squared, eta_m) + difference) / (4 * out_dim)


def _constants(H0, Y0, w0, eta_h, eta_y, dx2, dy2):
    """The quantities of `exact` that do not depend on time, each () or (..., 1): arrays get a last
    axis for time, single numbers broadcast as they are."""
    values = [np.asarray(value, float) for value in (H0, Y0, w0, eta_h, eta_y, dx2, dy2)]
    if any(value.size and value.min() < 0 for value in values[:2] + values[3:]) or (values[0] == 0).any():
        raise ValueError(
            "H0 must be positive and Y0, eta_h, eta_y, dx2, dy2 at least 0, got " + ", ".join(map(str, values))
        )
    H0, Y0, w0, eta_h, eta_y, dx2, dy2 = (value[..., None] if value.ndim else value for value in values)
    a, b, dy = eta_h * dx2, eta_y, np.sqrt(dy2)
    p = np.where(dy > 0, (Y0 - w0) / np.maximum(dy, _TINY), 0.0)
    across = Y0 - p**2
    o2 = np.where(across > 1e-13 * Y0, across, 0.0)  # below it is rounding of a parallel output
    ell = a * Y0 / H0 - b * H0
    # The smaller of the two rates follows from their product: their difference would cancel.
    kappa = np.maximum(np.hypot(np.sqrt(a * b) * dy, 0.5 * ell), _TINY)
    larger = kappa + 0.5 * np.abs(ell)
    smaller = a * b * dy2 / larger
    slow, fast = np.where(ell >= 0, smaller, larger), np.where(ell >= 0, larger, smaller)
    r = np.sqrt(b * H0 * slow) + p * np.sqrt(a * fast / H0)
    return SimpleNamespace(
        H0=H0,
        Y0=Y0,
        a=a,
        b=b,
        dy=dy,
        dy2=dy2,
        p=p,
        o2=o2,
        ell=ell,
        kappa=kappa,
        slow=slow,
        fast=fast,
        r=r,
        ell_safe=np.where(np.abs(ell) > _TINY, ell, _TINY),
        xi_gain=slow + a * p * dy / H0,
        mu_gain=fast * p + b * H0 * dy,
        spread=b * H0 + a * p**2 / H0,
        r2=np.maximum(r**2, 1e-250 * kappa**2),  # keeps D > 0 if nothing at all grows
        across=a * o2 / H0,
    )


def _curves(t, k):
    """The time-dependent arrays of `exact`, from its constants; F and L are None where o2 = 0."""
    minus = -k.kappa * t
    E = np.exp(minus)
    J = np.expm1(minus) / (-2 * k.kappa)
    xi = E + k.xi_gain * J
    mu = k.p * E + k.mu_gain * J
    D = E * (1 + k.spread * J) + k.r2 * J**2
    F = L = None
    if np.any(k.o2 > 0):
        F = np.exp(-k.slow * t)
        size = np.abs(k.ell_safe)
        # (F - E)/ell without the cancellation at small ell.
        L = np.maximum(F, E) * np.expm1(-0.5 * size * t) / -size
        D = D + k.across * L
    reciprocal = 1 / D
    f = xi * reciprocal
    v = f * mu  # the component of dyhat along dy
    Y = v**2
    if F is not None:
        Y = Y + k.o2 * f**2 * F
    return SimpleNamespace(
        E=E, J=J, F=F, L=L, xi=xi, mu=mu, reciprocal=reciprocal, f=f, v=v, H=k.H0 * f * xi, Y=Y, w=Y - k.dy * v
    )


def _constants_gradient(k):
    """The derivatives of the constants with respect to log a, then log b.

    slow and fast solve s^2 + ell s = f^2 - ell f = a b dy2, with ell = A - B. Differentiating that
    and using slow - B = fast - A leaves products only, so that a derivative near 0 stays exact.
    """
    A, B = k.a * k.Y0 / k.H0, k.b * k.H0
    gap = np.where(k.ell >= 0, k.slow - B, k.fast - A)
    kinetic = k.a * k.p**2 / k.H0
    for along_a, ell, slow, fast in (
        (1.0, A, k.slow * gap, k.fast * (k.fast + B)),
        (0.0, -B, k.slow * (k.slow + A), k.fast * gap),
    ):
        along_b, slow, fast = 1 - along_a, slow / (2 * k.kappa), fast / (2 * k.kappa)
        yield SimpleNamespace(
            ell=ell,
            slow=slow,
            kappa=0.5 * (slow + fast),
            xi_gain=slow + along_a * k.a * k.p * k.dy / k.H0,
            mu_gain=fast * k.p + along_b * B * k.dy,
            spread=along_b * B + along_a * kinetic,
            # of r^2 = B slow + kinetic fast + 2 a b p |dy|
            r2=B * (slow + along_b * k.slow) + kinetic * (fast + along_a * k.fast) + 2 * k.a * k.b * k.p * k.dy,
            across=along_a * k.across,
        )
