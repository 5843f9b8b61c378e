"""Path and timing of networks beyond the paper's, layer by layer, and what becomes of their rates."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from repdyn import artifacts
from repdyn.plotting import rows, style

CLOSE, CONSTANT = 0.05, 1.5
ERRORS = {
    "error": (style.VERMILION, "D", "trajectory: two fitted rates", 0.22),
    "error_clock": (style.ORANGE, "s", "trajectory: rates that drift, one constant more", 0.0),
    "orbit_error": (style.BLUE, "o", "path Y(H) alone: nothing fitted", -0.22),
}
DRIFTS = {
    "drift_h": (style.BLUE, "^", r"$\eta_h$ measured, end by start", 0.11),
    "drift_y": (style.ORANGE, "v", r"$\eta_y$ measured, end by start", -0.11),
}


def main(networks: str, summary: str, confidence: float) -> tuple[Figure, pd.DataFrame]:
    networks, summary = (_lines(artifacts.read_table(path)) for path in (networks, summary))
    middle = summary[summary.place == "middle"]
    orbit, trajectory = (int((middle[name] < CLOSE).sum()) for name in ("orbit_error", "error"))
    synthetic = "STAND-INS FOR IMAGES: " if (summary.images_are == "synthetic").any() else ""
    shown = {**ERRORS, **DRIFTS}
    figure, (ax, beside) = rows.panels(
        f"{synthetic}Within {100 * CLOSE:g} % at the middle layer: the path in {orbit} of {len(middle)} networks "
        f"beyond the paper's, the trajectory in {trajectory}",
        f"Large: geometric mean of kept networks; bars: {100 * confidence:g} % t interval (from 5 networks on); dots: "
        f"networks. b: grey is constant within {CONSTANT:g}.",
        [style.mark(marker, label, colour) for colour, marker, label, _ in shown.values()],
        summary,
        ["Errors", "Measured rates at the middle layer"],
        widths=[1.2, 1],
    )
    for panel, columns in ((ax, ERRORS), (beside, DRIFTS)):
        for column, (colour, marker, _, shift) in columns.items():
            rows.draw(panel, summary, networks, column, colour, marker, shift)
    ax.axvline(CLOSE, color=style.FAINT, linewidth=1, linestyle=":")
    style.percents(ax.xaxis)
    ax.set_xlabel("error (log): RMS residual by the range of the curve")
    beside.axvspan(1 / CONSTANT, CONSTANT, color="#dddddd", linewidth=0, zorder=1)
    beside.axvline(1, color=style.FAINT, linewidth=1, linestyle=":")
    for panel in (ax, beside):
        low, high = panel.get_xlim()
        panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,)))
    beside.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    beside.set_xlabel("rate at the end of learning by that at its start (log)")
    ends = [f"{name}{end}" for name in (*ERRORS, *DRIFTS) for end in ("", "_low", "_high", "_n")]
    return figure, summary[["setting", "place", "layer", "networks", "kept", *ends]]


def _lines(table: pd.DataFrame) -> pd.DataFrame:
    """A line of the figure for every setting and each of its three layers."""
    table = table[table.place != "between"]
    return table.assign(setting=table.setting + ", " + table.place, side="all", held_out=False)
