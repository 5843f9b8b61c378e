"""Distances between digits after training: networks and theory side by side, and what correlates with the networks'."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from repdyn import artifacts
from repdyn.data import mnist
from repdyn.plotting import pages, style

LOOKS = {  # predictor: colour and marker
    "theory": (style.BLUE, "o"),
    "class and input distance": (style.VERMILION, "D"),
    "class": (style.ORANGE, "s"),
    "input distance": (style.GREEN, "^"),
}
PARTS = {"all": "all pairs", "two digits": "two digits", "one digit": "one digit"}


def matrix(table: pd.DataFrame, column: str) -> tuple[np.ndarray, np.ndarray]:
    """A column of the table of pairs as a symmetric matrix, and the digit of each row."""
    digits = {**dict(zip(table.image_a, table.digit_a)), **dict(zip(table.image_b, table.digit_b))}
    images = list(dict.fromkeys([*table.image_a, *table.image_b]))
    place = {image: n for n, image in enumerate(images)}
    values = np.zeros((len(images), len(images)))
    a, b = table.image_a.map(place), table.image_b.map(place)
    values[a, b] = values[b, a] = table[column]
    return values, np.array([digits[image] for image in images])


def main(
    mapped: str, correlations: str, steps: str, layer: int, images: str, confidence: float
) -> tuple[Figure, pd.DataFrame]:
    """Two matrices of squared distances, and correlations with the theory and with what it was given."""
    pairs, correlations, steps = map(artifacts.read_table, (mapped, correlations, steps))
    matrices = {"Networks": matrix(pairs, "h_end"), "Theory": matrix(pairs, "predicted")}
    shown = correlations[(correlations.solver == "sgd") & (correlations.images == "test")]
    first = shown.iloc[0]
    page, (*maps, right) = pages.panels(
        f"{mnist.TITLES[images]}{title(shown)}",
        f"Squared distances of {len(matrices['Theory'][1])} test images in hidden layer {layer}, "
        rf"{style.mean_of(int(first.networks), int(first.of))}. Theory: from what is known before training and "
        rf"one ratio of rates ($\eta_h/\eta_y$ = "
        f"{style.number(first.ratio)}). c: correlation with the networks' distances, {100 * confidence:g} % intervals "
        "over "
        f"images. {_of_steps(steps)}",
        [style.mark(marker, label, colour) for label, (colour, marker) in LOOKS.items()],
        [*matrices, "What goes with the networks"],
        3.3,
        left=0.4,
        gap=0.35,
        widths=(1, 1, 1.25),
    )
    known = [values for values, _ in matrices.values() if np.isfinite(values).all()]
    highest = max((values.max() for values in known), default=1.0)
    for ax, (name, (values, digits)) in zip(maps, matrices.items(), strict=True):
        image = _matrix(ax, values, digits, name, highest)
    width, box = page.get_size_inches()[0], right.get_position()
    right.set_position((box.x0 + 1.35 / width, box.y0, box.width - 1.35 / width, box.height))
    edge = maps[-1].get_position()
    bar = page.colorbar(image, cax=page.add_axes((edge.x1 + 0.1 / width, edge.y0, 0.1 / width, edge.height)))
    bar.outline.set_visible(False)
    bar.set_label("squared distance")
    _correlations(right, shown)
    right.set_xlabel("r with the networks")
    return page, pd.concat([pairs, shown, steps], ignore_index=True)


def _of_steps(steps: pd.DataFrame) -> str:
    """What the size of the steps moves."""
    moved = [
        f"{row.against / row.finer:g} times as large: {style.percent(row.distance_error)}" for row in steps.itertuples()
    ]
    return f"Relative change of distances (a shorter training) in steps {', '.join(moved)}."


def title(shown: pd.DataFrame) -> str:
    """What the theory's correlation over all pairs adds to that of class and input distance, told by its interval."""
    rows = shown[shown.pairs == "all"].set_index("predictor")
    simple = rows.loc["class and input distance"]
    r, other = rows.correlation["theory"], f"class and input distance (r = {simple.correlation:.2f})"
    if np.isnan(r):
        return f"no fit converged, so there is no theory to hold against {other}"
    said = {1: "better than", -1: "worse than", 0: "no better or worse than"}
    word = said[int(style.side(simple.theory_adds_low, simple.theory_adds_high))]
    return f"the theory says how far digits end apart (r = {r:.2f}) {word} {other}"


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
    if not np.isfinite(values).all():
        why = "no network is finite" if name == "Networks" else "no fit of a pair\nof two digits converged"
        ax.text(0.5, 0.5, why, transform=ax.transAxes, ha="center", va="center", color=style.VERMILION)
    return image


def _correlations(ax, mine: pd.DataFrame) -> None:
    """A dot with its interval for each part of the pairs and predictor."""
    rows = mine.set_index(["pairs", "predictor"])
    ax.axvline(0, color=style.GREY, linewidth=0.6, zorder=0)
    for place, part in enumerate(PARTS):
        for n, (predictor, (colour, marker)) in enumerate(LOOKS.items()):
            if (part, predictor) not in rows.index:
                continue
            row, y = rows.loc[(part, predictor)], place + 0.17 * (n - 1.5)
            if row.correlation_low == row.correlation_low:
                ax.plot([row.correlation_low, row.correlation_high], [y, y], color=colour, linewidth=1.4)
            ax.plot(row.correlation, y, marker, color=colour, markersize=4.5)
            if row.correlation != row.correlation:
                ax.text(-0.38, y, "no correlation", color=colour, fontsize=7, va="center")
    ax.set_yticks(range(len(PARTS)), PARTS.values())
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(PARTS) - 0.5, -0.5)
    ax.set_xlim(-0.4, 1)
