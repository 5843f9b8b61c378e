"""Path and timing: errors of the theory's trajectory, of its orbit, and of its trajectory with a drifting clock."""

import pandas as pd
from matplotlib.figure import Figure

from repdyn import artifacts
from repdyn.plotting import rows, style

CLOSE = 0.05
SHOWN = {
    "error_active": (style.VERMILION, "D", "trajectory: two fitted rates", 0.22),
    "error_clock": (style.ORANGE, "s", "trajectory: rates that drift, one constant more", 0.0),
    "orbit_error": (style.BLUE, "o", "path Y(H) alone: nothing fitted", -0.22),
}


def main(networks: str, summary: str, confidence: float) -> tuple[Figure, pd.DataFrame]:
    networks, summary = artifacts.read_table(networks), artifacts.read_table(summary)
    figure, ax = rows.page(summary)
    trajectory, clock, orbit = (int((summary[name] < CLOSE).sum()) for name in SHOWN)
    style.headline(
        figure,
        f"Within {100 * CLOSE:g} % of the theory: the path in {orbit} of {len(summary)} settings, the trajectory in "
        f"{trajectory}, with a drifting clock in {clock}",
        f"At the middle hidden layer. Large: geometric mean of kept networks; bars: {100 * confidence:g} % t interval "
        "(from 5 networks on); dots: networks.",
    )
    for column, (colour, marker, label, shift) in SHOWN.items():
        rows.draw(ax, summary, networks, column, colour, marker, label, shift)
    ax.axvline(CLOSE, color=style.FAINT, linewidth=1, linestyle=":")
    ax.xaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    ax.set_xlabel(
        "error (log): RMS residual by the range; of trajectories over active steps, of the path over all that Y passes"
    )
    style.legend(figure, ax.get_legend_handles_labels()[0], below=0.72)
    ends = [f"{name}{end}" for name in SHOWN for end in ("", "_low", "_high", "_n")]
    return figure, summary[["setting", "side", "layer", "networks", "kept", *ends]]
