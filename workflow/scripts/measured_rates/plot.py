"""The theory's rates, measured in every architecture while it learns, beside the constants that the theory takes."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from repdyn import artifacts
from repdyn.plotting import pages, style

LOOKS = {"eta_h": (style.BLUE, "o", r"$\eta_h$"), "eta_y": (style.ORANGE, "s", r"$\eta_y$")}
DRIFTS = {"drift_h": "eta_h", "drift_y": "eta_y"}
FOLLOWS = 0.1  # a step that moves Y so nearly as the gradient says follows it
CONSTANT = 1.5  # factor within which a rate counts as a constant
HIGHEST = 3.0  # of the axis: what is above leaves the panel
ROW = 0.3  # inches


def main(curves: str, summary: str, networks: str) -> tuple[Figure, pd.DataFrame]:
    """Rates while networks learn, and by how much they change, setting by setting; and the numbers drawn."""
    curves, summary, networks = map(artifacts.read_table, (curves, summary, networks))
    shown = summary[summary.shown]
    follows = set(following(shown).index)
    order = [*sorted(follows), *(name for name in dict.fromkeys(shown.setting) if name not in follows)]
    handles = [style.mark(marker, label, colour) for colour, marker, label in LOOKS.values()]
    handles += [
        Line2D([], [], color="black", linestyle=style.DASHES, label="theory: a constant"),
        style.mark("o", "open: real steps don't follow the gradient", markerfacecolor="none"),
    ]
    page, (course, drift) = pages.panels(
        title(shown),
        subtitle(shown),
        handles,
        ["While networks learn: a line a setting", "By how much each rate changes"],
        max(len(order) * ROW, 2.6),
        gap=1.35,
        widths=(1, 1.25),
    )
    means = curves[(curves.series == "mean") & curves.setting.isin(follows)]
    for quantity, (colour, _, _) in LOOKS.items():
        for _, line in means[means.quantity == quantity].groupby("setting"):
            line = line.sort_values("learned")
            course.fill_between(line.learned, line.low, line.high, color=colour, alpha=0.12, linewidth=0)
            course.plot(line.learned, line.value, color=colour, linewidth=1.6, alpha=0.8)
    course.axhline(1, color="black", linestyle=style.DASHES, linewidth=1.2)
    course.set(xlim=(0, 1), ylim=(0, HIGHEST), xlabel="Y/|Δy|²: how much is learned", ylabel="rate / its mean")
    if not len(means):
        course.text(0.5, 0.5, "no setting to show", transform=course.transAxes, ha="center", color=style.VERMILION)
    _drifts(drift, shown, networks[networks.shown & networks.kept], order, follows)
    drawn = pd.concat([means, shown.rename(columns={"number": "quantity"})], ignore_index=True)
    return page, drawn


def _drifts(ax, shown: pd.DataFrame, networks: pd.DataFrame, order: list[str], follows: set[str]) -> None:
    for y in range(0, len(order), 2):
        ax.axhspan(y - 0.5, y + 0.5, color="#f4f4f4", linewidth=0, zorder=0)
    ax.axvline(1, color="black", linestyle=style.DASHES, linewidth=1.2, zorder=1)
    for shift, (number, quantity) in zip((-0.16, 0.16), DRIFTS.items(), strict=True):
        colour, marker, _ = LOOKS[quantity]
        for row in shown[shown.number == number].itertuples():
            y = order.index(row.setting) + shift
            single = networks[networks.setting == row.setting][number]
            ax.plot(single, [y] * len(single), ".", color=colour, alpha=0.4, markersize=4, markeredgewidth=0)
            ax.hlines(y, row.low, row.high, color=colour, linewidth=1.6, zorder=3)
            face = colour if row.setting in follows else "white"
            ax.plot(row.value, y, marker, color=colour, markerfacecolor=face, markersize=6, zorder=4)
    ax.set_xscale("log")
    low, high = ax.get_xlim()
    ticks = [tick for tick in (0.01, 0.03, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 100, 300) if low <= tick <= high]
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.set_yticks(range(len(order)), order)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(max(len(order), 1) - 0.5, -0.5)
    ax.set_xlabel("factor by which the rate changes (log)")


def following(shown: pd.DataFrame) -> pd.DataFrame:
    """Numbers of the settings in which a real step does what the gradient says."""
    numbers = shown.pivot(index="setting", columns="number", values="value")
    return numbers[(numbers.real_step_y - 1).abs() < FOLLOWS].dropna(subset=[*DRIFTS])


def title(shown: pd.DataFrame) -> str:
    """What was found, in a line."""
    follows = following(shown)
    if not len(follows):
        return "In no setting does a real step do what the gradient says: its rates say nothing of training"
    h, y = (f"{follows[drift].min():.1f} to {follows[drift].max():.1f}" for drift in DRIFTS)
    drifts = follows[[*DRIFTS]]
    constant = ((drifts < CONSTANT) & (drifts > 1 / CONSTANT)).all(axis=None)
    words = "Rates are constants" if constant else "Rates are no constants"
    return f"{words}: while networks learn, η_h changes by a factor of {h} and η_y of {y}"


def subtitle(shown: pd.DataFrame) -> str:
    """How to read it."""
    level, follow, of = shown.interval.iloc[0].split(", ")[-1], len(following(shown)), shown.setting.nunique()
    return (
        f"Told of the {follow} of {of} settings in which a real step moves Y as the gradient says, within "
        f"{100 * FOLLOWS:g} %. Each: {style.mean_of(int(shown.of.max()))}; bands and bars: {level} intervals (from 5 "
        "networks on); dots: single networks."
    )
