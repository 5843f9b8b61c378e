"""Feature space and fragility by method of training, at the same training loss."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from repdyn import artifacts
from repdyn.plotting import style
from repdyn.plotting.response_style import by_setting, factor_axis, method_handles

RANK, FRAGILITY = "participation_ratio", "worst"


def shown_level(table: pd.DataFrame) -> float:
    """The lowest loss that nine in ten networks reach, or the highest one."""
    reached = table.groupby("loss")[RANK].apply(lambda values: values.notna().mean())
    return float(reached[reached >= 0.9].index.min() if (reached >= 0.9).any() else reached.index.max())


def figure(table, effects, correlations, combined, confidence: float) -> tuple[Figure, pd.DataFrame]:
    """The page, and the numbers drawn."""
    level = shown_level(table)
    settings = list(dict.fromkeys(table.setting))
    table, effects, correlations, combined = (t[t.loss == level] for t in (table, effects, correlations, combined))
    rank, fragile = (effects[effects.measure == name] for name in (RANK, FRAGILITY))
    within = correlations[(correlations["rank"] == RANK) & (correlations.fragility == FRAGILITY)]
    both = combined[(combined["rank"] == RANK) & (combined.fragility == FRAGILITY)].iloc[0]
    page = Figure(figsize=(12, 2.9 + 0.42 * len(settings)))
    height = page.get_size_inches()[1]
    style.headline(page, _title(rank, fragile), _how_to_read(table, level, confidence))
    style.legend(page, [*method_handles(table.method), *_bar_handles(rank)], 0.75)
    edges = {"left": 0.125, "right": 0.985, "top": 1 - 1.5 / height, "bottom": 0.9 / height, "wspace": 0.08}
    axes = page.subplots(1, 3, gridspec_kw=edges)
    for ax, of, name in ((axes[0], rank, RANK), (axes[1], fragile, FRAGILITY)):
        single = table.rename(columns={f"{name}_ratio": "ratio"})
        by_setting(ax, of, single, "ratio", settings)
        factor_axis(ax)
    by_setting(axes[2], within, None, "correlation", settings)
    axes[2].axvline(0, color="black", linewidth=0.8)
    axes[2].set_xlim(-1.03, 1.03)
    axes[2].set_xlabel(_together(within, both))
    titles = ("a   Dimensions", "b   Fragility", "c   Correlation of the two")
    for ax, title in zip(axes, titles):
        ax.set_title(title, loc="left", fontweight="bold", fontsize=10)
        ax.tick_params(labelleft=ax is axes[0])
    axes[0].set_xlabel("dimensions / those of full batch")
    axes[1].set_xlabel("worst-case change / that of full batch")
    return page, pd.concat([_drawn(rank, "ratio"), _drawn(fragile, "ratio"), _drawn(within, "correlation")])


def _drawn(of: pd.DataFrame, name: str) -> pd.DataFrame:
    columns = {name: "value", f"{name}_low": "low", f"{name}_high": "high", f"{name}_n": "networks"}
    quantity = of.measure if "measure" in of else "correlation of fragility and dimensions"
    here = of.rename(columns=columns).assign(quantity=quantity)
    return here[["setting", "method", "loss", "quantity", *columns.values(), "p", "discovery", "unit", "interval"]]


def _counts(of: pd.DataFrame, name: str, null: float) -> tuple[int, int]:
    """In how many rows the mean is discovered to lie above the null, and below it."""
    here = of[of.discovery.astype(bool)]
    return int((here[name] > null).sum()), int((here[name] < null).sum())


def _title(rank, fragile) -> str:
    """What was discovered of the two stochastic methods."""
    if rank.p.isna().all():
        return "Too few networks to say whether stochastic training reduces the feature space"
    stochastic = [of[of.method.isin(["single", "minibatch"])] for of in (rank, fragile)]
    (more, fewer), (worse, better) = (_counts(of, "ratio", 1) for of in stochastic)
    return (
        f"Of {len(stochastic[0])} cases of stochastic training, dimensions are fewer in {fewer} and more in {more}; "
        f"fragility is higher in {worse} and lower in {better}"
    )


def _how_to_read(table, level: float, confidence: float) -> str:
    n = table.groupby(["setting", "method"]).seed.nunique().max()
    return (
        f"At the same training loss, {level:g}; a case is a setting and a method, up to {n} networks. Counted: "
        f"discoveries, of which {100 * (1 - confidence):.2g} % may be false. Tests an abstract (arXiv 2405.04074)."
    )


def _together(within: pd.DataFrame, both: pd.Series) -> str:
    positive, negative = _counts(within, "correlation", 0)
    text = f"over the networks of a case: {positive} positive, {negative} negative\ntogether {both.correlation:.2f}"
    if both.correlation_low == both.correlation_low:
        text += f" [{both.correlation_low:.2f}, {both.correlation_high:.2f}]"
    text += f", {both.correlation_n:.0f} settings"
    return text if both.I2 != both.I2 else f"{text}; $I^2$ = {100 * both.I2:.0f} %"


def _bar_handles(of: pd.DataFrame) -> list[Line2D]:
    if not of.ratio_low.notna().any():
        return [Line2D([], [], color=style.FAINT, marker=".", linestyle="none", label="single networks")]
    return [Line2D([], [], color=style.FAINT, linewidth=1.2, label=f"{of.interval.iloc[0]} (c: Fisher's z)")]


def main(table: str, effects: str, correlations: str, combined: str, confidence: float) -> tuple[Figure, pd.DataFrame]:
    return figure(*map(artifacts.read_table, (table, effects, correlations, combined)), confidence)
