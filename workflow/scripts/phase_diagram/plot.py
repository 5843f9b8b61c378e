"""The phase diagram of depth and initial gain: where the task sets representations, and where their beginning does."""

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from repdyn import artifacts
from repdyn.plotting import pages, style

LAYERS = {"middle": (style.BLUE, "o", "middle layer"), "last": (style.GREEN, "D", "last hidden layer")}


def main(cells: str, networks: str, crossover: str) -> tuple[Figure, pd.DataFrame]:
    """A map of how much distances grow, and the crossover over depth; and the numbers drawn."""
    cells, networks, crossover = map(artifacts.read_table, (cells, networks, crossover))
    width, border = cells.width.min(), cells.border.iloc[0]
    cells = cells[cells.width == width]
    measured = [table[(table.width == width) & (table.way == "measured")] for table in (networks, crossover)]
    critical = crossover.mean_field.iloc[0] if crossover.mean_field.nunique() == 1 else np.nan
    level = crossover.interval.iloc[0].split(", ")[-1]
    page, (left, right) = pages.panels(
        title(measured[1]),
        f"{width} units a layer, {cells.of.max()} networks a cell. Rich: learning multiplies the squared distance H of "
        f"the two points by more than {border:.2f}, where the task's term of the fixed point is the larger one. a: "
        "middle "
        "layer; hatched: no network trained; small numbers: how many, if not all. b: measured at every network, mean "
        "and "
        f"{level} interval (from 5 networks on); triangles: networks that cross beyond the gains tried.",
        [],
        ["How much learning moves representations apart", "Where rich turns lazy"],
        3.5,
        gap=1.5,
    )
    _map(left, cells, border, critical)
    _crossover(right, *measured, critical)
    shown = measured[1][measured[1].place.notna()]
    drawn = pd.concat([cells.assign(what="cell"), shown.assign(what="crossover")], ignore_index=True)
    return page, drawn


def title(crossover: pd.DataFrame) -> str:
    """Where the deepest networks turn from rich to lazy, and whether that is the mean field's gain."""
    seen = crossover.dropna(subset="value").sort_values("depth")
    found = {place: seen[seen.place == place].iloc[-1] for place in LAYERS if (seen.place == place).any()}
    if not found:
        return "Where rich turns lazy cannot be told: no crossover was seen"
    deepest = found.get("last", next(iter(found.values())))
    where = "last" if "last" in found else "middle"
    text = f"In the {where} of {deepest.depth} layers rich turns lazy at gain {deepest.value:.2f}"
    if deepest.mean_field > 0:
        said = {0: ", not told from", 1: ", above", -1: ", below"}
        word = said[int(style.side(deepest.low, deepest.high, deepest.mean_field))]
        text += f"{word if deepest.low == deepest.low else '; by'} mean field: {deepest.mean_field:.2f}"
    if "last" in found and "middle" in found:
        text += f" (middle layer: {found['middle'].value:.2f})"
    return text


def _map(ax, cells, border, critical):
    values = cells.pivot(index="depth", columns="gain", values="growth")
    gains, depths = values.columns.to_numpy(), values.index.to_numpy()
    reach = max(float(np.nanmax(np.abs(np.log(values / border)))), 0.1) if values.notna().any(axis=None) else 1.0
    norm = LogNorm(border * np.exp(-min(reach, 2)), border * np.exp(min(reach, 2)))
    image = ax.pcolormesh(np.ma.masked_invalid(values.to_numpy()), cmap="RdBu", norm=norm, edgecolors="white", lw=0.4)
    ax.set_facecolor("#e4e4e4")
    for cell in cells.itertuples():
        x, y = np.flatnonzero(gains == cell.gain)[0], np.flatnonzero(depths == cell.depth)[0]
        if np.isnan(cell.growth):
            box = matplotlib.patches.Rectangle((x, y), 1, 1, hatch="////", fill=False, ec=style.GREY, lw=0)
            ax.add_patch(box)
        elif cell.networks < cell.of:
            ax.text(x + 0.95, y + 0.06, cell.networks, ha="right", va="bottom", fontsize=7)
    if np.isfinite(critical):
        place = np.interp(critical, gains, np.arange(len(gains)) + 0.5)
        ax.axvline(place, color="black", linestyle=style.DASHES)
    step = max(1, len(gains) // 8)
    ax.set_xticks(np.arange(len(gains))[::step] + 0.5, [f"{gain:.3g}" for gain in gains[::step]])
    ax.set_yticks(np.arange(len(depths)) + 0.5, depths)
    ax.set_xlabel("gain (scale of the initial weights)")
    ax.set_ylabel("depth (hidden layers)")
    box = ax.get_position()
    bar_box = ax.figure.add_axes((box.x1 + 0.012, box.y0, 0.012, box.height))
    bar = ax.figure.colorbar(image, cax=bar_box, extend="both")
    bar.ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    bar.ax.yaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "25" else "")
    bar.set_label("H at the end / H(0):   lazy  —  rich")


def _crossover(ax, networks, crossover, critical):
    for shift, (place, (colour, marker, name)) in enumerate(LAYERS.items()):
        factor = 1.03**shift
        single = networks[networks.place == place]
        seen = single[single.beyond == 0]
        ax.plot(factor * seen.depth, seen.crossover, ".", color=colour, alpha=0.35, markersize=5, markeredgewidth=0)
        for beyond, arrow, edge in ((1, "^", "last_gain"), (-1, "v", "first_gain")):
            censored = single[single.beyond == beyond]
            ax.plot(factor * censored.depth, censored[edge], arrow, color=colour, markersize=4, alpha=0.6)
        means = crossover[crossover.place == place].dropna(subset="value").sort_values("depth")
        style.intervals(ax, factor * means.depth, means, colour, marker, name)
    if np.isfinite(critical):
        label = f"mean field, gain² (1 + slope²)/2 = 1: {critical:.3f}"
        ax.axhline(critical, color="black", linestyle=style.DASHES, label=label)
    depths = np.sort(crossover.depth.unique())
    ax.set_xscale("log")
    ax.set_xticks(depths, depths)
    ax.xaxis.set_minor_locator(matplotlib.ticker.NullLocator())
    ax.set_xlabel("depth (hidden layers, log)")
    ax.set_ylabel("gain at which rich turns lazy")
    ax.legend(loc="lower right", fontsize=8.5)
