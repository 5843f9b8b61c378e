"""XOR and MNIST: errors of H and Y when pairs move on their own, and when points feel each other."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from repdyn import artifacts
from repdyn.plotting import style

SAID = {
    "independent": ("each pair on its own, 12 constants", style.GREY, "o"),
    "shared": ("each pair on its own, 2 constants", style.ORANGE, "s"),
    "coupled": ("all points together, 2 constants", style.BLUE, "D"),
    "coupled_inputs": ("the same, similar as inputs are", style.GREEN, "^"),
}
CURVES = {"H": "H, hidden distances", "Y": "Y, output distances"}


def main(networks: str, summary: str) -> tuple[Figure, pd.DataFrame]:
    networks, summary = artifacts.read_table(networks), artifacts.read_table(summary)
    page = Figure(figsize=(11, 4.6))
    style.headline(page, headline(summary), subtitle(summary))
    settings = list(dict.fromkeys(summary.setting))
    axes = page.subplots(1, 2, sharey=True, gridspec_kw={"left": 0.075, "right": 0.985, "bottom": 0.11, "top": 0.7})
    for ax, (name, title) in zip(axes, CURVES.items()):
        ax.set_title(title, loc="left")
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
        ax.set_yscale("log")
        ax.set_xticks(range(len(settings)), settings)
        ax.set_xlim(-0.5, len(settings) - 0.5)
    axes[0].set_ylabel("error: RMS residual / range")
    for ax in axes:
        for container in ax.containers:
            container.lines[0].set_linestyle("none")
    style.legend(
        page,
        [Line2D([], [], color=c, marker=m, linewidth=0, markersize=6, label=text) for text, c, m in SAID.values()],
        below=0.72,
    )
    return page, summary


def headline(summary: pd.DataFrame) -> str:
    """What came out, of every curve: where the coupled theory's mean error is the smaller one."""
    rivals = summary[(summary.theory == "shared") & (summary.kept > 0)]
    ahead = {name: int((rivals[rivals.quantity == name].coupled_over_it < 1).sum()) for name in CURVES}
    settings = rivals.setting.nunique()
    said = f"H better in {ahead['H']}, Y in {ahead['Y']} of {settings} settings"
    return f"Coupling the points describes {said}, at 2 constants each"


def subtitle(summary: pd.DataFrame) -> str:
    counts = summary.drop_duplicates("setting")
    kept = ", ".join(f"{row.setting} {row.kept} of {row.networks}" for row in counts.itertuples())
    return f"Six pairs a task. Small: networks (kept: {kept}); large: means, with intervals from five networks on."
