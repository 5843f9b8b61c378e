"""Do the numbers of this study agree with those of the study of record? results/compared.md, claim by claim."""

from pathlib import Path

from scipy import stats

from repdyn import artifacts, files
from repdyn.statistics import agreement
from repdyn.statistics.agreement import AGREES, DIFFERS, NOT_COMPARED, TOO_FEW, Agreement
from repdyn.statistics.claims import Claim

ORDER = (DIFFERS, TOO_FEW, AGREES, NOT_COMPARED)


def main(
    tables: list[str], record: str, recorded: list[str], claims: list[dict], confidence: float, output: str
) -> None:
    made, there = ({Path(path).stem: artifacts.read_table(path) for path in paths} for paths in (tables, recorded))
    theirs = artifacts.read_table(record).set_index("name")
    asked = [Claim(**entry) for entry in claims]
    found = [
        agreement.of_claim(claim, made.get(claim.table), theirs, confidence, there.get(claim.table)) for claim in asked
    ]
    with files.whole(output) as path:
        path.write_text(told(found, {claim.name: claim.claim for claim in asked}, confidence), "utf-8")


def told(found: list[Agreement], sentences: dict[str, str], confidence: float) -> str:
    """Markdown: the counts, then a sentence a claim, those that differ first."""
    of = {verdict: [one for one in found if one.verdict == verdict] for verdict in ORDER}
    held = len(of[AGREES]) + len(of[TOO_FEW]) + len(of[DIFFERS])
    counts = f"{len(of[AGREES])} of {held} numbers agree with the study of record, {len(of[DIFFERS])} differ, "
    lines = [counts + f"{len(of[TOO_FEW])} are of too few networks to say; {len(of[NOT_COMPARED])} are not compared."]
    if held:
        chance = stats.binom.sf(len(of[DIFFERS]) - 1, held, 1 - confidence)
        by_chance = f"By chance {(1 - confidence) * held:.1f} of {held} would differ where all are alike"
        lines += ["", f"{by_chance}; so many or more with probability {chance:.2g}, were they independent."]
    for verdict in ORDER:
        if of[verdict]:
            lines += ["", f"## {verdict.capitalize()}", ""]
            lines += [f"- **{one.name}** ({sentences[one.name]}): {one.words}" for one in of[verdict]]
    return "\n".join(lines) + "\n"
