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
    run_job(main, snakemake)
