"""Final distance of two representations: predicted from rates fitted elsewhere against measured, a panel a setting."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter

from repdyn import artifacts
from repdyn.plotting import curves, style

COLUMNS = 3
KINDS = {
    "task": (style.BLUE, "o", r"set by the task ($A_{low} > A_{high}$)"),
    "initialisation": (style.ORANGE, "s", r"set by the initialisation ($A_{high} \geq A_{low}$)"),
    "dropped": (style.GREY, "x", "did not learn, does not count"),
}
SQUEEZED = 1e-9  # H below this has no place on a logarithmic axis


def table(cells: pd.DataFrame) -> pd.DataFrame:
    """The numbers to draw: cells with a prediction, and their kind, one of KINDS."""
    numbers = cells[np.isfinite(cells.predicted) & np.isfinite(cells.measured)].copy()
    numbers["kind"] = np.where(numbers.a_high >= numbers.a_low, "initialisation", "task")
    numbers.loc[~numbers.kept, "kind"] = "dropped"
    columns = ["setting", "dx", "dy", "seed", "predicted", "low", "high", "measured", "kind", "status"]
    return numbers[columns].reset_index(drop=True)


def figure(cells: pd.DataFrame, explained: pd.DataFrame, rows: dict[str, dict]) -> tuple[Figure, pd.DataFrame]:
    """One panel a setting, on logarithmic axes with the identity; and the numbers drawn.

    cells, explained: the tables final_distance and final_distance_explained.
    """
    numbers = table(cells)
    names = list(dict.fromkeys(cells.setting))
    page, panels = style.gallery(len(names), parts=(2.9,), header=1.1, caption=0.87, most=COLUMNS)
    seeds = cells.seed.nunique()
    style.headline(
        page,
        "How far apart representations end: predicted from rates fitted at other distances, against measured",
        rf"One point a network, {seeds} a cell of the grid of $|\Delta x|$, $|\Delta y|$; larger for larger "
        r"$|\Delta x|$. Over initialisations: bars, spread of the rates; brackets, bootstrap intervals.",
    )
    handles = [
        Line2D([], [], color=colour, marker=marker, linestyle="", markersize=5, label=label)
        for kind, (colour, marker, label) in KINDS.items()
        if (numbers.kind == kind).any()
    ]
    handles.append(Line2D([], [], color="black", linewidth=1.2, linestyle=style.DASHES, label="theory: equal"))
    if (numbers.dy == 0).any():
        form = {"markerfacecolor": "none", "color": style.FAINT, "marker": "s", "linestyle": "", "markersize": 5}
        handles.append(Line2D([], [], **form, label=r"open: one target for both ($\Delta y = 0$)"))
    style.legend(page, handles, below=0.72)
    for number, (name, (ax,)) in enumerate(zip(names, panels, strict=True)):
        _panel(ax, numbers[numbers.setting == name])
        found = explained[explained.setting == name].set_index("explanation")
        _caption(ax, cells[cells.setting == name], found, rows[name])
        ax.set_xlabel("predicted H")
        if number % COLUMNS == 0:
            ax.set_ylabel("measured H")
    return page, numbers


def _panel(ax, numbers):
    drawn = numbers[(numbers.predicted > SQUEEZED) & (numbers.measured > SQUEEZED)]
    if not len(drawn):
        ax.text(0.5, 0.5, "nothing to compare", ha="center", transform=ax.transAxes, color=style.VERMILION)
        ax.set_xticks([])
        ax.set_yticks([])
        return
    ends = drawn[["predicted", "measured"]].to_numpy()
    ends = ends.min() / 2, ends.max() * 2
    ax.plot(ends, ends, color="black", linewidth=1.2, linestyle=style.DASHES, zorder=1)
    for kind, (colour, marker, _) in KINDS.items():
        for (dx, one_target), here in drawn[drawn.kind == kind].groupby(["dx", drawn.dy == 0]):
            bars = np.nan_to_num(np.abs(here[["low", "high"]].to_numpy() - here[["predicted"]].to_numpy())).T
            ax.errorbar(
                here.predicted,
                here.measured,
                xerr=bars,
                fmt=marker,
                color=colour,
                markerfacecolor="none" if one_target else colour,
                markersize=3.5 + 3.5 * (dx / drawn.dx.max()) ** 2,
                elinewidth=1.2,
                capsize=2,
                alpha=0.85,
                zorder=3,
            )
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlim(ends)
    ax.set_ylim(ends)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_minor_formatter(NullFormatter())


def _caption(ax, cells, found, row):
    """Five lines above a panel: name, description, agreement of all and of the filled points, how many cells count."""
    kept = cells[cells.kept]
    agreement = [_agreement("all", found.loc["all cells"]), _agreement("filled", found.loc["as predicted"])]
    if not np.isfinite(found.r2["all cells"]):
        agreement = ["no rates" if (kept.status == "no rates").any() else "too few cells to compare", ""]
    frozen = (cells.status == "frozen").any()
    source = r"no converged fit, $\eta_h = 0$" if frozen else f"rates of {cells.fits.iloc[0]} fits"
    count = f"{len(kept)} of {len(cells)} cells learned, {source}"
    if hidden := len(kept) - int(found.cells["all cells"]):
        count += f"; {hidden} not comparable"
    for height, line, form in (
        (51, row["name"], {"fontweight": "bold", "fontsize": 10}),
        (39, curves.describe(row), {"fontsize": 8}),
        (28, agreement[0], {"fontsize": 8, "color": style.FAINT}),
        (17, agreement[1], {"fontsize": 8, "color": style.FAINT}),
        (6, count, {"fontsize": 8, "color": style.FAINT if len(kept) == len(cells) else style.VERMILION}),
    ):
        ax.annotate(line, (0, 1), (0, height), xycoords="axes fraction", textcoords="offset points", **form)


def _agreement(scope, found):
    """R^2 and slope with their intervals, where there are some."""
    parts = []
    for name, shown in (("r2", "$R^2$"), ("slope", "slope")):
        interval = (
            "" if np.isnan(found[f"{name}_low"]) else f" [{found[f'{name}_low']:.2f}, {found[f'{name}_high']:.2f}]"
        )
        parts.append(f"{shown} {found[name]:.2f}{interval}")
    return f"{scope}: {', '.join(parts)}"


def main(table: str, explained: str, rows: dict[str, dict]) -> tuple[Figure, pd.DataFrame]:
    cells, found = artifacts.read_table(table), artifacts.read_table(explained)
    return figure(cells, found, rows)
