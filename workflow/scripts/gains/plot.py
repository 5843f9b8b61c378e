"""From small to large initial weights: how far the representation moves, and the error of the fit."""

import pandas as pd
from matplotlib.figure import Figure

from repdyn import artifacts
from repdyn.plotting import pages, style


def main(table: str, layer: int, confidence: float) -> tuple[Figure, pd.DataFrame]:
    """The distance before and after training, and the error of the fit, over the gain; and the numbers drawn."""
    measured = artifacts.read_table(table)
    numbers = measured.astype({"seed": "Int64"})
    falling = ", ".join(f"{gain:g}" for gain in measured[measured.series == "network_falling"].gain.unique())
    note = (
        rf" At gain {falling} H falls, which the theory cannot do: the best fit has $\eta_h \to 0$." if falling else ""
    )
    networks = measured.networks.max()
    page, (distance, error) = pages.panels(
        title(measured),
        f"Networks that differ in gain and learning rate only, hidden layer {layer}. Large: "
        f"{style.mean_of(0 if networks != networks else int(networks), kind='geometric mean')} (kept), and its "
        f"{100 * confidence:g} % t interval (from 5 networks on); dots: single networks.{note}",
        [],
        ["How far the representation moves", "Error of the fit"],
        3.3,
        gap=0.95,
    )
    _distance(distance, numbers)
    _error(error, numbers)
    return page, numbers


def title(measured: pd.DataFrame) -> str:
    """What the table says of the smallest and the largest gain."""
    means = measured[measured.series == "experiment"].sort_values("gain")
    grown, errors = (means[means.quantity == quantity] for quantity in ("h_growth", "error_active"))
    if len(grown) < 2 or len(errors) < 2:
        return "What the scale of the initial weights changes cannot be told: networks learned at too few gains"
    (first, last), (best, worst) = (table.iloc[[0, -1]].itertuples() for table in (grown, errors))
    return (
        f"Learning multiplies H by {style.number(first.value)} at gain {first.gain:g} and by "
        f"{style.number(last.value)} at "
        f"{last.gain:g}; the theory's error goes from {style.percent(best.value)} to {style.percent(worst.value)}"
    )


def _error(ax, numbers):
    numbers = numbers[numbers.quantity == "error_active"]
    forms = {
        "network": (".", style.BLUE, "one network"),
        "network_at_bound": ("x", style.VERMILION, r"one network, best fit has $\eta_h \to 0$"),
        "network_falling": ("x", style.VERMILION, r"one network, best fit has $\eta_h \to 0$"),
        "discarded_network": ("o", style.GREY, "one discarded network"),
    }
    for series, (marker, colour, label) in forms.items():
        single = numbers[numbers.series == series]
        if len(single):
            ax.plot(
                single.gain,
                single.value,
                marker,
                color=colour,
                markerfacecolor="none" if marker == "o" else colour,
                markersize=6 if marker != "x" else 5.5,
                alpha=0.8,
                label=label,
                zorder=3,
            )
    _means(ax, numbers, "black", "mean of kept networks")
    ax.set_ylim(bottom=0)
    style.percents(ax.yaxis)
    ax.set_ylabel("error, active part (RMS residual / range)")
    _finish(ax)


def _distance(ax, numbers):
    for quantity, colour, label in (
        ("h_start", style.GREEN, "before training"),
        ("h_end", style.BLUE, "after training"),
    ):
        here = numbers[numbers.quantity == quantity]
        discarded = here[here.series == "discarded_network"]
        single = here[here.series.isin(["network", "network_at_bound", "network_falling"])]
        ax.plot(single.gain, single.value, ".", color=colour, alpha=0.5, markersize=5, markeredgewidth=0)
        ax.plot(
            discarded.gain,
            discarded.value,
            "o",
            color=colour,
            markerfacecolor="none",
            markersize=6,
            alpha=0.8,
            label=f"{label}, discarded" if len(discarded) else None,
        )
        _means(ax, here, colour, label)
    if (numbers[numbers.quantity == "h_start"].value > 0).any():
        ax.set_yscale("log")
    ax.set_ylabel("H, squared distance (log)")
    _finish(ax)


def _means(ax, numbers, colour, label):
    means = numbers[numbers.series == "experiment"].sort_values("gain")
    style.intervals(ax, means.gain, means, colour, "o", label)


def _finish(ax):
    ax.set_xlabel("gain (scale of the initial weights)")
    if ax.get_legend_handles_labels()[0]:
        ax.legend(fontsize=8.5, labelspacing=0.3, loc="best")
