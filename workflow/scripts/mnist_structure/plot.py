"""Distances between digits after training: networks and theory side by side, and pair against pair."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from repdyn import artifacts
from repdyn.data import mnist
from repdyn.plotting import style


def matrix(table: pd.DataFrame, column: str) -> tuple[np.ndarray, np.ndarray]:
    """A column of the table of pairs as a symmetric matrix, and the digit of each row."""
    digits = {**dict(zip(table.image_a, table.digit_a)), **dict(zip(table.image_b, table.digit_b))}
    images = list(dict.fromkeys([*table.image_a, *table.image_b]))
    place = {image: n for n, image in enumerate(images)}
    values = np.zeros((len(images), len(images)))
    a, b = table.image_a.map(place), table.image_b.map(place)
    values[a, b] = values[b, a] = table[column]
    return values, np.array([digits[image] for image in images])


def figure(table: pd.DataFrame, correlations: pd.DataFrame, layer: int, images: str) -> tuple[Figure, pd.DataFrame]:
    """Two matrices of squared distances and a scatter of all pairs with what the correlations say."""
    page = Figure(figsize=(12, 5.3))
    found = correlations.set_index(["pairs", "predictor"])
    theory = found.loc[("all", "theory")]
    panels = {"Networks": matrix(table, "h_end"), "Theory": matrix(table, "predicted")}
    style.headline(
        page,
        f"{mnist.TITLES[images]}distances between digits after training: {_verdict(found)}",
        f"Squared distances of {len(panels['Theory'][1])} test images in hidden layer {layer}, mean of "
        f"{int(theory.networks)} networks. Theory: final distance from what is known before training and one ratio of "
        rf"rates ($\eta_h/\eta_y$ = {style.number(theory.ratio)}).",
    )
    highest = max(values.max() for values, _ in panels.values())
    for n, (name, (values, digits)) in enumerate(panels.items()):
        ax = page.add_axes((0.035 + 0.3 * n, 0.13, 0.28, 0.66))
        image = _matrix(ax, values, digits, name, highest)
    bar = page.colorbar(image, cax=page.add_axes((0.622, 0.15, 0.009, 0.62)))
    bar.outline.set_visible(False)
    bar.set_label("squared distance")
    _scatter(page.add_axes((0.735, 0.4, 0.25, 0.39)), table)
    page.text(0.69, 0.285, _numbers(found), va="top", fontsize=8.3, linespacing=1.4)
    return page, table


def _verdict(found: pd.DataFrame) -> str:
    """What the numbers say, in a few words."""
    theory, alone = found.loc[("all", "theory")], found.loc[("all", "class")]
    return f"r = {theory.correlation:.2f} with the theory, {alone.correlation:.2f} with the class alone"


def _matrix(ax, values, digits, name, highest):
    image = ax.imshow(values, cmap="viridis", interpolation="nearest", vmin=0, vmax=highest)
    for edge in np.flatnonzero(np.diff(digits)) + 0.5:
        ax.axhline(edge, color="white", linewidth=0.4)
        ax.axvline(edge, color="white", linewidth=0.4)
    middle = [np.flatnonzero(digits == digit).mean() for digit in np.unique(digits)]
    ax.set_xticks(middle, np.unique(digits))
    ax.set_yticks(middle, np.unique(digits))
    ax.tick_params(length=0)
    ax.set_xlabel("digit")
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.set_title(name, loc="left", fontweight="bold", fontsize=10)
    return image


def _scatter(ax, table: pd.DataFrame) -> None:
    for kind, colour, label in ((table.dy2 > 0, style.BLUE, "two digits"), (table.dy2 == 0, style.ORANGE, "one digit")):
        ax.plot(
            table.predicted[kind], table.h_end[kind], ".", color=colour, markersize=2.6, alpha=0.45,
            markeredgewidth=0, rasterized=True, label=label,
        )  # fmt: skip
    top = 1.03 * max(table.predicted.max(), table.h_end.max())
    ax.plot([0, top], [0, top], color=style.GREY, linewidth=0.8, zorder=0)
    ax.set_xlim(0, 1.05 * table.predicted.max())
    ax.set_ylim(0, 1.05 * table.h_end.max())
    ax.set_xlabel("theory")
    ax.set_ylabel("networks")
    ax.set_title("Every pair (grey: equal)", loc="left", fontweight="bold", fontsize=10)
    ax.legend(markerscale=4, handletextpad=0.1, borderaxespad=0.2, loc="upper left")


def _numbers(found: pd.DataFrame) -> str:
    """The correlations in three lines."""

    def r(pairs, predictor="theory"):
        value = found.loc[(pairs, predictor)].correlation
        return "none" if value != value else f"{value:.2f}"

    def null(pairs):
        row = found.loc[(pairs, "theory")]
        return f"[{row.null_low:.2f}, {row.null_high:.2f}]"

    given, input_alone = r("given class"), r("given class", "input distance")
    return "\n".join(
        [
            f"All pairs: theory {r('all')} (labels shuffled: {null('all')}),",
            f"    class alone {r('all', 'class')}, input distance alone {r('all', 'input distance')}",
            f"Two digits: theory {r('different digits')}, input distance {r('different digits', 'input distance')}",
            f"One digit: theory {r('same digit')}, input distance {r('same digit', 'input distance')}",
            f"Beyond the class (partial): theory {given}, input distance {input_alone}",
            f"    (images shuffled within their digit: {null('given class')})",
        ]
    )


def main(table: str, correlations: str, layer: int, images: str) -> tuple[Figure, pd.DataFrame]:
    page = artifacts.read_table(table), artifacts.read_table(correlations), layer, images
    return figure(*page)
