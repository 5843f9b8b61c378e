"""Feature space and fragility by method of training, at the same training loss."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from repdyn import artifacts
from repdyn.plotting import style
from repdyn.plotting.response_style import METHODS, Looks

RANK, FRAGILITY = "participation_ratio", "worst"
SHIFT = {"single": (-0.2, style.VERMILION, "o"), "minibatch": (0.0, style.ORANGE, "s"), "adam": (0.2, style.GREY, "D")}


def shown_level(ranks: pd.DataFrame) -> float:
    """The lowest loss that nine in ten networks reach, or the highest one."""
    reached = ranks.groupby("loss")[RANK].apply(lambda values: values.notna().mean())
    return float(reached[reached >= 0.9].index.min() if (reached >= 0.9).any() else reached.index.max())


def changes(ranks: pd.DataFrame) -> pd.DataFrame:
    """Geometric mean over networks of the rank at a loss over that before training; `networks` counts them."""
    ratio = np.log(ranks[RANK] / ranks[f"{RANK}_start"])
    keys = ["setting", "activation", "shape", "method", "loss"]
    found = ranks.assign(ratio=ratio).groupby(keys, sort=False).ratio.agg(["mean", "count"]).reset_index()
    return found.assign(value=np.exp(found["mean"])).drop(columns="mean").rename(columns={"count": "networks"})


def figure(ranks, fragility, effects, correlations, confidence: float, networks: int) -> tuple[Figure, pd.DataFrame]:
    """The page, and the numbers drawn."""
    level = shown_level(ranks)
    curves = changes(ranks)
    looks = Looks(ranks)
    settings = list(dict.fromkeys(ranks.setting))
    methods = [name for name in METHODS if name in set(ranks.method)]
    page = Figure(figsize=(12, 5.5 + 0.27 * (len(settings) + 1)))
    height = page.get_size_inches()[1]
    style.headline(
        page,
        "Second system: dimensions of the hidden layer and fragility, by method of training, at the same training loss",
        f"Mean of up to {networks} networks that start alike in all methods, {100 * confidence:g} % bootstrap "
        "intervals. A test of the claims of an abstract (arXiv 2405.04074).",
    )
    style.legend(page, looks.handles(), 0.72)
    top, panel = 1.5, 1.8
    grid = page.add_gridspec(
        1, len(methods), left=0.065, right=0.985, top=1 - top / height, bottom=1 - (top + panel) / height, wspace=0.08
    )
    first = None
    for column, method in enumerate(methods):
        ax = page.add_subplot(grid[0, column], sharey=first)
        first = first or ax
        _curves(ax, curves[curves.method == method], looks)
        ax.set_title(f"{'abcd'[column]}   {METHODS[method]}", loc="left", fontweight="bold", fontsize=10)
        if column:
            ax.tick_params(labelleft=False)
        else:
            ax.set_ylabel("participation ratio\n/ before training")
    bottom, above = 0.55 / height, 1 - (top + panel + 1.1) / height
    here = effects[np.isclose(effects.loss, level)]
    panels = (
        (RANK, f"e   Participation ratio at loss {level:g}", "against full batch of the same network, %"),
        (FRAGILITY, "f   Worst-case change of the output", "against full batch of the same network, %"),
    )
    for i, (measure, title, label) in enumerate(panels):
        ax = page.add_axes((0.135 + 0.295 * i, bottom, 0.245, above - bottom))
        _effects(ax, here[here.measure == measure], settings, label, names=i == 0)
        ax.set_title(title, loc="left", fontweight="bold", fontsize=10)
        if i == 0 and len(here):
            ax.legend(fontsize=7.5, loc="upper right", handlelength=1)
    shown = correlations[
        np.isclose(correlations.loss, level) & (correlations["rank"] == RANK) & (correlations.fragility == FRAGILITY)
    ]
    ax = page.add_axes((0.725, bottom, 0.26, above - bottom))
    _correlations(ax, shown, settings)
    ax.set_title("g   Fragility with participation ratio", loc="left", fontweight="bold", fontsize=10)
    table = [
        curves.assign(quantity=f"{RANK} / before training"),
        here.rename(columns={"measure": "quantity", "log_ratio": "value"}),
        shown.rename(columns={"correlation": "value"}).assign(quantity="correlation of fragility and rank"),
    ]
    columns = ["setting", "method", "quantity", "loss", "value", "low", "high", "effect_size", "networks"]
    return page, pd.concat(table, ignore_index=True)[columns]


def _curves(ax, curves, looks):
    for setting, line in curves[curves.networks > 0].groupby("setting", sort=False):
        line = line.sort_values("loss", ascending=False)
        ax.plot(line.loss, line.value, marker="o", markersize=3, **looks.line(setting))
    ax.axhline(1, color=style.GREY, linewidth=0.6)
    ax.set_xscale("log")
    levels = np.sort(curves.loss.unique())
    ax.set_xlim(levels[-1] * 1.2, levels[0] / 1.2)
    ax.set_xticks(levels, [f"{level:g}" for level in levels])
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("training loss (learning goes to the right)")


def _effects(ax, effects, settings, label, names):
    for method, of in effects.groupby("method", sort=False):
        shift, colour, marker = SHIFT.get(method, (0.3, "black", "x"))
        of = of.set_index("setting").reindex(settings)
        value, low, high = (100 * np.expm1(of[name].to_numpy(float)) for name in ("log_ratio", "low", "high"))
        y = np.arange(len(settings)) + shift
        errors = np.nan_to_num(np.abs(np.stack([value - low, high - value])))
        ax.errorbar(
            value, y, xerr=errors, color=colour, marker=marker, markersize=4, linestyle="none", elinewidth=1.2,
            capsize=2, label=METHODS[method],
        )  # fmt: skip
    ax.axvline(0, color="black", linewidth=0.8)
    ax.set_ylim(len(settings) - 0.4, -0.6)
    ax.set_yticks(range(len(settings)), settings if names else [""] * len(settings))
    ax.set_xlabel(label)
    ax.grid(axis="y", color="#eeeeee", zorder=0)


def _correlations(ax, shown, settings):
    order = [*settings, "all"]
    of = shown.set_index("setting").reindex(order)
    y = np.arange(len(order))
    errors = np.nan_to_num(np.abs(np.stack([of.correlation - of.low, of.high - of.correlation])))
    colours = [style.BLUE] * len(settings) + ["black"]
    for i in y:
        ax.errorbar(
            of.correlation.iloc[i], i, xerr=errors[:, [i]], color=colours[i], marker="o", markersize=4,
            elinewidth=1.2, capsize=2,
        )  # fmt: skip
    ax.axvline(0, color="black", linewidth=0.8)
    ax.set_xlim(-1.02, 1.02)
    ax.set_ylim(len(order) - 0.4, -0.6)
    ax.set_yticks(y, [*[""] * len(settings), "all"])
    ax.set_xlabel("correlation over networks and methods")
    ax.grid(axis="y", color="#eeeeee", zorder=0)


def main(
    ranks: str, fragility: str, effects: str, correlations: str, confidence: float, networks: int
) -> tuple[Figure, pd.DataFrame]:
    tables = map(artifacts.read_table, (ranks, fragility, effects, correlations))
    return figure(*tables, confidence, networks)
