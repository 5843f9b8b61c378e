"""Pairs of MNIST images during training: H, Y and w of the networks and of the theory, and how well digits are told."""

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from repdyn import artifacts
from repdyn.data import mnist
from repdyn.plotting import pages, style

CLOSE = 0.1  # error below which a curve counts as described
NAMES = {"H": "H, hidden distance²", "Y": "Y, output distance²", "w": "w, alignment (one digit: w = Y)"}


def main(curves: str, runs: str, summary: str, layer: int) -> tuple[Figure, pd.DataFrame]:
    """One panel a pair, H above Y and w, then one for accuracy and loss; and the numbers drawn."""
    numbers, summary = artifacts.read_table(curves).astype({"pair": "Int64"}), artifacts.read_table(summary)
    runs = artifacts.read_dataset(runs).sel(layer=layer)
    count = runs.sizes["pair"]
    rows = summary.set_index("pairs")
    networks, used = summary.networks.max(), summary.kept.max()
    lines = [Line2D([], [], color=style.COLOUR[name], linewidth=2.6, label=text) for name, text in NAMES.items()]
    page, panels = pages.gallery(
        f"{mnist.TITLES[runs.images]}{title(rows)}",
        f"Hidden layer {layer}, {used} of {networks} networks. Error: RMS over the range of the curve, mean over pairs "
        f"and networks{_interval(rows.loc['two digits'])}.",
        [*lines, *style.line_handles(f"lowest to highest of {used} networks", discarded=False)],
        count + 1,
        parts=(0.85, 1.05),
        caption=0.85,
    )
    for n, (above, below) in enumerate(panels[:count]):
        mine, pair = numbers[numbers.pair == n], runs.isel(pair=n)
        _draw(above, mine[mine.quantity == "H"])
        _draw(below, mine[mine.quantity != "H"])
        above.set_ylim(bottom=0)
        below.axhline(0, color=style.GREY, linewidth=0.6, zorder=0)
        if n % 4 == 0:
            above.set_ylabel("H")
            below.set_ylabel("Y, w")
        a, b = pair.digit.values
        _caption(above, f"{a} and {b}", *_result(rows.loc[f"pair {n}"]))
        _thumbnails(page, above, pair.pixels.values)
    _learning(panels[-1], numbers, runs)
    for above, below in panels:
        for ax in (above, below):
            ax.set_xlim(0, runs.step.values[-1])
            ax.locator_params(axis="y", nbins=3, min_n_ticks=3)
            style.few_steps(ax)
            if ax.get_ylabel():
                ax.yaxis.set_label_coords(-0.185 if ax in panels[-1] else -0.245, 0.5)
    if not used:
        page.text(0.5, 0.5, "no network was kept", ha="center", fontsize=14, color=style.VERMILION)
    return page, numbers


def _draw(ax, numbers: pd.DataFrame) -> None:
    for (quantity, series), curve in numbers.groupby(["quantity", "series"], sort=False):
        colour = style.COLOUR[quantity]
        x, value = curve.step.astype(float), curve.value.astype(float)
        if series == "experiment":
            ax.fill_between(x, curve.low, curve.high, color=colour, alpha=0.25, linewidth=0, zorder=1)
            ax.plot(x, value, color=colour, linewidth=2.6, alpha=0.75, zorder=2)
        else:
            ax.plot(x, value, color=style.dark(colour), linewidth=1.3, linestyle=style.DASHES, zorder=3)


def title(rows: pd.DataFrame) -> str:
    """Which curves of two digits the theory describes, and how far off it is for one digit."""
    two, one = rows.loc["two digits"], rows.loc["one digit"]
    if not two.kept:
        return "no network was kept"
    errors = {name: two[f"error_{name.lower()}"] for name in "HYw"}
    close = [name for name, error in errors.items() if error < CLOSE]
    off = ", ".join(f"{name} {style.percent(error)}" for name, error in errors.items())
    within = f"{' and '.join(close) or 'no curve'} of two digits within {100 * CLOSE:g} %"
    beside = f"; one digit {style.percent(one.error)}" if one.fits else ""
    return f"two rates describe {within} (off by {off}{beside})"


def _interval(row: pd.Series) -> str:
    """The interval of the error of pairs of two digits, if there are networks enough for one."""
    if row.error_low != row.error_low:
        return ""
    return f" (all three, two digits: {style.percent(row.error_low)} to {style.percent(row.error_high)})"


def _result(row: pd.Series) -> tuple[str, str]:
    """A pair's error, and its rates or what is unusual about the fits."""
    error = f"error {style.percent(row.error)}"
    if row.unconverged:
        what = "both rates vanish" if row.vanishing == row.unconverged else "no optimum within bounds"
        return error, f"{what} in {row.unconverged} of {row.fits} fits"
    eta_h, eta_y = (style.number(row[rate]) for rate in ("eta_h", "eta_y"))
    return error, rf"$\eta_h$ {eta_h}, $\eta_y$ {eta_y} per step"


def _caption(ax, title: str, *lines: str) -> None:
    ax.annotate(title, (0, 1), (0, 32), xycoords="axes fraction", textcoords="offset points", fontweight="bold")
    for height, line in zip((19, 6), lines):
        ax.annotate(
            line, (0, 1), (0, height), xycoords="axes fraction", textcoords="offset points", fontsize=8,
            color=style.FAINT,
        )  # fmt: skip


def _thumbnails(page: Figure, ax, pixels: np.ndarray) -> None:
    """The two images of a pair, at the right above its panel."""
    width, height = page.get_size_inches()
    box, side, gap = ax.get_position(), 0.38, 0.05
    for n, image in enumerate(pixels):
        left = box.x1 - (2 - n) * (side + gap) / width
        small = page.add_axes((left, box.y1 + 0.26 / height, side / width, side / height))
        small.imshow(image.reshape(mnist.SIDE, mnist.SIDE), cmap="Greys", interpolation="nearest")
        small.set_xticks([])
        small.set_yticks([])
        for spine in small.spines.values():
            spine.set(visible=True, linewidth=0.5, color=style.GREY)


def _learning(axes, numbers: pd.DataFrame, runs: xr.Dataset) -> None:
    """Accuracy above the training loss."""
    for ax, name, colour in zip(axes, ("accuracy", "loss"), ("black", style.VERMILION)):
        curve = numbers[numbers.quantity == name]
        if not len(curve):
            continue
        x, value = curve.step.astype(float), curve.value.astype(float)
        ax.fill_between(x, curve.low, curve.high, color=colour, alpha=0.25, linewidth=0)
        ax.plot(x, value, color=colour, linewidth=2.0)
        ax.set_ylabel({"accuracy": "accuracy", "loss": "training loss"}[name])
        ax.set_ylim(bottom=0)
    axes[0].set_ylim(0, 1)
    accuracy = numbers[numbers.quantity == "accuracy"]
    final = style.percent(accuracy.value.iloc[-1]) if len(accuracy) else "none"
    epochs = f"{runs.sizes['epoch']} epochs of {runs.steps_per_epoch} steps"
    _caption(axes[0], "Whole data set", f"{final} of the test images right", epochs)
