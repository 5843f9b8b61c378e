"""One table of all fits, in the order of the settings table."""

import pandas as pd

from repdyn import artifacts
from repdyn.jobs import run_job


def main(fits: list[str], output: str) -> None:
    artifacts.write_table(pd.concat(map(artifacts.read_table, fits), ignore_index=True), output)


if "snakemake" in globals():
    run_job(main, snakemake)
