"""How far predictions of final distances are off in every setting, beside the distance half way."""

import pandas as pd
from matplotlib.figure import Figure

from repdyn import artifacts
from repdyn.plotting import dots

PANELS = {
    "orbit": "Orbit of the first half",
    "early": "Rates of the first half",
    "elsewhere": "Rates of another pair",
}
MEASURE, BASELINE = "rms_log", "half"


def main(networks: str, summary: str) -> tuple[Figure, pd.DataFrame]:
    """A row a setting and position of the points, a panel a prediction; and the numbers drawn."""
    summary, networks = artifacts.read_table(summary), artifacts.read_table(networks)

    def marks(prediction: str) -> dots.Marks:
        mine = (table[table.prediction == prediction] for table in (summary, networks))
        return dots.Marks(next(mine), MEASURE, next(mine), MEASURE)

    count = f"{networks.seed.nunique()} networks a case" if len(networks) else "no network learned"
    shown = {title: (marks(name), marks(BASELINE)) for name, title in PANELS.items()}
    ahead = {
        title: theory.means.rename(columns={"ahead_half_low": "low", "ahead_half_high": "high"})
        for title, (theory, _) in shown.items()
    }
    page = dots.compared(
        title(summary),
        "RMS of ln(measured/predicted) over cells of the grid: geometric mean over networks, bars: interval "
        f"(from 5 networks on); {count}. A case: a setting, its points where the paper has them or in general "
        "position. "
        "At the edge of the axis: beyond.",
        dots.cases(summary),
        shown,
        ahead,
        "H half way",
        "off by (log)",
    )
    return page, summary[summary.prediction.isin([*PANELS, BASELINE])]


def title(summary: pd.DataFrame) -> str:
    """In how many cases each source of rates beats H half way."""
    if not len(summary):
        return "Where representations end cannot be told: no network learned at enough pairs of points"
    count = len(dots.cases(summary))
    certain = summary.ahead_half_low.notna().any()
    ahead = summary[(summary.ahead_half_low if certain else summary.ahead_half) > 0].groupby("prediction").size()
    orbit, early, elsewhere = (ahead.get(name, 0) for name in PANELS)
    how = "" if certain else ", on average"
    return (
        f"The orbit of a first half foretells final distances in {orbit} of {count} cases, its rates in {early}, "
        f"another pair's in {elsewhere}{how}"
    )
