"""Blobs with context: how selective the representation becomes for what matters, and maps of it."""

import pandas as pd
from matplotlib.figure import Figure

from repdyn import artifacts
from repdyn.plotting import pages, style

COLUMNS = ["setting", "gain", "feature", "time", "seed", "value", "low", "high", "networks"]
CONTEXTS = ("o", "^")  # marker of a blob in one context, and in the other


def numbers_of(networks: pd.DataFrame, summary: pd.DataFrame, gains: dict[str, float]) -> pd.DataFrame:
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


def title(numbers: pd.DataFrame) -> str:
    """Where training makes representations selective, told by the interval of the change where there is one."""
    change = numbers[(numbers.feature == "selectivity") & (numbers.time == "change") & numbers.seed.isna()]
    change = change[change.value.notna()]
    if not len(change):
        return "What a representation of blobs keeps cannot be told: no network learned"
    told = ", ".join(f"{row.value:+.2f} at gain {row.gain:g}" for row in change.sort_values("gain").itertuples())
    return f"Training changes selectivity for what matters by {told}"


def main(
    mapped: str, table: str, summary: str, gains: dict[str, float], confidence: float
) -> tuple[Figure, pd.DataFrame]:
    """Selectivity before and after training, and a map a setting; and the numbers drawn."""
    mapped, networks, summary = map(artifacts.read_table, (mapped, table, summary))
    numbers = numbers_of(networks, summary, gains)
    settings = sorted(dict.fromkeys(summary.setting), key=gains.get)
    kept = summary.drop_duplicates("setting").set_index("setting")
    counts = ", ".join(f"{name} {kept.kept[name]} of {kept.networks[name]}" for name in settings)
    page, axes = pages.panels(
        title(numbers),
        "Selectivity: (relevant - irrelevant) / (relevant + irrelevant), of the shares of the representation's "
        "variance that "
        f"the coordinates explain; mean of the networks that learned ({counts}) and {100 * confidence:g} % t interval "
        "(from 5 "
        "networks on). Maps: multidimensional scaling of one network, first two axes; dark to bright is the coordinate "
        "that "
        "matters in the blob's context.",
        [
            style.mark("o", "after training", style.BLUE),
            style.mark("o", "before", markerfacecolor="white"),
            style.mark(".", "single networks", alpha=0.5),
            *(
                style.mark(marker, f"map: {n} context")
                for marker, n in zip(CONTEXTS, ("one", "the other"), strict=True)
            ),
        ],
        ["Selectivity", *(f"{name}: gain {gains[name]:g}" for name in settings)],
        2.6,
        left=1.1,
        widths=(1.35, *([1.0] * len(settings))),
    )
    _selectivity(axes[0], numbers[numbers.feature == "selectivity"], settings)
    for ax, setting in zip(axes[1:], settings, strict=True):
        _map(ax, mapped[mapped.setting == setting])
    return page, numbers


def _selectivity(ax, numbers: pd.DataFrame, settings: list[str]) -> None:
    """Before and after training, a line a setting."""
    ax.axvline(0, color=style.GREY, linewidth=0.8, zorder=0)
    for y, setting in enumerate(settings):
        mine = numbers[numbers.setting == setting]
        single = mine[mine.seed.notna() & (mine.time == "end")].value
        (end,), (start,) = (mine[mine.seed.isna() & (mine.time == time)].itertuples() for time in ("end", "start"))
        if len(single):
            arrow = {"arrowstyle": "->", "color": style.GREY, "linewidth": 1}
            ax.annotate("", (end.value, y), (start.value, y), arrowprops=arrow)
        ax.plot(single, [y + 0.15] * len(single), ".", color=style.BLUE, alpha=0.5, markersize=5, markeredgewidth=0)
        ax.hlines(y, end.low, end.high, color=style.BLUE, linewidth=1.8, zorder=3)
        ax.plot(start.value, y, "o", markerfacecolor="white", markeredgecolor=style.FAINT, markersize=6.5, zorder=4)
        ax.plot(end.value, y, "o", color=style.BLUE, markersize=7, zorder=5, clip_on=False)
        if not len(single):
            ax.text(0.5, y, "no network learned", ha="center", va="center", color=style.VERMILION)
    ax.set_yticks(range(len(settings)), settings)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(settings) - 0.5, -0.5)
    ax.set_xlim(min(-0.1, ax.get_xlim()[0]), 1.04)
    ax.set_xlabel("selectivity")


def _map(ax, places: pd.DataFrame) -> None:
    for (_, mine), marker in zip(places.groupby("context"), CONTEXTS, strict=False):
        ax.scatter(
            mine["first"],
            mine["second"],
            c=mine.relevant,
            cmap="viridis",
            vmin=places.relevant.min(),
            vmax=places.relevant.max(),
            s=16,
            linewidths=0.3,
            edgecolors="black",
            marker=marker,
        )
    ax.set_aspect("equal", adjustable="datalim")
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_xlabel("first axis of the map")
    ax.set_ylabel("second axis", labelpad=2)
