"""Draw what changes with the depth of the observed layer: rates, error of the fit, initial distance."""

from repdyn import artifacts
from repdyn.figures import depth, style
from repdyn.jobs import run_job


def main(fits: str, row: dict, intervals: dict, seed: int, svg: str, png: str, csv: str) -> None:
    with style.applied():
        style.save(*depth.figure(artifacts.read_table(fits), row, intervals, seed), svg, png, csv)


if "snakemake" in globals():
    run_job(main, snakemake)
