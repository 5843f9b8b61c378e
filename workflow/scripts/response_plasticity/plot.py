"""Does a network that has learned one encoding take longer to learn another one than a fresh network does?"""

import pandas as pd
from matplotlib.figure import Figure

from repdyn import artifacts
from repdyn.plotting import response_style as look

SIDES = ("slower than fresh: plasticity is lost", "faster than fresh", "not told apart")


def main(table: str, summary: str, level: float, confidence: float) -> tuple[Figure, pd.DataFrame]:
    """A panel an age; and the numbers drawn."""
    table, summary = artifacts.read_table(table), artifacts.read_table(summary)
    ages = sorted(summary.age.unique())
    page, axes = look.page(
        title(summary[summary.age == ages[-1]]),
        f"Steps to a training loss of {level:g}; geometric mean of {summary.networks.max()} networks, each beside "
        "itself "
        "when fresh, and interval (from 5 networks on). In colour: discoveries. Tests an abstract (arXiv 2204.07291).",
        summary,
        SIDES,
        [f"After {age} steps on the first encoding" for age in ages],
        sharex=True,
    )
    for ax, age in zip(axes, ages):
        here, single = summary[summary.age == age], table[table.age == age]
        look.by_setting(ax, here, single, "ratio", "ratio_discovery", 1)
        ax.set_xlabel("steps on the second encoding / fresh network's (log)")
        ax.tick_params(labelleft=ax is axes[0])
    for ax in axes:  # when all is drawn, for the axis is shared
        look.factor_axis(ax)
    return page, summary


def title(oldest: pd.DataFrame) -> str:
    """In how many cases of the oldest networks plasticity is lost, and in how many gained."""
    if oldest.ratio_p.isna().all():
        return "Too few networks to say whether plasticity is lost"
    slower, faster = look.discovered(oldest, "ratio", "ratio_discovery", 1)
    return (
        f"Networks that learned one encoding learn another more slowly than fresh ones in {slower} of {len(oldest)} "
        f"cases, faster in {faster}"
    )
