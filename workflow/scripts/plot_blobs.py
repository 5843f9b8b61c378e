"""Draw the representations of blobs with context, and what their variance is made of."""

from repdyn import artifacts
from repdyn.figures import blobs, style
from repdyn.jobs import run_job


def main(mapped: str, summary: str, gains: dict[str, float], confidence: float, svg: str, png: str, csv: str) -> None:
    with style.applied():
        tables = map(artifacts.read_table, (mapped, summary))
        style.save(*blobs.figure(*tables, gains, confidence), svg, png, csv)


if "snakemake" in globals():
    run_job(main, snakemake)
