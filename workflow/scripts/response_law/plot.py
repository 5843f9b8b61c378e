"""The training response law: does the kernel age, and is the decay of the response a power law?"""

import pandas as pd
from matplotlib.figure import Figure

from repdyn import artifacts
from repdyn.plotting import response_style as look

SIDES = ("grows (a), a power law is best (b)", "ages (a), another law is better (b)", "not told")


def main(table: str, verdicts: str, confidence: float) -> tuple[Figure, pd.DataFrame]:
    """The page, and the numbers drawn."""
    table, verdicts = artifacts.read_table(table), artifacts.read_table(verdicts)
    of, single = verdicts[verdicts.stage == "whole"], table[table.stage == "whole"]
    kernel, response = (of[of.quantity == name] for name in ("kernel", "response"))
    n = int(of.networks.max()) if len(of) else 0
    page, (first, second) = look.page(
        title(kernel, response),
        f"A case: a setting and a method, {n} networks with one hidden layer; mean and interval over networks (from 5 "
        f"networks on). In colour, and counted: discoveries, of which {100 * (1 - confidence):.2g} % may be false. "
        "Tests "
        "two abstracts (arXiv 2204.07291, 2405.04074).",
        of,
        SIDES,
        ["The kernel", "The decay of the response"],
    )
    look.by_setting(first, kernel, single[single.quantity == "kernel"], "factor", "factor_discovery", 1)
    look.factor_axis(first)
    first.set_xlabel("size of the tangent kernel, end of training / start (log)")
    leads = single[single.quantity == "response"]
    look.by_setting(second, response, leads, "power_lead", "power_lead_discovery", 0)
    second.tick_params(labelleft=False)
    second.set_xlabel("lead of the power law over the best of four other laws (Akaike's criterion)")
    numbers = [
        look.drawn(rows, name, "quantity", "best_law", "verdict")
        for rows, name in ((kernel, "factor"), (response, "power_lead"))
    ]
    return page, pd.concat(numbers, ignore_index=True)


def title(kernel: pd.DataFrame, response: pd.DataFrame) -> str:
    """In how many cases the two halves of the law hold, and in how many their contrary."""
    if kernel.factor_p.isna().all():
        return "Too few networks to say whether the kernel ages, and how the response decays"
    grows, ages = look.discovered(kernel, "factor", "factor_discovery", 1)
    best, _ = look.discovered(response, "power_lead", "power_lead_discovery", 0)
    return (
        f"The kernel ages in {ages} of {len(kernel)} cases and grows in {grows}; a power law describes the response "
        "best "
        f"in {best}"
    )
