"""The theory fitted to records: rates with standard errors for each run.

What one pair tells is eta_h |dx|^2 and eta_y; eta_h alone takes what |dx|^2 is from the record. A rescaled layer,
h -> c h, multiplies eta_h by c^2 and divides eta_y by it; their product is free of that.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from repdyn import fitting, theory
from repdyn.fitting import clock
from repdyn.fitting.selection import effective_observations
from repdyn.own import verdict
from repdyn.own.record import Record
from repdyn.own.report import Curves, PairFit, Report
from repdyn.theory.clock import drifting, orbit, orbit_constants
from repdyn.theory.regimes import balance


def fit(*runs, confidence: float = 0.95, **curves) -> Report:
    """The theory fitted to every pair and layer of one run or several.

    runs: records, observers, or lists of these; or instead of them the curves of one pair by name, step, H, Y, w
    (moment,), dx2, dy2. confidence: of the intervals over runs. Raises ValueError for no run, or for shapes that do
    not go together. A pair that cannot be fitted is a row with its reason.
    """
    records = [_record(one) for given in runs for one in (given if isinstance(given, list | tuple) else [given])]
    if curves:
        records.append(Record.of_curves(**curves))
    if not records:
        raise ValueError("there is nothing to fit: give a record, or step, H, Y, w, dx2 and dy2")
    if len(records) > 1:
        names = [one.name or str(n) for n, one in enumerate(records)]
        names = [name if names.count(name) == 1 else f"{name}#{n}" for n, name in enumerate(names)]
    else:
        names = [records[0].name]
    return Report(tuple(one for record, name in zip(records, names) for one in _of_record(record, name)), confidence)


def _record(run) -> Record:
    record = run if isinstance(run, Record) else getattr(run, "record", None)
    if not isinstance(record, Record):
        raise ValueError(f"expected a record or an observer, got {type(run).__name__}")
    return record


def _of_record(record: Record, name: str) -> Iterable[PairFit]:
    for n, layer in enumerate(record.layers):
        for m, (a, b) in enumerate(record.pairs):
            rates = {}
            if record.rates is not None:
                rates = {name: getattr(record.rates, name)[n, m] for name in ("eta_h", "eta_y")}
                rates["step"] = record.rates.step
            given = {"run": name, "layer": layer, "a": a, "b": b, "dx2_is": record.dx2_is}
            curves = np.array([record.H[n, m], record.Y[m], record.w[m]], float)
            norms = None if record.norms is None else record.norms[n, m]
            yield _of_pair(record.step, curves, float(record.dx2[m]), float(record.dy2[m]), norms, rates, given)


def _of_pair(step, curves, dx2: float, dy2: float, norms, rates, given: dict) -> PairFit:
    moments = len(step)
    failures = verdict.of_data(step, *curves, dx2, dy2)
    hopeless = any(one.name in ("not finite", "same inputs", "same targets", "no difference") for one in failures)
    if hopeless or moments < 4 or not np.ptp(curves, axis=1).any():
        empty = np.full_like(curves, np.nan)
        given |= {"dx2": dx2, "dy2": dy2, "moments": moments}
        given["curves"] = Curves(step, curves, empty, empty, empty[0], step[:0], {})
        return PairFit(**given, verdict=verdict.UNKNOWN, converged=False, **_told(failures))
    n = verdict.active(curves[2], dy2)
    window = min(moments, 2 * n)
    t, observed = step[:window] - step[0], curves[:, :window]
    found = fitting.fit_trajectory(t, *observed, dx2, dy2)
    rates_are_there = np.isfinite(found.eta_h) and np.isfinite(found.eta_y)
    empty = np.full_like(observed, np.nan)
    fitted = drift = empty
    k, se = np.nan, (np.nan, np.nan)
    if rates_are_there:
        constants = (found.eta_h, found.eta_y, dx2, dy2)
        fitted = np.array(theory.exact(t, *observed[:, 0], *constants))
    if found.converged:
        (drifts,) = clock.fit_clocks(t, observed[:1], *observed[1:], dx2, dy2, [found])
        if not drifts.reason:
            k = drifts.k
            drift = np.array(drifting(t, *observed[:, 0], drifts.eta_h, drifts.eta_y, k, dx2, dy2))
        se = standard_errors(t, observed, *constants)
    errors, r2 = _errors(observed[:, :n], fitted[:, :n])
    failures += verdict.of_fit(dict(zip("HYw", r2)), found.reason)
    orbit_error = clock.orbit(*observed[:2, :n], exponent=1).error
    with np.errstate(all="ignore"):
        path = orbit(observed[0, :n], *orbit_constants(*observed[:2, 0], *observed[:2, n - 1]))
    error = float(np.nanmean(errors)) if np.isfinite(errors).any() else np.nan
    with np.errstate(all="ignore"):
        _, low, high = theory.fixed_point(*observed[:2, 0], found.eta_h, found.eta_y, dx2, dy2)
    place = float(balance(low, high))
    judged = verdict.judged(failures, error, orbit_error)
    if judged == verdict.ORBIT_ONLY:
        failed = f"two constants are off by {error:.0%}: the rates change during training"
    elif judged == verdict.NOT and not failures:
        failed = f"two constants are off by {error:.0%}, and the path Y(H) by {orbit_error:.0%}"
    else:
        failed = ""
    return PairFit(
        **given,
        **_told(failures, failed),
        verdict=judged,
        converged=not failures,
        notes=tuple(verdict.notes(n, moments, norms, given["dx2_is"], judged, orbit_error)),
        eta_h_dx2=found.eta_h * dx2,
        eta_h_dx2_se=se[0] * found.eta_h * dx2,
        eta_h=found.eta_h,
        eta_h_se=se[0] * found.eta_h,
        eta_y=found.eta_y,
        eta_y_se=se[1] * found.eta_y,
        product=found.eta_h * dx2 * found.eta_y,
        dx2=dx2,
        dy2=dy2,
        error=error,
        error_H=errors[0],
        error_Y=errors[1],
        error_w=errors[2],
        r2=float(np.nanmin(r2)) if np.isfinite(r2).any() else np.nan,
        orbit_error=orbit_error,
        k=k,
        error_drift=float(np.nanmean(_errors(observed[:, :n], drift[:, :n])[0])) if np.isfinite(k) else np.nan,
        balance=place,
        regime="" if np.isnan(place) else "rich" if place < 0 else "lazy",
        H_start=observed[0, 0],
        H_end=curves[0, -1],
        H_predicted=predicted_end(step, curves, dx2, dy2),
        left=float(verdict.difference(curves[1, -1:], curves[2, -1:], dy2)[0]),
        moments=moments,
        active=n,
        curves=Curves(
            step[:window],
            observed,
            fitted,
            drift,
            path,
            *_relative(step, curves[1], k, dy2, n, rates),
        ),
    )


def _relative(step, Y, k: float, dy2: float, n: int, rates: dict) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """See `Curves`: steps and rates, each over its mean, of the first n moments."""
    at = step[:n] if not rates else rates["step"][rates["step"] <= step[n - 1]]
    values = {"drift": 1 + k * np.interp(at, step, Y) / dy2}
    values |= {name: rates[name][: len(at)] for name in ("eta_h", "eta_y") if rates}
    with np.errstate(all="ignore"):
        return at, {name: one / np.nanmean(one) for name, one in values.items() if np.isfinite(one).any()}


def _told(failures: Sequence[verdict.Failure], more: str = "") -> dict:
    sentences = [one.sentence for one in failures] + ([more] if more else [])
    return {"failures": tuple(one.name for one in failures), "reason": "; ".join(sentences)}


def _errors(observed: np.ndarray, curves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """RMS residual over the range of the curve, and R^2, of H, Y, w, (3,) each; nan of a curve that is flat."""
    squares, extent = ((curves - observed) ** 2).mean(1), np.ptp(observed, axis=1)
    with np.errstate(all="ignore"):
        return np.where(extent > 0, np.sqrt(squares) / extent, np.nan), np.where(
            extent > 0, 1 - squares / observed.var(1), np.nan
        )


def predicted_end(step, curves: np.ndarray, dx2: float, dy2: float) -> float:
    """H in the end, as the theory has it with rates fitted up to Y = |dy|^2/2 alone; nan where that cannot be had."""
    beyond = np.flatnonzero(curves[1] >= 0.5 * dy2)
    if not len(beyond) or beyond[0] < verdict.FEWEST:
        return np.nan
    early = curves[:, : beyond[0] + 1]
    found = fitting.fit_trajectory(step[: beyond[0] + 1], *early, dx2, dy2)
    if not found.converged:
        return np.nan
    return float(theory.fixed_point(*early[:2, 0], found.eta_h, found.eta_y, dx2, dy2)[0])


def standard_errors(t, observed, eta_h: float, eta_y: float, dx2: float, dy2: float) -> tuple[float, float]:
    """Standard errors of (log eta_h, log eta_y), so relative ones of the rates, from one run (derived).

    With slopes J = d(curves)/d(log rates) and A = J J', the fit's rates are off by A^-1 J r, r the residual. r is
    correlated in time: n moments count as n / tau (`effective_observations`). Y and w come from the same outputs, so
    they count as one curve, which at worst doubles their part:

        cov = A^-1 (tau_H s_H^2 J_H J_H' + 2 tau_out (s_Y^2 J_Y J_Y' + s_w^2 J_w J_w')) A^-1

    s^2: mean squares, times N / (N - 2) for the two constants, N the observations that all of it counts as. They say
    how well one run fixes its constants if the theory is right, not how rates vary over networks. nan if N <= 2.
    """
    curves, slopes = theory.exact_with_gradient(t, *observed[:, 0], eta_h, eta_y, dx2, dy2)
    residual = observed - curves
    n = residual.shape[1]
    worth = effective_observations(residual)
    worth[1:] = worth[1:].min()
    total = worth[0] + worth[1]
    if total <= 2:
        return np.nan, np.nan
    weight = np.array([1, 2, 2]) * n / worth * (residual**2).mean(1) * total / (total - 2)
    inverse = np.linalg.pinv(np.einsum("acn,bcn->ab", slopes, slopes))
    covariance = inverse @ np.einsum("acn,bcn,c->ab", slopes, slopes, weight) @ inverse
    return float(np.sqrt(covariance[0, 0])), float(np.sqrt(covariance[1, 1]))
