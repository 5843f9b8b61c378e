"""The theory of coupled pairs and its experiment: against one pair, a linear network, and what is conserved."""

from itertools import combinations

import numpy as np
import pytest
from coupled import analyse, plot
from mnist import fetch
from mnist import train as train_mnist
from runs import figure_files
from xor import train

from repdyn import artifacts, theory
from repdyn.data import mnist, xor
from repdyn.fitting import coupled as fits
from repdyn.statistics import intervals
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


def test_a_point_may_stand_for_many_or_for_none():
    """Weight two is the point twice; a point of no weight feels the others, which do not feel it."""
    draw = np.random.default_rng(4)
    x, h, yh, y = (draw.normal(size=(4, n)) for n in (6, 5, 2, 2))
    t, rates = np.linspace(0, 5, 12), (0.1, 0.3)
    twice, weights = [0, 1, 2, 2], np.array([1, 1, 2, 0])

    def solved(rows, weights):
        about = coupled.centre(weights)
        K, gram = ((about @ a[rows]) @ (about @ a[rows]).T for a in (x, h))
        return coupled.trajectory(t, gram, 0.1 * yh[rows], y[rows], K, *rates, weights=weights, tolerance=1e-9)

    G, made, M = solved(twice, np.ones(4))
    weighted, outputs, of_weights = solved([0, 1, 2, 3], weights)
    np.testing.assert_allclose(of_weights, M, atol=1e-7)
    np.testing.assert_allclose(weighted[:, :3, :3], G[:, :3, :3], atol=1e-7)
    np.testing.assert_allclose(outputs[:, :3], made[:, :3], atol=1e-7)
    assert np.abs(outputs[-1, 3] - outputs[0, 3]).max() > 0.01


def test_fits_find_the_rates_that_made_the_curves():
    """Coupled curves of XOR: recovered by the coupled fit, and by no other."""
    draw = np.random.default_rng(3)
    h, made = coupled.centred(0.3 * draw.normal(size=(4, 8))), 0.05 * draw.normal(size=(4, 1))
    t, rates = np.linspace(0, 400, 60), np.array([0.05, 0.2])
    gram = h @ h.T
    G, outputs, _ = coupled.trajectory(t, gram, made, xor.TARGETS, gram, *rates)
    observed = np.array(coupled.curves(G, outputs, xor.TARGETS, xor.PAIRS))
    found, curves = fits.together(t, observed, gram, made, xor.TARGETS, gram, xor.PAIRS, 3 * rates)
    np.testing.assert_allclose(found, rates, rtol=1e-3)
    assert fits.errors(curves, observed).max() < 1e-3
    alike, others = fits.shared(t, observed, xor.DX2, xor.DY2, rates)
    own, best = fits.independent(t, observed, xor.DX2, xor.DY2)
    assert fits.errors(others, observed)[1] > 0.01 and alike.shape == (2,)
    assert own.shape == (6, 2) and fits.errors(best, observed).sum() < fits.errors(others, observed).sum()


def images(folder):
    """Two networks that learn made digits, of which two pairs are followed."""
    fetch.main("synthetic", {}, folder / "images.nc")
    row = {
        "name": "mnist_pairs",
        "model": "mlp",
        "activation": "tanh",
        "gain": 1.0,
        "width": 20,
        "depth": 2,
        "solver": "sgd",
    }
    row |= {"lr": 0.3, "finer": 1.0, "epochs": 3, "batch": 64, "networks": 2, "different": 1, "same": 1, "digits": 1}
    row |= {"init_seed": 0, "batch_seed": 3, "pair_seed": 4}
    train_mnist.main(folder / "images.nc", row, "cpu", folder / "mnist.nc")
    return folder / "mnist.nc"


def test_the_field_of_mnist_is_that_of_its_means(tables):
    """Initial distances of the means of digits, and their outputs, against the network's own arithmetic; weights."""
    folder, *_ = tables
    runs, data = artifacts.read_dataset(folder / "mnist.nc"), artifacts.read_dataset(folder / "images.nc")
    labels, x = data.train_labels.values, mnist.normalised(data.train_images.values)
    rows = np.concatenate([np.flatnonzero(labels == digit)[:1] for digit in range(10)])
    np.testing.assert_allclose(runs.field_weight[:10], np.bincount(labels) / len(labels))
    assert (runs.field_weight[10:] == 0).all() and rows.size == 10
    means = np.stack([x[labels == digit].mean(0) for digit in range(10)])
    expected = ((means[:, None] - means[None]) ** 2).sum(-1)
    np.testing.assert_allclose(runs.field_dx2[:10, :10], expected, rtol=1e-4, atol=1e-4)
    for n in range(2):  # the images of a pair stand behind the means, two by two
        a, b = 10 + 2 * n, 11 + 2 * n
        np.testing.assert_allclose(runs.field_distance[..., a, b], runs.H[:, :, n, 0], rtol=1e-4)
        step = ((runs.field_output[:, a] - runs.field_output[:, b]) ** 2).sum("output_unit")
        np.testing.assert_allclose(step, runs.Y[:, n, 0], rtol=1e-4)


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Two networks that learn XOR and two that are not given the time."""
    folder = tmp_path_factory.mktemp("coupled")
    row = {"model": "mlp", "activation": "tanh", "solver": "sgd", "dropout_seed": None, "init_seed": 5, "networks": 2}
    row |= {"gain": 1.5, "lr": 0.05, "width": 30, "depth": 3, "steps": 900}
    for name, steps in (("learned", 900), ("short", 3)):
        train.main({**row, "name": name, "steps": steps}, 0.5, "cpu", folder / f"{name}.nc")
    paths = [folder / "networks.csv", folder / "summary.csv"]
    layers = {"learned": 1, "short": 1}
    analyse.main([folder / "learned.nc", folder / "short.nc"], layers, images(folder), 1, 0.01, 0.95, *paths)
    return folder, *paths


def test_the_tables(tables):
    _, *paths = tables
    networks, summary = map(artifacts.read_table, paths)
    kept = networks[networks.kept]
    assert list(networks.setting) == ["learned"] * 2 + ["short"] * 2 + ["mnist_pairs"] * 2
    assert set(kept.setting) == {"learned", "mnist_pairs"} and set(kept[kept.task == "mnist"].seed) == {0, 1}
    kept = kept[kept.task == "xor"]
    assert networks[~networks.kept].reason.str.contains("final loss").all()
    for name in "HY":
        assert (kept[f"{name}_shared"] > 0).all()
        np.testing.assert_allclose(
            kept[f"{name}_ahead_of_shared"], np.log(kept[f"{name}_coupled"] / kept[f"{name}_shared"]), atol=1e-7
        )
        one = summary.query("setting == 'learned' and theory == 'shared' and quantity == @name").iloc[0]
        assert one.error == pytest.approx(intervals.mean(kept[f"{name}_shared"], scale="log").value)
        assert one.coupled_over_it == pytest.approx(np.exp(kept[f"{name}_ahead_of_shared"].mean()))
    assert summary[summary.setting == "short"].error.isna().all() and (summary.unit == "network").all()


def test_the_figure_says_what_came_out(tables, tmp_path):
    _, networks, summary = tables
    figure, _ = plot.main(networks, summary)
    title, subtitle = (text.get_text().replace("\n", " ") for text in figure.texts[:2])
    table = artifacts.read_table(summary).query("theory == 'shared' and kept > 0")
    ahead = {name: int((table[table.quantity == name].coupled_over_it < 1).sum()) for name in "HY"}
    settings = table.setting.nunique()
    said = (
        f"H better than pairs do in {ahead['H']} of {settings} settings of XOR and MNIST, Y in {ahead['Y']}, on average"
    )
    assert said in title and "short 0 of 2" in subtitle
    certain = table[table.task == "xor"].assign(coupled_over_it_high=[0.9, 1.1])  # of H and of Y
    assert plot.headline(certain).endswith("in 1 of 1 settings of XOR and MNIST, Y in 0")
    files = [figure_files(plot, tmp_path / str(n), networks, summary) for n in range(2)]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(*files))
