"""Hold every claim against its table: results/claims.csv; in words, claims.md; in words by figure, found.csv."""

import re
from pathlib import Path

import pandas as pd

from repdyn import artifacts, files
from repdyn.statistics import verdicts
from repdyn.statistics.claims import Claim
from repdyn.statistics.words import MARKS, measured, row_of_table

RULE = (
    "Supported: the whole confidence interval meets the criterion; refuted: the whole interval fails it; undecided: "
    "neither, or fewer units than the claim asks for. A claim about several settings is supported if it is in each of "
    "them, and refuted if it is in one, by an interval whose level is corrected for their number (Bonferroni); the "
    "number shown is that of the setting furthest out of the criterion, named in brackets."
)


def main(
    tables: list[str],
    claims: list[dict],
    figures: dict[str, str],
    confidence: float,
    table: str,
    words: str,
    found: str,
) -> None:
    made = {Path(path).stem: artifacts.read_table(path) for path in tables}
    rows = []
    for claim in (Claim(**entry) for entry in claims):
        if claim.table in made:
            rows.append(verdicts.evaluate(claim, made[claim.table], confidence))
        else:
            rows.append(verdicts.not_evaluated(claim, "the rows that it needs are not selected"))
    rows = pd.DataFrame(rows)
    artifacts.write_table(rows, table)
    with files.whole(words) as path:
        path.write_text(markdown(rows), "utf-8")
    told = pd.DataFrame(
        {"figure": rows.name.map(figures), "name": rows.name, "words": [*map(sentence, rows.itertuples())]}
    )
    artifacts.write_table(told, found)


def sentence(row) -> str:
    """One claim for a caption, as an item of a list in reStructuredText."""
    told = f"; {row.told}" if isinstance(row.told, str) and row.told else ""
    text = f"{row.claim} Measured {measured(row)}; criterion: {row.criterion}{told}."
    return f"- **{MARKS[row.verdict]}** " + re.sub(r"([`*_|])", r"\\\1", text)


def _source(source: str) -> str:
    """Who says so; what a paper says in words has a bound and settings of ours."""
    ours = source == "repdyn"
    return f"claimed by: {source}" if ours else f"claimed in words by: {source}; bound and settings: repdyn"


def markdown(table: pd.DataFrame) -> str:
    """results/claims.md: a line a claim, then for each what was measured, on what, and what would refute it."""
    counts = ", ".join(f"{(table.verdict == word).sum()} {word}" for word in MARKS if (table.verdict == word).any())
    lines = ["# Claims", "", f"{len(table)} claims: {counts}.", "", RULE, ""]
    lines += ["| verdict | claim | measured | criterion |", "| --- | --- | --- | --- |"]
    for row in table.itertuples():
        lines.append(row_of_table(MARKS[row.verdict], f"[{row.claim}](#{row.name})", measured(row), row.criterion))
    for row in table.itertuples():
        of = f", rows `{row.rows}`" if isinstance(row.rows, str) and row.rows else ""
        told = f" ({row.told})" if isinstance(row.told, str) and row.told else ""
        lines += ["", f'<a id="{row.name}"></a>', f"## {row.name}", "", row.claim, ""]
        lines += [f"- verdict: **{row.verdict}**{told}", f"- measured: {measured(row)}"]
        lines += [f"- where: `tables/{row.table}.csv`{of}, column `{row.quantity}`"]
        lines += [f"- criterion: {row.criterion}, with at least {row.least} {row.unit}s"]
        lines += [f"- refuted by: {row.refuted_by}", f"- {_source(row.source)}"]
    return "\n".join(lines) + "\n"
