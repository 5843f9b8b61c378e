"""How steep the path is, layer by layer: the theory allows exponents from 1 to 2, a deep chain says D/n."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from repdyn import artifacts
from repdyn.plotting import pages, style

PARTED = 2  # growth of H from which on a layer is drawn: of one that hardly moves the path says little
PANELS = {True: ("smooth", style.BLUE), False: ("kinked", style.ORANGE)}


def main(layers: str, summary: str) -> tuple[Figure, pd.DataFrame]:
    layers, summary = artifacts.read_table(layers), artifacts.read_table(summary)
    layers = layers[layers.kept & (layers.orbit_exponent > 0) & (layers.h_end > PARTED * layers.h_start)]
    counts = {}
    for smooth, (name, _) in PANELS.items():
        mine = layers[layers.smooth == smooth]
        networks = len(mine[["setting", "seed"]].drop_duplicates())
        counts[smooth] = f"{name} activations (settings: {mine.setting.nunique()}, networks: {networks})"
    figure, axes = pages.panels(
        title(summary),
        f"Hidden layers whose H grows at least {PARTED:g}-fold, of all kept networks. p: Y - Y(0) grows as "
        "(H - H(0))^p, from where Y is half-way.",
        [
            style.mark(".", "one network and layer"),
            Line2D([], [], color="black", linestyle=style.DASHES, label="deep chain: p = D/n"),
            Patch(facecolor="#e4e4e4", label="the theory: from 1 to 2 at any layer"),
        ],
        [counts[smooth][0].upper() + counts[smooth][1:] for smooth in PANELS],
        3.2,
        sharey=True,
    )
    place = np.linspace(0.04, 0.97, 100)
    for ax, (smooth, (_, colour)) in zip(axes, PANELS.items(), strict=True):
        mine = layers[layers.smooth == smooth]
        ax.axhspan(1, 2, color="#e4e4e4", linewidth=0, zorder=0)
        ax.plot(mine.place, mine.orbit_exponent, ".", color=colour, alpha=0.35, markersize=5, markeredgewidth=0)
        ax.plot(place, 1 / place, color="black", linestyle=style.DASHES, linewidth=1.4)
        ax.set_yscale("log")
        ax.set_yticks([1, 2, 5, 10, 20], ["1", "2", "5", "10", "20"])
        ax.minorticks_off()
        ax.tick_params(labelleft=ax is axes[0])
        ax.set_xlabel("weight layers before the observed layer, by all of them (n / D)")
    axes[0].set_ylabel("exponent p of the path (log)")
    columns = ["setting", "smooth", "seed", "layer", "place", "orbit_exponent", "orbit_error", "orbit_error_depth"]
    return figure, layers[columns]


def title(summary: pd.DataFrame) -> str:
    """In how many settings the path of later layers is closer to the chain's than to the theory's."""
    if not summary.orbit_late_ratio.notna().any():
        return "The path of later layers cannot be told: no network was kept"
    closer = {name: (summary.orbit_late_ratio > 1)[summary.smooth == smooth] for smooth, (name, _) in PANELS.items()}
    said = " and ".join(f"{count.sum()} of {len(count)} {name} settings" for name, count in closer.items())
    return f"In later layers the path is closer to a deep chain's than to the theory's in {said}"
