"""Draw the distance matrices of XOR: before and after training, and predicted."""

from repdyn import artifacts
from repdyn.figures import style, xor
from repdyn.jobs import run_job


def main(pairs: str, summary: str, gains: dict[str, float], confidence: float, svg: str, png: str, csv: str) -> None:
    with style.applied():
        tables = map(artifacts.read_table, (pairs, summary))
        style.save(*xor.figure(*tables, gains, confidence), svg, png, csv)


if "snakemake" in globals():
    run_job(main, snakemake)
