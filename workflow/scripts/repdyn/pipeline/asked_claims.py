"""One claim, or all: what decides it is made, held against its criterion, and its number against the record.

    python -m repdyn.pipeline.asked_claims NAME [OVERLAY...]        make claim NAME=orbit_paper_smooth
    python -m repdyn.pipeline.asked_claims all [OVERLAY...]         make compare

Of one claim only what its table needs is made. The configuration is config/config.yaml with the overlays.
"""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

from repdyn import artifacts
from repdyn.pipeline import claims, study
from repdyn.pipeline.checking import ConfigurationError, did_you_mean
from repdyn.pipeline.provenance import arguments as given
from repdyn.statistics import agreement, verdicts
from repdyn.statistics.claims import Claim
from repdyn.statistics.words import MARKS, measured

RECORD = Path("docs/record/claims.csv")


def main(arguments: list[str]) -> int:
    """Exit status: 1 where there is no such claim, or what it needs can't be made."""
    name, *overlays = arguments or [""]
    try:
        settings = study.read_study(overlays)
        claim = None if name == "all" else named(name, claims.load(settings["claims"]["file"]))
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 1
    path = f"{settings['results']}/{f'tables/{claim.table}.csv' if claim else 'compared.md'}"
    command = [sys.executable, "-m", "snakemake", path, *given(overlays, {})]
    if subprocess.run(command, stdout=sys.stderr).returncode:
        return 1
    print(told(claim, path, settings["intervals"]["confidence"]) if claim else Path(path).read_text("utf-8"))
    return 0


def named(name: str, known: list[Claim]) -> Claim:
    """The claim of this name. Raises ConfigurationError that suggests another one where there is none."""
    found = {claim.name: claim for claim in known}
    if name not in found:
        hint = did_you_mean(name, found)
        problem = f"claim {name!r}: there is none of this name{hint or '; config/claims.yaml and claims.md list them'}"
        raise ConfigurationError([problem])
    return found[name]


def told(claim: Claim, table: str, confidence: float) -> str:
    """Sentence, verdict and number, what would refute it, and how it stands to the record."""
    made = artifacts.read_table(table)
    row = SimpleNamespace(**verdicts.evaluate(claim, made, confidence))
    lines = [
        claim.claim,
        f"  {MARKS[row.verdict]}{f' ({row.told})' if row.told else ''}",
        f"  measured: {measured(row)}",
        f"  criterion: {row.criterion}; refuted by {claim.refuted_by}",
        f"  from {table}, rows {claim.rows or 'all'}",
    ]
    if RECORD.is_file():
        record = artifacts.read_table(RECORD).set_index("name")
        kept = RECORD.parent / "tables" / f"{claim.table}.csv"
        recorded = artifacts.read_table(kept) if claim.alike and kept.is_file() else None
        lines.append(f"  record: {agreement.of_claim(claim, made, record, confidence, recorded).words}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
