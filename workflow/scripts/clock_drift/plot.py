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
    figure, ax = rows.page(summary)
    near = int(summary.growth_ratio.between(1 / CLOSE, CLOSE).sum())
    low, high = summary.growth.min(), summary.growth.max()
    style.headline(
        figure,
        f"Rates end at {style.number(low)} to {style.number(high)} times their beginning; the tangent kernel says so "
        f"within a factor of {CLOSE:g} in {near} of {len(summary)} settings",
        f"At the middle hidden layer. Large: geometric mean of kept networks; bars: {100 * confidence:g} % t interval "
        "(from 5 networks on); dots: networks.",
    )
    for column, (colour, marker, label, shift) in SHOWN.items():
        rows.draw(ax, summary, networks, column, colour, marker, label, shift)
    ax.axvline(1, color=style.FAINT, linewidth=1, linestyle=":")
    ax.xaxis.set_major_formatter("{x:g}")
    ax.set_xlabel("1 + k: both effective rates at the end of training, by those at outputs that do not differ (log)")
    style.legend(figure, ax.get_legend_handles_labels()[0], below=0.72)
    names = ("growth", "growth_kernel", "growth_ratio")
    ends = [f"{name}{end}" for name in names for end in ("", "_low", "_high", "_n")]
    return figure, summary[["setting", "side", "layer", "networks", "kept", *ends]]
