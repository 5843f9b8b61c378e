"""Pairs of MNIST images during training: H, Y and w of the networks and of the theory, and how well digits are told."""

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from repdyn import artifacts
from repdyn.data import mnist
from repdyn.plotting import style
from repdyn.theory.bounds import at_bound

NAMES = {"H": "H, hidden distance²", "Y": "Y, output distance²", "w": "w, alignment (one digit: w = Y)"}


def figure(numbers: pd.DataFrame, runs: xr.Dataset, fits: pd.DataFrame, layer: int) -> tuple[Figure, pd.DataFrame]:
    """One panel a pair, H above Y and w, then one for accuracy and loss; and the numbers drawn."""
    runs = runs.sel(layer=layer)
    count = runs.sizes["pair"]
    page, panels = style.gallery(count + 1, parts=(0.85, 1.05), header=1.3, caption=0.85)
    kept = fits[fits.kept]
    networks, used = fits.seed.nunique(), kept.seed.nunique()
    two = kept[kept.dy2 > 0]
    errors = [f"{name} {style.percent(two[f'nrmse_{name.lower()}'].median())}" for name in "HYw"]
    one = f"; one digit {style.percent(kept[kept.dy2 == 0].nrmse.median())}" if (kept.dy2 == 0).any() else ""
    style.headline(
        page,
        f"{mnist.TITLES[runs.images]}pairs of images, experiment (solid) and theory with two fitted rates (dashed)",
        f"Hidden layer {layer}, {used} of {networks} networks. Median error (RMS over the range of the curve), "
        f"two digits: {', '.join(errors)}{one}.",
    )
    lines = [Line2D([], [], color=style.COLOUR[name], linewidth=2.6, label=text) for name, text in NAMES.items()]
    style.legend(page, lines, below=0.72)
    style.legend(page, style.line_handles(f"lowest to highest of {used} networks", discarded=False), below=0.96)
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
        _caption(above, f"{a} and {b}", *_result(kept[kept.pair == n]))
        _thumbnails(page, above, pair.pixels.values)
    _learning(panels[-1], numbers, runs)
    for above, below in panels:
        for ax in (above, below):
            ax.set_xlim(0, runs.step.values[-1])
            ax.locator_params(axis="y", nbins=3, min_n_ticks=3)
            style.few_steps(ax)
            if ax.get_ylabel():
                ax.yaxis.set_label_coords(-0.185, 0.5)
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


def _result(fits: pd.DataFrame) -> tuple[str, str]:
    """A pair's error, and the median of its rates or what is unusual about the fits."""
    error = f"error {style.percent(fits.nrmse.mean())}"
    outside = fits[~fits.converged]
    if len(outside):
        zero = at_bound(outside[["eta_h", "eta_y"]]).all(axis=1)
        what = "both rates vanish" if zero.all() else "no optimum within bounds"
        return error, f"{what} in {len(outside)} of {len(fits)} fits"
    eta_h, eta_y = (style.number(fits[rate].median()) for rate in ("eta_h", "eta_y"))
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


def main(table: str, runs: str, fits: str, layer: int) -> tuple[Figure, pd.DataFrame]:
    numbers = artifacts.read_table(table).astype({"pair": "Int64"})
    page = figure(numbers, artifacts.read_dataset(runs), artifacts.read_table(fits), layer)
    return page
