"""The tangent kernel of deep networks on two points, beside what effective rates make of it."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from repdyn import artifacts
from repdyn.plotting import style

KERNELS = {"K_AA": style.BLUE, "K_BB": style.GREEN, "K_AB": style.VERMILION}


def figure(
    table: pd.DataFrame, summary: pd.DataFrame, curves: pd.DataFrame, rows: dict[str, dict], confidence: float
) -> tuple[Figure, pd.DataFrame]:
    """A row of three panels for each setting, and the numbers drawn."""
    settings = list(rows)
    page = Figure(figsize=(12, 1.5 + 3.1 * len(settings)))
    height = page.get_size_inches()[1]
    style.headline(
        page,
        "Bridge to the first system: the response of a deep network on two points, and its effective rates",
        "Tangent kernel K of the whole network; theory: lr/2 K$_e$ = η_h |Δx|² Y/H + η_y H, with rates fitted to the "
        "whole training or anew in each window of it.",
    )
    handles = [
        Line2D([], [], color=style.FAINT, linewidth=2.4, alpha=0.7, label="measured kernel, one line a network"),
        Line2D([], [], color="black", linestyle=style.DASHES, label="constant rates"),
        Line2D([], [], color=style.ORANGE, linestyle="-", linewidth=1.4, label="rates fitted in windows"),
    ]
    style.legend(page, handles, 0.72)
    grid = page.add_gridspec(
        len(settings), 3, left=0.065, right=0.985, top=1 - 1.55 / height, bottom=0.55 / height, wspace=0.27, hspace=0.62
    )
    for i, setting in enumerate(settings):
        axes = [page.add_subplot(grid[i, j]) for j in range(3)]
        of = [t[t.setting == setting] for t in (table, summary, curves)]
        _setting(axes, *of, rows[setting], confidence)
        for j, title in enumerate(("kernel at and between the points", "kernel of the difference", "effective rates")):
            letter = "abcdefghijklmnopqrstuvwxyz"[(3 * i + j) % 26]
            axes[j].set_title(f"{letter}   {setting}: {title}", loc="left", fontweight="bold", fontsize=10)
    drawn = [
        curves.melt(["setting", "seed", "step"], var_name="quantity", value_name="value"),
        table.melt(["setting", "seed", "window", "first", "last"], ["eta_h", "eta_y"], "quantity", "value"),
        summary.rename(columns={"number": "quantity"}).drop(columns="reason"),
    ]
    return page, pd.concat(drawn, ignore_index=True)


def _setting(axes, table, summary, curves, row, confidence):
    ends = []
    for _, one in curves.groupby("seed"):
        for name, colour in KERNELS.items():
            axes[0].plot(one.step, one[name], color=colour, linewidth=1, alpha=0.7)
        axes[1].plot(one.step, one.kernel, color=style.FAINT, linewidth=2.4, alpha=0.5)
        axes[1].plot(one.step, one.from_constant_rates, color="black", linestyle=style.DASHES, linewidth=1)
        axes[1].plot(one.step, one.from_windowed_rates, color=style.ORANGE, linewidth=1.3)
    for _, one in table.groupby("seed"):
        ends.append(one["last"].iloc[-2] if len(one) > 1 else one["last"].iloc[-1])
        middle = (one["first"] + one["last"]) / 2
        for eta, colour, marker in (("eta_h", style.BLUE, "o"), ("eta_y", style.ORANGE, "s")):
            values = one[eta].where(one.converged)
            axes[2].plot(middle, values, color=colour, marker=marker, markersize=3.5, linewidth=1, alpha=0.8)
            axes[2].axhline(
                one[f"{eta}_whole"].iloc[0], color=style.dark(colour), linestyle=style.DASHES, linewidth=0.8
            )
    for ax in axes:
        ax.set_yscale("log")
        if ends:
            ax.set_xlim(0, min(1.6 * max(ends), curves.step.max()))
        ax.set_xlabel("training step (optimiser steps)")
        style.few_steps(ax)
    axes[0].set_ylabel("tangent kernel")
    axes[1].set_ylabel(r"lr/2 $K_e$, per step")
    axes[2].set_ylabel("rate, per step")
    axes[0].legend(handles=[Line2D([], [], color=c, label=n) for n, c in KERNELS.items()], fontsize=8, loc="best")
    axes[2].legend(
        handles=[
            Line2D([], [], color=c, marker=m, markersize=3.5, label=n)
            for n, c, m in ((r"$\eta_h$ in windows", style.BLUE, "o"), (r"$\eta_y$ in windows", style.ORANGE, "s"))
        ],
        fontsize=8,
        loc="best",
    )
    told = summary.set_index("number")
    lines = [
        f"{_number(told, 'deviation_constant')}  constant rates",
        f"{_number(told, 'deviation_windowed')}  rates in windows",
    ]
    text = f"RMS of log(theory / kernel), {100 * confidence:g} %:\n" + "\n".join(lines)
    text += f"\na real step against K: off by {style.percent(told.value['step_deviation'])}"
    text += f"\n{row['activation']}, {row['depth']} x {row['width']}, {int(told.networks.max())} networks"
    axes[1].text(0.98, 0.04, text, transform=axes[1].transAxes, ha="right", va="bottom", fontsize=7.5)


def _number(told: pd.DataFrame, name: str) -> str:
    value, low, high = (told[column][name] for column in ("value", "low", "high"))
    return f"{value:.2f} [{low:.2f}, {high:.2f}]" if np.isfinite(low) else f"{value:.2f}"


def main(
    table: str, summary: str, curves: str, rows: dict[str, dict], confidence: float
) -> tuple[Figure, pd.DataFrame]:
    tables = map(artifacts.read_table, (table, summary, curves))
    return figure(*tables, rows, confidence)
