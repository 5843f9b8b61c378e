"""Draw H, Y and w of every setting over training, experiment and theory."""

from repdyn.figures import curves, style, trajectories
from repdyn.jobs import run_job


def main(trajectories_of_settings: list[str], fits: list[str], layers: list[int], svg: str, png: str, csv: str) -> None:
    settings = [curves.read(*one) for one in zip(trajectories_of_settings, fits, layers, strict=True)]
    with style.applied():
        style.save(*trajectories.figure(settings), svg, png, csv)


if "snakemake" in globals():
    run_job(
        main,
        snakemake,
        trajectories_of_settings=snakemake.input.trajectories,
        fits=snakemake.input.fits,
        layers=snakemake.params.layers,
        svg=snakemake.output.svg,
        png=snakemake.output.png,
        csv=snakemake.output.csv,
    )
