"""Distances between digits after training: networks and theory side by side, and what correlates with the networks'."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from repdyn import artifacts
from repdyn.data import mnist
from repdyn.plotting import style

LOOKS = {  # predictor: colour and marker
    "theory": (style.BLUE, "o"),
    "class and input distance": (style.VERMILION, "D"),
    "class": (style.ORANGE, "s"),
    "input distance": (style.GREEN, "^"),
}
PARTS = {"all": "all pairs", "two digits": "two digits", "one digit": "one digit"}
SOLVERS = {"sgd": "SGD", "adam": "Adam"}
PANELS = (("sgd", "test"), ("adam", "train"))


def matrix(table: pd.DataFrame, column: str) -> tuple[np.ndarray, np.ndarray]:
    """A column of the table of pairs as a symmetric matrix, and the digit of each row."""
    digits = {**dict(zip(table.image_a, table.digit_a)), **dict(zip(table.image_b, table.digit_b))}
    images = list(dict.fromkeys([*table.image_a, *table.image_b]))
    place = {image: n for n, image in enumerate(images)}
    values = np.zeros((len(images), len(images)))
    a, b = table.image_a.map(place), table.image_b.map(place)
    values[a, b] = values[b, a] = table[column]
    return values, np.array([digits[image] for image in images])


def figure(
    pairs: pd.DataFrame, correlations: pd.DataFrame, steps: pd.DataFrame, layer: int, images: str, confidence: float
) -> tuple[Figure, pd.DataFrame]:
    """Two matrices of squared distances, and correlations with the theory and with what it was given."""
    page = Figure(figsize=(12, 5.3))
    panels = {"Networks": matrix(pairs, "h_end"), "Theory": matrix(pairs, "predicted")}
    shown = correlations[(correlations.solver == "sgd") & (correlations.images == "test")]
    first = shown.iloc[0]
    style.headline(
        page,
        f"{mnist.TITLES[images]}{_verdict(shown)}",
        f"Squared distances of {len(panels['Theory'][1])} test images in hidden layer {layer}, mean of "
        f"{first.networks} of {first.of} networks. Theory: from what is known before training and one ratio of rates "
        rf"($\eta_h/\eta_y$ = {style.number(first.ratio)}).",
    )
    known = [values for values, _ in panels.values() if np.isfinite(values).all()]
    highest = max((values.max() for values in known), default=1.0)
    for n, (name, (values, digits)) in enumerate(panels.items()):
        ax = page.add_axes((0.035 + 0.27 * n, 0.14, 0.25, 0.63))
        image = _matrix(ax, values, digits, name, highest)
    bar = page.colorbar(image, cax=page.add_axes((0.565, 0.17, 0.008, 0.57)))
    bar.outline.set_visible(False)
    bar.set_label("squared distance")
    for n, (solver, part) in enumerate(PANELS):
        ax = page.add_axes((0.71, 0.47 - 0.34 * n, 0.275, 0.27))
        mine = correlations[(correlations.solver == solver) & (correlations.images == part)]
        _correlations(ax, mine)
        ax.set_title(f"{SOLVERS[solver]}, {part}{'ing' * (part == 'train')} images", loc="left", fontsize=9)
        if n == len(PANELS) - 1:
            ax.set_xlabel(f"r with the networks ({100 * confidence:g} % intervals over images)")
        else:
            ax.tick_params(labelbottom=False)
    handles = [
        Line2D([], [], color=colour, marker=marker, linestyle="none", markersize=5, label=name)
        for name, (colour, marker) in LOOKS.items()
    ]
    page.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0.635, 0.885), ncols=2, handletextpad=0.1, fontsize=8.5
    )
    page.text(0.035, 0.02, _of_steps(steps), fontsize=8.5, color=style.FAINT)
    return page, pd.concat([pairs, correlations, steps], ignore_index=True)


def _of_steps(steps: pd.DataFrame) -> str:
    """What the size of the steps moves."""
    moved = [
        f"{row.against / row.finer:g} times as large: {style.percent(row.distance_error)}" for row in steps.itertuples()
    ]
    return f"Relative change of distances of the same networks (a shorter training) in steps {', '.join(moved)}"


def _verdict(shown: pd.DataFrame) -> str:
    """What the numbers of all pairs say, in a few words."""
    r = shown[shown.pairs == "all"].set_index("predictor").correlation
    beside = f"{r['class and input distance']:.2f} with class and input distance"
    if np.isnan(r["theory"]):
        return f"distances of digits: no theory, as no fit converged; r = {beside}"
    return f"distances of digits: r = {r['theory']:.2f} with the theory, {beside}"


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


def main(
    mapped: str, correlations: str, steps: str, layer: int, images: str, confidence: float
) -> tuple[Figure, pd.DataFrame]:
    tables = map(artifacts.read_table, (mapped, correlations, steps))
    return figure(*tables, layer, images, confidence)
