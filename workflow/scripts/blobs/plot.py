"""Blobs with context: maps of the representation by feature, and how much of it each feature explains."""

import numpy as np
import pandas as pd
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from repdyn import artifacts
from repdyn.data import blobs
from repdyn.plotting import style

COLUMNS = ["setting", "gain", "feature", "time", "value", "low", "high", "networks"]
ROW, HEADER = 2.75, 1.2  # inches
MAPS = {"context": "by context", "x": "by x", "y": "by y"}
TWO = ListedColormap([style.BLUE, style.ORANGE])


def table(summary: pd.DataFrame, gains: dict[str, float]) -> pd.DataFrame:
    """Shares before and after training with their intervals, one row a setting, feature and time."""
    rows = []
    for row in summary.to_dict("records"):
        for time in ("start", "end"):
            low, high = row[f"{time}_low"], row[f"{time}_high"]
            place = (row["setting"], gains[row["setting"]], row["feature"], time)
            rows.append((*place, row[time], low, high, row["kept"]))
    return pd.DataFrame(rows, columns=COLUMNS)


def figure(
    mapped: pd.DataFrame, summary: pd.DataFrame, gains: dict[str, float], confidence: float
) -> tuple[Figure, pd.DataFrame]:
    """One row of panels for each setting: the same map in three colourings, and the shares."""
    numbers = table(summary, gains)
    settings = list(dict.fromkeys(summary.setting))
    width, height = 12.0, HEADER + len(settings) * ROW + 0.55
    page = Figure(figsize=(width, height))
    networks = summary.networks.max()
    style.headline(
        page,
        "Blobs with context: what a representation keeps, by initial scale",
        "Maps (MDS, one network): every dot is a blob in one of the two contexts; dark to bright is the coordinate. "
        "Bars: share of the variance",
    )
    page.text(
        0.012,
        1 - 0.68 / height,
        f"that a feature explains, mean of the networks that learned ({100 * confidence:g} % bootstrap intervals); "
        "rings: before training.",
        va="top",
        fontsize=9.5,
        color=style.FAINT,
    )
    for i, setting in enumerate(settings):
        of_setting = numbers[numbers.setting == setting]
        top = height - HEADER - i * ROW
        page.text(0.012, (top - 0.5) / height, setting, fontsize=12, fontweight="bold", va="top")
        learned = of_setting.networks.iloc[0]
        index = of_setting[(of_setting.feature == "selectivity") & (of_setting.time == "end")].iloc[0]
        told = f"gain {of_setting.gain.iloc[0]:g}\n{learned} of {networks}\nlearned\n\nselectivity\n"
        told += "none" if index.value != index.value else f"{index.value:.2f}"
        if index.low == index.low:
            told += f"\n[{index.low:.2f}, {index.high:.2f}]"
        page.text(0.012, (top - 0.78) / height, told, va="top", color=style.FAINT if learned else style.VERMILION)
        places = mapped[mapped.setting == setting]
        for j, (feature, title) in enumerate(MAPS.items()):
            box = ((1.05 + j * 2.45) / width, (top - 2.5) / height, 2.5 / width, 2.6 / height)
            ax = page.add_axes(box, projection="3d")
            _map(ax, places, feature)
            if i == 0:
                page.text(
                    (1.05 + j * 2.45 + 1.25) / width, (top + 0.05) / height, title, ha="center", fontweight="bold"
                )
        box = (9.25 / width, (top - 2.15) / height, 2.55 / width, 1.95 / height)
        _bars(page.add_axes(box), of_setting, last=i == len(settings) - 1)
    return page, numbers


def _map(ax, places: pd.DataFrame, feature: str) -> None:
    coordinates = places[["first", "second", "third"]].to_numpy()
    ax.scatter(
        *coordinates.T,
        c=places[feature],
        cmap=TWO if feature == "context" else "viridis",
        s=7,
        linewidths=0,
        depthshade=False,
    )
    if np.isfinite(coordinates).all() and np.ptp(coordinates) > 0:
        half = 0.5 * np.ptp(coordinates, axis=0).max()
        for set_limits, axis in zip((ax.set_xlim, ax.set_ylim, ax.set_zlim), coordinates.T, strict=True):
            middle = 0.5 * (axis.min() + axis.max())
            set_limits(middle - half, middle + half)
    ax.set_box_aspect((1, 1, 1), zoom=1.15)
    ax.view_init(elev=22, azim=-60)
    for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
        axis.set_ticklabels([])
        axis.set_pane_color((0.97, 0.97, 0.97, 1.0))
        axis._axinfo["grid"].update(color="#dddddd", linewidth=0.5)
        axis.set_tick_params(length=0)


def _bars(ax, of_setting: pd.DataFrame, last: bool) -> None:
    colours = [style.GREY, style.GREY, style.GREY, style.VERMILION, style.BLUE]
    end, start = (
        of_setting[of_setting.time == time].set_index("feature").loc[list(blobs.FEATURES)] for time in ("end", "start")
    )
    place = np.arange(len(blobs.FEATURES))[::-1]
    ax.barh(place, end.value.fillna(0), color=colours, height=0.62)
    below_above = np.nan_to_num(np.abs(end[["low", "high"]].to_numpy() - end[["value"]].to_numpy()).T)
    ax.errorbar(end.value, place, xerr=below_above, linestyle="none", color="black", elinewidth=1, capsize=2)
    ax.plot(start.value, place, "o", markerfacecolor="white", markeredgecolor="black", markersize=5, zorder=4)
    ax.set_yticks(place, blobs.FEATURES)
    ax.tick_params(axis="y", length=0)
    ax.set_xlim(0, 1.04)
    if last:
        ax.set_xlabel("share of the representation's variance")
    if not of_setting.networks.iloc[0]:
        ax.text(0.5, 0.5, "no network learned", transform=ax.transAxes, ha="center", color=style.VERMILION)


def main(mapped: str, summary: str, gains: dict[str, float], confidence: float) -> tuple[Figure, pd.DataFrame]:
    tables = map(artifacts.read_table, (mapped, summary))
    return figure(*tables, gains, confidence)
