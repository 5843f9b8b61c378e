"""Names and looks that the figures of the second system share: one line a setting, one colour and marker a method."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullFormatter

from repdyn.plotting import style

METHODS = {
    "single": "single-sample SGD",
    "minibatch": "mini-batch SGD",
    "full": "full batch",
    "adam": "Adam, full batch",
}
LOOKS = {
    "single": (style.BLUE, "o"),
    "minibatch": (style.ORANGE, "s"),
    "full": (style.GREEN, "^"),
    "adam": (style.VERMILION, "D"),
}


def method_handles(methods) -> list[Line2D]:
    """Entries of the legend for the methods that are there."""
    return [
        Line2D([], [], color=LOOKS[name][0], marker=LOOKS[name][1], markersize=5, linestyle="none", label=METHODS[name])
        for name in METHODS
        if name in set(methods)
    ]


def by_setting(ax: Axes, means: pd.DataFrame, single: pd.DataFrame | None, name: str, settings: list[str]) -> None:
    """One line of the panel a setting, from the top; in it each method's mean of `name` with its interval.

    means: one row a setting and method, with columns NAME, NAME_low, NAME_high. Where it has no interval, the single
    networks are shown as points, from column NAME of `single`.
    """
    methods = [method for method in METHODS if method in set(means.method)]
    for m, method in enumerate(methods):
        colour, marker = LOOKS[method]
        shift = 0.6 * ((m + 0.5) / len(methods) - 0.5)
        for row in means[means.method == method].itertuples():
            y, value = settings.index(row.setting) + shift, getattr(row, name)
            ends = np.array([getattr(row, f"{name}_low"), getattr(row, f"{name}_high")])
            ax.plot(value, y, marker=marker, color=colour, markersize=4.5, linestyle="none", zorder=4)
            if np.isfinite(ends).all():
                ax.plot(ends, [y, y], color=colour, linewidth=1.3, solid_capstyle="butt", zorder=3)
            elif single is not None:
                points = single[(single.setting == row.setting) & (single.method == method)][name].to_numpy(float)
                ax.plot(points, np.full(points.size, y), ".", color=colour, alpha=0.5, markersize=5, markeredgewidth=0)
    for y in range(0, len(settings), 2):
        ax.axhspan(y - 0.5, y + 0.5, color="#f4f4f4", linewidth=0, zorder=0)
    ax.set_ylim(len(settings) - 0.5, -0.5)
    ax.set_yticks(range(len(settings)), [name.replace("_", " ") for name in settings])
    ax.tick_params(axis="y", length=0)


def factor_axis(ax: Axes) -> None:
    """A logarithmic axis of factors, with plain numbers and a line at 1."""
    ax.set_xscale("log")
    ax.axvline(1, color="black", linewidth=0.8)
    low, high = ax.get_xlim()
    fine, coarse = (0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.4, 1.6, 2), (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100)
    ax.set_xticks([tick for tick in (fine if high < 4 * low else coarse) if low <= tick <= high])
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
