"""Feature space and fragility by method of training, at the same training loss."""

import pandas as pd
from matplotlib.figure import Figure

from repdyn import artifacts
from repdyn.plotting import response_style as look

RANK, FRAGILITY = "participation_ratio", "worst"
SIDES = ("more than full batch", "less", "not told apart")


def shown_level(table: pd.DataFrame) -> float:
    """The lowest loss that nine in ten networks reach, or the highest one."""
    reached = table.groupby("loss")[RANK].apply(lambda values: values.notna().mean())
    return float(reached[reached >= 0.9].index.min() if (reached >= 0.9).any() else reached.index.max())


def main(table: str, effects: str, combined: str, confidence: float) -> tuple[Figure, pd.DataFrame]:
    """The page, and the numbers drawn."""
    table, effects, combined = map(artifacts.read_table, (table, effects, combined))
    level = shown_level(table)
    table, effects, combined = (t[t.loss == level] for t in (table, effects, combined))
    rank, fragile = (effects[effects.measure == name] for name in (RANK, FRAGILITY))
    both = combined[(combined["rank"] == RANK) & (combined.fragility == FRAGILITY)].iloc[0]
    n = table.groupby(["setting", "method"]).seed.nunique().max()
    page, axes = look.page(
        title(rank, fragile),
        f"At the same training loss, {level:g}; a case: a setting and a method, up to {n} networks; geometric mean and "
        f"interval (from 5 networks on). In colour, and counted: discoveries, of which {100 * (1 - confidence):.2g} % "
        "may "
        f"be false. {_together(both)} Tests an abstract (arXiv 2405.04074).",
        effects,
        SIDES,
        ["Dimensions of the feature space", "Fragility"],
    )
    for ax, of, name in ((axes[0], rank, RANK), (axes[1], fragile, FRAGILITY)):
        single = table.rename(columns={f"{name}_ratio": "ratio"})
        look.by_setting(ax, of, single, "ratio", "discovery", 1)
        look.factor_axis(ax)
        ax.tick_params(labelleft=ax is axes[0])
    axes[0].set_xlabel("dimensions / those of full batch (log)")
    axes[1].set_xlabel("worst-case change of the output / that of full batch (log)")
    return page, pd.concat([look.drawn(of, "ratio", "loss", "measure", "p", "discovery") for of in (rank, fragile)])


def title(rank: pd.DataFrame, fragile: pd.DataFrame) -> str:
    """What was discovered of the two stochastic methods."""
    if rank.p.isna().all():
        return "Too few networks to say whether stochastic training reduces the feature space"
    stochastic = [of[of.method.isin(["single", "minibatch"])] for of in (rank, fragile)]
    (more, fewer), (worse, better) = (look.discovered(of, "ratio", "discovery", 1) for of in stochastic)
    return (
        f"Stochastic training leaves fewer dimensions in {fewer} of {len(stochastic[0])} cases and more in {more}; "
        f"fragility is higher in {worse} and lower in {better}"
    )


def _together(both: pd.Series) -> str:
    """How the two go together over the networks of a case, all settings combined."""
    if both.correlation != both.correlation:
        return "Their correlation over networks cannot be told."
    text = f"Their correlation over the networks of a case: {both.correlation:.2f}"
    if both.correlation_low == both.correlation_low:
        text += f" [{both.correlation_low:.2f}, {both.correlation_high:.2f}]"
    return f"{text}, {both.correlation_n:.0f} settings combined."
