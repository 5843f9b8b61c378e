"""The loops over a few points against numpy in float64."""

import numpy as np
import pytest
import torch

from repdyn import kernels


def draw(*shape, seed):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


# below, at and beyond a cache line of outputs; inputs in fours and left over
@pytest.mark.parametrize("outputs", [1, 15, 16, 37, 500])
@pytest.mark.parametrize("inputs", [1, 4, 7, 50])
@pytest.mark.parametrize("points", kernels.POINTS)
def test_both_passes_are_those_of_a_dense_layer(points, inputs, outputs):
    x, weight, bias, g = (
        draw(3, *shape, seed=seed)
        for seed, shape in enumerate([(points, inputs), (inputs, outputs), (outputs,), (points, outputs)])
    )
    lr = np.float32([0.1, 0.2, 0.4])
    z, gx = np.empty_like(g), np.empty_like(x)
    exact = {name: value.astype(np.float64) for name, value in (("x", x), ("w", weight), ("b", bias), ("g", g))}

    kernels.forward(x, weight, bias, z)
    np.testing.assert_allclose(z, exact["x"] @ exact["w"] + exact["b"][:, None], rtol=1e-4, atol=1e-4)

    kernels.backward_sgd(g, x, weight, bias, lr, gx)
    step = lr[:, None].astype(np.float64)
    np.testing.assert_allclose(gx, exact["g"] @ exact["w"].swapaxes(1, 2), rtol=1e-4, atol=1e-4)
    moved = exact["w"] - step[..., None] * (exact["x"].swapaxes(1, 2) @ exact["g"])
    np.testing.assert_allclose(weight, moved, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(bias, exact["b"] - step * exact["g"].sum(1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("points", kernels.POINTS)
def test_an_adam_step_is_torchs(points):
    x, weight, g = (draw(1, *shape, seed=seed) for seed, shape in enumerate([(points, 7), (7, 37), (points, 37)]))
    expected = torch.nn.Parameter(torch.tensor(weight[0]))
    adam = torch.optim.Adam([expected], lr=0.01)
    first, second, gx = np.zeros_like(weight), np.zeros_like(weight), np.empty_like(x)
    for step in range(1, 4):
        np.testing.assert_allclose(g @ weight.swapaxes(1, 2), pulled(g, x, weight, first, second, step, gx), atol=1e-4)
        expected.grad = torch.tensor(x[0].T @ g[0])
        adam.step()
        np.testing.assert_allclose(weight[0], expected.detach(), rtol=1e-4, atol=1e-5)


def pulled(g, x, weight, first, second, step, gx):
    """gx of one Adam step, with the constants of Kingma & Ba (2015) in float32."""
    root = (1 - 0.999**step) ** 0.5
    lr = np.float32([0.01 / (1 - 0.9**step)])
    kernels.backward_adam(g, x, weight, first, second, lr, *np.float32([0.9, 0.999, root, 1e-8]), gx)
    return gx
