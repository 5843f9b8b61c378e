"""How far the same networks come out differently when only the order of additions, or the size of steps, changes."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from repdyn import artifacts
from repdyn.plotting import pages, style

ORDER = "order of additions"
LOOKS = {  # quantity and layer: colour, marker, label
    ("H", "worst layer"): (style.BLUE, "o", "H, worst layer"),
    ("eta_h", "table's layer"): (style.VERMILION, "D", r"$\eta_h$, table's layer"),
    ("eta_y", "table's layer"): (style.ORANGE, "s", r"$\eta_y$, table's layer"),
}


def main(summary: str, row: dict, confidence: float) -> tuple[Figure, pd.DataFrame]:
    """A panel a kind of repetition, a line a setting; and the numbers drawn."""
    summary = artifacts.read_table(summary)
    settings, kinds = (list(dict.fromkeys(summary[name])) for name in ("setting", "kind"))
    handles = [style.mark(marker, label, colour) for colour, marker, label in LOOKS.values()]
    page, axes = pages.panels(
        title(summary),
        _how_to_read(summary, row),
        [*handles, style.mark(".", "largest of the networks")],
        ["Another order of additions" if kind == ORDER else f"Steps of {kind}" for kind in kinds],
        0.5 * max(len(settings), 3),
        left=1.2,
        right=0.4,
        sharex=True,
    )
    for ax, kind in zip(axes, kinds, strict=True):
        _panel(ax, summary[summary.kind == kind], settings)
        ax.set_xlabel("difference to the first run (log)")
        ax.tick_params(axis="y", length=0, labelleft=ax is axes[0])
    return page, summary


def _panel(ax, of: pd.DataFrame, settings: list[str]) -> None:
    for q, ((quantity, layer), (colour, marker, _)) in enumerate(LOOKS.items()):
        here = of[(of.quantity == quantity) & (of.layer == layer)]
        for row in here[here.difference.notna()].itertuples():
            y = settings.index(row.setting) + 0.7 * ((q + 0.5) / len(LOOKS) - 0.5)
            ax.plot(row.difference, y, marker=marker, color=colour, markersize=5, zorder=4)
            ax.plot(row.largest, y, ".", color=colour, markersize=4, zorder=3)
            if row.difference_low == row.difference_low:
                ends = [row.difference_low, row.difference_high]
                ax.plot(ends, [y, y], color=colour, linewidth=1.3, solid_capstyle="butt", zorder=3)
    for y in range(0, len(settings), 2):
        ax.axhspan(y - 0.5, y + 0.5, color="#f4f4f4", linewidth=0, zorder=0)
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(numticks=5))
    ax.xaxis.set_minor_locator(NullLocator())
    style.percents(ax.xaxis)
    ax.set_ylim(len(settings) - 0.5, -0.5)
    ax.set_yticks(range(len(settings)), settings)


def title(summary: pd.DataFrame) -> str:
    """What the first repetition with smaller steps does to the setting that it moves most, and to that least."""
    worst = summary[(summary.layer == "worst layer") & summary.difference.notna()]
    kinds = [kind for kind in dict.fromkeys(worst.kind) if kind != ORDER] or list(dict.fromkeys(worst.kind))
    if not kinds:
        return "No network was trained twice to the end"

    def moved(kind, setting):
        of = worst[(worst.kind == kind) & (worst.setting == setting)]
        rates = of[of.quantity.str.startswith("eta")].difference.max()
        return f"{style.percent(of[of.quantity == 'H'].difference.max())} and {style.percent(rates)}"

    H = worst[(worst.kind == kinds[0]) & (worst.quantity == "H")].set_index("setting").difference
    most, least = H.idxmax(), H.idxmin()
    name = "Another order of additions moves" if kinds[0] == ORDER else f"Steps of {kinds[0]} move"
    text = f"{name} H and rates of {most} by {moved(kinds[0], most)}"
    return text if most == least else f"{text}, of {least} by {moved(kinds[0], least)} (worst layers)"


def _how_to_read(summary: pd.DataFrame, row: dict) -> str:
    n = int(summary.networks.max()) if len(summary) else 0
    return (
        f"Geometric mean of {n} networks of {row['width']} units a layer ({summary.interval.iloc[0]}). H and Y: root "
        "mean square over the range of the curve; rates: the factor, less 1."
    )
