"""Draw predicted against measured final distances of every setting on the grid."""

from repdyn import artifacts
from repdyn.figures import final_distance, style
from repdyn.jobs import run_job


def main(table: str, explained: str, rows: dict[str, dict], svg: str, png: str, csv: str) -> None:
    cells, found = artifacts.read_table(table), artifacts.read_table(explained)
    with style.applied():
        style.save(*final_distance.figure(cells, found, rows), svg, png, csv)


if "snakemake" in globals():
    run_job(main, snakemake)
