"""Vectors in compiled code against numpy."""

import numba
import numpy as np
import pytest
from numba.core.errors import TypingError

from repdyn.training.passes.vectors import LANES, load, repeated, store, tail, total


@numba.njit
def computed(a, b, factor, count, made):
    """Beyond the first number: a * b + factor * a - b, of which the last `count` numbers are kept; their sum."""
    x, y = load(a, 1), load(b, 1)
    x_y = x * y
    x_y += repeated(factor) * x
    kept = tail(count, x_y - y)
    store(made, 1, kept)
    return total(kept)


@pytest.mark.parametrize("count", range(LANES + 1))
def test_they_compute_what_numpy_does_and_touch_nothing_else(count):
    draw = np.random.default_rng(count)
    a, b, made = draw.normal(size=(3, LANES + 2)).astype(np.float32)
    before, factor = made.copy(), np.float32(0.7)
    found = computed(a, b, factor, count, made)
    expected = (a * b + factor * a - b)[1:-1]
    expected[: LANES - count] = 0
    np.testing.assert_allclose(made[1:-1], expected, rtol=1e-5, atol=1e-6)
    assert (made[[0, -1]] == before[[0, -1]]).all()
    assert found == pytest.approx(expected.sum(), rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("other", [np.zeros(LANES), np.zeros(2 * LANES, np.float32)[::2]], ids=["double", "strided"])
def test_what_is_no_run_of_single_numbers_does_not_compile(other):
    with pytest.raises(TypingError):
        numba.njit(lambda array: total(load(array, 0)))(other)
