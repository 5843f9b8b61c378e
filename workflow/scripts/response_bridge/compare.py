"""The tangent kernel of networks on two points beside what effective rates say of it: constant ones, and windowed ones.

Tables: one row a network and window of training; summary, one row a setting and number, with intervals over networks.
"""

import numpy as np
import pandas as pd

from repdyn import artifacts
from repdyn.fitting import kernel_bridge
from repdyn.statistics.intervals import bootstrap_interval

ROWS = ("setting", "seed", "window", "first", "last", "eta_h", "eta_y", "eta_h_whole", "eta_y_whole", "kernel")
ROWS += ("from_constant_rates", "from_windowed_rates", "nrmse", "converged", "reason")
CURVES = ("setting", "seed", "step", "K_AA", "K_AB", "K_BB", "kernel", "from_constant_rates", "from_windowed_rates")
NUMBERS = {  # whose logarithm is averaged
    "deviation_constant": False,
    "deviation_windowed": False,
    "kernel_factor": True,
    "constant_factor": True,
    "windowed_factor": True,
    "eta_h_drift": True,
    "eta_y_drift": True,
    "step_deviation": False,
}


def main(
    runs: list[str],
    kernels: list[str],
    fits: list[str],
    layers: list[int],
    windows: int,
    intervals: dict,
    seed: int,
    table: str,
    summary: str,
    curves: str,
) -> None:
    rows, drawn, summaries = [], [], []
    for trajectory, kernel, fit, layer in zip(runs, kernels, fits, layers, strict=True):
        trained, seen = artifacts.read_dataset(trajectory), artifacts.read_dataset(kernel)
        fitted = artifacts.read_table(fit)
        fitted = fitted[fitted.layer == layer].set_index("seed")
        numbers = []
        for s in trained.seed.values:
            if not fitted.kept[s]:
                numbers.append({"seed": s, "reason": fitted.reason[s]})
                continue
            found, lines, number = measure(trained.sel(seed=s, layer=layer), seen.sel(seed=s), fitted.loc[s], windows)
            about = {"setting": trained.setting, "seed": s}
            rows += [about | row for row in found]
            drawn.append(lines.assign(**about))
            numbers.append({"seed": s, **number, "reason": ""})
        summaries.append(summarised(pd.DataFrame(numbers), intervals, seed).assign(setting=trained.setting))
    artifacts.write_table(pd.DataFrame(rows, columns=ROWS), table)
    artifacts.write_table(pd.concat(summaries), summary)
    artifacts.write_table(pd.concat(drawn)[[*CURVES]] if drawn else pd.DataFrame(columns=CURVES), curves)


def measure(run, seen, fit, windows: int) -> tuple[list[dict], pd.DataFrame, dict]:
    """Of one network: a row a window, curves at the times of the kernel, and its numbers."""
    at, K = seen.time.values, seen.kernel.values.astype(float)
    run = run.isel(step=slice(0, at[-1] + 1))  # afterwards the networks were at rest
    H, Y, w = (run[name].values.astype(float) for name in ("H", "Y", "w"))
    rate = seen.learning_rate / (2 * seen.out_dim)
    measured = rate * kernel_bridge.effective_kernel(K)
    constant = kernel_bridge.decay_rate(H, Y, fit.eta_h, fit.eta_y, run.dx2)
    windowed, rows = np.full(H.size, np.nan), []
    start = kernel_bridge.mean_learned(run.mean_error.values.astype(float))
    for number, (first, last, part) in enumerate(
        kernel_bridge.windowed_fits(H, Y, w, run.dx2, run.dy2, windows, start)
    ):
        inside, middle = slice(first, last + 1), (first + last) // 2
        if part.converged:
            windowed[inside] = kernel_bridge.decay_rate(H[inside], Y[inside], part.eta_h, part.eta_y, run.dx2)
        row = {"window": number, "first": first, "last": last, "eta_h": part.eta_h, "eta_y": part.eta_y}
        row |= {"eta_h_whole": fit.eta_h, "eta_y_whole": fit.eta_y, "kernel": np.interp(middle, at, measured)}
        row |= {"from_constant_rates": constant[middle], "from_windowed_rates": windowed[middle]}
        rows.append(row | {"nrmse": part.nrmse, "converged": part.converged, "reason": part.reason})
    table = pd.DataFrame(rows)
    sound = table[table.converged]
    error, after = seen.output.values - seen.target.values, seen.after.values.astype(float)
    step = (after - seen.output.values)[:, 0] - (after - seen.output.values)[:, 1]
    expected = kernel_bridge.linear_response(K, error, rate)
    learning = np.abs(w[at]) > 0.01 * run.dy2  # afterwards a step is rounding
    numbers = {
        "deviation_constant": kernel_bridge.log_deviation(sound.from_constant_rates, sound.kernel),
        "deviation_windowed": kernel_bridge.log_deviation(sound.from_windowed_rates, sound.kernel),
        **{
            f"{name}_factor": sound[column].iloc[-1] / sound[column].iloc[0] if len(sound) else np.nan
            for name, column in (
                ("kernel", "kernel"),
                ("constant", "from_constant_rates"),
                ("windowed", "from_windowed_rates"),
            )
        },
        **{
            f"{eta}_drift": sound[eta].iloc[-1] / sound[eta].iloc[0] if len(sound) else np.nan
            for eta in ("eta_h", "eta_y")
        },
        "step_deviation": np.sqrt(((step - expected)[learning] ** 2).sum() / (expected[learning] ** 2).sum()),
    }
    curves = {"step": at, "K_AA": K[:, 0, 0], "K_AB": K[:, 0, 1], "K_BB": K[:, 1, 1], "kernel": measured}
    curves |= {"from_constant_rates": constant[at], "from_windowed_rates": windowed[at]}
    return rows, pd.DataFrame(curves), numbers


def summarised(numbers: pd.DataFrame, intervals: dict, seed: int) -> pd.DataFrame:
    """Means over networks (of factors geometric ones) with bootstrap intervals, one row a number."""
    rows = []
    reason = " | ".join(f"seed {n.seed}: {n.reason}" for n in numbers.itertuples() if n.reason)
    for name, logarithmic in NUMBERS.items():
        values = numbers[name].to_numpy(float) if name in numbers else np.array([])
        values = values[np.isfinite(values)]
        values = np.log(values) if logarithmic else values
        low, high = bootstrap_interval(values, intervals["confidence"], intervals["resamples"], seed)
        found = np.array([values.mean() if values.size else np.nan, low, high])
        value, low, high = np.exp(found) if logarithmic else found
        rows.append({"number": name, "value": value, "low": low, "high": high, "networks": values.size})
    return pd.DataFrame(rows).assign(reason=reason)
