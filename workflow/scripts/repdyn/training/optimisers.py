"""The optimisers, one entry each: to add one, add an entry here.

The configuration's schema, the manual, figures and all trainers read this registry. A rule is plain arithmetic on one
parameter, which holds for single numbers, as the compiled trainer compiles it, and for torch tensors alike. Nothing
heavy is imported here, for the workflow reads the names whenever it is parsed.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Optimiser:
    """A parameter p with gradient g moves by p <- p - lr d, where d, m, v = rule(g, m, v, *corrections(t)).

    label        its name in figures
    memory       how many of m and v it keeps from step to step, 0 before the first one
    rule         (g, m, v, c1, c2) -> (d, m, v)
    corrections  the number of the step, from 1, or an array of such -> (c1, c2)
    """

    label: str
    memory: int
    rule: Callable
    corrections: Callable = lambda t: (1.0, 1.0)


def _descent(g, m, v, c1, c2):
    return g, m, v


def _momentum(g, m, v, c1, c2):
    m = 0.9 * m + g
    return m, m, v


def _adam(g, m, v, c1, c2):
    m = 0.9 * m + 0.1 * g
    v = 0.999 * v + 0.001 * g * g
    return (m / c1) / ((v / c2) ** 0.5 + 1e-8), m, v


OPTIMISERS = {
    "sgd": Optimiser("gradient descent", 0, _descent),
    "momentum": Optimiser("momentum", 1, _momentum),  # heavy ball (Polyak 1964), as torch.optim.SGD(momentum=0.9)
    "adam": Optimiser("Adam", 2, _adam, lambda t: (1 - 0.9**t, 1 - 0.999**t)),  # Kingma & Ba 2015, its usual constants
}
FLOW = "flow"  # no optimiser but the limit of infinitely small steps of gradient descent: `training.flow`
SOLVERS = [*OPTIMISERS, FLOW]
