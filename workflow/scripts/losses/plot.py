"""Training loss of every setting: the networks, and the theory with one more fitted rate for the mean output."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from repdyn.plotting import curves, pages, style

LOWEST = 1e-6  # where the axis ends; losses go on falling to their rounding error
CLOSE = 2.0  # factor within which the theory's loss counts as the networks'


def main(trajectories: list[str], fits: list[str], rows: list[dict]) -> tuple[Figure, pd.DataFrame]:
    """One panel a setting, and the numbers drawn."""
    settings = [curves.read(*one) for one in zip(trajectories, fits, rows, strict=True)]
    tables = [setting.of(["loss"]) for setting in settings]
    discarded = any(not len(setting.kept) for setting in settings)
    page, panels = pages.gallery(
        title(tables),
        r"Half the mean squared error of both points; $\eta_m$ is the rate of the mean output. Followed: within a "
        r"factor of "
        f"{CLOSE:g} at every step at which the loss is above {style.number(LOWEST)}, where the axis ends. Means are "
        "geometric.",
        style.line_handles(curves.band_name(settings), discarded),
        len(settings),
        parts=(1.45,),
        caption=0.72,
    )
    top = max(numbers[["value", "high"]].replace(np.inf, np.nan).max().max() for numbers in tables if len(numbers))
    top = 10 if not top < 10 else 1.5 * top
    for number, (setting, numbers, (ax,)) in enumerate(zip(settings, tables, panels, strict=True)):
        ax.set_yscale("log")
        curves.draw(ax, numbers)
        ax.set_ylim(LOWEST, top)
        ax.yaxis.set_major_locator(LogLocator(base=100))
        ax.yaxis.set_minor_locator(NullLocator())
        if number % 4 == 0:
            ax.set_ylabel("training loss")
        eta_m = style.number(setting.kept.eta_m.mean())
        curves.caption(ax, setting, rf"$\eta_m$ {eta_m} per step", curves.counted(setting))
    return page, pd.concat(tables, ignore_index=True)


def title(tables: list[pd.DataFrame]) -> str:
    """In how many settings the theory's loss is the networks', as far down as is drawn."""
    followed = 0
    for numbers in tables:
        means = numbers[numbers.series.isin(["experiment", "theory"])].pivot(
            index="step", columns="series", values="value"
        )
        if {"experiment", "theory"} <= {*means}:
            seen = means[means.experiment > LOWEST]
            ratio = seen.theory / seen.experiment
            followed += bool(len(seen) and ratio.between(1 / CLOSE, CLOSE).all())
    return (
        f"With one more rate the theory follows the loss in {followed} of {len(tables)} settings, within a factor of "
        f"{CLOSE:g}"
    )
