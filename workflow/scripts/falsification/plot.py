"""The theory against altered equations: how far the best of them is behind the theory, in every setting."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from repdyn import artifacts
from repdyn.plotting import pages, style
from repdyn.theory.altered import DYNAMICS

MARKERS = dict(zip((name for name in DYNAMICS if name != "theory"), "sD^v"))
PANELS = {"trajectory": "Trajectories, the clock left free", "orbit": "Orbit Y(H), no clock in it"}
LOWEST = 1e-3  # of the power over the theory's error: below, two orbits are one
EDGES = 0.05, 100  # of the axes; what lies beyond stands on them
ROW = 0.36  # inches


def main(table: str) -> tuple[Figure, pd.DataFrame]:
    """A row a setting, a panel a comparison, with the most outputs that were tried; and the numbers drawn."""
    summary = artifacts.read_table(table)
    numbers = summary[(summary.networks > 0) & (summary.outputs == summary.outputs.max())].reset_index(drop=True)
    settings = list(dict.fromkeys(numbers.setting))
    networks = numbers.networks.max() if len(numbers) else 0
    most = summary.outputs.max() if len(summary) else 0
    handles = [
        *style.side_handles("the theory is better", "the best altered equation is better", "not told apart"),
        *(style.mark(marker, DYNAMICS[name].change, style.GREY) for name, marker in MARKERS.items()),
        style.mark("o", "open: can't be worse even if the theory were exact", markerfacecolor="none"),
    ]
    page, axes = pages.panels(
        title(summary),
        f"Error of an altered equation over the theory's in the same networks (at most {networks} a setting, outputs: "
        f"{most}). "
        "Large: of the best altered one in each network, geometric mean and interval (from 5 networks on). Small: each "
        "of them. At the edge: beyond.",
        handles,
        list(PANELS.values()),
        max(len(settings), 3) * ROW,
        left=1.2,
        bottom=0.6,
    )
    for n, (ax, comparison) in enumerate(zip(axes, PANELS, strict=True)):
        _panel(ax, numbers[numbers.comparison == comparison], settings)
        ax.tick_params(axis="y", length=0, labelleft=not n)
    return page, numbers


def title(summary: pd.DataFrame) -> str:
    """What was found by trajectories, where they say most: with the most outputs."""
    best = summary[(summary.rival == "best") & (summary.comparison == "trajectory") & (summary.networks > 0)]
    best = best[best.outputs == best.outputs.max()]
    if not len(best):
        return "Is it these equations? No network was kept"
    certain = best.ratio_low.notna().any()
    ahead, behind = (best.ratio_low > 1, best.ratio_high < 1) if certain else (best.ratio > 1, best.ratio < 1)
    how = "" if certain else "on average "
    return (
        f"The theory's equations fit {how}best in {ahead.sum()} of {len(best)} settings, an altered one in "
        f"{behind.sum()}, the clock left free"
    )


def _panel(ax, numbers: pd.DataFrame, settings: list[str]) -> None:
    for y in range(0, len(settings), 2):
        ax.axhspan(y - 0.5, y + 0.5, color="#f4f4f4", linewidth=0, zorder=0)
    ax.axvline(1, color="black", linewidth=1.2, linestyle=style.DASHES, zorder=1)
    for name, marker in MARKERS.items():
        mine = numbers[(numbers.rival == name) & (numbers.power > LOWEST)]
        for row in mine.itertuples():
            face = style.GREY if row.power > 1 else "white"
            y = settings.index(row.setting) + 0.2
            form = {"color": style.GREY, "markerfacecolor": face, "markersize": 5, "clip_on": False}
            ax.plot(min(max(row.ratio, EDGES[0]), EDGES[1]), y, marker, zorder=3, **form)
    best = numbers[numbers.rival == "best"]
    for row, side in zip(best.itertuples(), style.side(best.ratio_low, best.ratio_high, 1), strict=True):
        value, low, high = pd.Series([row.ratio, row.ratio_low, row.ratio_high]).clip(*EDGES)
        y = settings.index(row.setting) - 0.14
        ax.hlines(y, low, high, color=style.SIDES[side], linewidth=2, zorder=4)
        ax.plot(value, y, "o", color=style.SIDES[side], markersize=8, zorder=5, clip_on=False)
    ax.set_xscale("log")
    ax.set_xlim(*EDGES)
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("error over the theory's error (log)")
    ax.set_yticks(range(len(settings)), settings)
    ax.set_ylim(max(len(settings), 1) - 0.5, -0.5)
