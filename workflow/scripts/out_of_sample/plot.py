"""Errors of trajectories predicted from rates fitted at other distances, against those of fits at the cells."""

import numpy as np
import pandas as pd
import seaborn
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from repdyn import artifacts
from repdyn.plotting import curves, style

COLUMNS = 3
MARKERS = "osD^vP*X"
LOWEST, HIGHEST = 0.01, 3  # where the axes end; a point beyond lies on the edge


def table(cells: pd.DataFrame) -> pd.DataFrame:
    """The numbers to draw: cells that count and have both errors."""
    there = cells.kept & np.isfinite(cells.nrmse_predicted) & np.isfinite(cells.nrmse_fitted)
    columns = ["setting", "dx", "dy", "seed", "nrmse_fitted", "nrmse_predicted", "nrmse_same", "status"]
    return cells.loc[there, columns].reset_index(drop=True)


def figure(cells: pd.DataFrame, rows: dict[str, dict]) -> tuple[Figure, pd.DataFrame]:
    """One panel a setting, colour for |dx| and marker for |dy|, on logarithmic axes; and the numbers drawn."""
    numbers = table(cells)
    names = list(dict.fromkeys(cells.setting))
    page, panels = style.gallery(len(names), parts=(2.9,), header=1.35, caption=0.72, most=COLUMNS)
    row = rows[names[0]]
    style.headline(
        page,
        "Whole trajectories predicted from rates that were fitted at another pair of distances",
        rf"Rates from $|\Delta x|$ = {row['dx2'] ** 0.5:.2g}, $|\Delta y|$ = {row['dy2'] ** 0.5:.2g}, not refitted. "
        "Error: RMS distance of theory from experiment over the range of the curve, mean of H, Y and w.",
    )
    colours = dict(
        zip(sorted(cells.dx.unique()), seaborn.color_palette("viridis", cells.dx.nunique() + 1), strict=False)
    )
    markers = {dy: MARKERS[i % len(MARKERS)] for i, dy in enumerate(sorted(cells.dy.unique()))}
    form = {"linestyle": "", "markersize": 6}
    style.legend(
        page,
        [
            *(
                Line2D([], [], color=c, marker="o", label=rf"$|\Delta x|$ = {dx:g}", **form)
                for dx, c in colours.items()
            ),
            Line2D([], [], color="black", linewidth=1.2, linestyle=style.DASHES, label="as good as a fit at the cell"),
        ],
        below=0.72,
    )
    note = {0.0: " (no task: H hardly moves)"}
    style.legend(
        page,
        [
            Line2D([], [], color=style.FAINT, marker=m, label=rf"$|\Delta y|$ = {dy:g}{note.get(dy, '')}", **form)
            for dy, m in markers.items()
        ],
        below=0.96,
    )
    for number, (name, (ax,)) in enumerate(zip(names, panels, strict=True)):
        here = numbers[numbers.setting == name]
        ax.plot([LOWEST, HIGHEST], [LOWEST, HIGHEST], color="black", linewidth=1.2, linestyle=style.DASHES, zorder=1)
        for (dx, dy), points in here.groupby(["dx", "dy"]):
            ends = (points[error].clip(LOWEST, HIGHEST) for error in ("nrmse_fitted", "nrmse_predicted"))
            ax.plot(*ends, markers[dy], color=colours[dx], markersize=6, alpha=0.85, zorder=3, clip_on=False)
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_xlim(LOWEST, HIGHEST)
        ax.set_ylim(LOWEST, HIGHEST)
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
        ax.set_xlabel("error of a fit at the cell")
        if number % COLUMNS == 0:
            ax.set_ylabel("error of the prediction")
        _caption(ax, cells[cells.setting == name], here, rows[name])
    return page, numbers


def _caption(ax, cells, drawn, row):
    """Four lines above a panel: name, description, median errors, and how many cells count."""
    task = drawn[drawn.dy > 0]
    predicted, fitted = (style.percent(task[error].median()) for error in ("nrmse_predicted", "nrmse_fitted"))
    median = rf"median, $\Delta y > 0$: {predicted}, fitted {fitted}"
    if not len(drawn):
        median = "no rates" if (cells.status == "no rates").any() else "no cell with both errors"
    kept = int(cells.kept.sum())
    frozen = (cells.status == "frozen").any()
    source = r"no converged fit, $\eta_h = 0$" if frozen else f"rates of {cells.fits.iloc[0]} fits"
    count = f"{kept} of {len(cells)} cells learned, {source}"
    for height, line, form in (
        (40, row["name"], {"fontweight": "bold", "fontsize": 10}),
        (28, curves.describe(row), {"fontsize": 8}),
        (17, median, {"fontsize": 8, "color": style.FAINT}),
        (6, count, {"fontsize": 8, "color": style.FAINT if kept == len(cells) else style.VERMILION}),
    ):
        ax.annotate(line, (0, 1), (0, height), xycoords="axes fraction", textcoords="offset points", **form)


def main(table: str, rows: dict[str, dict]) -> tuple[Figure, pd.DataFrame]:
    return figure(artifacts.read_table(table), rows)
