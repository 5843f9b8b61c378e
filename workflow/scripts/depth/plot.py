"""One network, all its hidden layers: the rates, and the distances that say which part of them is the layer's scale."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from repdyn import artifacts
from repdyn.plotting import style

GOOD = 0.05  # shade the layers whose error is below


def figure(numbers: pd.DataFrame, row: dict, of: int, confidence: float) -> tuple[Figure, pd.DataFrame]:
    """Rates and distances side by side, over the hidden layer; and the numbers drawn."""
    page = Figure(figsize=(12, 5.6))
    axes = page.subplots(1, 2, gridspec_kw={"left": 0.07, "right": 0.985, "bottom": 0.3, "top": 0.82, "wspace": 0.2})
    errors = _of(numbers, "nrmse", "mean")
    kept = int(errors.networks.max()) if len(errors) else 0
    style.headline(
        page,
        title(numbers, row),
        f"Row {row['name']}: {row['width']} units a layer, {row['depth']} deep. Points: geometric mean of {kept} kept "
        f"of {of} networks; bars: {100 * confidence:g} % t interval (from 5 networks on); dots: single networks.",
    )
    good = errors[errors.value < GOOD].layer.to_numpy()
    layers = numbers.layer.dropna()
    for ax in axes:
        for layer in good:
            ax.axvspan(layer - 0.5, layer + 0.5, color="#eeeeee", linewidth=0, zorder=0)
        ax.set_xlabel("hidden layer")
        if len(layers):
            ax.set_xlim(layers.min() - 0.6, layers.max() + 0.6)
        ax.xaxis.set_major_locator(MaxNLocator(10, integer=True))
    rates, distances = axes
    _points(rates, numbers, "eta_h", style.BLUE, "o", r"$\eta_h$, of the representation")
    _points(rates, numbers, "eta_y", style.ORANGE, "s", r"$\eta_y$, of the output")
    _points(rates, numbers, "speed", "black", "D", r"$\sqrt{\eta_h\eta_y}$, which no rescaling of the layer changes")
    _finish(rates, "a", "Rates per optimiser step", "rate")

    _points(distances, numbers, "h_end", style.BLUE, "o", "H after training")
    _points(distances, numbers, "h_start", style.GREEN, "^", "H before training")
    for quantity, series, colour, text in (
        ("A_low", "mean", style.VERMILION, r"$\sqrt{\eta_h/\eta_y}\,|\Delta x||\Delta y|$: the ratio of the rates"),
        ("h_start", "mean_field", style.dark(style.GREEN), "mean field of H before training"),
    ):
        line = _of(numbers, quantity, series)
        if len(line):
            distances.plot(line.layer, line.value, color=colour, linestyle=style.DASHES, linewidth=1.6, label=text)
    _finish(distances, "b", "Squared distances of the two representations", "squared distance")
    if not kept:
        page.text(0.5, 0.55, "no network was kept", ha="center", fontsize=14, color=style.VERMILION)
    shaded = f"Shaded: layers with an error of the fit below {100 * GOOD:g} %" + ("" if len(good) else " (none)")
    page.text(0.065, 0.02, f"{shaded}.", color=style.FAINT)
    return page, numbers


def title(numbers: pd.DataFrame, row: dict) -> str:
    """What was found, in a line."""
    ratio = _of(numbers, "ratio", "mean")
    late = ratio[ratio.layer >= row["depth"] / 2].value
    factor = {series: _of(numbers, "G2", series).value for series in ("fitted", "mean_field")}
    if not len(late) or not len(factor["fitted"]):
        return "Rates and distances over the depth of the observed layer"
    low, high = late.min(), late.max()
    text = f"Late layers: the rates' ratio restates the final distance (within {100 * max(high - 1, 1 - low):.0f} %)"
    if max(high, 1 / low) > 1.25:
        text = f"Late layers: the rates' ratio is {low:.2f} to {high:.2f} of what the final distance says"
    text += f"; H(0) falls by {factor['fitted'].iloc[0]:.3f} a layer"
    return text + (f", mean field {factor['mean_field'].iloc[0]:.3f}" if len(factor["mean_field"]) else "")


def _of(numbers, quantity, series):
    return numbers[(numbers.quantity == quantity) & (numbers.series == series)]


def _points(ax, numbers, quantity, colour, marker, label):
    single, means = _of(numbers, quantity, "network"), _of(numbers, quantity, "mean")
    ax.plot(single.layer, single.value, ".", color=colour, alpha=0.3, markersize=4, markeredgewidth=0, zorder=2)
    style.intervals(ax, means.layer, means, colour, marker, label)


def _finish(ax, letter, name, unit):
    ax.set_title(f"{letter}   {name}", loc="left", fontweight="bold", fontsize=10, pad=7)
    ax.set_ylabel(unit)
    if any(np.asarray(line.get_ydata(), float).max(initial=0) > 0 for line in ax.lines):
        ax.set_yscale("log")
    if ax.get_legend_handles_labels()[0]:
        ax.legend(loc="upper left", bbox_to_anchor=(-0.03, -0.13), borderaxespad=0, labelspacing=0.25, handlelength=2)


def main(table: str, networks: str, row: dict, confidence: float) -> tuple[Figure, pd.DataFrame]:
    numbers = artifacts.read_table(table).astype({"seed": "Int64", "layer": "Int64", "networks": "Int64"})
    return figure(numbers, row, len(artifacts.read_table(networks)), confidence)
