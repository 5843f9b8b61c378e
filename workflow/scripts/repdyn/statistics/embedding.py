"""Maps of representations in few dimensions."""

import numpy as np


def mds(points: np.ndarray, seed: int, dimensions: int = 3, iterations: int = 200) -> tuple[np.ndarray, float]:
    """Metric multidimensional scaling (SMACOF, started from the classical solution) of points (input, unit).

    Returns coordinates (input, dimensions), turned to their principal axes with the heaviest tail of each on the
    positive side, so that maps of like representations look alike; and the normalised stress, the root of the summed
    squared errors of the distances over that of the squared distances. nan where a point is not finite.
    """
    from sklearn.manifold import MDS

    if not np.isfinite(points).all():
        return np.full((len(points), dimensions), np.nan), np.nan
    scale = np.linalg.norm(points - points.mean(0), axis=1).max()  # a common factor is no matter of the map
    if scale == 0:
        return np.zeros((len(points), dimensions)), 0.0
    fitted = MDS(
        dimensions,
        init="classical_mds",
        n_init=1,
        max_iter=iterations,
        random_state=seed,
        normalized_stress=False,
    ).fit(points / scale)
    placed = fitted.embedding_ * scale
    placed = placed - placed.mean(0)
    axes = np.linalg.svd(placed, full_matrices=False)[2]
    placed = placed @ axes.T
    skew = (placed**3).sum(0)
    between = np.linalg.norm(points[:, None] - points[None], axis=-1)
    kept = np.linalg.norm(placed[:, None] - placed[None], axis=-1)
    stress = np.sqrt(((kept - between) ** 2).sum() / (between**2).sum())
    return placed * np.where(skew < 0, -1, 1), float(stress)
