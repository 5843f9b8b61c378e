"""The claims of config/claims.yaml, read and checked before any job."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from repdyn.pipeline.checking import ConfigurationError, read_yaml
from repdyn.statistics.claims import FEWEST, Claim

_CLAIM = TypeAdapter(Claim)


def load(path: str, tables: set[str] | None = None, figures: set[str] | None = None) -> list[Claim]:
    """The claims of a file, of which each names one of these tables, and no figure but these (None: any).

    Raises ConfigurationError with all problems.
    """
    document = read_yaml(path, path)
    problems, claims = list(document.problems), []
    entries = document.data.get("claims", []) if isinstance(document.data, dict) else []
    for number, entry in enumerate(entries if isinstance(entries, list) else [], 1):
        name = entry.get("name", number) if isinstance(entry, dict) else number
        place = f"{document.at(('claims', str(number - 1)))}: claim {name}"
        try:
            claim = _CLAIM.validate_python(entry)
        except ValidationError as error:
            for one in error.errors(include_url=False):
                key = ".".join(map(str, one["loc"])) or "the claim"
                problems.append(f"{place}: {key}: {one['msg']}, found {one['input']!r}")
            continue
        problems += [f"{place}: {told}" for told in _faults(claim, tables, figures, {c.name for c in claims})]
        claims.append(claim)
    if not (claims or problems):
        problems.append(f"{path}: found no claims: expected a list under the key `claims`")
    if problems:
        raise ConfigurationError(problems)
    return claims


def found(path: str, figures: Iterable[str]) -> dict[str, str]:
    """What was found of the claims that each figure shows, as text for its caption; empty where nothing is known yet.

    path: the table that claims/evaluate.py writes, which need not be there.
    """
    words: dict[str, list[str]] = {figure: [] for figure in figures}
    if Path(path).is_file():
        with open(path, encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                words.setdefault(row["figure"], []).append(row["words"])
    return {figure: "\n\n".join(["**Found.**", *lines]) if lines else "" for figure, lines in words.items()}


def _faults(claim: Claim, tables: set[str] | None, figures: set[str] | None, names: set[str]):
    bounds: Any = claim.holds.get("between")
    if len(claim.holds) != 1 or (bounds is not None) != isinstance(next(iter(claim.holds.values()), None), list):
        yield f"holds: found {claim.holds}: expected one of `below: x`, `above: x`, `between: [a, b]`"
    elif bounds is not None and (len(bounds) != 2 or bounds[0] >= bounds[1]):
        yield f"holds: found between {bounds}: expected two numbers, the smaller one first"
    if claim.name in names:
        yield "the name is given twice"
    if claim.least < FEWEST:
        yield f"least: found {claim.least}: no interval is given for fewer than {FEWEST} units"
    if tables is not None and claim.table not in tables:
        yield f"table: found {claim.table!r}: expected one of {', '.join(sorted(tables))}"
    if claim.figure and figures is not None and claim.figure not in figures:
        yield f"figure: found {claim.figure!r}: expected one of {', '.join(sorted(figures))}"
