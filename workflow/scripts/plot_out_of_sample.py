"""Draw the errors of trajectories predicted from rates fitted elsewhere against those of fits at the cells."""

from repdyn import artifacts
from repdyn.figures import out_of_sample, style
from repdyn.jobs import run_job


def main(table: str, rows: dict[str, dict], svg: str, png: str, csv: str) -> None:
    with style.applied():
        style.save(*out_of_sample.figure(artifacts.read_table(table), rows), svg, png, csv)


if "snakemake" in globals():
    run_job(main, snakemake)
