"""Do the numbers of this study agree with those of the study of record? results/compared.md, claim by claim.

The mean of n networks is expected within t s sqrt(1/n + 1/N) of the record's mean of N, with their standard deviation s
on the scale of the claim; of many claims one in twenty lies further away by chance (95 %).
"""

import numpy as np
import pandas as pd
from scipy import stats

from repdyn import artifacts
from repdyn.statistics.intervals import SCALES


def main(table: str, record: str, scales: dict[str, str], confidence: float, output: str) -> None:
    mine, theirs = (artifacts.read_table(path).set_index("name") for path in (table, record))
    rows = [compared(name, mine.loc[name], theirs, scales.get(name, "linear"), confidence) for name in mine.index]
    with artifacts.whole(output) as path:
        path.write_text(told(pd.DataFrame(rows)), "utf-8")


def compared(name: str, mine, theirs: pd.DataFrame, scale: str, confidence: float) -> dict:
    """One claim: both numbers, and whether they agree (yes, no, or why that cannot be said)."""
    row = {"name": name, "mine": mine.value, "n": mine.n, "record": np.nan, "N": 0, "verdict": mine.verdict}
    if name not in theirs.index:
        return row | {"agrees": "not in the record"}
    record = theirs.loc[name]
    row |= {"record": record.value, "N": record.n, "recorded": record.verdict}
    if mine.n < 1 or not np.isfinite(mine.value):
        return row | {"agrees": "no number here"}
    if str(mine.group) != str(record.group):
        return row | {"agrees": f"another group decides ({mine.group}, there {record.group})"}
    to = SCALES[scale][0]
    low, high, value, centre = (float(to(x)) for x in (record.low, record.high, mine.value, record.value))
    if not np.isfinite([low, high]).all():
        return row | {"agrees": "the record has no interval"}
    t = stats.t.ppf((1 + confidence) / 2, record.n - 1)
    spread = (high - low) / 2 / t * np.sqrt(record.n)
    allowed = t * spread * np.sqrt(1 / mine.n + 1 / record.n)
    return row | {"agrees": "yes" if abs(value - centre) <= allowed else "no"}


def told(rows: pd.DataFrame) -> str:
    """Markdown: the count, and a line a claim."""
    counted = rows[rows.agrees.isin(["yes", "no"])]
    agree, apart = (counted.agrees == "yes").sum(), (counted.agrees == "no").sum()
    lines = [f"{agree} of {len(counted)} numbers agree with the study of record; {apart} do not.", ""]
    lines += ["| claim | here | n | record | N | agrees |", "| --- | --- | --- | --- | --- | --- |"]
    for row in rows.itertuples():
        lines.append(f"| {row.name} | {row.mine:.3g} | {row.n} | {row.record:.3g} | {row.N} | {row.agrees} |")
    return "\n".join(lines) + "\n"
