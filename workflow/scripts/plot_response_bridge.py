"""Draw the tangent kernel on two points beside what effective rates say of it."""

from repdyn import artifacts
from repdyn.figures import response_bridge, style
from repdyn.jobs import run_job


def main(
    table: str, summary: str, curves: str, rows: dict[str, dict], confidence: float, svg: str, png: str, csv: str
) -> None:
    tables = map(artifacts.read_table, (table, summary, curves))
    with style.applied():
        style.save(*response_bridge.figure(*tables, rows, confidence), svg, png, csv)


if "snakemake" in globals():
    run_job(main, snakemake)
