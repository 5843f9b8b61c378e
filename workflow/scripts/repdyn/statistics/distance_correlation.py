"""Distances between images of many classes: what the theory predicts for them, and how much of that is the class alone.

Two images of different digits have targets sqrt(2) apart, of the same digit none, so any prediction that separates
classes correlates with distances in a trained network. What counts is what the theory adds to that: here by the
correlation among pairs of different digits, and the partial correlation given whether the digits differ.
"""

import numpy as np
import pandas as pd

from repdyn import theory

BETWEEN = 2.0  # |dy|^2 of two one-hot targets that differ


def predictions(H0: np.ndarray, Y0: np.ndarray, ratio: np.ndarray, dx2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Final squared distances if the targets of a pair are the same, and if they differ; means over networks.

    `theory.fixed_point` (paper, section 4) with eta_h / eta_y = ratio. H0, Y0: (network, pair), squared distances of
    representations and outputs before training; ratio: (network,); dx2: (pair,). Returns two arrays (pair,).
    """
    rates = ratio[:, None], np.ones((len(ratio), 1))
    same, different = (theory.fixed_point(H0, Y0, *rates, dx2, dy2)[0].mean(axis=0) for dy2 in (0.0, BETWEEN))
    return same, different


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's, or nan if one of them does not vary."""
    a, b = a - a.mean(), b - b.mean()
    norm = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / norm) if norm > 1e-12 * max(len(a), 1) else np.nan


def given_class(values: np.ndarray, differ: np.ndarray) -> np.ndarray:
    """What is left of values (pair,) when the means of the two kinds of pairs are taken off.

    These are the residuals of a regression on a constant and `differ`, so the correlation of two of them is the partial
    correlation given whether the digits differ.
    """
    left = values.astype(float)
    for kind in (differ, ~differ):
        left[kind] -= left[kind].mean() if kind.any() else 0
    return left


def compare(
    measured: np.ndarray,
    predicted: tuple[np.ndarray, np.ndarray],
    others: dict[str, np.ndarray],
    digits: np.ndarray,
    shuffles: int,
    seed: int,
    confidence: float,
) -> pd.DataFrame:
    """Correlations of measured distances (pair,) with the theory's and with simpler predictors, against two nulls.

    `digits` (image,) are the classes; pairs are those of np.triu_indices(images, 1). `predicted` comes from
    `predictions`, `others` are further predictors by name, (pair,). Columns: pairs (all; different or same digits;
    given class: partial), predictor, correlation, null and its mean, central interval and p.

    labels   the prediction is made with the digits' labels in a random order (for all pairs): does it matter which
             images share a digit?
    images   the images trade places within their digit (for the other rows, which no class can explain): does it
             matter which image of a digit it is?
    """
    a, b = np.triu_indices(len(digits), 1)
    differ = digits[a] != digits[b]
    theoretical = np.where(differ, predicted[1], predicted[0])
    within = np.concatenate([np.flatnonzero(digits == digit) for digit in np.unique(digits)])
    matrix = np.zeros((len(digits), len(digits)))
    matrix[a, b] = matrix[b, a] = theoretical
    draw = np.random.default_rng(seed)

    def shuffled_labels():
        labels = draw.permutation(digits)
        return np.where(labels[a] != labels[b], predicted[1], predicted[0])

    def shuffled_images():
        order = np.arange(len(digits))
        order[within] = np.concatenate([draw.permutation(np.flatnonzero(digits == d)) for d in np.unique(digits)])
        return matrix[order[a], order[b]]

    kinds = {
        "all": lambda x: x,
        "different digits": lambda x: x[differ],
        "same digit": lambda x: x[~differ],
        "given class": lambda x: given_class(x, differ),
    }
    by_label = [shuffled_labels() for _ in range(shuffles)]
    by_image = [shuffled_images() for _ in range(shuffles)]
    rows = []
    for pairs, part in kinds.items():
        for predictor, values in {"theory": theoretical, "class": differ.astype(float), **others}.items():
            found = correlation(part(values), part(measured))
            row = {"pairs": pairs, "predictor": predictor, "correlation": found, "number": len(part(measured))}
            if predictor == "theory":
                null = [correlation(part(v), part(measured)) for v in (by_label if pairs == "all" else by_image)]
                ends = np.quantile(null, [(1 - confidence) / 2, (1 + confidence) / 2])
                row |= {"null": "labels" if pairs == "all" else "images", "null_mean": np.mean(null)}
                row |= {"null_low": ends[0], "null_high": ends[1]}
                row["p"] = (1 + sum(value >= found for value in null)) / (1 + shuffles)
            rows.append(row)
    return pd.DataFrame(rows)
