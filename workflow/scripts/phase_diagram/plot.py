"""The phase diagram of depth and initial gain: where the task sets representations, and where their beginning does."""

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from repdyn import artifacts
from repdyn.plotting import style

WAYS = {
    ("measured", "middle"): (style.BLUE, "o", "middle layer, measured"),
    ("fitted", "middle"): (style.ORANGE, "s", "middle layer, from fitted rates"),
    ("measured", "last"): (style.GREEN, "D", "last hidden layer, measured"),
}


def figure(cells: pd.DataFrame, networks: pd.DataFrame, crossover: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """A map of how much distances grow, and the crossover over depth; and the numbers drawn."""
    width, border = cells.width.min(), cells.border.iloc[0]
    page = Figure(figsize=(12, 5.2))
    critical = crossover.mean_field.iloc[0] if crossover.mean_field.nunique() == 1 else np.nan
    level = crossover.interval.iloc[0].split(", ")[-1]
    style.headline(
        page,
        title(*(_of(crossover, width, "measured", layer) for layer in ("last", "middle"))),
        f"Middle hidden layer, {width} units a layer, {cells.of.max()} networks a cell. Rich: learning multiplies the "
        f"squared distance H by more than {border:.2f}, where the task's term of the fixed point is the larger one.",
    )
    grid = page.add_gridspec(1, 2, left=0.06, right=0.985, top=0.82, bottom=0.2, wspace=0.16)
    left, right = (page.add_subplot(grid[0, i]) for i in range(2))
    _map(left, cells[cells.width == width], border, critical)
    _crossover(right, networks, crossover, critical, level)
    page.text(
        0.012,
        0.03,
        "Hatched: no network trained; small numbers: how many, if not all. Dashed: mean field, gain² (1 + slope²)/2 "
        "= 1. Triangles: networks that cross beyond the gains tried.",
        fontsize=9,
        color=style.FAINT,
    )
    shown = crossover[crossover.place.notna()]
    drawn = pd.concat([cells.assign(what="cell"), shown.assign(what="crossover")], ignore_index=True)
    return page, drawn


def title(last: pd.DataFrame, middle: pd.DataFrame) -> str:
    """What was found in the deepest networks, in a line, from the crossovers of these layers."""
    found = [
        (f"{seen.value.iloc[-1]:.2f} in the {name} layer", seen.depth.iloc[-1])
        for name, table in (("last hidden", last), ("middle", middle))
        if len(seen := table.dropna(subset="value").sort_values("depth"))
    ]
    if not found:
        return "Rich turns lazy: no crossover was seen"
    mean_field = middle.mean_field.iloc[0]
    text = f"With {found[0][1]} layers rich turns lazy at gain {', '.join(words for words, _ in found)}"
    return text + (f"; mean field {mean_field:.2f}" if mean_field > 0 else "")


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
            ax.text(x + 0.95, y + 0.06, cell.networks, ha="right", va="bottom", fontsize=6)
    if np.isfinite(critical):
        place = np.interp(critical, gains, np.arange(len(gains)) + 0.5)
        ax.axvline(place, color="black", linestyle=style.DASHES)
    step = max(1, len(gains) // 8)
    ax.set_xticks(np.arange(len(gains))[::step] + 0.5, [f"{gain:.3g}" for gain in gains[::step]])
    ax.set_yticks(np.arange(len(depths)) + 0.5, depths)
    ax.set_xlabel("gain (scale of the initial weights)")
    ax.set_ylabel("depth (hidden layers)")
    bar = ax.figure.colorbar(image, ax=ax, pad=0.02, extend="both")
    bar.set_label("H at the end / H(0):   lazy  —  rich")
    _title(ax, "a   How much learning moves representations apart")


def _crossover(ax, networks, crossover, critical, level):
    widths = np.sort(crossover.width.unique())
    for place, width in enumerate(widths):
        for shift, ((way, layer), (colour, marker, name)) in enumerate(WAYS.items()):
            factor = 1.03 ** (shift - 1) * 1.1**place
            single = _of(networks, width, way, layer)
            seen = single[single.beyond == 0]
            ax.plot(factor * seen.depth, seen.crossover, ".", color=colour, alpha=0.35, markersize=4, markeredgewidth=0)
            for beyond, arrow, edge in ((1, "^", "last_gain"), (-1, "v", "first_gain")):
                censored = single[single.beyond == beyond]
                ax.plot(factor * censored.depth, censored[edge], arrow, color=colour, markersize=4, alpha=0.6)
            means = _of(crossover, width, way, layer).dropna(subset="value").sort_values("depth")
            shade = colour if width == widths[0] else style.dark(colour)
            label = name if len(widths) == 1 else f"{name}, {width} units"
            style.intervals(ax, factor * means.depth, means, shade, marker, label)
    if np.isfinite(critical):
        ax.axhline(critical, color="black", linestyle=style.DASHES, label=f"mean field: {critical:.3f}")
    depths = np.sort(crossover.depth.unique())
    ax.set_xscale("log")
    ax.set_xticks(depths, depths)
    ax.xaxis.set_minor_locator(matplotlib.ticker.NullLocator())
    ax.set_xlabel("depth (hidden layers)")
    ax.set_ylabel("gain at which rich turns lazy")
    ax.legend(loc="lower right", fontsize=8, title=f"mean and {level} interval", title_fontsize=8)
    _title(ax, "b   Where rich turns lazy")


def _of(table, width, way, place):
    return table[(table.width == width) & (table.way == way) & (table.place == place)]


def _title(ax, text):
    ax.set_title(text, loc="left", fontweight="bold", fontsize=10, pad=7)


def main(cells: str, networks: str, crossover: str) -> tuple[Figure, pd.DataFrame]:
    return figure(*map(artifacts.read_table, (cells, networks, crossover)))
