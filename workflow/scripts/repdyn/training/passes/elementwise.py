"""Activations and optimisers of the registries, as compiled loops over units and weights.

A registry's entry is plain arithmetic on one number; here it is compiled in single precision, and inlined in a loop of
its own, so that the loop can be vectorised.
"""

from types import FunctionType

import numba
import numpy as np

from repdyn.networks.activations import ACTIVATIONS
from repdyn.training.optimisers import OPTIMISERS
from repdyn.training.passes.code import inner


def single(function, **names):
    """A copy of a plain function whose numbers are single precision and that finds `names` among its globals."""

    def narrow(value):
        return np.float32(value) if isinstance(value, float) else value

    code = function.__code__
    code = code.replace(co_consts=tuple(map(narrow, code.co_consts)))
    scope = {name: narrow(value) for name, value in function.__globals__.items() if name in code.co_names}
    return FunctionType(code, {**scope, **names, "__builtins__": __builtins__}, function.__name__)


@numba.njit(fastmath={"contract"})  # said here, or it inherits its caller's, which may reorder what has to cancel
def _expm1(z):
    """e^z - 1 in single precision, within 3 units in the last place; no branch, so loops over it are vectorised.

    With z = n ln 2 + r, |r| <= ln 2 / 2: 2^n (e^r - 1) + (2^n - 1), e^r - 1 by its series; 2^n is made of its bits.
    """
    z = min(max(z, np.float32(-87.0)), np.float32(88.0))
    shifted = z * np.float32(1.44269504) + np.float32(12582912.0)  # 1.5 * 2^23: the whole number is in the last bits
    n = shifted - np.float32(12582912.0)
    r = z - n * np.float32(0.693359375)
    r = r + n * np.float32(2.12194440e-4)
    p = np.float32(1 / 5040) * r + np.float32(1 / 720)
    p = p * r + np.float32(1 / 120)
    p = p * r + np.float32(1 / 24)
    p = p * r + np.float32(1 / 6)
    p = p * r + np.float32(0.5)
    p = p * r * r + r
    bits = (np.float32(shifted).view(np.int32) + np.int32(127)) << np.int32(23)
    two_to_n = np.int32(bits).view(np.float32)
    return two_to_n * p + (two_to_n - np.float32(1.0))


def _chosen(loop, functions):
    """One compiled loop for all functions: its first argument says which of them it applies.

    Written out, as a chain: functions that call each other were compiled once for each one before them.
    """
    scope = {f"apply_{n}": loop(function) for n, function in enumerate(functions)}
    chain = [f"if which == {n}: apply_{n}(*arrays)" for n in range(len(functions))]
    exec("def choose(which, *arrays):\n    " + "\n    el".join(chain), scope)
    return inner(scope["choose"])


def _activating(function):
    function = numba.njit(function)

    @inner
    def loop(z, a):
        for p in range(z.shape[0]):
            for i in range(z.shape[1]):
                a[p, i] = function(z[p, i])

    return loop


def _pulling(slope):
    slope = numba.njit(slope)

    @inner
    def loop(z, a, g):
        for p in range(z.shape[0]):
            for i in range(z.shape[1]):
                g[p, i] *= slope(z[p, i], a[p, i])

    return loop


# activate(which, z, a): a = phi(z). pull_activation(which, z, a, g): g <- g phi'(z), where a = phi(z). All (point,
# unit); `which` is the activation's place in the registry
activate = _chosen(_activating, [single(a.function, expm1=_expm1) for a in ACTIVATIONS.values()])
pull_activation = _chosen(_pulling, [single(a.slope, expm1=_expm1) for a in ACTIVATIONS.values()])


def _moving(rule_and_memory):
    """A loop that moves weights (inputs, outputs) by an optimiser's rule, which remembers so many arrays."""
    rule, memory = numba.njit(rule_and_memory[0]), rule_and_memory[1]

    @inner
    def loop(W, M, V, x, g, lr, c1, c2):
        gradient = np.empty(W.shape[1], np.float32)
        for i in range(W.shape[0]):
            gradient[:] = np.float32(0)
            for p in range(x.shape[0]):
                for o in range(gradient.size):
                    gradient[o] += x[p, i] * g[p, o]
            for o in range(gradient.size):
                m = M[i, o] if memory > 0 else np.float32(0)
                v = V[i, o] if memory > 1 else np.float32(0)
                d, m, v = rule(gradient[o], m, v, c1, c2)
                W[i, o] -= lr * d
                if memory > 0:
                    M[i, o] = m
                if memory > 1:
                    V[i, o] = v

    return loop


# move(which, W, M, V, x, g, lr, c1, c2): one step of the optimiser that has this place in the registry
move = _chosen(_moving, [(single(o.rule), o.memory) for o in OPTIMISERS.values()])
DESCENT = list(OPTIMISERS).index("sgd")
NONE = -1  # in place of an optimiser: gradients are wanted, and no step
