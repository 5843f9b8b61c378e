"""Draw H, Y and w of pairs of MNIST images over training, experiment and theory."""

from repdyn import artifacts
from repdyn.figures import mnist_pairs, style
from repdyn.jobs import run_job


def main(runs: str, fits: str, layer: int, svg: str, png: str, csv: str) -> None:
    page = artifacts.read_dataset(runs), artifacts.read_table(fits), layer
    with style.applied():
        style.save(*mnist_pairs.figure(*page), svg, png, csv)


if "snakemake" in globals():
    run_job(main, snakemake)
