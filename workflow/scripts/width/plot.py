"""What the width of a network changes: the theory's error, and the scatter of its rates between networks."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from repdyn import artifacts
from repdyn.networks.activations import ACTIVATIONS
from repdyn.plotting import style

LOOKS = ((style.BLUE, "o"), (style.ORANGE, "s"), (style.GREEN, "D"), (style.VERMILION, "^"))
PANELS = {
    "nrmse": "a   Error of the theory (RMS residual / range)",
    "sd_clock": r"b   Scatter of $\sqrt{\eta_h\eta_y}$ between networks (sd of logarithms)",
}


def figure(networks: pd.DataFrame, summary: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """Error and scatter side by side, over the width; and the numbers drawn."""
    page = Figure(figsize=(12, 4.7))
    axes = page.subplots(1, 2, gridspec_kw={"left": 0.07, "right": 0.84, "bottom": 0.13, "top": 0.76, "wspace": 0.25})
    most = int(summary.networks.max())
    level = summary.interval.iloc[0].split(", ")[-1]
    style.headline(
        page,
        title(summary),
        f"{networks.depth.max()} hidden layers, layer {networks.layer.max()}; at most {most} networks a point; bars: "
        f"{level} intervals (from 5 networks on); dots: single networks. Grey in b: as 1/√width.",
    )
    for (name, text), ax in zip(PANELS.items(), axes, strict=True):
        groups = summary.groupby("activation", sort=False)
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
        ax.set(xscale="log", xlabel="width (units a layer)")
        ax.set_xticks(widths, widths)
        ax.xaxis.set_minor_locator(NullLocator())
        top = summary[name].max()
        if top > 0:
            ax.set_yscale("log")
            ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            ax.yaxis.set_minor_locator(NullLocator())
        ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
        if name != "nrmse":
            ax.plot(widths, top * (widths / widths[0]) ** -0.5, color=style.GREY, linewidth=1, zorder=0)
        ax.set_title(text, loc="left", fontweight="bold", fontsize=10, pad=7)
    page.legend(*axes[0].get_legend_handles_labels(), loc="upper left", bbox_to_anchor=(0.85, 0.77))
    return page, summary


def title(summary: pd.DataFrame) -> str:
    """What was found, in a line: from the narrowest to the widest."""
    error, scatter = [], []
    for activation, here in summary.groupby("activation", sort=False):
        first, last = here.loc[here.width.idxmin()], here.loc[here.width.idxmax()]
        error.append(f"{last.nrmse / first.nrmse:.1f} ({ACTIVATIONS[activation].label})")
        scatter.append(f"{last.sd_clock / first.sd_clock:.1f}")
    times = f"{summary.width.max() / summary.width.min():.0f} times wider"
    return f"{times}: the error is {' and '.join(error)} times what it was, the scatter {' and '.join(scatter)} times"


def main(table: str, summary: str) -> tuple[Figure, pd.DataFrame]:
    return figure(artifacts.read_table(table), artifacts.read_table(summary))
