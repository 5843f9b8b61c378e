"""H, Y and w of every setting over training: the networks, and the theory with two fitted rates."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from repdyn.plotting import curves, pages, style
from repdyn.theory.bounds import at_bound

CLOSE = 0.1  # error below which a setting counts as described
NAMES = {
    "H": "H, hidden distance²",
    "Y": "Y, output distance²",
    "w": "w, alignment of outputs and targets (0 when learned)",
}


def main(trajectories: list[str], fits: list[str], rows: list[dict]) -> tuple[Figure, pd.DataFrame]:
    """One panel a setting, H above Y and w, and the numbers drawn."""
    settings = [curves.read(*one) for one in zip(trajectories, fits, rows, strict=True)]
    tables = [setting.of("HYw") for setting in settings]
    errors = [error for setting in settings if np.isfinite(error := setting.mean("error_active"))]
    colours = [Line2D([], [], color=style.COLOUR[name], linewidth=2.6, label=text) for name, text in NAMES.items()]
    discarded = any(not len(setting.kept) for setting in settings)
    page, panels = pages.gallery(
        f"In {sum(error < CLOSE for error in errors)} of {len(settings)} settings two fitted rates describe how "
        f"representations move, within {100 * CLOSE:g} %",
        "Experiment solid, theory dashed. Error: RMS distance of the two by the range of the curve, of H, Y and w, "
        f"up to the last |w| > 1 % of |Δy|². Median {style.percent(np.median(errors) if errors else np.nan)}.",
        [*colours, *style.line_handles(curves.band_name(settings), discarded)],
        len(settings),
        parts=(0.85, 1.05),
        caption=0.72,
    )
    for number, (setting, numbers, (above, below)) in enumerate(zip(settings, tables, panels, strict=True)):
        curves.draw(above, numbers[numbers.quantity == "H"])
        curves.draw(below, numbers[numbers.quantity != "H"])
        above.set_ylim(bottom=0)
        below.axhline(0, color=style.GREY, linewidth=0.6, zorder=0)
        for ax in (above, below):
            ax.locator_params(axis="y", nbins=3, min_n_ticks=3)
        if number % 4 == 0:
            above.set_ylabel("H")
            below.set_ylabel("Y, w")
            for ax in (above, below):
                ax.yaxis.set_label_coords(-0.17, 0.5)
        error = style.percent(setting.mean("error_active"))
        count = f"error {error}, layer {setting.row['layer']}, {len(setting.kept)} of {setting.networks} kept"
        curves.caption(above, setting, rates(setting), count)
    return page, pd.concat(tables, ignore_index=True)


def rates(setting: curves.Setting) -> str:
    """Mean rates of the fits that converged, or how many did not."""
    inside = setting.kept[setting.kept.converged]
    if len(inside) < len(setting.kept):
        frozen = at_bound(setting.kept.eta_h).sum()
        what = r"$\eta_h \to 0$" if frozen == len(setting.kept) - len(inside) else "rates are no estimates"
        return f"{what} in {len(setting.kept) - len(inside)} of {len(setting.kept)} fits"
    eta_h, eta_y = (style.number(setting.mean(rate)) for rate in ("eta_h", "eta_y"))
    return rf"$\eta_h$ {eta_h}, $\eta_y$ {eta_y} per step"
