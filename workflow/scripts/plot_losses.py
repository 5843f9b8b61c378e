"""Draw the training loss of every setting, experiment and theory."""

from repdyn.figures import curves, losses, style
from repdyn.jobs import run_job


def main(trajectories: list[str], fits: list[str], layers: list[int], svg: str, png: str, csv: str) -> None:
    settings = [curves.read(*one) for one in zip(trajectories, fits, layers, strict=True)]
    with style.applied():
        style.save(*losses.figure(settings), svg, png, csv)


if "snakemake" in globals():
    run_job(main, snakemake)
