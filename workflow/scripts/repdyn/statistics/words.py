"""Estimates and verdicts in words."""

import math

from repdyn.statistics.verdicts import NOT_EVALUATED, REFUTED, SUPPORTED, UNDECIDED

MARKS = {
    SUPPORTED: "✓ supported",
    REFUTED: "✗ refuted",
    UNDECIDED: "? undecided",
    NOT_EVALUATED: "not evaluated",
}


def row_of_table(*cells: str) -> str:
    """A line of a table in Markdown, in which a bar inside a cell stays one."""
    escaped = [cell.replace("|", r"\|") for cell in cells]
    return f"| {' | '.join(escaped)} |"


def number(value: float, digits: int = 3) -> str:
    """So many significant digits, with an exponent only where the number would be long without."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    if 1e-3 <= abs(value) < 10.0 ** max(digits, 4):
        places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
        return f"{value:.{places}f}"
    return f"{value:.{digits - 1}e}"


def measured(row) -> str:
    """The number of a row of claims.csv, with interval, n and unit; of several groups that of the furthest one."""
    if not math.isfinite(row.value):
        return "-"
    ends = f" [{number(row.low)}, {number(row.high)}]" if math.isfinite(row.low) else ""
    among = f", furthest of {row.groups}; {row.held} hold" if row.groups > 1 else ""
    group = f" ({row.group}{among})" if isinstance(row.group, str) and row.group else ""
    return f"{number(row.value)}{ends}, n = {row.n} {row.unit}s{group}"
