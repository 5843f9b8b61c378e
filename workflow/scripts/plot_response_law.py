"""Draw how the training response ages, its kernel, and where a power law holds."""

from repdyn import artifacts
from repdyn.figures import response_law, style
from repdyn.jobs import run_job


def main(verdicts: str, curves: str, networks: int, svg: str, png: str, csv: str) -> None:
    tables = map(artifacts.read_table, (verdicts, curves))
    with style.applied():
        style.save(*response_law.figure(*tables, networks), svg, png, csv)


if "snakemake" in globals():
    run_job(main, snakemake)
