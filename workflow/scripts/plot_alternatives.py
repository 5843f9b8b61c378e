"""Draw how well the theory and its alterations fit every setting, which of them wins, and one network's curves."""

from repdyn import artifacts
from repdyn.figures import alternatives, style
from repdyn.jobs import run_job


def main(fits: str, trajectories: str, intervals: dict, seed: int, svg: str, png: str, csv: str) -> None:
    fits, runs = artifacts.read_table(fits), artifacts.read_dataset(trajectories)
    with style.applied():
        style.save(*alternatives.figure(fits, runs, intervals, seed), svg, png, csv)


if "snakemake" in globals():
    run_job(main, snakemake)
