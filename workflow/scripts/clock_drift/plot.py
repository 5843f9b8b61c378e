"""How much faster learning ends than it begins: fitted to the trajectory, and predicted from the tangent kernel."""

import pandas as pd
from matplotlib.figure import Figure

from repdyn import artifacts
from repdyn.plotting import rows, style

CLOSE = 1.5  # factor
SHOWN = {
    "growth": (style.BLUE, "o", "fitted to the trajectory", -0.13),
    "growth_kernel": (style.ORANGE, "D", "predicted from the tangent kernel before and after training", 0.13),
}


def main(networks: str, summary: str, confidence: float) -> tuple[Figure, pd.DataFrame]:
    networks, summary = artifacts.read_table(networks), artifacts.read_table(summary)
    figure, ax = rows.page(
        title(summary),
        f"Middle hidden layer; geometric mean of kept networks, {100 * confidence:g} % t interval (from 5 networks "
        "on); "
        "dots: networks.",
        [style.mark(marker, label, colour) for colour, marker, label, _ in SHOWN.values()],
        summary,
    )
    for column, (colour, marker, _, shift) in SHOWN.items():
        rows.draw(ax, summary, networks, column, colour, marker, shift)
    ax.axvline(1, color="black", linewidth=1, linestyle=style.DASHES)
    ax.xaxis.set_major_formatter("{x:g}")
    ax.set_xlabel(
        "1 + k: both rates at the end of training, by those at outputs that do not differ (log); dashed: the theory"
    )
    names = ("growth", "growth_kernel", "growth_ratio")
    ends = [f"{name}{end}" for name in names for end in ("", "_low", "_high", "_n")]
    return figure, summary[["setting", "side", "layer", "networks", "kept", *ends]]


def title(summary: pd.DataFrame) -> str:
    """How much rates grow, and in how many settings the tangent kernel says so."""
    if not summary.growth.notna().any():
        return "How rates drift cannot be told: no network was kept"
    near = int(summary.growth_ratio.between(1 / CLOSE, CLOSE).sum())
    low, high = summary.growth.min(), summary.growth.max()
    return (
        f"Rates end at {style.number(low)} to {style.number(high)} times their beginning; the tangent kernel says so "
        f"within a factor of {CLOSE:g} in {near} of {len(summary)} settings"
    )
