"""How all figures look and how they are written: colours, sizes, a gallery of panels, files of fixed bytes."""

from contextlib import contextmanager

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

# seaborn's palette "colorblind", without the half second that its import takes in every figure's job
BLUE, ORANGE, GREEN, VERMILION, GREY = "#0173b2", "#de8f05", "#029e73", "#d55e00", "#949494"
COLOUR = {"H": BLUE, "Y": ORANGE, "w": GREEN, "loss": BLUE}
FAINT = "#555555"
DASHES = (0, (3.2, 1.8))

_RC = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so the same on every machine
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.formatter.useoffset": False,
    "figure.facecolor": "white",
    "savefig.dpi": 140,
    "svg.hashsalt": "repdyn",  # else the names of the parts are random
    "svg.fonttype": "path",  # text as shapes: looks the same where the font is missing
}


@contextmanager
def applied():
    """All drawing and saving happens inside `with style.applied():`, whatever the user's own matplotlibrc says."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_RC)
        yield


def save(figure: Figure, table, svg, png, csv, made_by: str | None = None) -> None:
    """Write a figure and the numbers in it; the same figure gives the same bytes, without dates.

    made_by: a text that follows from what decides the figure; it becomes the description in the metadata of both files.
    """
    from repdyn import artifacts  # needs xarray, which who only draws need not have

    with artifacts.whole(svg) as path:
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None, "Description": made_by})
    with artifacts.whole(png) as path:
        figure.savefig(path, format="png", metadata={"Software": None, "Description": made_by or ""})
    artifacts.write_table(table, csv)


def dark(colour):
    """A darker shade, for a dashed line upon a solid one."""
    return tuple(0.45 * channel for channel in to_rgb(colour))


def number(value: float) -> str:
    """Two digits, with a power of ten where zeros would pile up."""
    if value != value:
        return "none"
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{float(f'{value:.2g}'):g}"
    mantissa, exponent = f"{value:.1e}".split("e")
    if mantissa == "1.0":
        return f"$10^{{{int(exponent)}}}$"
    return rf"${mantissa}\times10^{{{int(exponent)}}}$"


def percent(value: float) -> str:
    """A fraction in percent, two digits: 0.0123 -> 1.2 %."""
    return "none" if value != value else f"{100 * value:.1f} %" if value < 0.1 else f"{100 * value:.0f} %"


def gallery(
    panels: int, parts: tuple[float, ...], header: float, caption: float, most: int = 4
) -> tuple[Figure, list[list[Axes]]]:
    """A figure of at most `most` columns of panels; every panel is a column of axes with heights `parts` in inches.

    `header` inches stay free at the top of the page and `caption` inches above each panel.
    Returns the figure and, a panel, its axes from top to bottom.
    """
    columns = min(most, panels)
    rows = -(-panels // columns)
    left, right, bottom, between, gap = 0.72, 0.25, 0.6, 0.62, 0.14
    width = 12.0
    panel_width = (width - left - right - (columns - 1) * between) / columns
    panel_height = sum(parts) + gap * (len(parts) - 1)
    row_height = panel_height + caption + 0.5
    height = header + rows * row_height + bottom - 0.5
    figure = Figure(figsize=(width, height))
    axes = []
    for panel in range(panels):
        row, column = divmod(panel, columns)
        x, top = left + column * (panel_width + between), height - header - row * row_height - caption
        column_of_axes = []
        for part in parts:
            top -= part
            box = (x / width, top / height, panel_width / width, part / height)
            column_of_axes.append(figure.add_axes(box))
            top -= gap
        for ax in column_of_axes[:-1]:
            ax.tick_params(labelbottom=False)
        if panel + columns >= panels:
            column_of_axes[-1].set_xlabel("training step (optimiser steps)")
        axes.append(column_of_axes)
    return figure, axes


def headline(figure: Figure, title: str, subtitle: str) -> None:
    """Two lines at the top left of the page: what is shown, and how to read it."""
    height = figure.get_size_inches()[1]
    figure.text(0.012, 1 - 0.12 / height, title, ha="left", va="top", fontsize=13, fontweight="bold")
    figure.text(0.012, 1 - 0.42 / height, subtitle, ha="left", va="top", fontsize=9.5, color=FAINT)


def legend(figure: Figure, handles, below: float) -> None:
    """One legend for the page, in a row `below` inches from its top."""
    height = figure.get_size_inches()[1]
    figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(0.005, 1 - below / height),
        ncols=len(handles),
        columnspacing=1.6,
        handlelength=2.4,
        borderaxespad=0,
    )


def line_handles(band: str, discarded: bool) -> list:
    """Legend entries of solid, band and dashed, and of grey if there is any."""
    handles = [
        Line2D([], [], color=FAINT, linewidth=2.6, alpha=0.75, label="experiment (mean of networks)"),
        Patch(facecolor=FAINT, alpha=0.25, label=band),
        Line2D([], [], color="black", linewidth=1.3, linestyle=DASHES, label="theory, fitted"),
    ]
    if discarded:
        handles.append(Line2D([], [], color=GREY, linewidth=1, label="discarded run"))
    return handles


def few_steps(ax: Axes) -> None:
    """Few ticks on the axis of steps, at round numbers."""
    ax.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(4, integer=True, steps=[1, 2, 5, 10]))


def intervals(ax: Axes, x, means, colour, marker: str, label: str) -> None:
    """Means with their intervals: columns value, low and high; no bar where there is no interval."""
    if not len(means):
        return
    below_above = np.abs(means[["low", "high"]].to_numpy() - means[["value"]].to_numpy()).T
    ax.errorbar(
        x,
        means.value,
        np.nan_to_num(below_above),
        color=colour,
        marker=marker,
        markersize=5,
        linewidth=1.2,
        elinewidth=1.2,
        capsize=2.5,
        zorder=4,
        label=label,
    )
