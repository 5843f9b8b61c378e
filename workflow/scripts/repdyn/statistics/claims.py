"""A claim in a sentence, and the number in a table that decides it: what config/claims.yaml holds."""

import math
from dataclasses import dataclass, field
from typing import Literal

FEWEST = 5  # units below which no interval is given


@dataclass(frozen=True)
class Claim:
    """The keys of an entry of config/claims.yaml.

    name, claim, source        a word, the sentence, and who says it
    table, rows, quantity      results/tables/TABLE.csv, a pandas query of its rows, the column of the number
    unit, cluster              what could have come out otherwise; the columns that name one where it has several rows
    each                       column whose groups each have to meet the criterion
    statistic                  mean (on `scale`); share of rows where the quantity is true; censored: a mean where -inf
                               and inf stand for numbers beyond the columns `lowest` and `highest`; given: one row
                               that holds QUANTITY, QUANTITY_low, QUANTITY_high and QUANTITY_n
    holds                      below, above: a number; between: two of them
    least                      units without which nothing is decided
    refuted_by                 what would have shown the claim to be wrong, in words
    alike                      columns that have to hold what they hold in the record, or the two are not compared
    figure                     the figure that shows it, if that is not the one of the table's experiment
    """

    __pydantic_config__ = {"extra": "forbid", "allow_inf_nan": False}  # noqa: RUF012, no field, and never changed

    name: str
    source: str
    claim: str
    table: str
    quantity: str
    unit: str
    holds: dict[Literal["below", "above", "between"], float | list[float]]
    least: int
    refuted_by: str
    rows: str = ""
    each: str = ""
    figure: str = ""
    cluster: list[str] = field(default_factory=list)
    alike: list[str] = field(default_factory=list)
    statistic: Literal["mean", "share", "censored", "given"] = "mean"
    scale: Literal["linear", "log", "fisher"] = "linear"

    @property
    def range(self) -> tuple[float, float]:
        """The mean has to lie between these."""
        ((word, bound),) = self.holds.items()
        low, high = {"below": (-math.inf, bound), "above": (bound, math.inf)}.get(word) or bound
        return low, high  # type: ignore[return-value]

    @property
    def criterion(self) -> str:
        """In words."""
        ((word, bound),) = self.holds.items()
        bound = " and ".join(f"{b:g}" for b in bound) if word == "between" else f"{bound:g}"
        return f"{self.quantity} {word} {bound}"
