"""The phase diagram's tables: all fits, the crossover from rich to lazy, how rates follow parameter counts."""

import numpy as np
import pandas as pd

from repdyn import artifacts, fitting, phases
from repdyn.jobs import run_job


def main(
    fits: list[str],
    rows: list[dict],
    good_fit: float,
    intervals: dict,
    seed: int,
    table: str,
    crossover: str,
    exponents: str,
) -> None:
    fits = pd.concat(map(artifacts.read_table, fits), ignore_index=True)
    artifacts.write_table(fits, table)

    def interval(values) -> dict:
        low, high = fitting.bootstrap_interval(values, intervals["confidence"], intervals["resamples"], seed)
        finite = values[np.isfinite(values)]
        return {"value": finite.mean() if len(finite) else np.nan, "low": low, "high": high, "networks": len(finite)}

    best = fits[fits.best].assign(balance=lambda t: phases.balance(t.a_low, t.a_high))
    crossings, powers = [], []
    for row in rows:
        depth = row["depth"]
        per_seed = [
            phases.crossover(*run.sort_values("gain")[["gain", "balance"]].to_numpy().T)
            for _, run in best[best.depth == depth].groupby("seed")
        ]
        crossings.append({"depth": depth, **interval(np.array(per_seed))})
        encoder, decoder = phases.parameter_counts([row["in_dim"], *[row["width"]] * depth, row["out_dim"]])
        good = fits[(fits.depth == depth) & (fits.status == "ok") & fits.converged & (fits.nrmse < good_fit)]
        for gain, cell in good.groupby("gain"):
            for rate, counts in (("eta_h", encoder), ("eta_y", decoder)):
                found = [phases.exponent(counts[run.layer], run[rate]) for _, run in cell.groupby("seed")]
                powers.append({"depth": depth, "gain": gain, "rate": rate, **interval(np.array(found))})
    artifacts.write_table(pd.DataFrame(crossings), crossover)
    columns = ["depth", "gain", "rate", "value", "low", "high", "networks"]
    artifacts.write_table(pd.DataFrame(powers, columns=columns), exponents)


if "snakemake" in globals():
    run_job(main, snakemake)
