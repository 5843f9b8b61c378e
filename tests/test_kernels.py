"""The loops over two points against numpy in float64."""

import numpy as np
import pytest

from repdyn import kernels


def draw(*shape, seed):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


# below, at and beyond a cache line of outputs; inputs in fours and left over
@pytest.mark.parametrize("outputs", [1, 15, 16, 37, 500])
@pytest.mark.parametrize("inputs", [1, 4, 7, 50])
def test_both_passes_are_those_of_a_dense_layer(inputs, outputs):
    x, weight, bias, g = (
        draw(3, *shape, seed=seed)
        for seed, shape in enumerate([(2, inputs), (inputs, outputs), (outputs,), (2, outputs)])
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
