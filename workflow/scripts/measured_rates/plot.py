"""The theory's rates, measured in every architecture while it learns, beside the constants that the theory takes."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from repdyn import artifacts
from repdyn.plotting import curves as descriptions
from repdyn.plotting import style

LOOKS = {
    "eta_h": (style.BLUE, "-", r"$\eta_h$ from H"),
    "eta_h_from_output": (style.VERMILION, "-", r"$\eta_h$ from Y"),
    "eta_y": (style.ORANGE, "-", r"$\eta_y$"),
}
FOLLOWS = 0.1  # a step that moves Y so nearly as the gradient says follows it
HIGHEST = 3.0  # of the axis: what is above leaves the panel


def figure(curves: pd.DataFrame, summary: pd.DataFrame, rows: list[dict]) -> tuple[Figure, pd.DataFrame]:
    """A panel a setting, and the numbers drawn."""
    page, panels = style.gallery(len(rows), parts=(1.55,), header=1.1, caption=0.72)
    shown = summary[summary.shown]
    style.headline(page, title(shown), subtitle(shown))
    handles = [Line2D([], [], color=colour, linestyle=form, label=name) for colour, form, name in LOOKS.values()]
    handles.append(Line2D([], [], color="black", linestyle=style.DASHES, label="theory: constant"))
    handles.append(Line2D([], [], color=style.FAINT, linewidth=0.7, alpha=0.4, label="thin: single networks"))
    style.legend(page, handles, below=0.72)
    for number, (row, (ax,)) in enumerate(zip(rows, panels, strict=True)):
        here = curves[curves.setting == row["name"]]
        for quantity, (colour, form, _) in LOOKS.items():
            lines = here[here.quantity == quantity]
            for _, one in lines[lines.series == "network"].groupby("seed"):
                ax.plot(one.learned, one.value, color=colour, linestyle=form, linewidth=0.6, alpha=0.3)
            mean = lines[lines.series == "mean"].sort_values("learned")
            ax.fill_between(mean.learned, mean.low, mean.high, color=colour, alpha=0.2, linewidth=0)
            ax.plot(mean.learned, mean.value, color=colour, linestyle=form, linewidth=2)
        ax.axhline(1, color="black", linestyle=style.DASHES, linewidth=1)
        ax.set_xlim(0, 1)
        ax.set_ylim(0, HIGHEST)
        ax.set_xlabel("Y/|Δy|²: learned" if ax.get_xlabel() else "")
        if number % 4 == 0:
            ax.set_ylabel("rate / its mean")
        numbers = shown[shown.setting == row["name"]].set_index("number")
        _caption(ax, row, numbers)
    drawn = pd.concat([curves, shown.rename(columns={"number": "quantity"})], ignore_index=True)
    return page, drawn


def following(shown: pd.DataFrame) -> pd.DataFrame:
    """Numbers of the settings in which a real step does what the gradient says."""
    numbers = shown.pivot(index="setting", columns="number", values="value")
    return numbers[(numbers.real_step_y - 1).abs() < FOLLOWS].dropna(subset=["drift_h", "drift_y"])


def title(shown: pd.DataFrame) -> str:
    """What was found, in a line."""
    follows = following(shown)
    if not len(follows):
        return "In no setting does a real step do what the gradient says: its rates say nothing of training"
    h, y = (f"{follows[drift].min():.1f} to {follows[drift].max():.1f}" for drift in ("drift_h", "drift_y"))
    constant = (follows[["drift_h", "drift_y"]] - 1).abs().max(axis=None) < FOLLOWS
    words = "Constant rates" if constant else "No constants"
    return f"{words}: as a network learns, η_h changes {h}-fold and η_y {y}-fold"


def subtitle(shown: pd.DataFrame) -> str:
    """How to read it."""
    level, follow, of = shown.interval.iloc[0].split(", ")[-1], len(following(shown)), shown.setting.nunique()
    return (
        f"In the {follow} of {of} settings in which a real step does what the gradient says. Each rate over its mean "
        f"while learning; thick: mean of at most {shown.of.max()} networks; band: {level} interval."
    )


def _caption(ax, row, numbers):
    def at(name):
        return numbers.value[name]

    count = numbers.networks.max()
    lines = [
        (40, f"{row['name']}, {row['depth']} x {row['width']}", {"fontweight": "bold", "fontsize": 10}),
        (28, descriptions.describe(row), {"fontsize": 8}),
    ]
    if count and np.isfinite(at("agreement")):
        lines.append((17, rf"$\eta_h$ from Y / from H: {at('agreement'):.2f}, {count} networks", {"fontsize": 8}))
        lines.append((6, f"a real step moves Y {at('real_step_y'):.2f} of the gradient's", {"fontsize": 8}))
    else:
        of = numbers.of.max()
        lines.append((17, f"{count} of {of} networks measured", {"fontsize": 8, "color": style.VERMILION}))
    for height, line, form in lines:
        form = {"color": style.FAINT, **form} if height < 40 else form
        ax.annotate(line, (0, 1), (0, height), xycoords="axes fraction", textcoords="offset points", **form)


def main(curves: str, summary: str, rows: list[dict]) -> tuple[Figure, pd.DataFrame]:
    return figure(artifacts.read_table(curves), artifacts.read_table(summary), rows)
