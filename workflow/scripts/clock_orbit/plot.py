"""How steep the path is, layer by layer: the theory allows exponents from 1 to 2, a deep chain says D/n."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from repdyn import artifacts
from repdyn.plotting import style

PARTED = 2  # growth of H from which on a layer is drawn: of one that hardly moves the path says little
PANELS = {True: ("smooth", style.BLUE), False: ("kinked", style.ORANGE)}


def main(layers: str, summary: str) -> tuple[Figure, pd.DataFrame]:
    layers, summary = artifacts.read_table(layers), artifacts.read_table(summary)
    layers = layers[layers.kept & (layers.orbit_exponent > 0) & (layers.h_end > PARTED * layers.h_start)]
    closer = {name: (summary.orbit_late_ratio > 1)[summary.smooth == smooth] for smooth, (name, _) in PANELS.items()}
    figure = Figure(figsize=(10, 5.2))
    axes = figure.subplots(1, 2, sharey=True, gridspec_kw={"left": 0.08, "right": 0.985, "bottom": 0.11, "top": 0.74})
    said = " and ".join(f"in {count.sum()} of {len(count)} settings with {name}" for name, count in closer.items())
    style.headline(
        figure,
        f"In later layers the path is closer to a deep chain's than to the theory's\n{said} activations",
        "",
    )
    figure.text(
        0.012,
        1 - 0.68 / 5.2,
        f"Hidden layers whose H grows at least {PARTED:g}-fold, of all kept networks. p: Y - Y(0) grows as "
        "(H - H(0))^p, from where Y is half-way.",
        va="top",
        fontsize=9.5,
        color=style.FAINT,
    )
    place = np.linspace(0.04, 0.97, 100)
    for ax, (smooth, (name, colour)) in zip(axes, PANELS.items(), strict=True):
        mine = layers[layers.smooth == smooth]
        ax.axhspan(1, 2, color="#e4e4e4", linewidth=0, zorder=0)
        ax.plot(mine.place, mine.orbit_exponent, ".", color=colour, alpha=0.35, markersize=5, markeredgewidth=0)
        ax.plot(place, 1 / place, color="black", linestyle=style.DASHES, linewidth=1.4)
        networks = len(mine[["setting", "seed"]].drop_duplicates())
        title = f"{name} activations: {mine.setting.nunique()} settings, {networks} networks"
        ax.set_title(title, loc="left", fontsize=10, fontweight="bold")
        ax.set_yscale("log")
        ax.set_yticks([1, 2, 5, 10, 20], ["1", "2", "5", "10", "20"])
        ax.minorticks_off()
        ax.set_xlabel("weight layers before the observed layer, by all of them (n / D)")
    axes[0].set_ylabel("exponent p of the path (log)")
    handles = [
        Line2D([], [], marker=".", linestyle="", color=style.FAINT, label="one network and layer"),
        Line2D([], [], color="black", linestyle=style.DASHES, label="deep chain: p = D/n"),
        Patch(facecolor="#e4e4e4", label="the theory: from 1 to 2 at any layer"),
    ]
    style.legend(figure, handles, below=0.92)
    columns = ["setting", "smooth", "seed", "layer", "place", "orbit_exponent", "orbit_error", "orbit_error_depth"]
    return figure, layers[columns]
