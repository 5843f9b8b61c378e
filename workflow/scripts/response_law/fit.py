"""How far the training response is a product of aging and kernel, and which law its aging follows.

Of every network, method and stage of training: the rank-one share, the kernel's width, and the laws of aging, both of
the tangent kernel K_t and of the response itself, the change of the output, which has the error at x0 in it. Beside it
a table of verdicts, one row a setting, method and stage, over its networks.
"""

import numpy as np
import pandas as pd

from repdyn import artifacts
from repdyn.fitting import response_laws
from repdyn.statistics import intervals

LEARNED = 1e-8  # loss below which single precision leaves nothing of a residual: the response ends there
EQUAL = 2.0  # of Akaike's criterion: laws closer than this are equally good (Burnham and Anderson 2002)
STILL = 0.1  # a kernel whose size stays within such a factor of itself is constant, whatever law says it best
GROUP = ["setting", "activation", "shape", "method", "quantity", "stage"]
MEANS = {  # what is averaged over networks, each on its scale
    "rank1_share": "linear",
    "explained": "linear",
    "half_width": "log",
    "factor": "log",
    "exponent": "linear",
    "r2": "linear",
    "power_lead": "linear",
}
TESTED = {"factor": 1.0, "power_lead": 0.0}  # means that are compared with a number
CRITERIA = [f"criterion_{law}" for law in response_laws.LAWS]
ROWS = ["setting", "activation", "shape", "method", "seed", "quantity", "stage", "times", "rank1_share", "explained"]
ROWS += ["half_width", "kernel_shape", "length", "exponent", "low", "high", "t0", "r2", "factor", "observations"]
ROWS += ["best_law", *CRITERIA, "power_lead", "reason"]


def main(runs: list[str], stages: dict, confidence: float, table: str, verdicts: str) -> None:
    rows = []
    for path in runs:
        run = artifacts.read_dataset(path)
        for m, method in enumerate(run.method.values):
            for s in run.seed.values:
                about = {"setting": run.setting, "activation": run.activation, "shape": run.attrs["shape"]}
                about |= {"method": method, "seed": s}
                rows += [about | row for row in measure(run.isel(method=m, seed=s), stages, confidence)]
    rows = pd.DataFrame(rows, columns=ROWS)
    artifacts.write_table(rows, table)
    groups = rows.groupby(GROUP, sort=False)
    means = pd.DataFrame([dict(zip(GROUP, key)) | verdict(of, confidence) for key, of in groups])
    for name in TESTED:  # among all settings and methods of a quantity and stage
        tested = means.groupby(["quantity", "stage"])[f"{name}_p"]
        means[f"{name}_discovery"] = tested.transform(lambda p: intervals.discoveries(p, 1 - confidence)).astype(bool)
    artifacts.write_table(means, verdicts)


def measure(one, stages: dict, confidence: float) -> list[dict]:
    """Rows of one network: quantity x stage."""
    t, loss = one.time.values.astype(float), one.loss.values.astype(float)
    steps, distance = one.steps_apart.values, one.distance.values
    sound = np.isfinite(loss)
    learned = np.flatnonzero(loss <= LEARNED)
    answering = sound & (np.arange(t.size) < (learned[0] if learned.size else t.size))
    kernel = one.kernel.values.astype(float)
    # the change of the output by a step of unit size, per output: the residual is a part of it
    answer = one.response.values * one.residual.values[:, None, :].astype(float)
    rows = []
    for quantity, values, usable in (("kernel", kernel, sound), ("response", answer, answering)):
        for stage, times in response_laws.stages(np.where(sound, loss, np.inf), **stages).items():
            at = times & usable
            row = {"quantity": quantity, "stage": stage, "times": int(at.sum())}
            if at.sum() < response_laws.FEWEST:
                rows.append(row | {"best_law": "", "reason": f"only {at.sum()} times"})
                continue
            product = response_laws.product(values[at], steps)
            aging = response_laws.aging(t[at], product.A, confidence)
            name, length = response_laws.shape(product.k, distance)
            row |= {"rank1_share": product.share, "explained": product.explained}
            row |= {"half_width": response_laws.half_width(product.k, distance)}
            row |= {"kernel_shape": name, "length": length, "best_law": aging.best, "power_lead": aging.power_lead}
            row |= {name: getattr(aging, name) for name in ("exponent", "low", "high", "t0", "r2", "factor", "reason")}
            row |= {f"criterion_{law}": value for law, value in aging.criterion.items()}
            rows.append(row | {"observations": aging.observations})
    return rows


def verdict(of: pd.DataFrame, confidence: float) -> dict:
    """One row over networks: means, the law whose criterion is lowest in the mean, its lead, and what to say of it.

    The lead over the next law, the rival, is averaged over networks; it decides where its whole interval is above
    EQUAL.
    """
    fitted = of[of.best_law.fillna("") != ""]
    row = {"networks": len(of), "fitted": len(fitted), "unit": "network", "interval": f"t, {100 * confidence:g} %"}
    for name, scale in MEANS.items():
        row |= intervals.mean(fitted[name], confidence, scale).columns(name)
    row |= {f"{name}_p": intervals.p_value(fitted[name], null, MEANS[name]) for name, null in TESTED.items()}
    reasons = {"reason": reasons_of(of)}
    ranked = fitted[CRITERIA].dropna()
    if not len(ranked):
        still = len(fitted) > 0
        word = f"constant within {100 * STILL:.0f} %" if still else "not fitted"
        return row | {"best_law": "constant" if still else "", "verdict": word} | reasons
    best, rival = ranked.mean().nsmallest(2).index
    lead = intervals.mean(ranked[rival] - ranked[best], confidence)
    best, rival = (name.removeprefix("criterion_") for name in (best, rival))
    word = best if lead.low > EQUAL else f"undecided, {best} or {rival}"
    if best != "constant":
        word += ", grows" if row["factor"] > 1 else ", decays"
    if abs(np.log(row["factor"])) < np.log1p(STILL):
        word = f"constant within {100 * STILL:.0f} %"
    chosen = {"best_law": best, "best_in": int((fitted.best_law == best).sum()), "rival": rival}
    return row | chosen | lead.columns("lead") | {"verdict": word} | reasons


def reasons_of(of: pd.DataFrame) -> str:
    """The reasons of the networks, each with how many have it."""
    counts = of.reason.fillna("").replace("", np.nan).dropna().value_counts(sort=False)
    return "; ".join(f"{count} of {len(of)}: {reason}" for reason, count in counts.items())
