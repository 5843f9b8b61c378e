"""Rows of estimates: one line a setting, a mark an estimate with its interval, single networks as faint points."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter

from repdyn.plotting import style

AT_LEAST_FACTOR = 1.15  # between the edges of an axis and what is on it


def estimates(ax: Axes, y, means, name: str, colour, marker: str, single=None) -> None:
    """Columns NAME, NAME_low, NAME_high of means (row) at the heights y (row,).

    single: (heights, values) of single networks, drawn faintly; where there is no interval they are all that is certain.
    """
    if single is not None:
        ax.plot(single[1], single[0], linestyle="", marker=".", markersize=3, color=colour, alpha=0.35, zorder=2)
    ax.hlines(y, means[f"{name}_low"], means[f"{name}_high"], color=colour, linewidth=1.4, zorder=3)
    ax.plot(means[name], y, linestyle="", marker=marker, markersize=6, color=colour, zorder=4)


def rows(ax: Axes, labels: list[str], values) -> None:
    """A logarithmic axis that holds all values, and a line a label from top to bottom."""
    for y in range(len(labels)):
        ax.axhline(y, color=style.GREY, linewidth=0.5, alpha=0.4, zorder=0)
    values = np.asarray(values, float)
    values = values[np.isfinite(values) & (values > 0)]
    ax.set_xscale("log")
    if values.size:
        ax.set_xlim(values.min() / AT_LEAST_FACTOR, values.max() * AT_LEAST_FACTOR)
    ax.xaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.4, -0.6)


def title(ax: Axes, text: str) -> None:
    """Above a panel, at its left."""
    ax.set_title(text, loc="left", fontsize=9, fontweight="bold", pad=6)
