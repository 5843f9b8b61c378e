"""Blobs with context: maps of the representation by feature, and how much of it each feature explains."""

import numpy as np
import pandas as pd
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from repdyn import artifacts
from repdyn.data import blobs
from repdyn.plotting import style

COLUMNS = ["setting", "gain", "feature", "time", "seed", "value", "low", "high", "networks"]
ROW, HEADER = 2.75, 1.2  # inches
MAPS = {"context": "by context", "x": "by x", "y": "by y"}
TWO = ListedColormap([style.BLUE, style.ORANGE])


def table(networks: pd.DataFrame, summary: pd.DataFrame, gains: dict[str, float]) -> pd.DataFrame:
    """Shares before and after training: of single networks, and means with their intervals (no seed)."""
    rows = []
    for row in summary.to_dict("records"):
        setting, feature = row["setting"], row["feature"]
        for time, column in (("start", f"{feature}_start"), ("end", feature), ("change", f"{feature}_change")):
            place = setting, gains[setting], feature, time
            rows.append((*place, None, row[time], row[f"{time}_low"], row[f"{time}_high"], row["kept"]))
            for one in networks[(networks.setting == setting) & networks.kept].itertuples():
                rows.append((*place, one.seed, getattr(one, column), None, None, None))
    numbers = pd.DataFrame(rows, columns=COLUMNS)
    return numbers.astype({"seed": "Int64", "low": float, "high": float, "networks": "Int64"})


def _verdict(numbers: pd.DataFrame) -> str:
    """By how much training changes selectivity, setting by setting."""
    change = numbers[(numbers.feature == "selectivity") & (numbers.time == "change") & numbers.seed.isna()]
    told = [f"{row.value:+.2f} ({row.setting})" for row in change.itertuples() if row.value == row.value]
    return f"Blobs: training changes selectivity by {', '.join(told)}" if told else "Blobs: no network learned"


def figure(
    mapped: pd.DataFrame, networks: pd.DataFrame, summary: pd.DataFrame, gains: dict[str, float], confidence: float
) -> tuple[Figure, pd.DataFrame]:
    """One row of panels for each setting: the same map in three colourings, and the shares."""
    numbers = table(networks, summary, gains)
    settings = list(dict.fromkeys(summary.setting))
    counts = dict(zip(summary.setting, summary.networks))
    width, height = 12.0, HEADER + len(settings) * ROW + 0.55
    page = Figure(figsize=(width, height))
    style.headline(
        page,
        _verdict(numbers),
        "Maps (MDS, one network): every dot is a blob in one of the two contexts; dark to bright is the coordinate. "
        "Bars: share of the variance",
    )
    interval = f" ({100 * confidence:g} % t intervals)" if summary.end_low.notna().any() else ""
    page.text(
        0.012,
        1 - 0.68 / height,
        f"that a feature explains, mean of the networks that learned{interval}; dots: single networks; rings: before "
        "training.",
        va="top",
        fontsize=9.5,
        color=style.FAINT,
    )
    for i, setting in enumerate(settings):
        of_setting = numbers[numbers.setting == setting]
        top = height - HEADER - i * ROW
        page.text(0.012, (top - 0.5) / height, setting, fontsize=12, fontweight="bold", va="top")
        means = of_setting[of_setting.seed.isna()].set_index(["feature", "time"])
        learned, change = means.networks.iloc[0], means.loc[("selectivity", "change")]
        told = f"gain {of_setting.gain.iloc[0]:g}\n{learned} of {counts[setting]}\nlearned\n\nselectivity\n"
        told += "none" if change.value != change.value else f"{change.value:+.2f}"
        if change.low == change.low:
            told += f"\n[{change.low:+.2f}, {change.high:+.2f}]"
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
    means = of_setting[of_setting.seed.isna()]
    end, start = (means[means.time == time].set_index("feature").loc[list(blobs.FEATURES)] for time in ("end", "start"))
    place = np.arange(len(blobs.FEATURES))[::-1]
    ax.barh(place, end.value.fillna(0), color=colours, height=0.62, alpha=0.8)
    ax.hlines(place, end.low, end.high, color="black", linewidth=1)
    single = of_setting[of_setting.seed.notna() & (of_setting.time == "end")]
    for feature, height in zip(blobs.FEATURES, place):
        shares = single.value[single.feature == feature]
        ax.plot(shares, [height - 0.2] * len(shares), ".", color="black", markersize=3.5, zorder=3)
    ax.plot(start.value, place, "o", markerfacecolor="white", markeredgecolor="black", markersize=5, zorder=4)
    ax.set_yticks(place, blobs.FEATURES)
    ax.tick_params(axis="y", length=0)
    ax.set_xlim(0, 1.04)
    if last:
        ax.set_xlabel("share of the representation's variance")
    if not means.networks.iloc[0]:
        ax.text(0.5, 0.5, "no network learned", transform=ax.transAxes, ha="center", color=style.VERMILION)


def main(
    mapped: str, table: str, summary: str, gains: dict[str, float], confidence: float
) -> tuple[Figure, pd.DataFrame]:
    tables = map(artifacts.read_table, (mapped, table, summary))
    return figure(*tables, gains, confidence)
