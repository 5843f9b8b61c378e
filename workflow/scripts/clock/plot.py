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
    figure, ax = rows.page(
        title(summary),
        "RMS residual by the range: of trajectories over active steps, of the path over all that Y passes. Middle "
        "hidden "
        f"layer; geometric mean of kept networks, {100 * confidence:g} % t interval (from 5 networks on); dots: "
        "networks.",
        [style.mark(marker, label, colour) for colour, marker, label, _ in SHOWN.values()],
        summary,
    )
    for column, (colour, marker, _, shift) in SHOWN.items():
        rows.draw(ax, summary, networks, column, colour, marker, shift)
    ax.axvline(CLOSE, color=style.FAINT, linewidth=1, linestyle=":")
    style.percents(ax.xaxis)
    ax.set_xlabel(f"error (log); dotted: {100 * CLOSE:g} %")
    ends = [f"{name}{end}" for name in SHOWN for end in ("", "_low", "_high", "_n")]
    return figure, summary[["setting", "side", "layer", "networks", "kept", *ends]]


def title(summary: pd.DataFrame) -> str:
    """In how many settings path, trajectory and drifting clock are close to the theory's."""
    if not summary.kept.any():
        return "Path and timing cannot be told: no network was kept"
    trajectory, clock, orbit = (int((summary[name] < CLOSE).sum()) for name in SHOWN)
    return (
        f"Within {100 * CLOSE:g} % of the theory's are the path in {orbit} of {len(summary)} settings, the trajectory "
        "in "
        f"{trajectory}, with a drifting clock in {clock}"
    )
