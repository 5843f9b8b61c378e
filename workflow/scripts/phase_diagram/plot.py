"""The phase diagram of depth and initial gain: error of the best fit, regime, rates, crossover, exponents."""

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

from repdyn import artifacts
from repdyn.plotting import style

MARKERS = "osD^v"


def figure(numbers, crossover, exponents, width, good_fit, confidence) -> tuple[Figure, pd.DataFrame]:
    """The page, and the numbers drawn: cells, crossovers and exponents in one tidy table."""
    gains, depths = np.sort(numbers.gain.unique()), np.sort(numbers.depth.unique())
    critical = crossover.mean_field.iloc[0] if crossover.mean_field.nunique() == 1 else np.nan
    page = Figure(figsize=(12, 8.2))
    level = f"{100 * confidence:g} %"
    units = str(width[0]) if len(set(width)) == 1 else f"{min(width)} to {max(width)}"
    style.headline(
        page,
        "Depth and initial scale: where networks are rich or lazy, how well the theory fits, and its rates",
        f"{units} units a layer, {numbers.of.max()} networks a cell, each at its best-fitted layer and at the same "
        "fraction of its largest stable learning rate.",
    )
    grid = page.add_gridspec(2, 3, left=0.06, right=0.975, top=0.86, bottom=0.12, wspace=0.34, hspace=0.42)
    axes = [page.add_subplot(grid[i, j]) for i in range(2) for j in range(3)]
    positive = numbers[numbers.quantity.str.startswith("eta")].value
    rates = LogNorm(*np.clip(np.nanpercentile(positive, [3, 97]), 1e-12, None)) if positive.notna().any() else None
    maps = (
        (0, "nrmse", "a   Error of the best fit", Normalize(0, None), "viridis_r", "RMS residual / range"),
        (1, "balance", "b   Regime", Normalize(-1, 1), "RdBu_r", "rich (task)   —   lazy (initialisation)"),
        (3, "eta_h", r"d   Rate $\eta_h$ of the representation", rates, "cividis", "per unit of lr * steps"),
        (4, "eta_y", r"e   Rate $\eta_y$ of the output", rates, "cividis", "per unit of lr * steps"),
    )
    for place, quantity, title, norm, colours, unit in maps:
        _map(axes[place], numbers[numbers.quantity == quantity], gains, depths, norm, colours, unit)
        _title(axes[place], title)
        if np.isfinite(critical):
            axes[place].axvline(
                np.interp(critical, gains, np.arange(len(gains)) + 0.5), color="black", linestyle=style.DASHES
            )
    _crossover(axes[2], crossover, critical, level)
    _exponents(axes[5], exponents, good_fit)
    page.text(
        0.012,
        0.025,
        "Hatched: none trained (rates: no fit inside the bounds); small numbers: how many, if not all. "
        r"Dashed: gain$^2$ (1 + slope$^2$)/2 = 1, where layers keep distances.",
        fontsize=9,
        color=style.FAINT,
    )
    extra = [
        crossover.drop(columns="mean_field").assign(quantity="crossover gain"),
        exponents.rename(columns={"rate": "quantity"}).assign(quantity=lambda t: "exponent of " + t.quantity),
    ]
    table = pd.concat([numbers, *(t for t in extra if len(t))], ignore_index=True)
    return page, table[["depth", "gain", "quantity", "value", "low", "high", "networks", "of"]]


def _title(ax, text):
    ax.set_title(text, loc="left", fontweight="bold", fontsize=10, pad=7)


def _map(ax, numbers, gains, depths, norm, colours, unit):
    values = numbers.pivot(index="depth", columns="gain", values="value").reindex(index=depths, columns=gains)
    image = ax.pcolormesh(np.ma.masked_invalid(values.to_numpy()), cmap=colours, norm=norm, edgecolors="white", lw=0.4)
    ax.set_facecolor("#e4e4e4")
    for depth, row in enumerate(depths):
        for gain, column in enumerate(gains):
            here = numbers[(numbers.depth == row) & (numbers.gain == column)]
            if np.isnan(values.loc[row, column]):
                box = matplotlib.patches.Rectangle((gain, depth), 1, 1, hatch="////", fill=False, ec=style.GREY, lw=0)
                ax.add_patch(box)
            elif len(here) and here.networks.item() < here.of.item():
                ax.text(gain + 0.95, depth + 0.06, here.networks.item(), ha="right", va="bottom", fontsize=6)
    ax.set_xticks(np.arange(len(gains)) + 0.5, [f"{gain:.3g}" for gain in gains])
    ax.set_yticks(np.arange(len(depths)) + 0.5, depths)
    ax.set_xlabel("gain (scale of the initial weights)")
    ax.set_ylabel("depth (hidden layers)")
    bar = ax.figure.colorbar(image, ax=ax, pad=0.02)
    bar.set_label(unit, fontsize=8)
    bar.ax.tick_params(labelsize=7)


def _crossover(ax, crossover, critical, level):
    there = crossover[crossover.value.notna()]
    style.intervals(ax, there.depth, there, style.BLUE, "o", f"mean, {level} interval")
    if np.isfinite(critical):
        ax.axhline(critical, color="black", linestyle=style.DASHES, label=f"mean field: {critical:.3f}")
    ax.set_xscale("log")
    ax.set_xticks(crossover.depth, crossover.depth)
    ax.xaxis.set_minor_locator(matplotlib.ticker.NullLocator())
    ax.set_xlabel("depth (hidden layers)")
    ax.set_ylabel("gain at which A_high = A_low")
    ax.legend(loc="lower right", fontsize=8)
    _title(ax, "c   Where rich turns lazy")


def _exponents(ax, exponents, good_fit):
    """Exponents at the three gains that most depths have; dots of one gain are joined."""
    there = exponents[exponents.value.notna() & (exponents.networks > 1)]
    common = there.gain.value_counts().sort_index(ascending=False).sort_values(ascending=False, kind="stable").index[:3]
    for marker, gain in zip(MARKERS, sorted(common), strict=False):
        for shift, (rate, colour) in enumerate((("eta_h", style.BLUE), ("eta_y", style.ORANGE))):
            line = there[(there.gain == gain) & (there.rate == rate)].sort_values("depth")
            name = rf"$\eta_{rate[-1]}$, gain {gain:.3g}"
            style.intervals(ax, line.depth * (1 + 0.03 * shift), line, colour, marker, name)
    ax.axhline(1, color="black", linestyle=style.DASHES, label="p = 1, proportional")
    ax.axhline(0, color=style.GREY, linewidth=0.6)
    ax.set_xscale("log")
    depths = np.sort(exponents.depth.unique())
    ax.set_xticks(depths, depths)
    ax.xaxis.set_minor_locator(matplotlib.ticker.NullLocator())
    ax.set_xlabel("depth (hidden layers)")
    ax.set_ylabel("exponent p")
    ax.legend(loc="best", fontsize=7)
    _title(ax, f"f   Rate ~ parametersᵖ (error < {100 * good_fit:g} %)")


def main(
    cells: str, crossover: str, exponents: str, width: list[int], good_fit: float, confidence: float
) -> tuple[Figure, pd.DataFrame]:
    tables = [artifacts.read_table(path) for path in (cells, crossover, exponents)]
    return figure(*tables, width, good_fit, confidence)
