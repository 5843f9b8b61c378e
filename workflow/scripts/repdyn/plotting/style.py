"""How all figures look and how they are written: colours, sizes, marks, files of fixed bytes."""

from contextlib import contextmanager

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from repdyn import files

# seaborn's palette "colorblind", without the half second that its import takes in every figure's job
BLUE, ORANGE, GREEN, VERMILION, GREY = "#0173b2", "#de8f05", "#029e73", "#d55e00", "#949494"
COLOUR = {"H": BLUE, "Y": ORANGE, "w": GREEN, "loss": BLUE}
FAINT = "#555555"
SIDES = {1: BLUE, -1: VERMILION, 0: GREY}  # of a number: above what it is held against, below it, not told apart
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

    with files.whole(svg) as path:
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None, "Description": made_by})
    with files.whole(png) as path:
        figure.savefig(path, format="png", metadata={"Software": None, "Description": made_by or ""})
    artifacts.write_table(table, csv)


def dark(colour):
    """A darker shade, for a dashed line upon a solid one."""
    return tuple(0.45 * channel for channel in to_rgb(colour))


def mean_of(networks: int, of: int | None = None, kind: str = "mean") -> str:
    """Over how many networks something was averaged, in a caption: so many of these, or at most so many."""
    if networks == 1 and of in (None, 1):
        return "one network"
    return f"{kind} of at most {networks} networks" if of is None else f"{kind} of {networks} of {of} networks"


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


def side(low, high, null: float = 0.0) -> np.ndarray:
    """1 where the whole interval lies above a number, -1 where it lies below; 0 where it does neither, or is none."""
    low, high = np.asarray(low, float), np.asarray(high, float)
    return (low > null).astype(int) - (high < null).astype(int)


def side_handles(above: str, below: str, neither: str) -> list[Line2D]:
    """Legend entries of the colours that say on which side an interval lies."""
    told = {1: above, -1: below, 0: neither}
    return [Line2D([], [], color=SIDES[side], linewidth=4, label=label) for side, label in told.items()]


def mark(marker: str, label: str, colour: str = FAINT, **form) -> Line2D:
    """Legend entry of a mark."""
    return Line2D([], [], color=colour, marker=marker, markersize=5.5, linestyle="none", label=label, **form)


def percents(axis) -> None:
    """Fractions on an axis, written in percent."""
    axis.set_major_formatter(lambda value, _: f"{100 * value:.12g} %")
