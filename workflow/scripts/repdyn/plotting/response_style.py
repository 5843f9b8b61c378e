"""Names and looks that the figures of the second system share: one line a setting, one marker a method."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullFormatter

from repdyn.plotting import pages, style

METHODS = {
    "single": ("single-sample SGD", "o"),
    "minibatch": ("mini-batch SGD", "s"),
    "full": ("full batch", "^"),
    "adam": ("Adam, full batch", "D"),
}
ROW = 0.42  # inches


def page(
    title: str, subtitle: str, means: pd.DataFrame, sides: tuple[str, str, str], titles: list[str], sharex: bool = False
) -> tuple[Figure, list[Axes]]:
    """Panels with a line for each setting of `means`; the legend: its methods, and what the colours say (`sides`)."""
    handles = [
        *style.side_handles(*sides),
        *_method_handles(means.method),
        style.mark(".", "single networks", alpha=0.5),
    ]
    height = max(3, means.setting.nunique()) * ROW
    return pages.panels(title, subtitle, handles, titles, height, left=1.5, sharex=sharex, bottom=0.6)


def _method_handles(methods) -> list[Line2D]:
    """Entries of the legend for the methods that are there."""
    return [style.mark(marker, label) for name, (label, marker) in METHODS.items() if name in set(methods)]


def by_setting(ax: Axes, means: pd.DataFrame, single: pd.DataFrame, name: str, discovery: str, null: float) -> None:
    """One line of the panel a setting, from the top; in it each method's mean of `name` with its interval.

    means: one row a setting and method, with columns NAME, NAME_low, NAME_high; coloured by the side of `null` on which
    it lies where its column `discovery` says so. Where it has no interval, single networks are shown as points, from
    column NAME of `single`.
    """
    settings = list(dict.fromkeys(means.setting))
    methods = [method for method in METHODS if method in set(means.method)]
    for m, method in enumerate(methods):
        shift = 0.6 * ((m + 0.5) / len(methods) - 0.5)
        for row in means[means.method == method].to_dict("records"):
            y, value = settings.index(row["setting"]) + shift, row[name]
            ends = np.array([row[f"{name}_low"], row[f"{name}_high"]])
            colour = style.SIDES[int(np.sign(value - null)) if bool(row[discovery]) and np.isfinite(value) else 0]
            ax.plot(value, y, METHODS[method][1], color=colour, markersize=5, zorder=4)
            if np.isfinite(ends).all():
                ax.plot(ends, [y, y], color=colour, linewidth=1.3, solid_capstyle="butt", zorder=3)
            else:
                points = single[(single.setting == row["setting"]) & (single.method == method)][name].to_numpy(float)
                ax.plot(points, np.full(points.size, y), ".", color=colour, alpha=0.5, markersize=5, markeredgewidth=0)
    for y in range(0, len(settings), 2):
        ax.axhspan(y - 0.5, y + 0.5, color="#f4f4f4", linewidth=0, zorder=0)
    ax.axvline(null, color="black", linewidth=0.8, zorder=1)
    ax.set_ylim(max(len(settings), 1) - 0.5, -0.5)
    ax.set_yticks(range(len(settings)), [setting.replace("_", " ") for setting in settings])
    ax.tick_params(axis="y", length=0)


def discovered(of: pd.DataFrame, name: str, discovery: str, null: float) -> tuple[int, int]:
    """In how many rows the mean is discovered to lie above the null, and below it."""
    here = of[of[discovery].astype(bool)]
    return int((here[name] > null).sum()), int((here[name] < null).sum())


def drawn(of: pd.DataFrame, name: str, *others: str) -> pd.DataFrame:
    """The rows of a panel, with the number that it shows as value, low, high and networks."""
    columns = {name: "value", f"{name}_low": "low", f"{name}_high": "high", f"{name}_n": "networks"}
    here = of.drop(columns="networks", errors="ignore").rename(columns=columns).assign(shown=name)
    return here[["setting", "method", "shown", *columns.values(), *others, "unit", "interval"]]


def factor_axis(ax: Axes) -> None:
    """A logarithmic axis of factors, with plain numbers."""
    ax.set_xscale("log")
    low, high = ax.get_xlim()
    fine, coarse = (0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.4, 1.6, 2), (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100)
    ax.set_xticks([tick for tick in (fine if high < 4 * low else coarse) if low <= tick <= high])
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
