"""The theory against altered equations: sums of squares of every setting, shares of wins, and one network's curves."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from repdyn import artifacts
from repdyn.plotting import style
from repdyn.theory.altered import DYNAMICS

MARKERS = dict(zip(DYNAMICS, "osD^v"))
COLOURS = dict(zip(DYNAMICS, ("black", style.ORANGE, style.GREEN, style.VERMILION, style.BLUE)))


def figure(numbers: pd.DataFrame, fits: pd.DataFrame, shown: str, confidence: float) -> tuple[Figure, pd.DataFrame]:
    """Sums of squares of all settings beside shares of wins, above one network's curves under the five best fits."""
    settings = list(dict.fromkeys(fits.setting))
    rows = max(len(settings), 6) * 0.25
    height = 1.35 + rows + 1.15 + 2.1 + 0.75
    page = Figure(figsize=(12, height))
    share, wins = "no network was kept", numbers[numbers.quantity == "win"].set_index("dynamics")
    if "theory" in wins.index:
        share = f"lowest sum in {style.percent(wins.value['theory'])} of {wins.networks['theory']} networks"
    style.headline(
        page,
        f"Is it these equations? The theory against four alterations of it: {share}",
        "Each of the five right-hand sides has two rates, fitted to the same H, Y and w of every network. "
        "Lower sums of squares are better; of networks: mean over settings.",
    )
    handles = [
        Line2D([], [], linestyle="", marker=MARKERS[name], color=COLOURS[name], markersize=7, label=dynamics.change)
        for name, dynamics in DYNAMICS.items()
    ]
    style.legend(page, handles, below=0.74)
    top, bottom = 1 - 1.35 / height, 1 - (1.35 + rows) / height
    _sums(page.add_axes((0.105, bottom, 0.5, top - bottom)), numbers, settings)
    _shares(page.add_axes((0.79, bottom, 0.19, top - bottom)), numbers)
    low = 0.75 / height
    _curves(page, numbers, (low, 2.1 / height), shown)
    level = f"{100 * confidence:g} %"
    note = f"Bars: {level} intervals, of sums over networks (bootstrap), of shares over settings (Jeffreys)."
    if (numbers.quantity == "sse_discarded").any():
        note += " Open: no network of the setting was kept, all of them are shown."
    page.text(0.012, 0.1 / height, note, color=style.FAINT)
    return page, numbers


def _sums(ax, numbers, settings):
    for name in reversed(DYNAMICS):  # the theory on top
        for quantity in ("sse", "sse_discarded"):
            mine = numbers[(numbers.quantity == quantity) & (numbers.dynamics == name)]
            if len(mine):
                y = [settings.index(setting) for setting in mine.setting]
                bars = np.nan_to_num(np.abs(mine[["low", "high"]].to_numpy() - mine[["value"]].to_numpy()).T)
                ax.errorbar(
                    mine.value,
                    y,
                    xerr=bars,
                    linestyle="",
                    marker=MARKERS[name],
                    markersize=8 if name == "theory" else 5.5,
                    color=COLOURS[name],
                    markerfacecolor=COLOURS[name] if quantity == "sse" else "none",
                    elinewidth=0.9,
                    alpha=1 if name == "theory" else 0.85,
                    zorder=4 if name == "theory" else 3,
                )
    for y in range(len(settings)):
        ax.axhline(y, color=style.GREY, linewidth=0.5, alpha=0.4, zorder=0)
    if ax.has_data():
        ax.set_xscale("log")
    ax.set_yticks(range(len(settings)), settings)
    ax.set_ylim(len(settings) - 0.4, -0.6)
    ax.set_xlabel("sum of squares over H, Y, w and all steps (log)")
    _title(ax, "a", "Sum of squares of the best fit, by setting")


def _shares(ax, numbers):
    names = list(DYNAMICS)
    for quantity, alpha, height in (("win", 0.35, 0.62), ("decisive", 1, 0.3)):
        mine = numbers[numbers.quantity == quantity].set_index("dynamics")
        for name in mine.index:
            ax.barh(names.index(name), mine.value[name], height, color=COLOURS[name], alpha=alpha, linewidth=0)
            if quantity == "win":
                low, high = mine.low[name], mine.high[name]
                ax.plot([low, high], [names.index(name)] * 2, color=style.FAINT, linewidth=1.2, zorder=4)
                ax.annotate(
                    style.percent(mine.value[name]),
                    (max(high, mine.value[name]), names.index(name)),
                    (5, 0),
                    textcoords="offset points",
                    va="center",
                )
    ax.set_yticks(range(len(names)), [DYNAMICS[name].change for name in names])
    ax.set_ylim(len(names) + 0.6, -0.6)  # with room for the legend
    ax.set_xlim(0, 1)
    ax.xaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    ax.set_xlabel("share of kept networks")
    handles = [Patch(facecolor=style.FAINT, alpha=alpha) for alpha in (0.35, 1)]
    labels = ["lowest sum of squares", "and the criterion\nof all others 2 or more behind"]
    ax.legend(handles, labels, loc="lower right", fontsize=8, borderaxespad=0)
    _title(ax, "b", "Who fits best")


def _curves(page, numbers, box, setting):
    shown = numbers[numbers.quantity.isin(list("HYw"))]
    low, height = box
    network = shown[shown.dynamics == ""]
    values = network.value[np.isfinite(network.value)]
    left, right, gap = 0.06, 0.985, 0.018
    width = (right - left - gap * (len(DYNAMICS) - 1)) / len(DYNAMICS)
    sums = numbers[numbers.quantity == "sse_network"].set_index("dynamics").value
    for i, (name, dynamics) in enumerate(DYNAMICS.items()):
        ax = page.add_axes((left + i * (width + gap), low, width, height))
        for quantity in "HYw":
            colour = style.COLOUR[quantity]
            seen = network[network.quantity == quantity]
            ax.plot(seen.step, seen.value, color=colour, linewidth=2.6, alpha=0.6, label=quantity)
            fit = shown[(shown.dynamics == name) & (shown.quantity == quantity)]
            ax.plot(fit.step, fit.value, color=style.dark(colour), linewidth=1.3, linestyle=style.DASHES)
        ax.axhline(0, color=style.GREY, linewidth=0.6, zorder=0)
        if len(values):
            space = 0.08 * np.ptp(values) + 1e-9
            ax.set_ylim(min(values.min(), 0) - space, values.max() + 2 * space)
        style.few_steps(ax)
        ax.set_title(dynamics.change, loc="left", fontsize=9, color=COLOURS[name], fontweight="bold", pad=5)
        if name in sums:
            ax.annotate(
                f"SSE {style.number(sums[name])}", (0.97, 0.1), xycoords="axes fraction", ha="right", color=style.FAINT
            )
        if i:
            ax.tick_params(labelleft=False)
        else:
            ax.legend(loc="center right", ncols=1, handlelength=1.2, borderaxespad=0)
            ax.set_ylabel("H, Y, w")
    top = low + height + 0.32 / page.get_size_inches()[1]
    seed = network.seed.iloc[0]
    told = f"c   One network of setting {setting} (seed {seed}, solid) and the best fit of each equation (dashed)"
    page.text(left - 0.045, top, told, fontweight="bold", fontsize=10)
    page.text(0.5, low - 0.36 / page.get_size_inches()[1], "training step (optimiser steps)", ha="center")


def _title(ax, letter, title):
    ax.set_title(f"{letter}   {title}", loc="left", fontweight="bold", fontsize=10, pad=7)


def main(table: str, fits: str, shown: str, confidence: float) -> tuple[Figure, pd.DataFrame]:
    numbers = artifacts.read_table(table).astype({"dynamics": str, "seed": "Int64", "step": "Int64"})
    return figure(numbers.fillna({"dynamics": ""}), artifacts.read_table(fits), shown, confidence)
