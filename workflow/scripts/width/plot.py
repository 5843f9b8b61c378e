"""What the width of a network changes: the theory's error, and the scatter of its rates between networks."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator

from repdyn import artifacts
from repdyn.networks.activations import ACTIVATIONS
from repdyn.plotting import pages, style

LOOKS = ((style.BLUE, "o"), (style.ORANGE, "s"), (style.GREEN, "D"), (style.VERMILION, "^"))
PANELS = {
    "nrmse": "Error of the theory",
    "sd_clock": r"Scatter of $\sqrt{\eta_h\eta_y}$ between networks",
}


def main(table: str, summary: str) -> tuple[Figure, pd.DataFrame]:
    """Error and scatter side by side, over the width; and the numbers drawn."""
    networks, summary = artifacts.read_table(table), artifacts.read_table(summary)
    level = summary.interval.iloc[0].split(", ")[-1]
    groups = list(summary.groupby("activation", sort=False))
    handles = [
        style.mark(marker, ACTIVATIONS[activation].label, colour)
        for (activation, _), (colour, marker) in zip(groups, LOOKS, strict=False)
    ]
    page, axes = pages.panels(
        title(summary),
        f"{networks.depth.max()} hidden layers, layer {networks.layer.max()}; at most {int(summary.networks.max())} "
        "networks a "
        f"point; bars: {level} intervals (from 5 networks on); dots: single networks. Lower: the intervals of the "
        "narrowest "
        "and the widest do not touch.",
        [*handles, Line2D([], [], color="black", linewidth=1, linestyle=style.DASHES, label="b: as 1/√width")],
        list(PANELS.values()),
        3.1,
        gap=0.9,
    )
    for name, ax in zip(PANELS, axes, strict=True):
        for n, ((activation, here), (colour, marker)) in enumerate(zip(groups, LOOKS, strict=False)):
            beside = 1.03**n
            if name == "nrmse":
                single = networks[(networks.activation == activation) & networks.kept]
                ax.plot(
                    beside * single.width, single.nrmse, ".", color=colour, alpha=0.5, markersize=5, markeredgewidth=0
                )
            means = pd.DataFrame({"value": here[name], "low": here[f"{name}_low"], "high": here[f"{name}_high"]})
            style.intervals(ax, beside * here.width, means, colour, marker, ACTIVATIONS[activation].label)
        widths = np.sort(summary.width.unique())
        ax.set(xscale="log", xlabel="width (units a layer, log)")
        ax.set_xticks(widths, widths)
        ax.xaxis.set_minor_locator(NullLocator())
        top = summary[name].max()
        if top > 0:
            ax.set_yscale("log")
            ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            ax.yaxis.set_minor_locator(NullLocator())
        style.percents(ax.yaxis)
        if name != "nrmse":
            falling = top * (widths / widths[0]) ** -0.5
            ax.plot(widths, falling, color="black", linewidth=1, linestyle=style.DASHES, zorder=0)
    axes[0].set_ylabel("RMS residual / range (log)")
    axes[1].set_ylabel("standard deviation of logarithms (log)")
    return page, summary


def title(summary: pd.DataFrame) -> str:
    """What was found, in a line: from the narrowest to the widest, told by their intervals."""
    groups = list(summary.groupby("activation", sort=False))
    ends = [(here.loc[here.width.idxmin()], here.loc[here.width.idxmax()]) for _, here in groups]
    times = f"{summary.width.max() / summary.width.min():.0f} times wider"
    if not any(first[f"{name}_low"] == first[f"{name}_low"] for first, _ in ends for name in PANELS):
        ratios = [" and ".join(style.number(last[name] / first[name]) for first, last in ends) for name in PANELS]
        return f"{times}, the error is {ratios[0]} times what it was, the scatter {ratios[1]} times (of few networks)"
    error, scatter = (_moved(ends, name) for name in PANELS)
    if not (error or scatter):
        return f"{times}, neither the error of the theory nor the scatter between networks is told apart"
    return (
        f"{times}, the error of the theory is {error or 'not told apart'}, the scatter between networks "
        f"{scatter or 'not told apart'}"
    )


def _moved(ends: list, name: str) -> str:
    """In how many activations the widest networks' number is lower than the narrowest's, and in how many higher."""
    lower = sum(last[f"{name}_high"] < first[f"{name}_low"] for first, last in ends)
    higher = sum(last[f"{name}_low"] > first[f"{name}_high"] for first, last in ends)
    told = [
        f"{word} with {count} of {len(ends)} activations"
        for word, count in (("lower", lower), ("higher", higher))
        if count
    ]
    return " and ".join(told)
