"""Rates that were measured as networks learned: do they agree with each other, with fitted ones, and do they stand?

Tables: one row a network, layer and moment; networks, one row a network and layer; summary, one row a setting, layer
and number, with intervals over networks; curves, what the figure draws.

A moment counts while the network learns: from Y = 3 % of |dy|^2 on, as the second estimate of eta_h divides by Y, and
while |w| is above 1 % of it. Moments are evenly spaced in sqrt(Y).
"""

import json

import numpy as np
import pandas as pd

from repdyn import artifacts
from repdyn.fitting import drift, rates
from repdyn.networks.activations import ACTIVATIONS
from repdyn.statistics import intervals

NUMBERS = {  # number of the networks' table: scale of its interval
    "agreement": "log",
    "alignment": "linear",
    "drift_h": "log",
    "drift_y": "log",
    "one_clock": "log",
    "line_error_h": "log",
    "line_error_y": "log",
    "fitted_h": "log",
    "fitted_y": "log",
    "real_step_h": "linear",
    "real_step_y": "linear",
}
CURVES = ("eta_h", "eta_h_from_output", "eta_y")


def main(
    runs: list[str], shown: dict[str, int], confidence: float, table: str, networks: str, summary: str, curves: str
) -> None:
    parts, numbers = [], []
    for path in runs:
        run = artifacts.read_dataset(path)
        for seed in run.seed.values:
            for layer in run.layer.values:
                moments, number = of_network(run.sel(seed=seed, layer=layer), bool(layer == shown[run.setting]))
                parts.append(moments)
                numbers.append(number)
    moments, numbers = pd.concat(parts, ignore_index=True), pd.DataFrame(numbers)
    artifacts.write_table(moments, table)
    artifacts.write_table(numbers, networks)
    artifacts.write_table(averaged(numbers, confidence), summary)
    artifacts.write_table(drawn(moments[moments.shown], numbers, confidence), curves)


def of_network(run, shown: bool) -> tuple[pd.DataFrame, dict]:
    """Rows of the first two tables of one network at one hidden layer."""
    row = json.loads(run.row)
    about = {"setting": run.setting, "seed": run.seed.item(), "layer": run.layer.item(), "shown": shown}
    steps = np.unique(run.moment_step.values)
    steps = steps[(steps >= 0) & (steps < run.ended_at.item())]  # each once, and a step follows
    place = [int(np.flatnonzero(run.moment_step.values == step)[0]) for step in steps]
    H, Y, w = (run[name].values.astype(float) for name in "HYw")
    seen = {name: run[name].values[place] for name in ("eta_h", "eta_h_from_output", "eta_y", "alignment")}
    expected = {
        "h": run.learning_rate * run.dH.values[place],
        "y": run.learning_rate * (run.dY_encoder + run.dY_decoder).values[place],
    }
    table = pd.DataFrame(
        {
            **about,
            "step": steps,
            "learned": Y[steps] / run.dy2,
            "active": (Y[steps] >= drift.FIRST * run.dy2) & (np.abs(w[steps]) >= drift.LAST * run.dy2),
            "H": H[steps],
            **seen,
            "change_h": H[steps + 1] - H[steps],
            "gradient_change_h": expected["h"],
            "change_y": Y[steps + 1] - Y[steps],
            "gradient_change_y": expected["y"],
        }
    )
    active = table[table.active]
    reason = ""
    if run.diverged_at.item() >= 0:
        reason = f"diverged at step {run.diverged_at.item()}"
    elif len(active) < drift.FEWEST:
        reason = f"{len(active)} moments of learning seen, fewer than {drift.FEWEST}"
    number = {
        **about,
        "smooth": ACTIVATIONS[row["activation"]].smooth,
        "model": row["model"],
        "activation": row["activation"],
        "width": row["width"],
        "kept": not reason,
        "reason": reason,
    }
    if reason:
        return table, number | dict.fromkeys((*NUMBERS, "k_h", "k_y"), np.nan)
    learning = slice(active.step.iloc[0], active.step.iloc[-1] + 1)
    steps = np.arange(learning.start, learning.stop, dtype=float)
    fit = rates.fit_trajectory(steps, H[learning], Y[learning], w[learning], run.dx2, run.dy2)
    for eta, constant in (("h", fit.eta_h), ("y", fit.eta_y)):
        line = drift.line(active.learned.to_numpy(), active[f"eta_{eta}"].to_numpy())
        mean = drift.time_average(active.step.to_numpy(), active[f"eta_{eta}"].to_numpy())
        number |= {f"k_{eta}": line.k, f"drift_{eta}": line.drift, f"line_error_{eta}": line.error}
        number[f"fitted_{eta}"] = drift.positive(constant / run.learning_rate / mean if fit.converged else np.nan)
        real, gradient = active[f"change_{eta}"].sum(), active[f"gradient_change_{eta}"].sum()
        number[f"real_step_{eta}"] = real / gradient
    number["agreement"] = drift.positive(active.eta_h_from_output.sum() / active.eta_h.sum())
    number["alignment"] = active.alignment.mean()
    number["one_clock"] = number["drift_y"] / number["drift_h"]
    return table, number


def averaged(numbers: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Means over the kept networks of each setting and layer."""
    rows = []
    for (setting, layer), here in numbers.groupby(["setting", "layer"], sort=False):
        for name, scale in NUMBERS.items():
            estimate = intervals.mean(here[name][here.kept], confidence, scale)
            rows.append(
                {
                    **{"setting": setting, "layer": layer, "shown": here.shown.iloc[0], "number": name},
                    **estimate.columns("value", "networks"),
                    "of": len(here),
                    "unit": "network",
                    "interval": f"t, {scale} scale, {100 * confidence:g} %",
                }
            )
    return pd.DataFrame(rows).rename(columns={"value_low": "low", "value_high": "high"})


def drawn(moments: pd.DataFrame, numbers: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Rates of kept networks at the row's own layer over their means while learning (eta_h from Y over that from H).

    series: network (one line each) and mean, over cells of a tenth of Y/|dy|^2, each network once a cell.
    """
    kept = numbers[numbers.kept & numbers.shown].set_index(["setting", "seed"]).index
    moments = moments[moments.active]
    moments = moments[moments.set_index(["setting", "seed"]).index.isin(kept)]
    group = moments.groupby(["setting", "seed"], sort=False)
    over = {"eta_h": group.eta_h.transform("mean"), "eta_y": group.eta_y.transform("mean")}
    parts = [
        moments[["setting", "seed", "learned"]].assign(
            quantity=name, value=moments[name] / over["eta_y" if name == "eta_y" else "eta_h"]
        )
        for name in CURVES
    ]
    single = pd.concat(parts, ignore_index=True)
    single["cell"] = (10 * single.learned.clip(0, 0.999)).astype(int)
    rows = []
    for (setting, quantity, _), here in single.groupby(["setting", "quantity", "cell"], sort=False):
        estimate = intervals.of_clusters(here.value, here.seed, confidence)
        about = {"setting": setting, "quantity": quantity, "learned": here.learned.mean()}
        rows.append(about | estimate.columns("value", "networks"))
    mean = pd.DataFrame(
        rows, columns=["setting", "quantity", "learned", "value", "value_low", "value_high", "networks"]
    )
    mean = mean.rename(columns={"value_low": "low", "value_high": "high"}).assign(series="mean")
    return pd.concat([mean, single.drop(columns="cell").assign(series="network")], ignore_index=True)
