"""One network, all its hidden layers: the rates, and the distances that say which part of them is the layer's scale."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from repdyn import artifacts
from repdyn.plotting import pages, style

GOOD = 0.05  # shade the layers whose error is below


def main(table: str, networks: str, row: dict, confidence: float) -> tuple[Figure, pd.DataFrame]:
    """Rates and distances side by side, over the hidden layer; and the numbers drawn."""
    numbers = artifacts.read_table(table).astype({"seed": "Int64", "layer": "Int64", "networks": "Int64"})
    of = len(artifacts.read_table(networks))
    errors = _of(numbers, "nrmse", "mean")
    kept = int(errors.networks.max()) if len(errors) else 0
    good = errors[errors.value < GOOD].layer.to_numpy()
    shaded = f"Shaded: layers where the error of the fit is below {100 * GOOD:g} %" + ("" if len(good) else " (none)")
    page, axes = pages.panels(
        title(numbers, row),
        f"Row {row['name']}: {row['width']} units a layer, {row['depth']} deep. Points: "
        f"{style.mean_of(kept, of, 'geometric mean')}; bars: {100 * confidence:g} % t interval (from 5 networks on); "
        "dots: single networks. "
        f"{shaded}.",
        [],
        ["Rates per optimiser step", "Squared distances of the two representations"],
        3.4,
        gap=0.85,
    )
    layers = numbers.layer.dropna()
    for ax in axes:
        for layer in good:
            ax.axvspan(layer - 0.5, layer + 0.5, color="#eeeeee", linewidth=0, zorder=0)
        ax.set_xlabel("hidden layer")
        if len(layers):
            ax.set_xlim(layers.min() - 0.6, layers.max() + 0.6)
        ax.xaxis.set_major_locator(MaxNLocator(10, integer=True))
    rates, distances = axes
    _points(rates, numbers, "eta_y", style.ORANGE, "s", r"$\eta_y$, of the output")
    _points(rates, numbers, "speed", "black", "D", r"$\sqrt{\eta_h\eta_y}$, which no rescaling of the layer changes")
    _points(rates, numbers, "eta_h", style.BLUE, "o", r"$\eta_h$, of the representation")
    _finish(rates, "rate per step (log)")

    _points(distances, numbers, "h_end", style.BLUE, "o", "H after training")
    ratio = r"$\sqrt{\eta_h/\eta_y}\,|\Delta x||\Delta y|$: the ratio of the rates"
    _line(distances, _of(numbers, "A_low", "mean"), style.VERMILION, ratio)
    _points(distances, numbers, "h_start", style.GREY, "^", "H before training")
    _line(distances, _of(numbers, "h_start", "mean_field"), "black", "mean field of H before training")
    _finish(distances, "squared distance (log)")
    if not kept:
        page.text(0.5, 0.5, "no network was kept", ha="center", fontsize=14, color=style.VERMILION)
    return page, numbers


def title(numbers: pd.DataFrame, row: dict) -> str:
    """What was found, in a line."""
    ratio = _of(numbers, "ratio", "mean")
    late = ratio[ratio.layer >= row["depth"] / 2].value
    if not len(late):
        return "How rates depend on the observed layer cannot be told: no fit of a late layer"
    low, high = late.min(), late.max()
    if max(high, 1 / low) > 1.25:
        return f"In late layers the rates' ratio is {low:.2f} to {high:.2f} of what the final distance says"
    return f"In late layers the rates' ratio restates the final distance, within {100 * max(high - 1, 1 - low):.0f} %"


def _of(numbers, quantity, series):
    return numbers[(numbers.quantity == quantity) & (numbers.series == series)]


def _points(ax, numbers, quantity, colour, marker, label):
    single, means = _of(numbers, quantity, "network"), _of(numbers, quantity, "mean")
    ax.plot(single.layer, single.value, ".", color=colour, alpha=0.3, markersize=4, markeredgewidth=0, zorder=2)
    style.intervals(ax, means.layer, means, colour, marker, label)


def _line(ax, line, colour, label):
    if len(line):
        ax.plot(line.layer, line.value, color=colour, linestyle=style.DASHES, linewidth=1.6, label=label, zorder=5)


def _finish(ax, unit):
    ax.set_ylabel(unit)
    if any(np.asarray(line.get_ydata(), float).max(initial=0) > 0 for line in ax.lines):
        ax.set_yscale("log")
    if ax.get_legend_handles_labels()[0]:
        ax.legend(loc="best", labelspacing=0.25, handlelength=2, fontsize=8.5)
