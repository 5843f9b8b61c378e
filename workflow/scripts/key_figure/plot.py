"""What was found, in one picture: the path of a network is the theory's where its trajectory is not."""

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from repdyn import artifacts
from repdyn.networks.activations import ACTIVATIONS
from repdyn.plotting import style

CLOSE = 0.05  # as in the figure of the clock
WIDTH, HEIGHT = 13.0, 6.3  # inches; a page shows them on some 900 pixels, so letters are large
LETTERS = {"font.size": 14, "axes.labelsize": 14, "xtick.labelsize": 13, "ytick.labelsize": 13, "legend.fontsize": 14}
SHOWN = {
    "error_active": (style.VERMILION, "D", "trajectory, two fitted rates"),
    "error_clock": (style.ORANGE, "s", "trajectory, rates that drift"),
    "orbit_error": (style.BLUE, "o", "path, nothing fitted"),
}
TICKS = 1e-4, 1e-3, 1e-2, CLOSE, 0.2, 1.0
DONE = 0.995  # of Y; what comes after is left out


def main(curves: str, summary: str, setting: str, confidence: float) -> tuple[Figure, pd.DataFrame]:
    curves, summary = artifacts.read_table(curves), artifacts.read_table(summary)
    summary = summary.sort_values("smooth", ascending=False, kind="stable")
    drawn = summary.set_index("setting").loc[setting]
    with matplotlib.rc_context(LETTERS):
        figure = Figure(figsize=(WIDTH, HEIGHT))
        figure.text(0.012, 0.978, said(drawn), va="top", fontsize=21, fontweight="bold")
        networks = curves[curves.series == "experiment"].seed.nunique()
        figure.text(
            0.012,
            0.905,
            f"Layer {drawn.layer} of {drawn.depth} in {networks} networks (solid), the theory (dashed). Right: all "
            f"settings, geometric means, {100 * confidence:g} % t intervals.",
            va="top",
            color=style.FAINT,
        )
        trajectory(*(_axes(figure, 0.065, bottom, 0.225, 0.27) for bottom in (0.44, 0.115)), curves, drawn)
        path(_axes(figure, 0.365, 0.115, 0.205, 0.595), curves, drawn)
        errors(_axes(figure, 0.725, 0.115, 0.26, 0.595), summary)
    ends = [f"{name}{end}" for name in SHOWN for end in ("", "_low", "_high", "_n")]
    estimates = summary[["setting", "smooth", "side", "layer", "networks", "kept", *ends]].assign(series="errors")
    return figure, pd.concat([curves, estimates], ignore_index=True)


def said(row) -> str:
    """The finding on the setting that is drawn, as its numbers have it."""
    networks = f"Networks of {row.depth} {ACTIVATIONS[row.activation].label} layers"
    if not row.kept:
        return f"{networks} did not learn"
    words = {
        (True, True): "take the theory's path, at its pace",
        (True, False): "take the theory's path, but not at its pace",
        (False, True): "keep the theory's pace, but not its path",
        (False, False): "leave the theory's path and its pace",
    }
    found = words[bool(row.orbit_error < CLOSE), bool(row.error_active < CLOSE)]
    return f"{networks} {found}"


def trajectory(upper, lower, curves: pd.DataFrame, row) -> None:
    """Y and H over training steps, each network beside the theory at its own two rates."""
    colour = SHOWN["error_active"][0]
    for ax, name, words in ((upper, "Y", "outputs, Y"), (lower, "H", "representation, H")):
        for _, run in curves.groupby("seed"):
            _draw(ax, run, "step", name, "trajectory", colour)
        ax.set_ylabel(words)
        ax.set_xlim(0, _end(curves))
        ax.set_ylim(0)
        ax.xaxis.set_major_locator(MaxNLocator(3, integer=True))
        ax.yaxis.set_major_locator(MaxNLocator(3))
    _key(upper, colour, "lower right")
    upper.tick_params(labelbottom=False)
    lower.set_xlabel("training step")
    _title(upper, "Trajectory", f"{style.percent(row.error_active)} off, two rates fitted", colour)


def path(ax, curves: pd.DataFrame, row) -> None:
    """The same networks with no time in it: Y over H."""
    colour = SHOWN["orbit_error"][0]
    for _, run in curves.groupby("seed"):
        _draw(ax, run, "H", "Y", "path", colour)
    ax.set_xlim(0)
    ax.set_ylim(0)
    ax.xaxis.set_major_locator(MaxNLocator(3))
    ax.yaxis.set_major_locator(MaxNLocator(3))
    ax.set_xlabel("representation, H")
    ax.set_ylabel("outputs, Y")
    _title(ax, "Path", f"{style.percent(row.orbit_error)} off between its ends", colour)
    _key(ax, colour, "upper left")


def errors(ax, summary: pd.DataFrame) -> None:
    """A line a setting: errors of trajectory, drifting clock and path with their intervals."""
    places = np.arange(len(summary)) + 0.9 * (~summary.smooth.astype(bool)).to_numpy()  # a gap before kinked ones
    for shift, (name, (colour, marker, label)) in zip((0.24, 0.0, -0.24), SHOWN.items(), strict=True):
        value, low, high = (summary[f"{name}{end}"].to_numpy(float) for end in ("", "_low", "_high"))
        bars = np.nan_to_num([value - low, high - value])
        form = {"color": colour, "markersize": 5.5, "elinewidth": 1.6, "label": label}
        ax.errorbar(value, places + shift, xerr=bars, fmt=marker, **form)
    ax.axvline(CLOSE, color=style.FAINT, linewidth=1.2, linestyle=":")
    ax.set_xscale("log")
    low, high = ax.get_xlim()
    ticks = [tick for tick in TICKS if low <= tick <= 0.7 * high]  # a label needs its room
    ax.set_xticks(ticks, [f"{100 * tick:g} %" for tick in ticks])
    ax.minorticks_off()
    ax.set_ylim(places[-1] + 0.7, -0.7)
    ax.set_yticks(places, summary.setting.str.replace("_", " "), fontsize=8)
    ax.tick_params(axis="y", length=0, pad=1)
    ax.spines["left"].set_visible(False)
    for smooth, words in ((True, "smooth"), (False, "kinked")):
        mine = places[summary.smooth == smooth]
        if len(mine):
            beside = {"transform": ax.get_yaxis_transform(), "clip_on": False}
            ax.plot([-0.33] * 2, mine[[0, -1]] + [-0.35, 0.35], color="black", linewidth=1.2, **beside)
            ax.text(-0.35, mine.mean(), words, rotation=90, ha="right", va="center", **beside)
    ax.set_xlabel(f"off the theory by (log), {len(summary)} settings")
    ax.legend(loc="lower left", bbox_to_anchor=(-0.09, 1.01), borderaxespad=0, handletextpad=0.3, labelspacing=0.25)


def _axes(figure: Figure, left: float, bottom: float, width: float, height: float):
    return figure.add_axes((left, bottom, width, height))


def _draw(ax, run: pd.DataFrame, x: str, y: str, theory: str, colour: str) -> None:
    """One network, solid, and the theory upon it, dashed."""
    seen, told = (run[run.series == series] for series in ("experiment", theory))
    ax.plot(seen[x], seen[y], color=style.FAINT, linewidth=3.4, alpha=0.6, solid_capstyle="butt")
    ax.plot(told[x], told[y], color=colour, linewidth=2.2, linestyle=style.DASHES)


def _key(ax, colour: str, place: str) -> None:
    handles = [
        Line2D([], [], color=style.FAINT, linewidth=3.4, alpha=0.6, label="network"),
        Line2D([], [], color=colour, linewidth=2.2, linestyle=style.DASHES, label="theory"),
    ]
    ax.legend(handles=handles, loc=place, borderaxespad=0.2, handlelength=2.2, labelspacing=0.3)


def _title(ax, word: str, found: str, colour: str) -> None:
    """What a panel shows, and below it what came out."""
    ax.annotate(word, (0, 1), (0, 32), xycoords="axes fraction", textcoords="offset points", fontweight="bold")
    ax.annotate(found, (0, 1), (0, 12), xycoords="axes fraction", textcoords="offset points", color=colour)


def _end(curves: pd.DataFrame) -> float:
    """A step at which all that is drawn has nearly come to its end."""
    ends = curves.groupby(["seed", "series"]).Y.transform("last")
    moving = curves[(curves.series != "path") & (curves.Y / ends < DONE)]
    return float(moving.step.max()) if len(moving) else 1.0
