"""Does training divide the inputs into parts that respond each on their own?"""

import pandas as pd
from matplotlib.figure import Figure

from repdyn import artifacts
from repdyn.plotting import response_style as look

SIDES = ("more parts than before training", "fewer parts", "not told apart")


def main(table: str, summary: str, confidence: float) -> tuple[Figure, pd.DataFrame]:
    """The page, and the numbers drawn."""
    table, summary = artifacts.read_table(table), artifacts.read_table(summary)
    page, (ax,) = look.page(
        title(summary),
        f"A case: a setting and a method, {summary.networks.max()} networks; geometric mean and interval (from 5 "
        "networks "
        f"on). Parts: (tr K)²/tr K² of the tangent kernel K of {summary.points.max()} points. In colour, and counted: "
        f"discoveries, of which {100 * (1 - confidence):.2g} % may be false. Tests an abstract (arXiv 2204.07291).",
        summary,
        SIDES,
        [""],
    )
    look.by_setting(ax, summary, table, "parts_ratio", "parts_ratio_discovery", 1)
    ax.set_xlabel("parts into which the response divides the points, at the end of training / before it")
    return page, summary


def title(summary: pd.DataFrame) -> str:
    """In how many cases training splits the response, and in how many it joins it."""
    if summary.parts_ratio_p.isna().all():
        return "Too few networks to say whether training splits the response"
    more, fewer = look.discovered(summary, "parts_ratio", "parts_ratio_discovery", 1)
    return f"Training splits the response into more parts in {more} of {len(summary)} cases, into fewer in {fewer}"
