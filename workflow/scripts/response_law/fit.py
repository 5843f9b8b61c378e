"""How far the training response is a product of aging and kernel, and which law its aging follows.

Of every network, method and stage of training: the rank-one share, the kernel's width, and the laws of aging, both of
the tangent kernel K_t and of the response itself, the change of the output, which has the error at x0 in it. Beside it
a table of verdicts, one row a setting, method and stage, over all its networks.
"""

import numpy as np
import pandas as pd

from repdyn import artifacts
from repdyn.fitting import response_laws
from repdyn.statistics.intervals import bootstrap_interval

LEARNED = 1e-8  # loss below which single precision leaves nothing of a residual: the response ends there
MARGIN = 10  # of the summed criterion, from which on one law is preferred (Burnham and Anderson 2002)
ABOUT = ["setting", "activation", "shape", "method", "seed"]
FOUND = ["rank1_share", "explained", "half_width", "kernel_shape", "length", "exponent", "low", "high", "t0", "r2"]
FOUND += ["factor", "observations", "best_law", *(f"criterion_{law}" for law in response_laws.LAWS)]
ROWS = [*ABOUT, "quantity", "stage", "times", *FOUND, "reason"]
CURVES = [*ABOUT, "quantity", "x", "value", "power_law"]
STILL = 0.1  # a kernel whose size stays within such a factor of itself is constant, whatever law says it best


def main(runs: list[str], stages: dict, intervals: dict, seed: int, table: str, verdicts: str, curves: str) -> None:
    rows, drawn = [], []
    for path in runs:
        run = artifacts.read_dataset(path)
        for m, method in enumerate(run.method.values):
            for s in run.seed.values:
                found, lines = measure(run.isel(method=m, seed=s), stages, intervals["confidence"])
                about = {"setting": run.setting, "activation": run.activation, "shape": run.attrs["shape"]}
                about |= {"method": method, "seed": s}
                rows += [about | row for row in found]
                drawn += [about | line for line in lines]
    rows = pd.DataFrame(rows, columns=ROWS)
    artifacts.write_table(rows, table)
    keys = ["setting", "activation", "shape", "method", "quantity", "stage"]
    artifacts.write_table(
        pd.DataFrame(
            [dict(zip(keys, key)) | verdict(of, intervals, seed) for key, of in rows.groupby(keys, sort=False)]
        ),
        verdicts,
    )
    artifacts.write_table(pd.DataFrame(drawn, columns=CURVES), curves)


def measure(one, stages: dict, confidence: float) -> tuple[list[dict], list[dict]]:
    """Rows of one network: quantity x stage; and its curves over the whole training, A(t) and k(d)."""
    t, loss = one.time.values.astype(float), one.loss.values.astype(float)
    steps, distance = one.steps_apart.values, one.distance.values
    kernel = one.kernel.values.astype(float)
    sound = np.isfinite(loss)
    learned = np.flatnonzero(loss <= LEARNED)
    answering = sound & (np.arange(t.size) < (learned[0] if learned.size else t.size))
    # the change of the output by a step of unit size, per output: the residual is a part of it
    answer = one.response.values * one.residual.values[:, None, :].astype(float)
    rows, lines = [], []
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
            rows.append(
                row
                | {
                    "rank1_share": product.share,
                    "explained": product.explained,
                    "half_width": response_laws.half_width(product.k, distance),
                    "kernel_shape": name,
                    "length": length,
                    "exponent": aging.exponent,
                    "low": aging.low,
                    "high": aging.high,
                    "t0": aging.t0,
                    "r2": aging.r2,
                    "factor": aging.factor,
                    "observations": aging.observations,
                    "best_law": aging.best,
                    **{f"criterion_{law}": value for law, value in aging.criterion.items()},
                    "reason": aging.reason,
                }
            )
            if stage == "whole":
                power = np.full(at.sum(), np.nan)
                if "power" in aging.parameters:
                    power = np.exp(response_laws.curve("power", t[at], aging.parameters["power"]))
                lines += [
                    {"quantity": f"{quantity} A", "x": x, "value": a, "power_law": p}
                    for x, a, p in zip(t[at], product.A, power)
                ]
                lines += [{"quantity": f"{quantity} k", "x": d, "value": k} for d, k in zip(distance, product.k)]
    return rows, lines


def verdict(of: pd.DataFrame, intervals: dict, seed: int) -> dict:
    """One row over networks: means with intervals, the law with the lowest summed criterion, and what to say of it."""
    fitted = of[of.best_law.fillna("") != ""]
    found = {"networks": len(of), "fitted": len(fitted)}
    for name in ("rank1_share", "explained", "half_width", "exponent", "factor", "r2"):
        values = fitted[name].to_numpy(float)
        low, high = bootstrap_interval(values, intervals["confidence"], intervals["resamples"], seed)
        finite = values[np.isfinite(values)]
        found |= {name: finite.mean() if finite.size else np.nan, f"{name}_low": low, f"{name}_high": high}
    if not len(fitted):
        return found | {"best_law": "", "margin": np.nan, "verdict": "not fitted", "reason": told(of)}
    summed = {law: fitted[f"criterion_{law}"].sum(skipna=False) for law in response_laws.LAWS}
    summed = {law: value for law, value in summed.items() if np.isfinite(value)} or {fitted.best_law.mode()[0]: 0.0}
    best, *others = sorted(summed, key=summed.get)
    margin = summed[others[0]] - summed[best] if others else np.inf
    factor = np.exp(np.log(fitted.factor).mean())
    word = best if margin >= MARGIN else f"undecided, {best} or {others[0]}"
    if best != "constant":
        word += ", grows" if factor > 1 else ", decays"
    if abs(np.log(factor)) < np.log1p(STILL):
        word = f"constant within {100 * STILL:.0f} %"
    return found | {
        "best_law": best,
        "margin": margin,
        "best_in": int((fitted.best_law == best).sum()),
        "verdict": word,
        "reason": told(of),
    }


def told(of: pd.DataFrame) -> str:
    """The reasons of the networks, each with how many have it."""
    counts = of.reason.fillna("").replace("", np.nan).dropna().value_counts(sort=False)
    return "; ".join(f"{count} of {len(of)}: {reason}" for reason, count in counts.items())
