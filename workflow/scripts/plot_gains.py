"""Draw what changes with the scale of the initial weights: trajectories, error of the fit, distances."""

from repdyn.figures import curves, gains, style
from repdyn.jobs import run_job


def main(
    trajectories: list[str],
    fits: list[str],
    layers: list[int],
    intervals: dict,
    seed: int,
    svg: str,
    png: str,
    csv: str,
) -> None:
    settings = [curves.read(*one) for one in zip(trajectories, fits, layers, strict=True)]
    with style.applied():
        style.save(*gains.figure(settings, intervals, seed), svg, png, csv)


if "snakemake" in globals():
    run_job(main, snakemake)
