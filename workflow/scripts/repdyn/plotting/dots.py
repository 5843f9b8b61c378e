"""Predictions beside a baseline: one line a setting and position of the points, a panel a kind of prediction."""

from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from repdyn.plotting import pages, style

EDGES = 0.005, 9.0  # of the axes; what lies beyond stands on them
ROW = 0.34  # inches


@dataclass(frozen=True)
class Marks:
    """Estimates to draw in one panel: means with columns NAME, NAME_low, NAME_high; single networks in `column`."""

    means: pd.DataFrame
    name: str
    networks: pd.DataFrame
    column: str


def cases(table: pd.DataFrame) -> list[tuple[str, str]]:
    """Settings and positions of the points, in the order of the table."""
    return list(dict.fromkeys(zip(table.setting, table.position)))


def compared(
    title: str,
    subtitle: str,
    places: list[tuple[str, str]],
    shown: dict[str, tuple[Marks, Marks]],
    ahead: dict[str, pd.Series],
    baseline: str,
    axis: str,
) -> Figure:
    """A page with a panel for each of `shown`: the theory's errors, coloured by `ahead`, and a baseline's.

    ahead: for each panel the interval (low, high) of the theory's lead over the baseline, a row each of its means.
    """
    handles = [
        *style.side_handles("closer than the baseline", "further off", "not told apart"),
        style.mark("x", f"baseline: {baseline}"),
        style.mark(".", "single networks", alpha=0.5),
    ]
    height = max(len(places), 3) * ROW
    figure, axes = pages.panels(title, subtitle, handles, list(shown), height, left=1.5, bottom=0.6)
    for n, (ax, (name, (theory, other))) in enumerate(zip(axes, shown.items(), strict=True)):
        _rows(ax, places)
        sides = style.side(ahead[name].low, ahead[name].high)
        _draw(ax, places, theory, -0.12, "o", [style.SIDES[side] for side in sides])
        _draw(ax, places, other, 0.14, "x", [style.FAINT] * len(other.means))
        ax.tick_params(axis="y", length=0, labelleft=not n)
        ax.set_xlabel(axis)
    return figure


def _draw(ax: Axes, places, marks: Marks, shift: float, marker: str, colours: list[str]) -> None:
    for row, colour in zip(marks.means.to_dict("records"), colours, strict=True):
        y = places.index((row["setting"], row["position"])) + shift
        networks = marks.networks
        single = networks[(networks.setting == row["setting"]) & (networks.position == row["position"])][marks.column]
        ax.plot(
            single.clip(*EDGES),
            [y] * len(single),
            ".",
            markersize=3.5,
            color=colour,
            alpha=0.45,
            zorder=2,
            clip_on=False,
        )
        value, low, high = (pd.Series(row[f"{marks.name}{end}"]).clip(*EDGES).iloc[0] for end in ("", "_low", "_high"))
        ax.hlines(y, low, high, color=colour, linewidth=1.6, zorder=3)
        ax.plot(value, y, marker, markersize=6.5, color=colour, zorder=4, clip_on=False)


def _rows(ax: Axes, places) -> None:
    for y in range(0, len(places), 2):
        ax.axhspan(y - 0.5, y + 0.5, color="#f4f4f4", linewidth=0, zorder=0)
    ax.set_xscale("log")
    ax.set_xlim(*EDGES)
    ax.xaxis.set_major_locator(LogLocator())
    style.percents(ax.xaxis)
    ax.xaxis.set_minor_formatter(NullFormatter())
    labels = [f"{setting}, {'paper' if position == 'paper' else 'general'}" for setting, position in places]
    ax.set_yticks(range(len(places)), labels)
    ax.set_ylim(max(len(places), 1) - 0.5, -0.5)
