"""From small to large initial weights: trajectories, error of the fit, and how far the representation moves."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator

from repdyn import artifacts
from repdyn.plotting import curves, style
from repdyn.statistics.curves import COLUMNS


def figure(settings: list[curves.Setting], measured: pd.DataFrame, confidence: float) -> tuple[Figure, pd.DataFrame]:
    """Trajectories in a row, sorted by gain, above the error of the fit and the distance before and after training."""
    settings = sorted(settings, key=lambda setting: setting.row["gain"])
    numbers = pd.concat([*(setting.of("HYw") for setting in settings), measured], ignore_index=True)[COLUMNS]
    numbers = numbers.astype({"seed": "Int64", "step": "Int64"})
    page = Figure(figsize=(12, 8.2))
    style.headline(
        page,
        _finding(measured),
        f"Networks that differ in gain and learning rate only, hidden layer {settings[0].row['layer']}. "
        "H grows by a large factor (rich) or stays near its initial value (lazy). Experiment solid, theory dashed.",
    )
    lines = [Line2D([], [], color=style.COLOUR[name], linewidth=2.6, label=name) for name in "HYw"]
    discarded = bool((numbers.series == "discarded").any())
    style.legend(page, lines + style.line_handles(curves.band_name(settings), discarded), below=0.72)
    _trajectories(page, settings, numbers)
    error, distance = page.subplots(
        1, 2, sharex=True, gridspec_kw={"left": 0.075, "right": 0.985, "bottom": 0.115, "top": 0.415, "wspace": 0.22}
    )
    _error(error, numbers)
    _distance(distance, numbers)
    note = f"Large: geometric mean of kept networks, and its {100 * confidence:g} % t interval."
    if len(falling := measured[measured.series == "network_falling"].gain.unique()):
        gains = ", ".join(f"{gain:g}" for gain in falling)
        note = (
            rf"At gain {gains} H falls, which the theory cannot do: the best fit has $\eta_h \to 0$ (crosses). {note}"
        )
    page.text(0.012, 0.012, note, color=style.FAINT)
    return page, numbers


def _finding(measured) -> str:
    """What the table says of the smallest and the largest gain."""
    means = measured[measured.series == "experiment"].sort_values("gain")
    grown, errors = (means[means.quantity == quantity] for quantity in ("h_growth", "error_active"))
    if len(grown) < 2 or len(errors) < 2:
        return "Scale of the initial weights: too few gains at which networks learned"
    (first, last), (best, worst) = (table.iloc[[0, -1]].itertuples() for table in (grown, errors))
    return (
        f"From gain {first.gain:g} to {last.gain:g} H grows {style.number(first.value)}-fold and "
        f"{style.number(last.value)}-fold; the theory's error goes from {style.percent(best.value)} "
        f"to {style.percent(worst.value)}"
    )


def _trajectories(page, settings, numbers):
    """H on one logarithmic axis for all gains, Y and w below it."""
    grid = page.subplots(
        2,
        len(settings),
        squeeze=False,
        gridspec_kw={"left": 0.075, "right": 0.985, "bottom": 0.53, "top": 0.815, "wspace": 0.14, "hspace": 0.1},
    )
    distances = numbers[(numbers.quantity == "H") & (numbers.value > 0)][["value", "low", "high"]].to_numpy()
    distances = distances[np.isfinite(distances) & (distances > 0) & (distances < 1e4)]
    learned = numbers[numbers.quantity.isin(["Y", "w"]) & numbers.series.isin(["experiment", "theory"])]
    for column, setting in enumerate(settings):
        above, below = grid[:, column]
        here = numbers[(numbers.setting == setting.row["name"]) & numbers.step.notna()].astype({"step": int})
        above.set_yscale("log")
        curves.draw(above, here[here.quantity == "H"])
        curves.draw(below, here[here.quantity != "H"])
        if distances.size:
            above.set_ylim(distances.min() / 1.5, distances.max() * 1.5)
            if distances.max() < 100 * distances.min():
                above.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                above.yaxis.set_major_formatter("{x:g}")
        if len(learned):
            low, high = learned[["value", "low"]].min().min(), learned[["value", "high"]].max().max()
            below.set_ylim(low - 0.1 * (high - low), high + 0.1 * (high - low))
        below.axhline(0, color=style.GREY, linewidth=0.6, zorder=0)
        above.tick_params(labelbottom=False)
        below.set_xticks([0, 1 + here.step.max() // 2, 1 + here.step.max()])
        below.get_xticklabels()[0].set_ha("left")
        below.get_xticklabels()[-1].set_ha("right")
        for ax in (above, below):
            ax.yaxis.set_minor_locator(NullLocator())
            if column:
                ax.tick_params(labelleft=False)
        count = f"{len(setting.kept)} of {setting.networks} kept"
        above.set_title(f"gain {setting.row['gain']:g}", loc="left", fontweight="bold", fontsize=10, pad=16)
        above.annotate(
            count,
            (0, 1),
            (0, 5),
            xycoords="axes fraction",
            textcoords="offset points",
            fontsize=8,
            color=style.FAINT if len(setting.kept) == setting.networks else style.VERMILION,
        )
    grid[0, 0].set_ylabel("H (log)")
    grid[1, 0].set_ylabel("Y, w")
    for ax in grid[:, 0]:
        ax.yaxis.set_label_coords(-0.045 * 12 / (12 * 0.91 / len(settings)), 0.5)
    page.text(0.53, 0.478, "training step (optimiser steps)", ha="center")


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
    ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    ax.set_ylabel("error, active part (RMS residual / range)")
    _finish(ax, "Error of the fit")


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
    _finish(ax, "How far the representation moves")


def _means(ax, numbers, colour, label):
    means = numbers[numbers.series == "experiment"].sort_values("gain")
    style.intervals(ax, means.gain, means, colour, "o", label)


def _finish(ax, title):
    ax.set_title(title, loc="left", fontweight="bold", fontsize=10)
    ax.set_xlabel("gain (scale of the initial weights)")
    if ax.get_legend_handles_labels()[0]:
        ax.legend(fontsize=8, labelspacing=0.3, loc="best")


def main(
    trajectories: list[str], fits: list[str], table: str, rows: list[dict], confidence: float
) -> tuple[Figure, pd.DataFrame]:
    settings = [curves.read(*one) for one in zip(trajectories, fits, rows, strict=True)]
    return figure(settings, artifacts.read_table(table), confidence)
