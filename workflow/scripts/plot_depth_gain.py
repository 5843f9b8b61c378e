"""Draw the phase diagram of depth and initial gain."""

from repdyn import artifacts
from repdyn.figures import depth_gain, style
from repdyn.jobs import run_job


def main(
    fits: str,
    crossover: str,
    exponents: str,
    width: list[int],
    activation: list[str],
    good_fit: float,
    intervals: dict,
    svg: str,
    png: str,
    csv: str,
) -> None:
    tables = [artifacts.read_table(path) for path in (fits, crossover, exponents)]
    with style.applied():
        style.save(*depth_gain.figure(*tables, width, activation, good_fit, intervals), svg, png, csv)


if "snakemake" in globals():
    run_job(
        main,
        snakemake,
        fits=snakemake.input.fits,
        crossover=snakemake.input.crossover,
        exponents=snakemake.input.exponents,
        width=snakemake.params.width,
        activation=snakemake.params.activation,
        good_fit=snakemake.params.good_fit,
        intervals=snakemake.params.intervals,
        svg=snakemake.output.svg,
        png=snakemake.output.png,
        csv=snakemake.output.csv,
    )
