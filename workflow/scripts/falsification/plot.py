"""The theory against altered equations: how far each is behind in every setting, by orbits and by trajectories."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter

from repdyn import artifacts
from repdyn.plotting import style
from repdyn.theory.altered import DYNAMICS

RIVALS = [name for name in DYNAMICS if name != "theory"]
MARKERS = dict(zip(RIVALS, "sD^v"))
COLOURS = dict(zip(RIVALS, (style.ORANGE, style.GREEN, style.VERMILION, style.BLUE)))
PANELS = {"orbit": "Orbit Y(H), no clock in it", "trajectory": "Trajectories, the clock left free"}
LOWEST = 1e-3  # of the power over the theory's error: below, two orbits are one
EDGES = 0.05, 100  # of the axes; what lies beyond stands on them


def figure(summary: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """A row a setting, a panel a comparison and number of outputs: error over the theory's; and the numbers drawn."""
    summary = summary[summary.networks > 0]
    numbers = summary[summary.rival != "best"].reset_index(drop=True)
    settings = list(dict.fromkeys(numbers.setting))
    panels = [
        (comparison, outputs)
        for comparison in PANELS
        for outputs in sorted(numbers[numbers.comparison == comparison].outputs.unique())
    ]
    rows = max(len(settings), 4) * 0.3
    header, bottom = 1.6, 0.85
    height = header + rows + bottom
    page = Figure(figsize=(12, height))
    networks = numbers.networks.max() if len(numbers) else 0
    style.headline(
        page,
        title(summary),
        "Error of each altered equation over the theory's in the same networks "
        f"(at most {networks} a setting): geometric mean and interval; right of the line the theory is better.",
    )
    handles = [
        Line2D([], [], linestyle="", marker=MARKERS[name], color=COLOURS[name], label=DYNAMICS[name].change)
        for name in RIVALS
    ]
    form = {"linestyle": "", "marker": "o", "color": style.FAINT, "markerfacecolor": "none"}
    handles.append(Line2D([], [], **form, label="open: would not be worse even if the theory were exact"))
    style.legend(page, handles, below=0.78)
    left, right, gap = 0.085, 0.985, 0.02
    width = (right - left - gap * (len(panels) - 1)) / max(len(panels), 1)
    for i, (comparison, outputs) in enumerate(panels):
        ax = page.add_axes((left + i * (width + gap), bottom / height, width, rows / height))
        _panel(ax, numbers[(numbers.comparison == comparison) & (numbers.outputs == outputs)], settings)
        count = f"{outputs} output" + ("s" if outputs > 1 else "")
        ax.set_title(f"{PANELS[comparison]}\n{count}", loc="left", fontsize=9, fontweight="bold", pad=6)
        if i:
            ax.tick_params(labelleft=False)
    page.text(0.535, 0.38 / height, "error over the theory's error (log; at the edge: beyond)", ha="center")
    return page, numbers


def title(summary: pd.DataFrame) -> str:
    """What was found by trajectories, where they say most: with the most outputs."""
    best = summary[(summary.rival == "best") & (summary.comparison == "trajectory")]
    best = best[best.outputs == best.outputs.max()]
    if not len(best):
        return "Is it these equations? No network was kept"
    certain = best.ratio_low.notna().any()
    ahead, behind = (best.ratio_low > 1, best.ratio_high < 1) if certain else (best.ratio > 1, best.ratio < 1)
    how = "" if certain else "on average "
    outputs = f"{best.outputs.max()} output" + ("s" if best.outputs.max() > 1 else "")
    return (
        f"The theory's equations fit {how}best in {ahead.sum()} of {len(best)} settings, an altered one in "
        f"{behind.sum()} ({outputs}, clock left free)"
    )


def _panel(ax, numbers, settings):
    ax.axvline(1, color="black", linewidth=1.2, linestyle=style.DASHES, zorder=1)
    for y in range(len(settings)):
        ax.axhline(y, color=style.GREY, linewidth=0.5, alpha=0.4, zorder=0)
    for place, name in enumerate(RIVALS):
        mine = numbers[(numbers.rival == name) & (numbers.power > LOWEST)]
        y = np.array([settings.index(setting) for setting in mine.setting]) + 0.14 * (place - 1.5)
        ax.hlines(y, mine.ratio_low.clip(*EDGES), mine.ratio_high.clip(*EDGES), color=COLOURS[name], linewidth=1.2)
        for told, face in ((mine.power > 1, COLOURS[name]), (mine.power <= 1, "white")):
            form = {"marker": MARKERS[name], "markersize": 5.5, "markerfacecolor": face, "color": COLOURS[name]}
            shown = mine.ratio[told].clip(*EDGES)
            ax.plot(shown, y[told.to_numpy()], linestyle="", zorder=3, clip_on=False, **form)
    ax.set_xscale("log")
    ax.set_xlim(*EDGES)
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_yticks(range(len(settings)), settings)
    ax.set_ylim(len(settings) - 0.4, -0.6)


def main(table: str) -> tuple[Figure, pd.DataFrame]:
    return figure(artifacts.read_table(table))
