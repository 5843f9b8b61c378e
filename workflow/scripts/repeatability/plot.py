"""How far the same networks come out differently when only the order of additions, or the size of steps, changes."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator

from repdyn import artifacts
from repdyn.plotting import style

ORDER = "order of additions"
LOOKS = {  # quantity and layer: colour, marker, label
    ("H", "worst layer"): (style.VERMILION, "o", "H, worst layer"),
    ("H", "table's layer"): (style.ORANGE, "s", "H, table's layer"),
    ("Y", "output"): (style.GREEN, "^", "Y"),
    ("eta_h", "table's layer"): (style.BLUE, "D", r"$\eta_h$, table's layer"),
    ("eta_y", "table's layer"): ("black", "v", r"$\eta_y$, table's layer"),
}


def figure(summary: pd.DataFrame, row: dict) -> tuple[Figure, pd.DataFrame]:
    """A panel a kind of repetition, a line a setting; and the numbers drawn."""
    settings, kinds = (list(dict.fromkeys(summary[name])) for name in ("setting", "kind"))
    page = Figure(figsize=(12, 2.4 + 0.62 * len(settings)))
    height = page.get_size_inches()[1]
    style.headline(page, _title(summary), _how_to_read(summary, row))
    handles = [
        Line2D([], [], color=colour, marker=marker, markersize=5, linestyle="none", label=label)
        for colour, marker, label in LOOKS.values()
    ]
    handles += [
        Line2D([], [], color=style.FAINT, linewidth=1.3, label="interval of the mean"),
        Line2D([], [], color=style.FAINT, marker=".", linestyle="none", label="largest"),
    ]
    style.legend(page, handles, 0.75)
    edges = {"left": 0.075, "right": 0.985, "top": 1 - 1.5 / height, "bottom": 0.6 / height, "wspace": 0.1}
    axes = page.subplots(1, len(kinds), sharex=True, squeeze=False, gridspec_kw=edges)[0]
    for ax, kind, letter in zip(axes, kinds, "abcdefgh"):
        _panel(ax, summary[summary.kind == kind], settings)
        name = "Another order of additions" if kind == ORDER else f"Steps of {kind}"
        ax.set_title(f"{letter}   {name}", loc="left", fontweight="bold", fontsize=10)
        ax.set_xlabel("difference to the first run")
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
    ax.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.12g} %")
    ax.set_ylim(len(settings) - 0.5, -0.5)
    ax.set_yticks(range(len(settings)), settings)


def _title(summary: pd.DataFrame) -> str:
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
    name = "Another order of additions" if kinds[0] == ORDER else f"Steps of {kinds[0]}"
    text = f"{name}: H and rates of {most} move by {moved(kinds[0], most)}"
    return text if most == least else f"{text}, of {least} by {moved(kinds[0], least)} (worst layers)"


def _how_to_read(summary: pd.DataFrame, row: dict) -> str:
    n = int(summary.networks.max()) if len(summary) else 0
    return (
        f"Geometric mean of {n} networks of {row['width']} units a layer ({summary.interval.iloc[0]}). H and Y: root "
        "mean square over the range of the curve; rates: the factor, less 1."
    )


def main(summary: str, row: dict, confidence: float) -> tuple[Figure, pd.DataFrame]:
    return figure(artifacts.read_table(summary), row)
