"""Draw feature space and fragility of the methods at the same training loss."""

from repdyn import artifacts
from repdyn.figures import response_rank, style
from repdyn.jobs import run_job


def main(
    ranks: str,
    fragility: str,
    effects: str,
    correlations: str,
    confidence: float,
    networks: int,
    svg: str,
    png: str,
    csv: str,
) -> None:
    tables = map(artifacts.read_table, (ranks, fragility, effects, correlations))
    with style.applied():
        style.save(*response_rank.figure(*tables, confidence, networks), svg, png, csv)


if "snakemake" in globals():
    run_job(main, snakemake)
