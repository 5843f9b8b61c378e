"""Where a network of some depth and initial gain stands: rich or lazy.

The fixed point of the theory (van Rossem & Saxe 2024, section 4) is set by two terms,

    H_end = A_high/2 + sqrt(A_high^2/4 + A_low^2)
    A_low  = sqrt(eta_h / eta_y) |dx| |dy|            the task
    A_high = H0 - (eta_h / eta_y) |dx|^2 Y0 / H0      the initialisation

and a network is called rich where A_low is the larger one, lazy where A_high is. Their balance

    B = (A_high - A_low) / (|A_high| + A_low)         between -1 (rich) and 1 (lazy)

changes sign at the crossover. (Definition of this project; the paper speaks of the two limits.)

No fit is needed (derived): outputs that begin together (Y0 -> 0) leave A_high = H0, and A_low = A_high where
H_end = (1 + sqrt 5)/2 H0. So a network is measured to be rich where learning multiplies the squared distance of its
representations by more than GOLDEN.
"""

import numpy as np

GOLDEN = (1 + 5**0.5) / 2  # of H_end / H0, at A_low = A_high


def balance(A_low, A_high):
    """B of the two terms, elementwise; nan where both are 0 or one is nan."""
    A_low, A_high = np.asarray(A_low, float), np.asarray(A_high, float)
    size = np.abs(A_high) + A_low
    return np.divide(A_high - A_low, size, out=np.full(np.shape(size), np.nan), where=size > 0)


def crossover(gains, balances) -> float:
    """The gain at which the balance goes from rich (below 0) to lazy (above) for good, linearly between two gains.

    gains (n,) increasing; balances (n,), any number of that sign; nan is left out. -inf where it is lazy at all gains,
    inf where it is still rich at the largest: the crossover is beyond them. nan if there is no balance at all.
    """
    there = np.isfinite(balances)
    gains, balances = np.asarray(gains, float)[there], np.asarray(balances, float)[there]
    rich = np.flatnonzero(balances < 0)
    if not len(balances):
        return np.nan
    if not len(rich):
        return -np.inf
    i = rich[-1]
    if i == len(balances) - 1:
        return np.inf
    return float(gains[i] + (gains[i + 1] - gains[i]) * balances[i] / (balances[i] - balances[i + 1]))


def parameter_counts(widths) -> tuple[np.ndarray, np.ndarray]:
    """Parameters of the encoder (up to hidden layer n) and of the decoder (behind it) of a dense network.

    widths: units from the input over all hidden layers to the output, (depth + 2,). Returns two arrays (depth,).
    """
    widths = np.asarray(widths)
    each = (widths[:-1] + 1) * widths[1:]  # weights and biases of a layer
    up_to = np.cumsum(each)
    return up_to[:-1], up_to[-1] - up_to[:-1]


def exponent(counts, rates) -> float:
    """p of rates ~ counts^p by least squares in logarithms; 1 is the paper's argument that the rate is proportional to
    the number of parameters. nan for fewer than three positive rates, or counts that are all alike."""
    counts, rates = np.asarray(counts, float), np.asarray(rates, float)
    there = np.isfinite(rates) & (rates > 0)
    if there.sum() < 3 or np.ptp(counts[there]) == 0:
        return np.nan
    return float(np.polyfit(np.log(counts[there]), np.log(rates[there]), 1)[0])


def window(loss, threshold: float, factor: float = 2.0) -> int:
    """How many steps to fit: `factor` times the first step at which the loss is below `threshold`; all if it never is.

    The error of a fit depends on how much of the quiet end of a run is in it; a common measure makes cells comparable.
    """
    below = np.flatnonzero(np.asarray(loss) < threshold)
    return len(loss) if not len(below) else min(len(loss), max(int(factor * below[0]), 10))
