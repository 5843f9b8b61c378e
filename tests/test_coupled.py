"""The theory of coupled pairs: against the theory of one pair, a trained linear network, and what is conserved."""

from itertools import combinations

import numpy as np
import pytest

from repdyn import theory
from repdyn.theory import coupled


@pytest.mark.parametrize("outputs", [1, 3])
def test_two_points_are_the_theory_of_one_pair(outputs):
    draw = np.random.default_rng(outputs)
    h, yh, y, x = (0.3 * draw.normal(size=(2, n)) for n in (5, outputs, outputs, 4))
    t = np.linspace(0, 60, 40)
    rates = 0.7, 0.4
    K = coupled.centred(x) @ coupled.centred(x).T
    G, made, _ = coupled.trajectory(t, coupled.centred(h) @ coupled.centred(h).T, yh, 3 * y, K, *rates)
    found = coupled.curves(G, made, 3 * y, [(0, 1)])
    start = [curve[0, 0] for curve in found]
    dx2, dy2 = ((x[0] - x[1]) ** 2).sum(), 9 * ((y[0] - y[1]) ** 2).sum()
    for one, expected in zip(found, theory.exact(t, *start, *rates, dx2, dy2)):
        np.testing.assert_allclose(one[0], expected, atol=1e-6 * np.abs(expected).max())


def test_a_linear_network_in_small_steps():
    """h = P x, yh = Q h, trained on six points; M is that network's own, not the smallest one."""
    draw = np.random.default_rng(0)
    x, y = coupled.centred(draw.normal(size=(6, 4))), coupled.centred(draw.normal(size=(6, 2)))
    P, Q = 0.4 * draw.normal(size=(7, 4)), 0.4 * draw.normal(size=(2, 7))
    h, lr, steps, rates = x @ P.T, 2e-4, 40_000, (0.05, 0.02)
    t = np.arange(0, steps + 1, 4000) * lr
    G, made, M = coupled.trajectory(t, h @ h.T, h @ Q.T, y, x @ x.T, *rates, M=Q @ Q.T)
    for step in range(steps + 1):
        if step % 4000 == 0:
            n, h = step // 4000, x @ P.T
            for one, expected in ((G[n], h @ h.T), (made[n], h @ Q.T), (M[n], Q @ Q.T)):
                np.testing.assert_allclose(one, expected, atol=2e-4)
        e = x @ P.T @ Q.T - y
        dP, dQ = rates[0] * Q.T @ e.T @ x, rates[1] * e.T @ x @ P.T
        P, Q = P - lr * dP, Q - lr * dQ


def test_what_is_conserved_and_where_it_ends():
    """The trace of what both halves hold; outputs end at the targets, as far as inputs span them."""
    draw = np.random.default_rng(1)
    x, y, P = draw.normal(size=(4, 6)), draw.normal(size=(4, 2)), draw.normal(size=(5, 6))
    h = coupled.centred(x) @ P.T
    K = coupled.centred(x) @ coupled.centred(x).T
    t, rates = np.linspace(0, 200, 30), (0.1, 0.3)
    G, made, M = coupled.trajectory(t, h @ h.T, 0.1 * draw.normal(size=(4, 2)), y, K, *rates)
    inverse = np.linalg.pinv(K, rcond=1e-9)
    kept = np.trace(M, axis1=1, axis2=2) / rates[1] - np.array([np.trace(inverse @ one) for one in G]) / rates[0]
    np.testing.assert_allclose(kept, kept[0], rtol=1e-5)
    np.testing.assert_allclose(made[-1], coupled.centred(y), atol=1e-4)
    assert (np.diff(((made - coupled.centred(y)) ** 2).sum((1, 2))) <= 1e-9).all()


def test_an_encoder_cannot_learn_what_is_across_its_inputs():
    """XOR is no linear function of its points: K e = 0, and no representation moves until the decoder makes it."""
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]])
    y = np.array([[0], [1], [1], [0.0]])
    K = coupled.centred(x) @ coupled.centred(x).T
    np.testing.assert_allclose(K @ coupled.centred(y), 0, atol=1e-15)
    G, _, _ = coupled.trajectory(np.linspace(0, 50, 5), K, np.zeros((4, 1)), y, K, 1.0, 1.0)
    np.testing.assert_allclose(G, G[:1].repeat(5, 0), atol=1e-9)


def test_distances_and_gram_matrices():
    points = np.random.default_rng(2).normal(size=(5, 3))
    pairs = list(combinations(range(5), 2))
    distances = ((points[:, None] - points[None]) ** 2).sum(-1)
    gram = coupled.gram_of_distances(distances)
    np.testing.assert_allclose(gram, coupled.centred(points) @ coupled.centred(points).T, atol=1e-12)
    np.testing.assert_allclose(coupled.distances_of_gram(gram), distances, atol=1e-12)
    H, Y, w = coupled.curves(gram[None], points[None], points, pairs)
    np.testing.assert_allclose(H[:, 0], Y[:, 0]), np.testing.assert_allclose(w, 0, atol=1e-12)
