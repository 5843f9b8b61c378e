"""How far predictions of final distances are off, in every setting, beside baselines that need no theory."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from repdyn import artifacts
from repdyn.plotting import dots, style

MARKS = {
    "early": ("rates of the first half", style.BLUE, "o"),
    "orbit": ("orbit of the first half", style.GREEN, "s"),
    "elsewhere": ("rates of another pair", style.ORANGE, "D"),
    "half": ("H half way", style.FAINT, "x"),
    "start": ("H(0)", style.FAINT, "+"),
    "constant": ("mean of other cells", style.GREY, "*"),
}
PANELS = {
    "rms_log": "Off by a factor: RMS of ln(measured/predicted)",
    "rms_linear": "As they are: RMS error over the range of the cells",
}


def figure(summary: pd.DataFrame, networks: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """A row a setting and position of the points, two measures of error; and the numbers drawn."""
    cases = list(dict.fromkeys(zip(summary.setting, summary.position)))
    labels = [f"{setting}, {'paper' if position == 'paper' else 'general'}" for setting, position in cases]
    rows, header, bottom = max(len(cases), 3) * 0.42, 1.45, 0.5
    height = header + rows + bottom
    page = Figure(figsize=(12, height))
    count = f"{networks.seed.nunique()} networks a case" if len(networks) else "no network learned"
    style.headline(
        page,
        title(summary),
        "Foretold: closer than H half way, by the interval over networks. Points: as in the paper, or in general "
        f"position; {count}. At the edge: beyond.",
    )
    style.legend(
        page,
        [
            Line2D([], [], linestyle="", marker=marker, color=colour, label=label)
            for label, colour, marker in MARKS.values()
        ],
        below=0.76,
    )
    for i, (measure, told) in enumerate(PANELS.items()):
        ax = page.add_axes((0.12 + 0.45 * i, bottom / height, 0.41, rows / height))
        for place, (name, (_, *mark)) in enumerate(MARKS.items()):
            mine, single = summary[summary.prediction == name], networks[networks.prediction == name]
            heights = [
                [cases.index(case) + 0.11 * (place - 2.5) for case in zip(table.setting, table.position)]
                for table in (mine, single)
            ]
            dots.estimates(ax, heights[0], mine, measure, *mark, (heights[1], single[measure]))
        dots.rows(ax, labels, told)
        ax.tick_params(labelleft=not i)
    return page, summary


def title(summary: pd.DataFrame) -> str:
    """In how many cases each source of rates beats H half way."""
    if not len(summary):
        return "Where representations end: no network learned at enough pairs of points"
    cases = len(summary[["setting", "position"]].drop_duplicates())
    certain = summary.ahead_half_low.notna().any()
    ahead = summary[(summary.ahead_half_low if certain else summary.ahead_half) > 0].groupby("prediction").size()
    orbit, early, elsewhere = (ahead.get(name, 0) for name in ("orbit", "early", "elsewhere"))
    how = "" if certain else " on average"
    return (
        f"Final distances are foretold{how} by the first half's orbit in {orbit} of {cases} cases, "
        f"by its rates in {early}, by another pair's in {elsewhere}"
    )


def main(networks: str, summary: str) -> tuple[Figure, pd.DataFrame]:
    return figure(artifacts.read_table(summary), artifacts.read_table(networks))
