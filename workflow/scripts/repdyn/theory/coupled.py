"""The theory of all pairs of N points at once: what a point's representation does while the others are learned as well.

The theory of one pair (`effective`) takes the mean of its two outputs for learned and forgets all other points. Its own
step before that, a linear response of each half of the network, needs no such choice (derived). With h (point, unit)
and the outputs yh about their means over the points, e = yh - y the errors about theirs, the decoder linearised as
yh = h Q^T, and K the Gram matrix of the inputs about their mean,

    dh_a/dt = -eta_h sum_c K_ac Q^T e_c        every other point c pulls a along as far as it is similar to it
    dQ/dt   = -eta_y sum_c e_c h_c^T

Neither h nor Q is needed, only the matrices G = h h^T (point, point), yh (point, output), M = Q Q^T (output, output):

    dG/dt = -eta_h (K e yh^T + yh e^T K)
    dyh/dt = -eta_h K e M - eta_y G e
    dM/dt = -eta_y (e^T yh + yh^T e)

Two constants for all pairs together. With two points it is `effective`, for any number of outputs. What is conserved:
tr M / eta_y - tr(K^+ G) / eta_h, where G lies in the range of K.

A point may stand for many, as the mean of a class does for its members (a mean field: what members differ in takes no
part), or for none, as one image of thousands does: sums over c then have its weight, and means are weighted.
"""

import numpy as np
from scipy.integrate import solve_ivp


def centre(weights: np.ndarray) -> np.ndarray:
    """The matrix (point, point) that takes points about their mean, weighted by weights (point,)."""
    return np.eye(len(weights)) - weights / weights.sum()


def centred(points: np.ndarray) -> np.ndarray:
    """Points (..., point, unit) about their mean."""
    return points - points.mean(-2, keepdims=True)


def gram_of_distances(distances: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """The Gram matrix about the (weighted) mean, (..., point, point), of points with these squared distances."""
    about = centre(np.ones(distances.shape[-1]) if weights is None else weights)
    return -0.5 * about @ distances @ about.T


def distances_of_gram(gram: np.ndarray) -> np.ndarray:
    """Squared distances (..., point, point); the inverse of `gram_of_distances`."""
    size = np.diagonal(gram, axis1=-2, axis2=-1)
    return size[..., :, None] + size[..., None, :] - 2 * gram


def decoder(gram: np.ndarray, outputs: np.ndarray, smallest: float = 1e-6) -> np.ndarray:
    """M = Q Q^T (output, output) of the smallest decoder that makes these outputs (point, output) of G: yh^T G^+ yh.

    Directions in which points differ by less than `smallest` of the largest one are left out.
    """
    return outputs.T @ np.linalg.pinv(gram, rcond=smallest, hermitian=True) @ outputs


def trajectory(t, gram, outputs, targets, inputs, eta_h: float, eta_y: float, M=None, weights=None, tolerance=1e-7):
    """G (moment, point, point), outputs about their mean (moment, point, output) and M (moment, output, output).

    t (moment,) from 0 on; gram: G at t = 0; outputs, targets (point, output); inputs: K (point, point). M at t = 0 is
    `decoder`'s for the points that have a weight, without another one. weights: how many each point stands for,
    (point,), one each if not given. Rates per unit of t, at least 0. tolerance: of the integrator, relative to the
    largest number at t = 0. nan from where the integrator gives up.
    """
    n, m = outputs.shape
    weights = np.ones(n) if weights is None else np.asarray(weights, float)
    about, felt = centre(weights), weights > 0
    gram, K = about @ gram @ about.T, about @ inputs @ about.T
    outputs, targets = about @ outputs, about @ targets
    M = decoder(gram[np.ix_(felt, felt)], outputs[felt]) if M is None else M

    def split(state):
        return (
            state[: n * n].reshape(n, n),
            state[n * n : n * (n + m)].reshape(n, m),
            state[n * (n + m) :].reshape(m, m),
        )

    each, toward, made = weights[:, None], -eta_h * K, np.empty(n * (n + m) + m * m)
    dG, dyh, dM = split(made)

    def slope(_, state):
        G, yh, M = split(state)
        e = each * (yh - targets)
        pull, across = toward @ e, e.T @ yh
        hidden = pull @ yh.T
        np.add(hidden, hidden.T, out=dG)
        np.subtract(pull @ M, eta_y * (G @ e), out=dyh)
        np.multiply(across + across.T, -eta_y, out=dM)
        return made.copy()

    start = np.concatenate([gram.ravel(), outputs.ravel(), M.ravel()])
    size = max(np.abs(targets).max(), np.abs(outputs).max(), 1e-300)
    t = np.asarray(t, float)
    with np.errstate(all="ignore"):
        found = solve_ivp(
            slope,
            (t[0], t[-1]),
            start,
            "LSODA",
            t,
            rtol=tolerance,
            atol=0.01 * tolerance * min(size, np.abs(gram).max()),
        )
    states = np.full((len(t), start.size), np.nan)
    states[: found.y.shape[1]] = found.y.T
    return tuple(np.stack(parts) for parts in zip(*map(split, states)))


def curves(gram, outputs, targets, pairs):
    """H, Y, w (pair, moment) of G (moment, point, point) and outputs (moment, point, output)."""
    a, b = np.transpose(pairs)
    dyh, dy = outputs[:, a] - outputs[:, b], targets[a] - targets[b]
    Y = (dyh**2).sum(-1)
    return distances_of_gram(gram)[:, a, b].T, Y.T, (Y - (dyh * dy).sum(-1)).T
