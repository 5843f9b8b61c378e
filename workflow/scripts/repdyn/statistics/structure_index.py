"""What the theory says of each pair of XOR's points, and whether a representation shows the task or the input.

Arrays over pairs have shape (..., 6), in the order of xor.PAIRS.
"""

import numpy as np

from repdyn import theory
from repdyn.data import xor
from repdyn.theory.bounds import HIGHEST_RATE, LOWEST_RATE


def predicted(H0: np.ndarray, Y0: np.ndarray, ratio: float) -> np.ndarray:
    """Where the theory sends each pair: the fixed point of two points on their own (van Rossem & Saxe 2024, section 4).

    H0, Y0: initial squared distances of hidden representations and outputs, (..., pair). ratio: eta_h / eta_y; with 0
    the representation is frozen and stays at H0. nan where H0 is 0 (there the theory is not defined) or ratio is nan.
    """
    H0 = np.asarray(H0, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        H_end, _, _ = theory.fixed_point(np.where(H0 > 0, H0, np.nan), Y0, ratio, 1.0, xor.DX2, xor.DY2)
    return H_end


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson correlation of two lists of pairs; nan where one does not vary or is not finite."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    if not (np.isfinite(a).all() and np.isfinite(b).all() and np.ptp(a) > 0 and np.ptp(b) > 0):
        return np.nan
    return float(np.corrcoef(a, b)[0, 1])


def task_correlation(distances: np.ndarray) -> float:
    """Correlation of the squared distances of the pairs with those of the targets (of the inputs: the same, negative).

    +1: the pairs with different targets are apart and those of one target together. -1: distances as in the input.
    """
    return correlation(distances, xor.DY2)


def structure(end: np.ndarray, start: np.ndarray) -> tuple[float, float]:
    """(index, explained): whether final distances show the task (+1) or the untrained network's view of the input (-1).

        index = (U_task - U_start) / (U_task + U_start),    explained = R2(task, start)
        U_task = R2(task, start) - R2(start),    U_start = R2(task, start) - R2(task)

    R2(...) is the share of the variance of the six final squared distances that a regression on the named ones explains
    (task: |dy|^2; start: the same layer's squared distances before training), so U is what one of the two explains
    alone. Coefficients are at least 0: squared distances of parts of a representation add up, and a reversed order
    explains nothing. A common factor of the distances does not matter. An index says little where `explained` is
    small. nan where the final or the initial distances do not vary, where the initial ones show the task already, or
    (the index) where neither explains anything.
    """
    r_task, r_start, between = task_correlation(end), correlation(end, start), task_correlation(start)
    left = 1 - between**2
    if not left > 1e-12 or r_task != r_task:
        return np.nan, np.nan
    r2_task, r2_start = max(r_task, 0.0) ** 2, max(r_start, 0.0) ** 2
    slope_task, slope_start = (r_task - between * r_start) / left, (r_start - between * r_task) / left
    both = max(r2_task, r2_start)
    if slope_task > 0 and slope_start > 0:
        both = max(both, slope_task * r_task + slope_start * r_start)
    alone_task, alone_start = both - r2_start, both - r2_task
    total = alone_task + alone_start
    return ((alone_task - alone_start) / total if total > 0 else np.nan), both


def relative_error(predicted: np.ndarray, measured: np.ndarray) -> float:
    """Root of the summed squared differences over that of the summed squared measurements."""
    return float(np.sqrt(((predicted - measured) ** 2).sum() / (measured**2).sum()))


def rate_ratio(fits) -> tuple[float, np.ndarray, str]:
    """eta_h / eta_y of a setting from fits to its two-point networks: median, single ratios, and a note on the others.

    fits: table with columns seed, eta_h, eta_y, converged, kept, reason. Networks that learned their two points (kept)
    count; if none did, all of them, and the note says so. A fit that puts eta_h alone on its lower bound says
    that the representation is frozen: its ratio is 0. Any other fit that did not converge is left out, with its
    reason. The median takes both kinds together; it is nan where nothing is left.
    """
    low, high = LOWEST_RATE, HIGHEST_RATE
    ratios, notes, frozen = [], [], 0
    used = fits[fits.kept]
    if not len(used):
        used, notes = fits, ["no two-point network learned in the steps that it had: ratio from all of them"]
    for fit in used.itertuples():
        if fit.converged:
            ratios.append(fit.eta_h / fit.eta_y)
        elif fit.eta_h <= 1.001 * low and 1.001 * low < fit.eta_y < 0.999 * high:
            ratios.append(0.0)
            frozen += 1
        else:
            notes.append(f"two-point seed {fit.seed} has no ratio ({fit.reason})")
    if frozen:
        notes.append(f"{frozen} of {len(used)} two-point networks frozen (eta_h at its lower bound: ratio 0)")
    return (float(np.median(ratios)) if ratios else np.nan), np.array(ratios), "; ".join(notes)
