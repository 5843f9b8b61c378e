"""Does training divide the inputs into parts that respond each on their own?"""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from repdyn import artifacts
from repdyn.plotting import style
from repdyn.plotting.response_style import by_setting, method_handles


def figure(table: pd.DataFrame, summary: pd.DataFrame, confidence: float) -> tuple[Figure, pd.DataFrame]:
    """The page, and the numbers drawn."""
    settings = list(dict.fromkeys(summary.setting))
    page = Figure(figsize=(12, 2.6 + 0.42 * len(settings)))
    height = page.get_size_inches()[1]
    style.headline(page, _title(summary), _how_to_read(summary, confidence))
    style.legend(page, [*method_handles(summary.method), *_handles(summary)], 0.75)
    edges = {"left": 0.125, "right": 0.985, "top": 1 - 1.5 / height, "bottom": 0.6 / height, "wspace": 0.06}
    first, second = page.subplots(1, 2, gridspec_kw=edges)
    by_setting(first, summary, table, "parts_ratio", settings)
    first.axvline(1, color="black", linewidth=0.8)
    first.set_xlabel("parts at the end of training / before it")
    first.set_title("a   Right of 1 the response splits", loc="left", fontweight="bold", fontsize=10)
    by_setting(second, summary, table, "parts_end", settings)
    second.set_xlabel(f"parts at the end, of {summary.points.max()} points")
    second.set_title("b   Into how many parts", loc="left", fontweight="bold", fontsize=10)
    second.tick_params(labelleft=False)
    return page, summary


def _title(summary: pd.DataFrame) -> str:
    if summary.parts_ratio_p.isna().all():
        return "Too few networks to say whether training splits the response"
    here = summary[summary.parts_ratio_discovery.astype(bool)]
    more, fewer = int((here.parts_ratio > 1).sum()), int((here.parts_ratio < 1).sum())
    return f"Training splits the response into more parts in {more} of {len(summary)} cases, into fewer in {fewer}"


def _how_to_read(summary: pd.DataFrame, confidence: float) -> str:
    return (
        f"A case: a setting and method, {summary.networks.max()} networks. Parts: (tr K)²/tr K² of the tangent kernel "
        f"of the points. Counted: discoveries, {100 * (1 - confidence):.2g} % may be false. Tests arXiv 2204.07291."
    )


def _handles(summary: pd.DataFrame) -> list[Line2D]:
    if not summary.parts_ratio_low.notna().any():
        return [Line2D([], [], color=style.FAINT, marker=".", linestyle="none", label="single networks")]
    return [
        Line2D([], [], color=style.FAINT, linewidth=1.2, label=f"interval over networks ({summary.interval.iloc[0]})")
    ]


def main(table: str, summary: str, confidence: float) -> tuple[Figure, pd.DataFrame]:
    return figure(artifacts.read_table(table), artifacts.read_table(summary), confidence)
