"""The training response law: does the kernel age, and is the decay of the response a power law?"""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from repdyn import artifacts
from repdyn.plotting import style
from repdyn.plotting.response_style import by_setting, factor_axis, method_handles


def figure(table: pd.DataFrame, verdicts: pd.DataFrame, confidence: float) -> tuple[Figure, pd.DataFrame]:
    """The page, and the numbers drawn."""
    of = verdicts[verdicts.stage == "whole"]
    single = table[table.stage == "whole"]
    settings = list(dict.fromkeys(of.setting))
    kernel, response = (of[of.quantity == name] for name in ("kernel", "response"))
    page = Figure(figsize=(12, 2.6 + 0.42 * len(settings)))
    height = page.get_size_inches()[1]
    title = f"{_kernel_says(kernel)}; {_response_says(response)}"
    if of.factor_p.isna().all():
        title = "Too few networks to say whether the kernel ages, and how the response decays"
    style.headline(page, title, _how_to_read(of, confidence))
    style.legend(page, [*method_handles(of.method), *_bar_handles(of)], 0.75)
    edges = {"left": 0.125, "right": 0.985, "top": 1 - 1.5 / height, "bottom": 0.6 / height, "wspace": 0.06}
    first, second = page.subplots(1, 2, gridspec_kw=edges)
    by_setting(first, kernel, single[single.quantity == "kernel"], "factor", settings)
    factor_axis(first)
    first.set_xlabel("size of the tangent kernel, end of training / start")
    first.set_title(
        "a   The kernel: left of 1 it ages, right of 1 it grows", loc="left", fontweight="bold", fontsize=10
    )
    by_setting(second, response, single[single.quantity == "response"], "power_lead", settings)
    second.axvline(0, color="black", linewidth=0.8)
    second.tick_params(labelleft=False)
    second.set_xlabel("lead of the power law over the best of four other laws (Akaike's criterion)")
    second.set_title(
        "b   The decay of the response: right of 0 a power law is best", loc="left", fontweight="bold", fontsize=10
    )
    drawn = pd.concat([_drawn(kernel, "factor"), _drawn(response, "power_lead")], ignore_index=True)
    return page, drawn


def _drawn(of: pd.DataFrame, name: str) -> pd.DataFrame:
    columns = {name: "value", f"{name}_low": "low", f"{name}_high": "high", f"{name}_n": "networks"}
    here = of.rename(columns=columns).assign(shown=name)
    return here[
        ["setting", "method", "quantity", "shown", *columns.values(), "best_law", "verdict", "unit", "interval"]
    ]


def _discovered(of: pd.DataFrame, name: str, null: float) -> tuple[int, int]:
    """In how many rows the mean is discovered to lie above the null, and below it."""
    here = of[of[f"{name}_discovery"].astype(bool)]
    return int((here[name] > null).sum()), int((here[name] < null).sum())


def _kernel_says(kernel: pd.DataFrame) -> str:
    grows, shrinks = _discovered(kernel, "factor", 1)
    return f"The kernel grows in {grows} of {len(kernel)} cases and ages in {shrinks}"


def _response_says(response: pd.DataFrame) -> str:
    best, _ = _discovered(response, "power_lead", 0)
    return f"a power law describes the response best in {best} of {len(response)}"


def _how_to_read(of: pd.DataFrame, confidence: float) -> str:
    n = int(of.networks.max()) if len(of) else 0
    return (
        f"A case: a setting and a method, {n} networks with one hidden layer. Counted: discoveries, of which "
        f"{100 * (1 - confidence):.2g} % may be false. Tests two abstracts (arXiv 2204.07291, 2405.04074)."
    )


def _bar_handles(of: pd.DataFrame) -> list[Line2D]:
    if not len(of) or not of.factor_low.notna().any():
        return [Line2D([], [], color=style.FAINT, marker=".", linestyle="none", label="single networks")]
    return [Line2D([], [], color=style.FAINT, linewidth=1.2, label=f"interval over networks ({of.interval.iloc[0]})")]


def main(table: str, verdicts: str, confidence: float) -> tuple[Figure, pd.DataFrame]:
    return figure(artifacts.read_table(table), artifacts.read_table(verdicts), confidence)
