"""Draw what changes with the depth of the observed layer: rates, error of the fit, initial distance."""

from repdyn import artifacts
from repdyn.figures import depth, style
from repdyn.jobs import run_job


def main(fits: str, row: dict, intervals: dict, seed: int, svg: str, png: str, csv: str) -> None:
    with style.applied():
        style.save(*depth.figure(artifacts.read_table(fits), row, intervals, seed), svg, png, csv)


if "snakemake" in globals():
    run_job(
        main,
        snakemake,
        fits=snakemake.input.fits,
        row=snakemake.params.row,
        intervals=snakemake.params.intervals,
        seed=snakemake.params.seed,
        svg=snakemake.output.svg,
        png=snakemake.output.png,
        csv=snakemake.output.csv,
    )
