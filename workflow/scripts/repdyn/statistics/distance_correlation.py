"""Distances between points in a hidden layer after training: what predicts them, and what the theory adds to the rest.

Any prediction that knows the classes, the targets or the initial distances correlates with distances in a trained
network. So a correlation of the theory never stands alone: beside it stand those of what the theory was given, and
the difference of Fisher's z = artanh r says what it adds.
"""

from collections.abc import Callable

import numpy as np

from repdyn import theory
from repdyn.statistics.intervals import SCALES
from repdyn.theory.bounds import HIGHEST_RATE, LOWEST_RATE

NEAREST = 1e-12  # relative error that counts as none
BOTH = ("class", "input distance")  # what a prediction of distances between images has to beat


def predicted(H0: np.ndarray, Y0: np.ndarray, ratio, dx2, dy2) -> np.ndarray:
    """Where the theory sends each pair by itself: the fixed point of two points (van Rossem & Saxe 2024, section 4).

    H0, Y0: initial squared distances of hidden representations and outputs, (..., pair). ratio: eta_h / eta_y; with 0
    the representation is frozen and stays at H0. nan where H0 is 0 (there the theory is not defined) or ratio is nan.
    """
    H0 = np.asarray(H0, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return theory.fixed_point(np.where(H0 > 0, H0, np.nan), Y0, ratio, 1.0, dx2, dy2)[0]


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's; nan where one of them is empty, does not vary or is not finite."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    if not (a.size and np.isfinite(a).all() and np.isfinite(b).all() and np.ptp(a) > 0 and np.ptp(b) > 0):
        return np.nan
    return float(np.corrcoef(a, b)[0, 1])


def adds(of_theory: float, of_rival: float) -> float:
    """What the theory adds to a rival: the difference of Fisher's z of their correlations; nan without one of them."""
    z = SCALES["fisher"][0]
    return float(z(of_theory) - z(of_rival))


def multiple_correlation(measured: np.ndarray, *predictors: np.ndarray) -> float:
    """Correlation of measured values with their best linear combination of predictors, all (pair,): at least 0.

    It is fitted to what it is compared with, which a theory without free factors is not.
    """
    design = np.stack([predictor - predictor.mean() for predictor in predictors], 1)
    weights = np.linalg.lstsq(design, measured - measured.mean(), rcond=None)[0]
    return correlation(design @ weights, measured)


def within(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Values (pair,) about the mean of their group (pair,): what differs between groups correlates with nothing then.

    The correlation of two such arrays is the partial correlation given the group.
    """
    names, where = np.unique(group, return_inverse=True)
    means = np.bincount(where, values, len(names)) / np.bincount(where, minlength=len(names))
    return values - means[where]


def parts(digits: np.ndarray, a: np.ndarray, b: np.ndarray) -> dict[str, Callable]:
    """Which pairs of images are compared, and about which mean: functions of (pair,) arrays.

    digits (image,): classes; a, b (pair,): the images of a pair.

        all           all pairs
        two digits    pairs of two digits; one digit: those of one
        given digits  all, about the mean of all pairs of the same two digits: what is an image's own
    """
    differ, ends = digits[a] != digits[b], np.sort([digits[a], digits[b]], axis=0)
    block = ends[0] * (digits.max() + 1) + ends[1]
    return {
        "all": lambda x: x,
        "two digits": lambda x: x[differ],
        "one digit": lambda x: x[~differ],
        "given digits": lambda x: within(x, block),
    }


def compared(measured: np.ndarray, predictors: dict[str, np.ndarray], digits: np.ndarray) -> dict[str, dict]:
    """{part: {predictor: correlation}} of measured distances (pair,), for the pairs of np.triu_indices(images, 1).

    predictors (pair,), by name: among them the class, which says nothing but in the part `all`, and what with it makes
    BOTH, whose best combination is one more there. nan where a predictor does not vary.
    """
    a, b = np.triu_indices(len(digits), 1)
    found = {}
    for name, part in parts(digits, a, b).items():
        own = part(measured)
        given = {p: part(v) for p, v in predictors.items() if name == "all" or p != "class"}
        varies = {p: np.ptp(v) > 1e-9 * np.ptp(predictors[p]) for p, v in given.items()}
        found[name] = {p: correlation(v, own) if varies[p] else np.nan for p, v in given.items()}
        if name == "all":
            known = np.isfinite(own).all()
            both = multiple_correlation(own, *(given[p] for p in BOTH)) if known else np.nan
            found[name][" and ".join(BOTH)] = both
    return found


def relative_error(predicted: np.ndarray, measured: np.ndarray) -> float:
    """Root of the summed squared differences over that of the summed squared measurements, at least NEAREST."""
    return float(np.maximum(np.sqrt(((predicted - measured) ** 2).sum() / (measured**2).sum()), NEAREST))


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
