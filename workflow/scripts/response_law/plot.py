"""The training response law: size of kernel and response over training, the kernel's shape, which law it ages by."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from repdyn import artifacts
from repdyn.plotting import style
from repdyn.plotting.response_style import METHODS, Looks

QUANTITIES = {"kernel": "kernel A(t) / A(0)", "response": "response A(t) / A(0)"}
LAWS = {
    "power": style.VERMILION,
    "relaxation": style.BLUE,
    "exponential": style.ORANGE,
    "constant": style.GREEN,
    "undecided": "#dddddd",
    "not fitted": "white",
}
KEY = ["setting", "method"]


def means(curves: pd.DataFrame) -> pd.DataFrame:
    """Geometric means over networks of A(t) / A(first) and of its power law, means of k: columns as in `curves`."""
    size = curves[curves.quantity.str.endswith(" A")].copy()
    first = size.groupby([*KEY, "seed", "quantity"])["value"].transform("first")
    for column in ("value", "power_law"):
        ratio = size[column] / first
        size[column] = np.log(ratio.where(ratio > 0))
    keys = [*KEY, "activation", "shape", "quantity", "x"]
    size = size.groupby(keys, sort=False)[["value", "power_law"]].mean().apply(np.exp).reset_index()
    shape = curves[curves.quantity.str.endswith(" k")]
    shape = shape.groupby(keys, sort=False)[["value"]].mean().reset_index()
    return pd.concat([size, shape], ignore_index=True)


def law(word: str) -> str:
    """Of LAWS the one that a verdict names."""
    return next((name for name in LAWS if str(word).startswith(name)), "not fitted")


def figure(verdicts: pd.DataFrame, curves: pd.DataFrame, networks: int) -> tuple[Figure, pd.DataFrame]:
    """The page, and the numbers drawn."""
    drawn = means(curves)
    whole = verdicts[verdicts.stage == "whole"]
    methods = [name for name in METHODS if name in set(whole.method)]
    looks = Looks(whole)
    settings = list(dict.fromkeys(whole.setting))
    page = Figure(figsize=(12, 8.4 + 0.23 * len(settings)))
    height = page.get_size_inches()[1]
    style.headline(
        page,
        "Second system: how the output of a network with one hidden layer answers to a training step, as it learns",
        f"K(x, x0) = A(t) k(|x - x0|) at each time, mean of {networks} networks. A test of the claims of an abstract "
        "(arXiv 2405.04074), not a reproduction of its figures.",
    )
    handles = looks.handles()
    handles += [
        Line2D([], [], color="black", linestyle=style.DASHES, linewidth=1.1, label="power law, where it is best")
    ]
    style.legend(page, handles, 0.72)
    top, panel = 1.5, 1.95  # inches
    grid = page.add_gridspec(
        2, len(methods), left=0.065, right=0.985, top=1 - top / height, bottom=1 - (top + 2 * panel + 0.25) / height,
        wspace=0.08, hspace=0.12,
    )  # fmt: skip
    for row, (quantity, label) in enumerate(QUANTITIES.items()):
        first = None
        for column, method in enumerate(methods):
            ax = page.add_subplot(grid[row, column], sharey=first)
            first = first or ax
            _sizes(ax, drawn, whole, quantity, method, looks)
            if row == 0:
                ax.set_title(f"{'abcd'[column]}   {METHODS[method]}", loc="left", fontweight="bold", fontsize=10)
                ax.tick_params(labelbottom=False)
            else:
                ax.set_xlabel("training step (optimiser steps)")
            if column == 0:
                ax.set_ylabel(label)
            else:
                ax.tick_params(labelleft=False)
    below = 1 - (top + 2 * panel + 1.55) / height
    bottom = 0.5 / height
    _kernels(
        page.add_axes((0.065, bottom + 0.1 / height, 0.22, below - bottom - 0.1 / height)), drawn, methods[0], looks
    )
    _verdicts(page, page.add_axes((0.42, bottom, 0.565, below - bottom)), whole, settings, methods)
    columns = ["setting", "method", "quantity", "rank1_share", "explained", "half_width", "exponent", "exponent_low"]
    columns += ["exponent_high", "factor", "best_law", "margin", "verdict", "fitted", "networks"]
    return page, pd.concat([drawn, whole[columns]], ignore_index=True)


def _sizes(ax, drawn, whole, quantity, method, looks):
    here = drawn[(drawn.quantity == f"{quantity} A") & (drawn.method == method)]
    told = whole[(whole.quantity == quantity) & (whole.method == method)].set_index("setting").verdict
    for setting, line in here.groupby("setting", sort=False):
        x = line.x + 1  # so that step 0 has a place
        ax.plot(x, line.value, **looks.line(setting))
        if law(told.get(setting)) == "power":
            ax.plot(x, line.power_law, color=style.dark(looks.colour[setting]), linestyle=style.DASHES, linewidth=1.2)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.axhline(1, color=style.GREY, linewidth=0.6)
    if quantity == "response":
        ax.set_ylim(bottom=max(ax.get_ylim()[0], 1e-4))


def _kernels(ax, drawn, method, looks):
    here = drawn[(drawn.quantity == "kernel k") & (drawn.method == method)]
    for setting, line in here.groupby("setting", sort=False):
        ax.plot(line.x, line.value, **looks.line(setting))
    ax.axhline(0, color=style.GREY, linewidth=0.6)
    ax.set_xlabel("distance |x - x0|")
    ax.set_ylabel("kernel k, k(0) = 1")
    ax.set_title(f"e   Shape of the kernel ({METHODS[method]})", loc="left", fontweight="bold", fontsize=10)


def _verdicts(page, ax, whole, settings, methods):
    """A grid of cells, coloured by law, with the exponent or the factor of change."""
    for q, quantity in enumerate(QUANTITIES):
        for m, method in enumerate(methods):
            x = q * (len(methods) + 0.4) + m
            ax.text(x + 0.5, -0.15, method, ha="center", va="bottom", fontsize=8)
            for y, setting in enumerate(settings):
                cell = whole[(whole.setting == setting) & (whole.method == method) & (whole.quantity == quantity)]
                if not len(cell):
                    continue
                cell = cell.iloc[0]
                kind = law(cell.verdict)
                ax.add_patch(Rectangle((x, y), 0.96, 0.92, color=LAWS[kind], alpha=0.55, linewidth=0))
                text = "" if kind == "not fitted" else f"x {style.number(cell.factor)}"
                if kind == "power":
                    text = rf"$\alpha$ = {cell.exponent:.2f}"
                ax.text(x + 0.48, y + 0.48, text, ha="center", va="center", fontsize=7.5)
        ax.text(q * (len(methods) + 0.4), -0.85, f"of the {quantity}", ha="left", va="bottom", fontsize=9)
    ax.set_xlim(0, 2 * len(methods) + 0.4)
    ax.set_ylim(len(settings), -0.1)
    ax.set_yticks(np.arange(len(settings)) + 0.46, settings)
    ax.tick_params(length=0, labelbottom=False, bottom=False)
    ax.spines[:].set_visible(False)
    ax.set_title("f   Law of the whole training", loc="left", fontweight="bold", fontsize=10, pad=36)
    handles = [Patch(facecolor=colour, alpha=0.55, label=name) for name, colour in LAWS.items() if name != "not fitted"]
    ax.legend(handles=handles, loc="upper left", bbox_to_anchor=(-0.02, -0.01), ncols=5, fontsize=8, handlelength=1.2)


def main(verdicts: str, curves: str, networks: int) -> tuple[Figure, pd.DataFrame]:
    tables = map(artifacts.read_table, (verdicts, curves))
    return figure(*tables, networks)
