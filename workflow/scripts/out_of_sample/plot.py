"""Errors of trajectories and orbits predicted out of sample, beside those of baselines, in every setting."""

import pandas as pd
from matplotlib.figure import Figure

from repdyn import artifacts
from repdyn.plotting import dots

PANELS = {  # prediction: panel, and the column of its baseline in single networks
    "orbit": ("Orbit Y(H), rates of another pair", "orbit_line"),
    "elsewhere": ("Whole run, rates of another pair", "flat"),
    "rest": ("Rest of a run, rates of its first half", "rest_flat"),
}


def main(networks: str, summary: str) -> tuple[Figure, pd.DataFrame]:
    """A row a setting and position of the points, a panel a kind of prediction; and the numbers drawn."""
    summary, networks = artifacts.read_table(summary), artifacts.read_table(networks)
    shown, ahead = {}, {}
    for name, (title_, baseline) in PANELS.items():
        means = summary[summary.prediction == name]
        shown[title_] = (
            dots.Marks(means, "error", networks, name),
            dots.Marks(means, "baseline", networks, baseline),
        )
        ahead[title_] = means.rename(columns={"ahead_low": "low", "ahead_high": "high"})
    count = f"{networks.seed.nunique()} networks a case" if len(networks) else "no network learned"
    page = dots.compared(
        title(summary),
        "RMS error over the range of the curve: geometric mean over networks, bars: interval (from 5 networks on); "
        f"{count}. Nothing is fitted to what is predicted. A case: a setting, its points where the paper has them or "
        "in "
        "general position. At the edge of the axis: beyond.",
        dots.cases(summary),
        shown,
        ahead,
        "a straight line (orbit) or the curve's own mean",
        "error (log)",
    )
    return page, summary


def title(summary: pd.DataFrame) -> str:
    """In how many cases each kind of prediction beats its baseline."""
    if not len(summary):
        return "Trajectories out of sample cannot be told: no network learned at enough pairs of points"
    certain = summary.ahead_low.notna().any()
    ahead = summary[(summary.ahead_low if certain else summary.ahead) > 0].groupby("prediction").size()
    count = len(dots.cases(summary))
    orbit, elsewhere, rest = (ahead.get(name, 0) for name in PANELS)
    return (
        f"Rates of another pair predict orbits{'' if certain else ' on average'} in {orbit} of {count} cases and whole "
        f"runs in {elsewhere}; those of a first half the rest in {rest}"
    )
