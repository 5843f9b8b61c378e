"""Does a network that has learned one encoding take longer to learn another one than a fresh network does?"""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from repdyn import artifacts
from repdyn.plotting import style
from repdyn.plotting.response_style import by_setting, factor_axis, method_handles


def figure(table: pd.DataFrame, summary: pd.DataFrame, level: float) -> tuple[Figure, pd.DataFrame]:
    """A panel an age; and the numbers drawn."""
    settings, ages = list(dict.fromkeys(summary.setting)), sorted(summary.age.unique())
    page = Figure(figsize=(12, 2.6 + 0.5 * len(settings)))
    height = page.get_size_inches()[1]
    style.headline(page, _title(summary[summary.age == ages[-1]]), _how_to_read(summary, level))
    style.legend(page, [*method_handles(summary.method), *_handles(summary)], 0.75)
    edges = {"left": 0.125, "right": 0.985, "top": 1 - 1.5 / height, "bottom": 0.6 / height, "wspace": 0.08}
    axes = page.subplots(1, len(ages), sharex=True, squeeze=False, gridspec_kw=edges)[0]
    for ax, age, letter in zip(axes, ages, "abcdefgh"):
        by_setting(ax, summary[summary.age == age], table[table.age == age], "ratio", settings)
        ax.set_title(f"{letter}   After {age} steps on the first encoding", loc="left", fontweight="bold", fontsize=10)
        ax.set_xlabel("steps on the second encoding / fresh network's")
        ax.tick_params(labelleft=ax is axes[0])
    for ax in axes:  # when all is drawn, for the axis is shared
        factor_axis(ax)
    return page, summary


def _title(oldest: pd.DataFrame) -> str:
    if oldest.ratio_p.isna().all():
        return "Too few networks to say whether plasticity is lost"
    here = oldest[oldest.ratio_discovery.astype(bool)]
    slower, faster = int((here.ratio > 1).sum()), int((here.ratio < 1).sum())
    return (
        f"Networks that learned one encoding learn another more slowly than fresh ones in {slower} of {len(oldest)} "
        f"cases, faster in {faster}"
    )


def _how_to_read(summary: pd.DataFrame, level: float) -> str:
    return (
        f"To a training loss of {level:g}; geometric mean of {summary.networks.max()} networks, each beside itself "
        "when fresh. Right of 1: plasticity is lost. Tests an abstract (arXiv 2204.07291)."
    )


def _handles(summary: pd.DataFrame) -> list[Line2D]:
    if not summary.ratio_low.notna().any():
        return [Line2D([], [], color=style.FAINT, marker=".", linestyle="none", label="single networks")]
    label = f"interval over networks ({summary.interval.iloc[0]})"
    return [Line2D([], [], color=style.FAINT, linewidth=1.2, label=label)]


def main(table: str, summary: str, level: float, confidence: float) -> tuple[Figure, pd.DataFrame]:
    return figure(artifacts.read_table(table), artifacts.read_table(summary), level)
