"""Feature space and fragility of the networks of every method at the same training loss.

Tables: one row a network, method and loss; effects, what a stochastic method does in comparison with full-batch
training of the same initial network; correlations of fragility with dimensions over the networks of one setting and
method; combined, these correlations together, with how much they differ.
"""

import numpy as np
import pandas as pd

from repdyn import artifacts
from repdyn.statistics import effective_dimension, group_correlations, intervals

RANKS = ("participation_ratio", "entropy_rank")
FRAGILITIES = ("random", "worst")
MEASURES = (*RANKS, *FRAGILITIES)
REFERENCE = "full"  # method that others are compared with
ABOUT = ["setting", "activation", "shape"]


def main(
    runs: list[str], levels: list[float], confidence: float, table: str, effects: str, correlations: str, combined: str
) -> None:
    rows = []
    for path in runs:
        run = artifacts.read_dataset(path)
        about = {"setting": run.setting, "activation": run.activation, "shape": run.attrs["shape"]}
        for m, method in enumerate(run.method.values):
            for s in run.seed.values:
                found = measure(run.isel(method=m, seed=s), run.radius, levels)
                rows += [about | {"method": method, "seed": s} | row for row in found]
    rows = beside_reference(pd.DataFrame(rows))
    artifacts.write_table(rows, table)
    artifacts.write_table(compared(rows, confidence), effects)
    within = correlated(rows, confidence)
    artifacts.write_table(within, correlations)
    artifacts.write_table(together(within, confidence), combined)


def measure(one, radius: float, levels: list[float]) -> list[dict]:
    """Rows of one network, one a level of the loss."""
    loss, variances = one.loss.values.astype(float), one.variances.values.astype(float)
    curves = {
        "step": one.time.values.astype(float),
        "participation_ratio": effective_dimension.participation_ratio(variances),
        "entropy_rank": effective_dimension.entropy_rank(variances),
        # means over the points; of the random perturbations, that are really made, root mean squares
        "random": np.sqrt((one.perturbed.values.astype(float) ** 2).mean(-1)).mean(-1),
        "worst": effective_dimension.worst_case(one.jacobian.values.astype(float), radius).mean(-1),
    }
    starts = {f"{name}_start": curves[name][0] for name in MEASURES}
    rows = []
    for level in levels:
        at = dict(zip(curves, effective_dimension.at_loss(loss, level, *curves.values()), strict=True))
        reason = ""
        if np.isnan(at["step"]):
            reason = "diverged" if not np.isfinite(loss).all() else f"lowest loss {loss.min():.3g}"
        rows.append({"loss": level, **at, **starts, "reason": reason})
    return rows


def beside_reference(rows: pd.DataFrame) -> pd.DataFrame:
    """With columns MEASURE_ratio: over that of the same initial network, trained by REFERENCE, at the same loss."""
    key = ["setting", "seed", "loss"]
    reference = rows[rows.method == REFERENCE].set_index(key)[list(MEASURES)]
    same = reference.reindex(pd.MultiIndex.from_frame(rows[key])).to_numpy()
    return rows.assign(**{f"{name}_ratio": rows[name] / same[:, n] for n, name in enumerate(MEASURES)})


def compared(rows: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Geometric means of the ratios to REFERENCE over networks, a setting, method, level and measure."""
    keys = [*ABOUT, "method", "loss"]
    found = []
    for key, of in rows[rows.method != REFERENCE].groupby(keys, sort=False):
        for name in MEASURES:
            ratio = of[f"{name}_ratio"]
            row = dict(zip(keys, key)) | {"measure": name}
            row |= intervals.mean(ratio, confidence, "log").columns("ratio")
            found.append(row | {"p": intervals.p_value(ratio, 1, "log")})
    columns = [*keys, "measure", "ratio", "ratio_low", "ratio_high", "ratio_n", "p"]
    table = pd.DataFrame(found, columns=columns)
    table["discovery"] = discovered(table, ["loss", "measure"], confidence)
    return table.assign(unit="network", interval=f"t on logarithms, {100 * confidence:g} %")


def correlated(rows: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Correlations of log fragility with log dimensions over the networks of one setting and method."""
    keys = [*ABOUT, "method", "loss"]
    found = []
    for key, of in rows.groupby(keys, sort=False):
        for fragility in FRAGILITIES:
            for rank in RANKS:
                r, p = group_correlations.within(np.log(of[rank]), np.log(of[fragility]), confidence)
                row = dict(zip(keys, key)) | {"fragility": fragility, "rank": rank, **r.columns("correlation")}
                found.append(row | {"p": p})
    table = pd.DataFrame(found)
    table["discovery"] = discovered(table, ["loss", "fragility", "rank"], confidence)
    return table.assign(unit="network", interval=f"Fisher's z, {100 * confidence:g} %")


def discovered(table: pd.DataFrame, family: list[str], confidence: float) -> pd.Series:
    """Which tests of a family hold together: at most a share 1 - confidence of those named is false on average."""
    if not len(table):
        return pd.Series(dtype=bool)
    return table.groupby(family)["p"].transform(lambda p: intervals.discoveries(p, 1 - confidence)).astype(bool)


def together(within: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """All settings and methods together, a level, measure of fragility and of dimensions: settings are the units."""
    keys = ["loss", "fragility", "rank"]
    found = []
    for key, of in within.groupby(keys, sort=False):
        r = intervals.of_clusters(of.correlation, of.setting, confidence, "fisher")
        row = dict(zip(keys, key)) | r.columns("correlation") | {"groups": int(of.correlation.notna().sum())}
        row |= group_correlations.heterogeneity(of.correlation, of.correlation_n)
        row |= {"positive": int((of.discovery & (of.correlation > 0)).sum())}
        row |= {"negative": int((of.discovery & (of.correlation < 0)).sum())}
        found.append(row)
    return pd.DataFrame(found).assign(unit="setting", interval=f"t on Fisher's z, {100 * confidence:g} %")
