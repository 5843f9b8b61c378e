"""One network, all its hidden layers: rates, error of the fit, and how the initial distance falls with depth."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from repdyn import artifacts
from repdyn.plotting import style

GOOD = 0.05  # shade the layers whose error is below


def figure(numbers: pd.DataFrame, fits: pd.DataFrame, row: dict, confidence: float) -> tuple[Figure, pd.DataFrame]:
    """Rates, errors and initial distances side by side, over the hidden layer; and the numbers drawn."""
    networks, kept = fits.seed.nunique(), fits[fits.kept].seed.nunique()
    page = Figure(figsize=(12, 5.0))
    axes = page.subplots(1, 3, gridspec_kw={"left": 0.07, "right": 0.985, "bottom": 0.26, "top": 0.815, "wspace": 0.3})
    style.headline(
        page,
        f"The effective rates depend on the depth of the observed layer ({row['name']})",
        f"{row['width']} units a layer, {row['depth']} deep. Points: mean of {kept} kept of {networks} networks; "
        f"bars: {100 * confidence:g} % bootstrap interval; dots: single networks.",
    )
    errors = _of(numbers, "nrmse", "mean")
    good = errors[errors.value < GOOD].layer.to_numpy()
    for ax in axes:
        for layer in good:
            ax.axvspan(layer - 0.5, layer + 0.5, color="#eeeeee", linewidth=0, zorder=0)
        ax.axvline(row["layer"], color=style.GREY, linewidth=1, linestyle=":", zorder=1)
        ax.set_xlabel("hidden layer")
        ax.set_xlim(fits.layer.min() - 0.6, fits.layer.max() + 0.6)
        ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    rates, error, start = axes
    _points(rates, numbers, "eta_h", style.BLUE, "o", r"$\eta_h$, of the representation")
    _points(
        rates, numbers, "eta_y", style.ORANGE, "s", r"$\eta_y$, of the output" + _extreme(numbers, "eta_y", "highest")
    )
    _finish(rates, "a", "Rates", "effective rate per optimiser step", log=True)

    _points(error, numbers, "nrmse", "black", "o", "error of the fit" + _extreme(numbers, "nrmse", "lowest"))
    _finish(error, "b", "Where the theory fits", "error (RMS residual / range of the curve)")
    error.set_ylim(bottom=0)
    error.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")

    _points(start, numbers, "h_start", style.BLUE, "o", "experiment (geometric mean)")
    for series, text, colour, form in (
        ("fitted", "fitted", style.dark(style.BLUE), "-"),
        ("mean_field", "mean field", style.VERMILION, style.DASHES),
    ):
        line, factor = _of(numbers, "h_start", series), _of(numbers, "G2", series)
        if len(line):
            value = f"{text}: $G^2$ = {factor.value.iloc[0]:.3f}"
            if factor.low.notna().all():
                value += f" [{factor.low.iloc[0]:.3f}, {factor.high.iloc[0]:.3f}]"
            start.plot(line.layer, line.value, color=colour, linestyle=form, linewidth=1.4, zorder=4, label=value)
    _finish(start, "c", "Initial distance: one factor a layer", "H(0), squared distance at step 0", log=True)
    if not kept:
        page.text(0.5, 0.5, "no network was kept", ha="center", fontsize=14, color=style.VERMILION)
    shaded = f"Shaded: layers with an error below {100 * GOOD:g} %" + ("" if len(good) else " (none)")
    page.text(
        0.065, 0.02, f"{shaded}. Dotted line: layer {row['layer']}, which the other figures show.", color=style.FAINT
    )
    return page, numbers


def _of(numbers, quantity, series):
    return numbers[(numbers.quantity == quantity) & (numbers.series == series)]


def _extreme(numbers, quantity, which):
    means = _of(numbers, quantity, "mean")
    if not len(means):
        return ""
    place = means.value.idxmax() if which == "highest" else means.value.idxmin()
    return f" ({which} at layer {means.layer[place]})"


def _points(ax, numbers, quantity, colour, marker, label):
    single, means = _of(numbers, quantity, "network"), _of(numbers, quantity, "mean")
    ax.plot(single.layer, single.value, ".", color=colour, alpha=0.3, markersize=4, markeredgewidth=0, zorder=2)
    style.intervals(ax, means.layer, means, colour, marker, label)


def _finish(ax, letter, title, unit, log=False):
    ax.set_title(f"{letter}   {title}", loc="left", fontweight="bold", fontsize=10, pad=7)
    ax.set_ylabel(unit)
    if log and ax.has_data() and any(len(line.get_ydata()) for line in ax.lines[1:]):
        ax.set_yscale("log")
    if ax.get_legend_handles_labels()[0]:
        ax.legend(loc="upper left", bbox_to_anchor=(-0.03, -0.17), borderaxespad=0, labelspacing=0.25, handlelength=2)


def main(table: str, fits: str, row: dict, confidence: float) -> tuple[Figure, pd.DataFrame]:
    numbers = artifacts.read_table(table).astype({"seed": "Int64", "layer": "Int64", "networks": "Int64"})
    return figure(numbers, artifacts.read_table(fits), row, confidence)
