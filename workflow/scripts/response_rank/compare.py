"""Feature space and fragility of the networks of every method at the same training loss.

Tables: ranks and fragility, one row a network, method and loss; effects, what a stochastic method does to them in
comparison with full-batch training of the same initial network; correlations of fragility with rank.
"""

import numpy as np
import pandas as pd

from repdyn import artifacts
from repdyn.statistics import effective_dimension

RANKS = ("participation_ratio", "entropy_rank")
FRAGILITIES = ("random", "worst")
EFFECTS = ["setting", "activation", "shape", "loss", "method", "measure", "networks", "log_ratio", "low", "high"]
REFERENCE = "full"  # method that others are compared with


def main(
    runs: list[str],
    levels: list[float],
    intervals: dict,
    seed: int,
    ranks: str,
    fragility: str,
    effects: str,
    correlations: str,
    curves: str,
) -> None:
    rows, drawn = [], []
    for path in runs:
        run = artifacts.read_dataset(path)
        for m, method in enumerate(run.method.values):
            for s in run.seed.values:
                about = {"setting": run.setting, "activation": run.activation, "shape": run.attrs["shape"]}
                about |= {"method": method, "seed": s}
                found, lines = measure(run.isel(method=m, seed=s), run.radius, levels)
                rows += [about | row for row in found]
                drawn += [about | line for line in lines]
    rows = pd.DataFrame(rows)
    about, end = ["setting", "activation", "shape", "method", "seed", "loss"], ["reason"]
    starts = [f"{rank}_start" for rank in RANKS]
    artifacts.write_table(rows[[*about, "step", *RANKS, *starts, *end]], ranks)
    artifacts.write_table(
        rows[[*about, *RANKS, *FRAGILITIES, *(f"{name}_start" for name in FRAGILITIES), *end]], fragility
    )
    options = (intervals["confidence"], intervals["resamples"], seed)
    artifacts.write_table(pd.DataFrame(compared(rows, options), columns=[*EFFECTS, "effect_size"]), effects)
    artifacts.write_table(pd.DataFrame(correlated(rows, options)), correlations)
    artifacts.write_table(pd.DataFrame(drawn), curves)


def measure(one, radius: float, levels: list[float]) -> tuple[list[dict], list[dict]]:
    """Rows of one network, one a level of the loss; and its curves along training."""
    loss, variances = one.loss.values.astype(float), one.variances.values.astype(float)
    curves = {
        "step": one.time.values.astype(float),
        "participation_ratio": effective_dimension.participation_ratio(variances),
        "entropy_rank": effective_dimension.entropy_rank(variances),
        # means over the points; of the random perturbations, that are really made, root mean squares
        "random": np.sqrt((one.perturbed.values.astype(float) ** 2).mean(-1)).mean(-1),
        "worst": effective_dimension.worst_case(one.jacobian.values.astype(float), radius).mean(-1),
    }
    starts = {f"{name}_start": curves[name][0] for name in (*RANKS, *FRAGILITIES)}
    rows = []
    for level in levels:
        found = dict(zip(curves, effective_dimension.at_loss(loss, level, *curves.values()), strict=True))
        reason = ""
        if np.isnan(found["step"]):
            reason = "diverged" if not np.isfinite(loss).all() else f"lowest loss {loss.min():.3g}"
        rows.append({"loss": level, **found, **starts, "reason": reason})
    lines = [
        dict(zip(("time", "training_loss", *RANKS, *FRAGILITIES), row))
        for row in zip(curves["step"], loss, *list(curves.values())[1:])
    ]
    return rows, lines


def compared(rows: pd.DataFrame, options):
    """Effects of every other method against REFERENCE on ranks and fragility, a setting and level."""
    measures = (*RANKS, *FRAGILITIES)
    for (setting, activation, shape, level), of in rows.groupby(["setting", "activation", "shape", "loss"], sort=False):
        by_method = {method: one.set_index("seed") for method, one in of.groupby("method", sort=False)}
        for method, one in by_method.items():
            if method == REFERENCE:
                continue
            for name in measures:
                pairs = by_method[REFERENCE][name].align(one[name], join="inner")
                about = {"setting": setting, "activation": activation, "shape": shape, "loss": level}
                yield about | {"method": method, "measure": name, **effective_dimension.effect(*pairs, *options)}


def correlated(rows: pd.DataFrame, options):
    """Correlations of log fragility with log rank, a setting and level, and of all settings about their own means."""
    for level, of in rows.groupby("loss", sort=False):
        for setting in (*of.setting.unique(), "all"):
            here = of if setting == "all" else of[of.setting == setting]
            # Networks of one seed start alike, whatever the method: they are resampled together.
            cluster = here.setting + " " + here.seed.astype(str)
            for fragility in FRAGILITIES:
                for rank in RANKS:
                    r, low, high, n = effective_dimension.correlation(
                        np.log(here[rank]), np.log(here[fragility]), here.setting, cluster, *options
                    )
                    about = {"setting": setting, "loss": level, "fragility": fragility, "rank": rank}
                    yield about | {"correlation": r, "low": low, "high": high, "networks": n}
