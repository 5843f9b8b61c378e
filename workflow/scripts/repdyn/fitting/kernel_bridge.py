"""What the tangent kernel of a deep network on two points has to do with the effective rates of its representation.

Gradient descent at learning rate lr on the loss 1/2 MSE of two points A and B moves the outputs by the tangent kernel K
of the whole network. For one output, with de = dyh - dy the error of the difference and m the mean error,

    d(dyh)/dt = -lr/4 K_d de - lr/2 (K_AA - K_BB) m        K_d = K_AA + K_BB - 2 K_AB
    dm/dt     = -lr/8 (K_AA - K_BB) de - lr/4 K_s m        K_s = K_AA + K_BB + 2 K_AB

In deep networks K_s is much larger than K_d, so that m follows de: m = -(K_AA - K_BB) de / (2 K_s), and

    dY/dt = 2 dyh d(dyh)/dt = -lr/2 K_e w,                  K_e = K_d - (K_AA - K_BB)^2 / K_s = 4 det K / K_s.

The effective theory says dY/dt = -w (eta_y H + eta_h |dx|^2 Y / H) (van Rossem & Saxe 2024). Both together:

    lr/2 K_e(t)  =  eta_y H(t) + eta_h |dx|^2 Y(t) / H(t)

The left side is measured without the theory; the right side follows from two rates and the observed layer. Rates that
are constants say how the kernel ages. (With several outputs K is the mean over them; lr is divided by their number.)
All of it is linear in the step: where units sit at the kink of a ReLU a real step does not move the outputs as K says.
"""

from itertools import pairwise

import numpy as np

from repdyn import fitting
from repdyn.theory.clock import effective_kernel as effective_kernel

MEAN_LEARNED = 0.05  # share of the squared mean error from which on it follows the difference


def linear_response(kernel, error, rate):
    """What the difference of the outputs does in one step, to first order: kernel (..., 2, 2), error (..., 2, outputs).

    rate: learning rate by (points x outputs) of the mean in the loss. Shape (..., outputs).
    """
    moved = -rate * np.einsum("...pq,...qk->...pk", kernel, error)
    return moved[..., 0, :] - moved[..., 1, :]


def decay_rate(H, Y, eta_h, eta_y, dx2):
    """eta_y H + eta_h |dx|^2 Y / H: the rate, per step, at which the theory moves Y by -w."""
    return eta_y * H + eta_h * dx2 * Y / H


def mean_learned(mean_error):
    """The first step at which the squared mean error (n,) is at most MEAN_LEARNED of its first value, else the last."""
    below = np.flatnonzero(mean_error <= MEAN_LEARNED * mean_error[0])
    return int(below[0]) if below.size else mean_error.size - 1


def windows(Y, w, dy2, count, start=0):
    """Edges (count + 1,) of windows in which the outputs move alike: equal shares of the path of Y and w.

    The path begins at `start`, ends at the last step and is taken relative to dy2; a window has at least 5 steps where
    there are as many.
    """
    moved = np.hypot(np.diff(Y[start:]), np.diff(w[start:])) / max(dy2, 1e-300)
    path = np.r_[0, np.cumsum(moved)]
    edges = start + np.searchsorted(path, path[-1] * np.arange(count + 1) / count)
    edges[0], edges[-1] = start, Y.size - 1
    for i in range(1, count + 1):
        edges[i] = max(edges[i], edges[i - 1] + 5)
    return np.minimum(edges, Y.size - 1)


def windowed_fits(H, Y, w, dx2, dy2, count, start=0):
    """Effective rates fitted anew in every window: a list of (first step, last step, `fitting.Fit`)."""
    found = []
    for first, last in pairwise(windows(Y, w, dy2, count, start)):
        part = slice(first, last + 1)
        t = np.arange(first, last + 1, dtype=float)
        found.append((int(first), int(last), fitting.fit_trajectory(t, H[part], Y[part], w[part], dx2, dy2)))
    return found


def log_deviation(predicted, measured):
    """Root mean square of log(predicted / measured), over where both are positive."""
    with np.errstate(all="ignore"):
        ratio = np.log(np.asarray(predicted, float) / np.asarray(measured, float))
    ratio = ratio[np.isfinite(ratio)]
    return float(np.sqrt((ratio**2).mean())) if ratio.size else np.nan
