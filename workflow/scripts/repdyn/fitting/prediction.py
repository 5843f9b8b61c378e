"""What rates say of data that they were not fitted to: the rest of the same run, and other pairs of points.

A *cell* is one network trained on one pair of points, at distances |dx|, |dy| of its own. Rates fitted to all of its
trajectory contain where it ends, so the fixed point at these rates says nothing (eta_h/eta_y is H_end^2/(dx2 dy2) where
the task alone decides). Here rates come from elsewhere: from the run's first half, to where Y is half way from its
start to |dy|^2; or from the reference, the same initial network on another pair, in the middle of
the grid of distances.
"""

import numpy as np
import pandas as pd
import xarray as xr

from repdyn import fitting, theory
from repdyn.fitting.falsification import active_steps, along_orbit, fit_orbit
from repdyn.theory import altered
from repdyn.theory.altered import DYNAMICS
from repdyn.theory.bounds import at_bound

CELL = ["setting", "position", "dx", "dy", "seed"]
NETWORK = ["setting", "position", "seed"]
# of where a cell ends, see `final_distances`; the last three are baselines that need no theory
PREDICTIONS = ("early", "orbit", "elsewhere", "half", "start", "constant")
_ORBIT = DYNAMICS["theory"].factors


def curves(runs: xr.Dataset, network: int, layer: int) -> tuple[np.ndarray, np.ndarray]:
    """Steps (n,) and curves H, Y, w (3, n) of one network at one layer, from start to end."""
    run = runs.isel(network=network).sel(layer=layer)
    there = np.isfinite(run.step.values)
    return run.step.values[there], np.array([run[name].values[there] for name in "HYw"], float)


def half_way(Y: np.ndarray, dy2: float) -> int:
    """The first sample at which Y (n,) has gone half of its way from its start to dy2; the last one if none has."""
    arrived = np.abs(Y - dy2) <= np.abs(Y[0] - dy2) / 2
    return int(np.argmax(arrived)) if arrived.any() else len(Y) - 1


def measured(runs: xr.Dataset, layer: int, stop_loss: float, drop_loss: float) -> pd.DataFrame:
    """One row a cell: where it started, was half way and ended, the rates of its first half, and whether it counts.

    kept: its loss fell to `drop_loss`. status: 'converged' (to `stop_loss`), 'slow' (above that when the steps were
    over), 'dropped' (above `drop_loss`, or not finite); reason: in words. eta_h_early, eta_y_early: fitted up to half
    way, early_reason: why they are none; rho_early: eta_y/(eta_h dx2) of the orbit up to there. eta_h, eta_y: fitted
    to all of the run that is not quiet, for other cells.
    """
    rows = []
    for n in range(runs.sizes["network"]):
        t, (H, Y, w) = curves(runs, n, layer)
        run = runs.isel(network=n)
        loss, dx, dy = run.loss.values[np.isfinite(run.step.values)][-1], run.dx.item(), run.dy.item()
        status, reason = "converged", ""
        if not np.isfinite([loss, *H, *Y, *w]).all():
            status, reason = "dropped", f"diverged by step {t[-1]:g}"
        elif loss > stop_loss:
            status = "dropped" if loss > drop_loss else "slow"
            reason = f"loss {loss:.3g} above {drop_loss if loss > drop_loss else stop_loss:g} at step {t[-1]:g}"
        half, end = half_way(Y, dy**2) + 1, active_steps(w, dy**2)
        early, whole = (
            fitting.fit_trajectory(t[:stop], H[:stop], Y[:stop], w[:stop], dx**2, dy**2) for stop in (half, end)
        )
        rho = fit_orbit(H[:half], Y[:half], _ORBIT)[0] if half > 3 and status != "dropped" else np.nan
        rows.append(
            {
                **{"setting": runs.setting, "position": run.position.item(), "dx": dx, "dy": dy},
                **{"seed": run.seed.item(), "layer": layer, "h_start": H[0], "y_start": Y[0]},
                **{"h_half": H[half - 1], "y_half": Y[half - 1], "h_end": H[-1], "y_end": Y[-1]},
                **{"step_half": t[half - 1], "step": t[-1], "loss": loss},
                "rotation": run.rotation.sel(layer=layer).item(),
                **{"eta_h_early": early.eta_h, "eta_y_early": early.eta_y, "early_reason": early.reason},
                **{"rho_early": rho, "eta_h": whole.eta_h, "eta_y": whole.eta_y},
                **{"kept": status != "dropped", "status": status, "reason": reason},
            }
        )
    return pd.DataFrame(rows)


def reference(cells: pd.DataFrame) -> pd.Series:
    """Which cells are the reference: in the middle of the grid's |dx| and of its |dy| > 0. (cell,) of bool."""
    middle = [sorted(values)[len(values) // 2] for values in (set(cells.dx), {*cells.dy} - {0} or {0})]
    return (cells.dx == middle[0]) & (cells.dy == middle[1])


def with_reference(cells: pd.DataFrame) -> pd.DataFrame:
    """Cells of one setting with columns reference, eta_h_elsewhere, eta_y_elsewhere: the same network's rates there.

    nan of the reference itself, and where it did not learn.
    """
    is_reference = reference(cells)
    there = cells[is_reference & cells.kept].rename(columns=lambda name: f"{name}_elsewhere" if "eta" in name else name)
    there = there[[*NETWORK, "eta_h_elsewhere", "eta_y_elsewhere"]]
    cells = cells.assign(reference=is_reference).merge(there, how="left", on=NETWORK)
    cells.loc[cells.reference, ["eta_h_elsewhere", "eta_y_elsewhere"]] = np.nan
    return cells


def final_distances(cells: pd.DataFrame) -> pd.DataFrame:
    """Columns predicted_NAME and log_ratio_NAME, ln(measured/predicted), for every name of PREDICTIONS, of one setting.

    cells: columns of `measured` and `with_reference`; measured is h_end. early, elsewhere: the fixed point at the rates
    of the first half, and of the reference; orbit: the end of the first half's orbit. half, start: H as it is there;
    constant: the geometric mean of H_end over the same network's other cells that count, of the same position.
    """
    dx2, dy2 = cells.dx**2, cells.dy**2
    found = {"half": cells.h_half, "start": cells.h_start}
    with np.errstate(all="ignore"):
        for name in ("early", "elsewhere"):
            rates = cells[f"eta_h_{name}"], cells[f"eta_y_{name}"]
            found[name] = theory.fixed_point(cells.h_start, cells.y_start, *rates, dx2, dy2)[0]
        starts = zip(cells.h_start, cells.y_start, cells.rho_early, dy2, strict=True)
        found["orbit"] = [altered.orbit_end(*start, _ORBIT) for start in starts]
        logs = np.log(cells.h_end.where(cells.kept & (cells.dy > 0)))
        grouped = logs.groupby([cells[name] for name in NETWORK])
        others = grouped.transform("sum") - logs.fillna(0), grouped.transform("count") - logs.notna()
        found["constant"] = np.exp(others[0] / others[1])
        columns = {f"predicted_{name}": np.asarray(found[name], float) for name in PREDICTIONS}
        ratios = {f"log_ratio_{name}": np.log(cells.h_end / columns[f"predicted_{name}"]) for name in PREDICTIONS}
    return cells.assign(**columns, **{name: ratio.where(np.isfinite(ratio)) for name, ratio in ratios.items()})


def compared(cells: pd.DataFrame) -> pd.Series:
    """Which cells every prediction is judged by: those that count, have a task (dy > 0) and are not the reference."""
    return cells.kept & (cells.dy > 0) & ~cells.reference


def agreements(cells: pd.DataFrame) -> pd.DataFrame:
    """One row a network and prediction: how well it says where the network's cells end (see `agreement`).

    ahead_start, ahead_half, ahead_constant: ln of rms_log of that baseline over this one's, over the very same cells.
    """
    rows = []
    for key, here in cells[compared(cells)].groupby(NETWORK, sort=False):
        for name in PREDICTIONS:
            there = here[here[f"log_ratio_{name}"].notna()]
            own = agreement(there[f"predicted_{name}"], there.h_end)
            ahead = {
                f"ahead_{other}": np.log(
                    agreement(there[f"predicted_{other}"], there.h_end)["rms_log"] / own["rms_log"]
                )
                for other in ("start", "half", "constant")
                if other != name
            }
            rows.append({**dict(zip(NETWORK, key)), "prediction": name, **own, **ahead})
    return pd.DataFrame(rows, columns=AGREEMENT)


AGREEMENT = [
    *(*NETWORK, "prediction", "cells", "rms_log", "r2_log", "rms_linear", "r2_linear"),
    *("ahead_start", "ahead_half", "ahead_constant"),
]


def agreement(predicted, observed) -> dict[str, float]:
    """How well predicted and observed distances, both (n,), agree, on logarithms and as they are; nan of fewer than 3.

    rms_log: RMS of ln(observed/predicted); rms_linear: RMS difference over the range of the observed. r2: 1 - mean
    square over the variance of the observed, so about the identity.
    """
    p, o = np.asarray(predicted, float), np.asarray(observed, float)
    there = np.isfinite(p) & np.isfinite(o) & (p > 0) & (o > 0)
    p, o = p[there], o[there]
    if p.size < 3 or np.ptp(o) == 0:
        return {"cells": int(p.size), **dict.fromkeys(("rms_log", "r2_log", "rms_linear", "r2_linear"), np.nan)}
    log, linear = ((np.log(o) - np.log(p)) ** 2).mean(), ((o - p) ** 2).mean()
    return {
        "cells": int(p.size),
        "rms_log": float(np.sqrt(log)),
        "r2_log": float(1 - log / np.log(o).var()),
        "rms_linear": float(np.sqrt(linear) / np.ptp(o)),
        "r2_linear": float(1 - linear / o.var()),
    }


def trajectories(runs: xr.Dataset, cells: pd.DataFrame, layer: int) -> pd.DataFrame:
    """Errors of predicted trajectories of one setting, one row a cell, over the part of the run that is not quiet.

    rest         from the state half way on, with the rates of the first half
    rest_flat    the same part, by its own mean: what a prediction has to beat
    elsewhere    the whole run, with the rates of the reference
    flat         the whole run, by its own mean
    orbit        the orbit Y(H) with the reference's eta_y/(eta_h dx2), RMS over the range of Y along the orbit
    orbit_line   the same by the straight line from its start to its end

    Errors are RMS over the range of the curve, mean of H and Y. cells: as `with_reference` returns it, in the order
    of the networks. nan where there are no rates, and for cells that don't count.
    """
    rows = []
    for n, one in enumerate(cells.itertuples()):
        t, observed = curves(runs, n, layer)
        end, half = active_steps(observed[2], one.dy**2), half_way(observed[1], one.dy**2)
        found = {}
        if one.kept and end - half > 3 and half > 3:
            pair = one.eta_h_elsewhere, one.eta_y_elsewhere
            early = one.eta_h_early, one.eta_y_early
            found["rest"], found["rest_flat"] = _errors(t[half:end], observed[:, half:end], *early, one)
            found["elsewhere"], found["flat"] = _errors(t[:end], observed[:, :end], *pair, one)
            H, Y, _ = observed[:, :end]
            rho = np.nan if at_bound(pair[0]) else pair[1] / (pair[0] * one.dx**2)  # frozen: no orbit
            found["orbit"], found["orbit_line"] = orbit_errors(H, Y, rho)
        rows.append(found)
    columns = ["rest", "rest_flat", "elsewhere", "flat", "orbit", "orbit_line"]
    return cells.join(pd.DataFrame(rows, columns=columns, index=cells.index))


def _errors(t, observed, eta_h, eta_y, cell) -> tuple[float, float]:
    """Errors of the theory from the first of these samples on, and of the mean of each curve."""
    known = np.isfinite([eta_h, eta_y]).all() and np.isfinite(observed).all() and observed[0, 0] > 0
    if not known:
        return np.nan, np.nan
    with np.errstate(all="ignore"):
        predicted = theory.exact(t - t[0], *observed[:, 0], eta_h, eta_y, cell.dx**2, cell.dy**2)
    flat = np.repeat(observed.mean(1, keepdims=True), t.size, 1)
    of_theory, of_means = (
        float(np.mean(np.sqrt(((curve - observed) ** 2).mean(1))[:2] / np.ptp(observed, axis=1)[:2]))
        for curve in (np.array(predicted), flat)
    )
    return of_theory, of_means


def orbit_errors(H: np.ndarray, Y: np.ndarray, rho: float) -> tuple[float, float]:
    """RMS errors over the range of Y, along the orbit, of the theory's orbit at this ratio and of a straight line."""
    extents = np.ptp(H), np.ptp(Y)
    if not np.isfinite(rho) or min(extents) <= 0:
        return np.nan, np.nan
    weight = along_orbit(H, Y)
    inherited, learned = altered.orbit_parts(H, H[0], Y[0], _ORBIT)
    line = Y[0] + (Y[-1] - Y[0]) * (H - H[0]) / (H[-1] - H[0]) if H[-1] != H[0] else np.full_like(Y, np.nan)
    curves = inherited + rho * learned, line
    of_theory, of_line = (float(np.sqrt((weight * (curve - Y) ** 2).sum()) / extents[1]) for curve in curves)
    return of_theory, of_line
