"""The theory against its alterations in every setting: by orbits and by trajectories, over networks."""

import numpy as np
import pandas as pd

from repdyn import artifacts
from repdyn.fitting.falsification import COMPARISONS
from repdyn.statistics import intervals
from repdyn.theory.altered import RIVALS

COLUMNS = [
    *("setting", "outputs", "comparison", "rival", "ratio", "ratio_low", "ratio_high", "networks", "theory"),
    *("theory_low", "theory_high", "power", "separable", "freedom", "verdict"),
]


def main(fits: str, confidence: float, output: str) -> None:
    artifacts.write_table(table(artifacts.read_table(fits), confidence), output)


def table(fits: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """One row a setting, number of outputs, comparison and rival; and one of the best rival of every network.

    ratio: geometric mean over kept networks of the rival's error over the theory's; theory: that of the theory's error;
    power: of what the rival's error would be if the theory were exact, over the theory's error. verdict: 'behind' or
    'ahead' of the theory where the interval says so, else 'open'; 'not compared' where no network was.
    """
    fits = fits[fits.kept]
    rows = []
    for (setting, outputs), here in fits.groupby(["setting", "outputs"], sort=False):
        theory = here[here.dynamics == "theory"].set_index("seed")
        for comparison, (error, power) in COMPARISONS.items():
            for rival in (*RIVALS, "best"):
                name = "theory" if rival == "best" else rival
                one = here[here.dynamics == name].set_index("seed")
                logs = one[f"behind_{comparison}"].dropna()
                ratio = intervals.mean(np.exp(logs), confidence, "log")
                own = intervals.mean(theory[error][logs.index], confidence, "log")
                powers = (one[power] / theory[error])[logs.index].clip(lower=1e-9)
                rows.append(
                    {
                        **{"setting": setting, "outputs": outputs, "comparison": comparison, "rival": rival},
                        **ratio.columns("ratio", "networks"),
                        **own.columns("theory", "theory_networks"),
                        "power": intervals.mean(powers, confidence, "log").value,
                        "separable": int(one[f"separable_{comparison}"][logs.index].sum()),
                        "freedom": theory.freedom.median(),
                        "verdict": verdict(ratio),
                    }
                )
    method = {"unit": "network", "interval": f"t on logarithms, {100 * confidence:g} %"}
    return pd.DataFrame(rows, columns=COLUMNS).assign(**method)


def verdict(ratio) -> str:
    """What an interval of error over the theory's error says."""
    if not ratio.n:
        return "not compared"
    return "behind" if ratio.low > 1 else "ahead" if ratio.high < 1 else "open"
