"""What rates that were fitted to one pair of points predict for pairs at other distances.

The effective rates are those of the two-point study; a *cell* is one network trained at distances |dx|, |dy| of its
own, with its own H0, Y0, w0. Tables of cells have one row a cell (see `measured`).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from repdyn import fitting, theory
from repdyn.theory.bounds import at_bound

MANY = 10  # fits from which on an interval leaves out the tails
GOOD = 0.15  # nrmse of a fit that describes its trajectory
SQUEEZED = 1e-9  # a predicted H below this has no logarithm worth comparing


@dataclass(frozen=True)
class Rates:
    """Effective rates of one setting at one layer: a pair of each network whose fit counts, per optimiser step.

    seed, eta_h, eta_y: (fit,). networks: of how many. note: empty if these are estimates, else what they are instead,
    or why there are none.
    """

    seed: np.ndarray
    eta_h: np.ndarray
    eta_y: np.ndarray
    networks: int
    note: str

    @property
    def mean(self) -> tuple[float, float]:
        """Geometric means (nan if there is no pair): rates are fitted, and vary, as logarithms."""
        if not self.eta_h.size:
            return np.nan, np.nan
        eta_h, eta_y = (float(np.exp(np.log(rate).mean())) for rate in (self.eta_h, self.eta_y))
        return eta_h, eta_y

    def of(self, seed: int) -> tuple[float, float]:
        """The pair of one network (nan if it has none)."""
        here = np.flatnonzero(self.seed == seed)
        return (float(self.eta_h[here[0]]), float(self.eta_y[here[0]])) if here.size else (np.nan, np.nan)


def rates(fits: pd.DataFrame, layer: int) -> Rates:
    """The rates of kept networks whose fits converged, at one layer of a setting's table of fits.

    Where no fit converged but some ended at eta_h = 0, these are taken, with a note: a frozen representation is a
    prediction too, namely H(0).
    """
    networks = fits[fits.layer == layer]
    if not len(networks):
        raise ValueError(f"the table of fits has no row of layer {layer}")
    kept = networks[networks.kept]
    chosen, note = kept[kept.converged], ""
    if not len(chosen):
        chosen = kept[at_bound(kept.eta_h)]
        note = f"no converged fit of {len(networks)} networks"
        note += f": eta_h is 0 in {len(chosen)}" if len(chosen) else f", {len(kept)} of them kept"
    return Rates(*(chosen[name].to_numpy(float) for name in ("seed", "eta_h", "eta_y")), len(networks), note)


def cell(runs: xr.Dataset, network: int, layer: int, horizon: float) -> tuple[np.ndarray, np.ndarray]:
    """Steps (n,) and curves H, Y, w (3, n) of one network at one layer.

    A network that has learned is still from then on: its last state is held up to step `horizon`, so that its quiet end
    has the weight in errors and fits that it has in the two-point study, whose networks train for that long.
    """
    run = runs.isel(network=network).sel(layer=layer)
    there = np.isfinite(run.step.values)
    t, curves = run.step.values[there], np.array([run[name].values[there] for name in "HYw"], float)
    held = np.arange(t[-1], horizon, max(1.0, t[-1] / (t.size - 1) if t.size > 1 else 1.0))[1:]
    return np.append(t, held), np.hstack([curves, np.repeat(curves[:, -1:], held.size, axis=1)])


def measured(runs: xr.Dataset, layer: int, horizon: float, stop_loss: float, drop_loss: float) -> pd.DataFrame:
    """One row a cell: where it started and ended, the rates of its own trajectory, and whether it counts.

    kept: its loss fell to `drop_loss`. status: 'converged' (to `stop_loss`), 'slow' (above that when the steps were
    over), 'dropped' (above `drop_loss`, or not finite); reason: in words. eta_h, eta_y, nrmse: as in `fitting.Fit`.
    """
    rows = []
    for n in range(runs.sizes["network"]):
        t, curves = cell(runs, n, layer, horizon)
        run = runs.isel(network=n)
        end_step = np.nanmax(run.step.values)
        loss, dx, dy = run.loss.values[np.isfinite(run.step.values)][-1], run.dx.item(), run.dy.item()
        status, reason = "converged", ""
        if not (np.isfinite(loss) and np.isfinite(curves).all()):
            status, reason = "dropped", f"diverged by step {end_step:g}"
        elif loss > stop_loss:
            status = "dropped" if loss > drop_loss else "slow"
            reason = f"loss {loss:.3g} above {drop_loss if loss > drop_loss else stop_loss:g} at step {end_step:g}"
        fit = fitting.fit_trajectory(t, *curves, dx**2, dy**2)
        start, end = (dict(zip("HYw", curves[:, i])) for i in (0, -1))
        rows.append(
            {
                **{"setting": runs.setting, "dx": dx, "dy": dy, "seed": run.seed.item(), "layer": layer},
                **{"h_start": start["H"], "y_start": start["Y"], "w_start": start["w"]},
                **{"h_end": end["H"], "y_end": end["Y"], "step": end_step, "loss": loss},
                "rotation": run.rotation.sel(layer=layer).item(),
                **{"eta_h": fit.eta_h, "eta_y": fit.eta_y, "nrmse": fit.nrmse},
                **{"fitted": fit.converged, "fit_reason": fit.reason},
                **{"kept": status != "dropped", "status": status, "reason": reason},
            }
        )
    return pd.DataFrame(rows)


def final_distance(cells: pd.DataFrame, pairs: Rates) -> pd.DataFrame:
    """The fixed point of every cell from rates fitted elsewhere: columns predicted, low, high, a_low, a_high.

    predicted, a_low, a_high: at the mean rates. low, high: lowest and highest prediction of any one pair of rates, or
    with 10 pairs and more the central 80 %; nan with one pair. All are nan where there are no rates.
    """
    state = [cells[name].to_numpy(float) for name in ("h_start", "y_start")]
    dx2, dy2 = cells.dx.to_numpy(float) ** 2, cells.dy.to_numpy(float) ** 2
    with np.errstate(all="ignore"):
        predicted, a_low, a_high = theory.fixed_point(*state, *pairs.mean, dx2, dy2)
        low = high = np.full(len(cells), np.nan)
        if pairs.eta_h.size > 1:
            each = theory.fixed_point(*state, pairs.eta_h[:, None], pairs.eta_y[:, None], dx2, dy2)[0]
            tails = (0, 1) if pairs.eta_h.size < MANY else (0.1, 0.9)
            low, high = np.quantile(each, tails, axis=0)
    found = {"predicted": predicted, "low": low, "high": high, "a_low": a_low, "a_high": a_high}
    return pd.DataFrame(found, index=cells.index)


def with_note(cells: pd.DataFrame, pairs: Rates) -> pd.DataFrame:
    """Cells with a column fits, how many of the two-point fits gave rates ('3 of 4'). Where these are no estimates,
    cells that count get the status 'frozen' or 'no rates', and the reason why."""
    cells = cells.assign(fits=f"{0 if pairs.note else pairs.eta_h.size} of {pairs.networks}")
    if not pairs.note:
        return cells
    status = cells.status.mask(cells.kept, "frozen" if pairs.eta_h.size else "no rates")
    return cells.assign(status=status, reason=[", ".join(filter(None, (one, pairs.note))) for one in cells.reason])


def trajectories(
    runs: xr.Dataset, cells: pd.DataFrame, pairs: Rates, layer: int, horizon: float, finer: float
) -> pd.DataFrame:
    """Errors of whole trajectories predicted from rates fitted elsewhere, one row a cell.

    eta_h, eta_y: the mean rates at the grid's learning rate, which is that of the two-point study divided by `finer`
    (rates are per optimiser step, so they go with it). nrmse_predicted: error of the theory with these, from the cell's
    own H0, Y0, w0. nrmse_same: likewise with the rates of the same initial network, where it has a fit. nrmse_fitted:
    with the rates of the trajectory itself, the lowest sum of squares that there is. nan where there are no rates.
    """
    rows = []
    for n, one in enumerate(cells.itertuples()):
        t, observed = cell(runs, n, layer, horizon)
        found = {}
        for name, pair in (("predicted", pairs.mean), ("same", pairs.of(one.seed))):
            eta_h, eta_y = (rate / finer for rate in pair)
            known = np.isfinite(eta_h) and np.isfinite(observed).all() and observed[0, 0] > 0
            with np.errstate(all="ignore"):
                curves = theory.exact(t, *observed[:, 0], eta_h, eta_y, one.dx**2, one.dy**2) if known else np.nan
            found[f"nrmse_{name}"] = nrmse(curves, observed)
        eta_h, eta_y = (rate / finer for rate in pairs.mean)
        rows.append({**found, "nrmse_fitted": one.nrmse, "eta_h": eta_h, "eta_y": eta_y})
    return pd.DataFrame(rows, index=cells.index)


def nrmse(curves, observed: np.ndarray) -> float:
    """RMS residual over the range of the observed curve, mean over the rows of (3, n) that are not flat, as in fits."""
    residual, extent = np.sqrt(np.mean((curves - observed) ** 2, axis=1)), np.ptp(observed, axis=1)
    moving = extent > 0
    return float(np.mean(residual[moving] / extent[moving])) if moving.any() else np.nan


def agreement(predicted, observed) -> dict[str, float]:
    """How well predicted and observed distances, both (n,), agree; nan with fewer than 3 pairs that can be compared.

    cells: how many were compared. deviation: RMS of ln(observed/predicted). r2: 1 - that mean square over the variance
    of ln(observed), so about the identity. slope: of ln(observed) on ln(predicted), least squares. correlation: of the
    logarithms. r2_linear, correlation_linear: of the distances themselves.
    """
    predicted, observed = np.asarray(predicted, float), np.asarray(observed, float)
    there = _comparable(predicted, observed)
    p, o = predicted[there], observed[there]
    names = ("deviation", "r2", "slope", "correlation", "r2_linear", "correlation_linear")
    if p.size < 3 or np.ptp(o) == 0 or np.ptp(p) == 0:
        return {"cells": int(p.size), **dict.fromkeys(names, np.nan)}
    x, y = np.log(p), np.log(o)
    values = (
        np.sqrt(((y - x) ** 2).mean()),
        1 - ((y - x) ** 2).mean() / y.var(),
        np.polyfit(x, y, 1)[0],
        np.corrcoef(x, y)[0, 1],
        1 - ((o - p) ** 2).mean() / o.var(),
        np.corrcoef(p, o)[0, 1],
    )
    return {"cells": int(p.size), **dict(zip(names, map(float, values)))}


def intervals(cells: pd.DataFrame, pairs: Rates, confidence: float, resamples: int, seed: int) -> pd.DataFrame:
    """Bootstrap intervals of R^2 and slope over initialisations, of all cells that count and of those with dy > 0.

    Drawn anew with replacement: the networks whose rates predict, and the networks of the grid, each with all of its
    cells. With one network on the grid only the rates vary; nan where neither can. cells: as in `explanations`, whose
    names the column explanation holds.
    """
    draw, tails, rows = np.random.default_rng(seed), ((1 - confidence) / 2, (1 + confidence) / 2), []
    kept = cells[cells.kept]
    for name, chosen in {"all cells": kept, "as predicted": kept[kept.dy > 0]}.items():
        of_seed = [np.flatnonzero(chosen.seed == one) for one in chosen.seed.unique()]
        numbers = np.full((resamples, 2), np.nan)
        if pairs.eta_h.size > 1 or (pairs.eta_h.size and len(of_seed) > 1):
            drawn = draw.integers(pairs.eta_h.size, size=(resamples, pairs.eta_h.size))
            means = (np.exp(np.log(rate)[drawn].mean(1))[:, None] for rate in (pairs.eta_h, pairs.eta_y))
            start = (chosen[column].to_numpy(float) for column in ("h_start", "y_start"))
            with np.errstate(all="ignore"):
                predicted = theory.fixed_point(*start, *means, chosen.dx.to_numpy() ** 2, chosen.dy.to_numpy() ** 2)[0]
            for n in range(resamples if of_seed else 0):
                there = np.concatenate([of_seed[k] for k in draw.integers(len(of_seed), size=len(of_seed))])
                found = agreement(predicted[n, there], chosen.h_end.to_numpy(float)[there])
                numbers[n] = found["r2"], found["slope"]
        known = numbers[np.isfinite(numbers).all(1)]
        (r2_low, slope_low), (r2_high, slope_high) = (
            np.quantile(known, tails, axis=0) if known.size else [[np.nan] * 2] * 2
        )
        ends = {"r2_low": r2_low, "r2_high": r2_high, "slope_low": slope_low, "slope_high": slope_high}
        rows.append({"explanation": name, **ends})
    return pd.DataFrame(rows)


def explanations(cells: pd.DataFrame) -> pd.DataFrame:
    """Why measured final distances deviate from predicted ones: each row changes one thing and asks how much is left.

    cells: those of one setting, columns of `measured` and `final_distance`. Rows:

    all cells                     as predicted; those of dy = 0 have next to nothing to learn, and H stays at H(0)
    as predicted                  cells of dy > 0, here and below
    nothing moves                 H(0) as the prediction: what any prediction has to beat
    rates of the cell             fixed point from the rates of the cell's own trajectory: what is left does not come
                                  from rates that depend on the data
    rates of the cell, good fits  of these, cells whose fit has an nrmse below GOOD: nor from trajectories that are
                                  not the theory's
    unfinished training           the end that the theory gives for the state in which training stopped, measured
    both                          rates of the cell, unfinished training
    rotation                      correlation of how far dh turned (1 - cosine) with |ln(measured/predicted)|

    Columns of `agreement`, over cells that count; before: the deviation as predicted over the very same cells; cosine:
    median of the cosine between dh before and after training.
    """
    rows = [{"explanation": "all cells", **agreement(*cells.loc[cells.kept, ["predicted", "h_end"]].to_numpy().T)}]
    kept = cells[cells.kept & (cells.dy > 0)]
    dx2, dy2 = kept.dx.to_numpy(float) ** 2, kept.dy.to_numpy(float) ** 2
    predicted, observed = kept.predicted.to_numpy(float), kept.h_end.to_numpy(float)
    start = kept.h_start.to_numpy(float)
    own = [np.where(kept.fitted, kept[name], np.nan).astype(float) for name in ("eta_h", "eta_y")]
    with np.errstate(all="ignore"):
        fitted = theory.fixed_point(start, kept.y_start.to_numpy(float), *own, dx2, dy2)[0]
        finished = theory.fixed_point(observed, kept.y_end.to_numpy(float), *own, dx2, dy2)[0]
    compared = {
        "as predicted": (predicted, observed),
        "nothing moves": (start, observed),
        "rates of the cell": (fitted, observed),
        "rates of the cell, good fits": (np.where(kept.nrmse < GOOD, fitted, np.nan), observed),
        "unfinished training": (predicted, finished),
        "both": (fitted, finished),
    }
    for name, (p, o) in compared.items():
        before = agreement(np.where(_comparable(p, o), predicted, np.nan), observed)["deviation"]
        rows.append({"explanation": name, **agreement(p, o), "before": before})
    there = _comparable(predicted, observed)
    off = np.abs(np.log(observed[there] / predicted[there]))
    turned = 1 - kept.rotation.to_numpy(float)[there]
    related = off.size > 2 and np.ptp(off) > 0 and np.ptp(turned) > 0
    correlation = float(np.corrcoef(turned, off)[0, 1]) if related else np.nan
    cosine = float(np.median(1 - turned)) if off.size else np.nan
    rows.append({"explanation": "rotation", "cells": int(off.size), "correlation": correlation, "cosine": cosine})
    return pd.DataFrame(rows)


def _comparable(predicted, observed):
    """Where both are there and have a logarithm."""
    return np.isfinite(predicted) & np.isfinite(observed) & (predicted > SQUEEZED) & (observed > SQUEEZED)
