"""Rows of estimates: one line a setting, a mark an estimate with its interval, single networks as faint points."""

from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter

from repdyn.plotting import style

EDGES = 0.005, 9.0  # of the axes; what lies beyond stands on them


def estimates(ax: Axes, y, means, name: str, colour, marker: str, single) -> None:
    """Columns NAME, NAME_low, NAME_high of means (row) at the heights y (row,).

    single: heights and values of single networks, drawn faintly; where there is no interval they are all that is known.
    """
    ends = (means[f"{name}_{end}"].clip(*EDGES) for end in ("low", "high"))
    ax.plot(single[1].clip(*EDGES), single[0], ".", markersize=3, color=colour, alpha=0.35, zorder=2, clip_on=False)
    ax.hlines(y, *ends, color=colour, linewidth=1.4, zorder=3)
    ax.plot(means[name].clip(*EDGES), y, marker, markersize=6, color=colour, zorder=4, clip_on=False)


def rows(ax: Axes, labels: list[str], title: str) -> None:
    """A logarithmic axis of shares, a line a label from top to bottom, and a title."""
    for y in range(len(labels)):
        ax.axhline(y, color=style.GREY, linewidth=0.5, alpha=0.4, zorder=0)
    ax.set_xscale("log")
    ax.set_xlim(*EDGES)
    ax.xaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.4, -0.6)
    ax.set_title(title, loc="left", fontsize=9, fontweight="bold", pad=6)
