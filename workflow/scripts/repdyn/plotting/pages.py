"""Pages of figures: what was found and how to read it at the top, a legend below it, and panels with room for both."""

import re
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.cbook import is_math_text
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from repdyn.plotting import style

WIDTH, MARGIN = 12.0, 0.15  # inches
TITLE, READING, ENTRY = 13, 9.5, 9  # points
_TITLE_LINE, _READING_LINE, _LEGEND_LINE, _APART = 0.27, 0.2, 0.27, 0.12  # inches
_ENTRY = 1.8 + 0.6 + 1.4  # of a legend, in units of its letters: handle, and what is between it, its text and the next


def page(title: str, subtitle: str, body: float, handles: Sequence = (), width: float = WIDTH) -> tuple[Figure, float]:
    """A figure that is free for `body` inches below its head, and how high the head is, in inches.

    The head grows with its words: the title (what was found), the subtitle (how to read it) and the legend of
    `handles` are broken into lines that fit the width.
    """
    inside = width - 2 * MARGIN
    titles, reading = wrapped(title, inside, TITLE, "bold"), wrapped(subtitle, inside, READING)
    legends = _rows(handles, inside)
    below_title = _APART + _TITLE_LINE * len(titles)
    below_reading = below_title + 0.04 + _READING_LINE * len(reading)
    header = below_reading + (_APART + _LEGEND_LINE * len(legends) if legends else 0.0)
    height = header + body
    figure = Figure(figsize=(width, height))
    x = MARGIN / width
    lines: dict[str, Any] = {"x": x, "ha": "left", "va": "top", "linespacing": 1.3}
    figure.text(y=1 - _APART / height, s="\n".join(titles), fontsize=TITLE, fontweight="bold", **lines)
    figure.text(y=1 - (below_title + 0.04) / height, s="\n".join(reading), fontsize=READING, color=style.FAINT, **lines)
    for n, row in enumerate(legends):
        top = 1 - (below_reading + _APART + n * _LEGEND_LINE) / height
        figure.legend(
            handles=row,
            loc="upper left",
            bbox_to_anchor=(x, top),
            ncols=len(row),
            columnspacing=1.4,
            handlelength=1.8,
            handletextpad=0.6,
            borderaxespad=0,
            borderpad=0,
        )
    return figure, header


def panels(
    title: str,
    subtitle: str,
    handles: Sequence,
    titles: Sequence[str],
    height: float,
    *,
    left: float = 0.85,
    right: float = 0.2,
    bottom: float = 0.55,
    gap: float = 0.3,
    widths: Sequence[float] | None = None,
    width: float = WIDTH,
    sharex: bool = False,
    sharey: bool = False,
) -> tuple[Figure, list[Axes]]:
    """A page with a row of panels that are `height` inches high, one for each of `titles`, which stand above them.

    left, right, bottom: margins; gap: between two panels; all in inches. widths: of the panels, relative to each other.
    """
    above = 0.35 if any(titles) else 0.15
    figure, _ = page(title, subtitle, above + height + bottom, handles, width)
    whole = figure.get_size_inches()[1]
    widths = [1.0] * len(titles) if widths is None else widths
    unit = (width - left - right - gap * (len(titles) - 1)) / sum(widths)
    axes: list[Axes] = []
    x = left
    for n, (text, share) in enumerate(zip(titles, widths, strict=True)):
        shared: dict[str, Any] = {
            "sharex": axes[0] if axes and sharex else None,
            "sharey": axes[0] if axes and sharey else None,
        }
        box = (x / width, bottom / whole, share * unit / width, height / whole)
        ax = figure.add_axes(box, **shared)
        letter = f"{'abcdefgh'[n]}   " if len(titles) > 1 else ""
        ax.set_title(f"{letter}{text}", loc="left", fontsize=10, fontweight="bold", pad=7)
        x += share * unit + gap
        axes.append(ax)
    return figure, axes


def gallery(
    title: str, subtitle: str, handles: Sequence, count: int, parts: Sequence[float], caption: float, most: int = 4
) -> tuple[Figure, list[list[Axes]]]:
    """A page with at most `most` columns of panels; every panel is a column of axes with heights `parts` in inches.

    `caption` inches stay free above each panel. Returns the figure and, a panel, its axes from top to bottom.
    """
    columns = min(most, count)
    rows = -(-count // columns)
    left, right, bottom, between, gap = 0.72, 0.25, 0.6, 0.62, 0.14
    panel_width = (WIDTH - left - right - (columns - 1) * between) / columns
    panel_height = sum(parts) + gap * (len(parts) - 1)
    row_height = panel_height + caption + 0.5
    figure, header = page(title, subtitle, rows * row_height + bottom - 0.5, handles)
    height = figure.get_size_inches()[1]
    axes = []
    for panel in range(count):
        row, column = divmod(panel, columns)
        x, top = left + column * (panel_width + between), height - header - row * row_height - caption
        column_of_axes = []
        for part in parts:
            top -= part
            column_of_axes.append(figure.add_axes((x / WIDTH, top / height, panel_width / WIDTH, part / height)))
            top -= gap
        for ax in column_of_axes[:-1]:
            ax.tick_params(labelbottom=False)
        if panel + columns >= count:
            column_of_axes[-1].set_xlabel("training step (optimiser steps)")
        axes.append(column_of_axes)
    return figure, axes


def wrapped(text: str, inches: float, size: float, weight: str = "normal") -> list[str]:
    """The lines of a text that is at most so wide; words and formulas stay whole."""
    lines: list[str] = []
    for word in re.findall(r"(?:\$[^$]*\$|\S)+", text):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size, weight) <= inches:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def text_width(text: str, size: float, weight: str = "normal") -> float:
    """How wide a line is, in inches."""
    font = FontProperties(family="DejaVu Sans", weight=weight, size=size)
    return text_to_path.get_text_width_height_descent(text, font, ismath=is_math_text(text))[0] / 72


def _rows(handles: Sequence, inches: float) -> list[list]:
    """The entries of a legend in rows that fit the width."""
    rows: list[list] = []
    used = 0.0
    for handle in handles:
        wide = text_width(handle.get_label(), ENTRY) + _ENTRY * ENTRY / 72
        if not rows or used + wide > inches:
            rows.append([])
            used = 0.0
        rows[-1].append(handle)
        used += wide
    return rows
