"""XOR and MNIST: errors of H and Y when pairs move on their own, and when points feel each other."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from repdyn import artifacts
from repdyn.plotting import pages, style

SAID = {
    "independent": ("each pair on its own, 12 constants", style.GREY, "o"),
    "shared": ("each pair on its own, 2 constants", style.ORANGE, "s"),
    "coupled": ("all points together, 2 constants", style.BLUE, "D"),
    "coupled_inputs": ("the same, similar as inputs are", style.GREEN, "^"),
}
CURVES = {"H": "H, hidden distances", "Y": "Y, output distances"}


def main(networks: str, summary: str) -> tuple[Figure, pd.DataFrame]:
    networks, summary = artifacts.read_table(networks), artifacts.read_table(summary)
    settings = list(dict.fromkeys(summary.setting))
    handles = [style.mark(marker, label, colour) for label, colour, marker in SAID.values()]
    page, axes = pages.panels(headline(summary), subtitle(summary), handles, list(CURVES.values()), 3.2, sharey=True)
    for ax, name in zip(axes, CURVES, strict=True):
        for place in range(0, len(settings), 2):
            ax.axvspan(place - 0.5, place + 0.5, color="#f4f4f4", linewidth=0, zorder=0)
        for k, (theory, (_, colour, marker)) in enumerate(SAID.items()):
            x = np.arange(len(settings)) + 0.17 * (k - 1.5)
            means = summary[(summary.quantity == name) & (summary.theory == theory)].rename(
                columns={"error": "value", "error_low": "low", "error_high": "high"}
            )
            for place, setting in zip(x, settings):
                ones = networks[(networks.setting == setting) & networks.kept]
                if len(ones):
                    values = ones[f"{name}_{theory}"]
                    ax.plot([place] * len(values), values, marker, color=colour, markersize=3, alpha=0.4, linewidth=0)
            style.intervals(ax, x, means, colour, marker, "")
        for container in ax.containers:
            container.lines[0].set_linestyle("none")
        ax.set_yscale("log")
        style.percents(ax.yaxis)
        ax.set_xticks(range(len(settings)), settings)
        ax.set_xlim(-0.5, len(settings) - 0.5)
        ax.tick_params(axis="x", length=0)
        ax.tick_params(labelleft=ax is axes[0])
    axes[0].set_ylabel("error: RMS residual / range (log)")
    return page, summary


def headline(summary: pd.DataFrame) -> str:
    """Where the coupled theory's error is the smaller one, curve by curve, by its interval if there is one."""
    rivals = summary[(summary.theory == "shared") & (summary.kept > 0)]
    if not len(rivals):
        return "Whether points feel each other cannot be told: no network learned"
    certain = rivals.coupled_over_it_high.notna().any()
    ratio = rivals.coupled_over_it_high if certain else rivals.coupled_over_it
    ahead = {name: int((ratio[rivals.quantity == name] < 1).sum()) for name in CURVES}
    how = "" if certain else ", on average"
    return (
        f"With 2 constants, coupled points describe H better than pairs do in {ahead['H']} of "
        f"{rivals.setting.nunique()} settings of XOR and MNIST, Y in {ahead['Y']}{how}"
    )


def subtitle(summary: pd.DataFrame) -> str:
    counts = summary.drop_duplicates("setting")
    kept = ", ".join(f"{row.setting} {row.kept} of {row.networks}" for row in counts.itertuples())
    return (
        f"Small: networks (kept: {kept}); large: geometric means, with intervals from 5 networks on. Better: the "
        "interval of the ratio of both errors lies below 1."
    )
