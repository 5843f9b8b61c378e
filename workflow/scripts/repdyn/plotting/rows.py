"""Settings below each other, each with some numbers of its networks: means with intervals, and single ones as dots."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from repdyn.plotting import pages, style


def page(title: str, subtitle: str, handles, summary: pd.DataFrame) -> tuple[Figure, Axes]:
    """A page with one line a setting, in the order of the table, each with what it is and how many networks count."""
    figure, (ax,) = panels(title, subtitle, handles, summary, [""])
    return figure, ax


def panels(title: str, subtitle: str, handles, summary: pd.DataFrame, titles, widths=None) -> tuple[Figure, list[Axes]]:
    """As `page`, with several panels beside each other, of which the first names the settings."""
    height = 0.12 + 0.235 * len(summary)
    figure, axes = pages.panels(title, subtitle, handles, titles, height, left=3.05, widths=widths)
    for ax in axes:
        ax.set_ylim(len(summary) - 0.4, -0.6)
        ax.set_yticks([])
        ax.tick_params(axis="y", length=0)
        ax.grid(axis="x", color="#e6e6e6", linewidth=0.8)
        ax.set_axisbelow(True)
        ax.set_xscale("log")
        ax.xaxis.set_minor_formatter(NullFormatter())
        for place in range(1, len(summary), 2):
            ax.axhspan(place - 0.5, place + 0.5, color="#f6f6f6", linewidth=0, zorder=0)
    axes[0].set_yticks(range(len(summary)), summary.setting)
    for place, row in enumerate(summary.itertuples()):
        about = f"{row.depth} x {row.width}, layer {row.layer}, {row.kept} of {row.networks}"
        colour = style.FAINT if row.kept == row.networks else style.VERMILION
        axes[0].annotate(
            about,
            (0, place),
            (-105, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="center",
            ha="right",
            fontsize=7.5,
            color=colour,
        )
    return figure, axes


def draw(ax: Axes, summary, networks, column: str, colour, marker: str, shift: float = 0.0, **form) -> None:
    """One number: a mean a setting with its interval where there is one, and a dot for every kept network."""
    places = {setting: place + shift for place, setting in enumerate(summary.setting)}
    held_out = networks.setting.map(dict(zip(summary.setting, summary.side == "held out", strict=True)))
    kept = networks[networks.kept & (networks.held_out | ~held_out.astype(bool))]  # those of the mean
    ax.plot(kept[column], kept.setting.map(places), ".", color=colour, alpha=0.3, markersize=4, markeredgewidth=0)
    value, low, high = (summary[f"{column}{end}"].to_numpy(float) for end in ("", "_low", "_high"))
    ax.errorbar(
        value,
        list(places.values()),
        xerr=np.nan_to_num([value - low, high - value]),
        fmt=marker,
        color=colour,
        markersize=5,
        elinewidth=1.2,
        capsize=2,
        zorder=4,
        **form,
    )
