"""Draw the distances between test digits after training beside the theory's."""

from repdyn import artifacts
from repdyn.figures import mnist_structure, style
from repdyn.jobs import run_job


def main(table: str, correlations: str, layer: int, images: str, svg: str, png: str, csv: str) -> None:
    page = artifacts.read_table(table), artifacts.read_table(correlations), layer, images
    with style.applied():
        style.save(*mnist_structure.figure(*page), svg, png, csv)


if "snakemake" in globals():
    run_job(main, snakemake)
