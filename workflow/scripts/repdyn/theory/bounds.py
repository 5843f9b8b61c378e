"""Between which bounds the theory's rates lie, per optimiser step: wide enough to mean "zero" and "at once"."""

import numpy as np

LOWEST_RATE, HIGHEST_RATE = 1e-12, 1e4
LOG_BOUNDS = np.log([LOWEST_RATE, HIGHEST_RATE])


def at_bound(rates):
    """Which rates lie on the lower bound: the theory fits best with that half of the network frozen."""
    return rates <= LOWEST_RATE * (1 + 1e-6)
