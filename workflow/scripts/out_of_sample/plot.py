"""Errors of trajectories and orbits predicted out of sample, beside those of baselines, in every setting."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from repdyn import artifacts
from repdyn.plotting import dots, style

PANELS = {
    "rest": ("Rest of a run, rates of its first half", "rest_flat"),
    "elsewhere": ("Whole run, rates of another pair", "flat"),
    "orbit": ("Orbit Y(H), rates of another pair", "orbit_line"),
}


def figure(summary: pd.DataFrame, networks: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """A row a setting and position of the points, a panel a kind of prediction; and the numbers drawn."""
    cases = list(dict.fromkeys(zip(summary.setting, summary.position)))
    labels = [f"{setting}, {'paper' if position == 'paper' else 'general'}" for setting, position in cases]
    rows, header, bottom = max(len(cases), 3) * 0.34, 1.45, 0.5
    height = header + rows + bottom
    page = Figure(figsize=(12, height))
    count = f"{networks.seed.nunique()} networks a case" if len(networks) else "no network learned"
    style.headline(
        page,
        title(summary),
        "RMS error over the range of the curve, mean over cells. Predicted: better than the baseline, by the interval "
        f"over networks; {count}. At the edge: beyond.",
    )
    handles = [
        Line2D([], [], linestyle="", marker="o", color=style.BLUE, label="theory, nothing fitted to what is predicted"),
        Line2D([], [], linestyle="", marker="x", color=style.FAINT, label="baseline: the curve's own mean, or a line"),
    ]
    style.legend(page, handles, below=0.76)
    for i, (name, (told, baseline)) in enumerate(PANELS.items()):
        ax = page.add_axes((0.12 + 0.295 * i, bottom / height, 0.27, rows / height))
        mine = summary[summary.prediction == name]
        marks = (("error", name, style.BLUE, "o", -0.12), ("baseline", baseline, style.FAINT, "x", 0.12))
        for column, single, colour, marker, shift in marks:
            heights = [
                [cases.index(case) + shift for case in zip(table.setting, table.position)] for table in (mine, networks)
            ]
            dots.estimates(ax, heights[0], mine, column, colour, marker, (heights[1], networks[single]))
        dots.rows(ax, labels, told)
        ax.tick_params(labelleft=not i)
    return page, summary


def title(summary: pd.DataFrame) -> str:
    """In how many cases each kind of prediction beats its baseline."""
    certain = summary.ahead_low.notna().any() if len(summary) else False
    if not len(summary):
        return "Trajectories out of sample: no network learned at enough pairs of points"
    ahead = summary[(summary.ahead_low if certain else summary.ahead) > 0].groupby("prediction").size()
    cases = len(summary[["setting", "position"]].drop_duplicates())
    orbit, elsewhere, rest = (ahead.get(name, 0) for name in ("orbit", "elsewhere", "rest"))
    return (
        f"Rates of another pair predict orbits{'' if certain else ' on average'} in {orbit} of {cases} cases and whole "
        f"runs in {elsewhere}; those of a first half the rest in {rest}"
    )


def main(networks: str, summary: str) -> tuple[Figure, pd.DataFrame]:
    return figure(artifacts.read_table(summary), artifacts.read_table(networks))
