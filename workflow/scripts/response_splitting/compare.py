"""Into how many parts the response divides the inputs, before training and after it.

With K the tangent kernel among the points (trace over outputs, symmetric and positive), parts = (tr K)^2 / tr K^2, the
participation ratio of its eigenvalues: 1 where a step at any point moves all of them alike, as many as there are points
where it moves its own alone.
"""

import numpy as np
import pandas as pd

from repdyn import artifacts
from repdyn.statistics import intervals
from repdyn.statistics.effective_dimension import participation_ratio

GROUP = ["setting", "activation", "shape", "method"]
MEANS = {"parts_ratio": "log", "parts_start": "log", "parts_end": "log", "opposite_end": "linear"}


def main(runs: list[str], confidence: float, table: str, summary: str) -> None:
    rows = pd.DataFrame([row for path in runs for row in measured(artifacts.read_dataset(path))])
    full = rows[rows.method == "full"].set_index(["setting", "seed"]).parts_end
    same = full.reindex(pd.MultiIndex.from_frame(rows[["setting", "seed"]])).to_numpy()
    rows = rows.assign(parts_over_full=rows.parts_end / same)  # of the same initial network
    artifacts.write_table(rows, table)
    means = pd.DataFrame(
        [dict(zip(GROUP, key)) | averaged(of, confidence) for key, of in rows.groupby(GROUP, sort=False)]
    )
    means["parts_ratio_discovery"] = intervals.discoveries(means.parts_ratio_p, 1 - confidence)
    artifacts.write_table(means, summary)


def measured(runs) -> list[dict]:
    """Rows of one setting, one a method and network."""
    at_points = np.flatnonzero((runs.steps_apart.values == 0).any(1))
    order = np.argmax(runs.steps_apart.values[at_points] == 0, axis=1)  # which point each of these places is
    kernel = runs.kernel.values[:, :, :, at_points[np.argsort(order)]].astype(float)
    about = {"setting": runs.setting, "activation": runs.activation, "shape": runs.attrs["shape"]}
    rows = []
    for m, method in enumerate(runs.method.values):
        for s, seed in enumerate(runs.seed.values):
            K = kernel[m, s]
            row = about | {"method": method, "seed": seed, "points": K.shape[-1]}
            row |= {f"parts_{when}": parts(K[t]) for when, t in (("start", 0), ("end", -1))}
            row |= {f"opposite_{when}": opposite(K[t]) for when, t in (("start", 0), ("end", -1))}
            row["parts_ratio"] = row["parts_end"] / row["parts_start"]
            rows.append(row | {"reason": "" if np.isfinite(K[-1]).all() else "diverged"})
    return rows


def parts(K: np.ndarray) -> float:
    """(tr K)^2 / tr K^2 of a symmetric kernel (point, point); nan where it is not finite."""
    return float(participation_ratio(np.linalg.eigvalsh(K))) if np.isfinite(K).all() else np.nan


def opposite(K: np.ndarray) -> float:
    """The share of pairs of points that move against each other, K_ij < 0."""
    pairs = K[np.triu_indices(len(K), 1)]
    return float((pairs < 0).mean()) if np.isfinite(K).all() else np.nan


def averaged(of: pd.DataFrame, confidence: float) -> dict:
    """Over the networks of one setting and method."""
    row = {"networks": len(of), "points": of.points.iloc[0]}
    for name, scale in MEANS.items():
        row |= intervals.mean(of[name], confidence, scale).columns(name)
    row["parts_ratio_p"] = intervals.p_value(of.parts_ratio, 1, "log")
    lost = int((of.reason != "").sum())
    row["reason"] = f"{lost} of {len(of)}: diverged" if lost else ""
    return row | {"unit": "network", "interval": f"t, of parts on logarithms, {100 * confidence:g} %"}
