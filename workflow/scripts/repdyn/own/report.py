"""What was found of one's own runs: of every pair and layer, summarised over runs, and in words."""

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

import numpy as np

from repdyn.own import verdict

if TYPE_CHECKING:
    import pandas as pd

MOST_IN_FULL = 6  # fits that are printed with all that is known of them
SUMMARISED = {
    **dict.fromkeys(("eta_h_dx2", "eta_h", "eta_y", "product", "error", "orbit_error", "H_end"), "log"),
    **dict.fromkeys(("k", "balance"), "linear"),
}


@dataclass(frozen=True)
class Curves:
    """What is drawn of a fit: moments `step` (n,); H, Y, w (3, n) observed, with two constants, and with a clock.

    path: Y of the theory's path at the H of the active part.
    relative: rates over time, each over its own mean, (m,) at rate_step, in the active part: "drift" is the factor
    1 + k Y/|dy|^2, and where rates were measured "eta_h" and "eta_y" are these.
    """

    step: np.ndarray
    observed: np.ndarray
    theory: np.ndarray
    drift: np.ndarray
    path: np.ndarray
    rate_step: np.ndarray
    relative: dict[str, np.ndarray]


@dataclass(frozen=True)
class PairFit:
    """The theory on one pair of points at one layer of one run. Rates are per optimiser step.

    verdict, reason      see `verdict`; the reason is empty where it applies. failures: names of what fails
    converged            whether the rates are estimates: no assumption fails
    eta_h_dx2, eta_y     the two constants, with standard errors (_se) for residuals that are correlated in time
    eta_h, dx2, dx2_is   eta_h is eta_h_dx2 / dx2
    product              eta_h_dx2 eta_y, free of the layer's scale
    error, r2            error of H, Y, w over their ranges, their mean; the lowest R^2 of the three: active part
    orbit_error          of the path Y(H) between start and end, over Y's range; nothing is fitted
    k, error_drift       both rates times (1 + k Y/|dy|^2), and the error then: three constants
    balance, regime      (A_high - A_low) / (|A_high| + A_low): rich below 0, lazy above
    H_start, H_end       measured; H_predicted: the fixed point of rates fitted up to Y = |dy|^2/2 alone, where there
                         are FEWEST moments until then
    left                 |dyh - dy|^2 / |dy|^2 at the end
    moments, active      how many were recorded, and how many before the pair was at rest
    """

    run: str
    layer: str
    a: int
    b: int
    verdict: str
    converged: bool
    reason: str = ""
    failures: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    eta_h_dx2: float = np.nan
    eta_h_dx2_se: float = np.nan
    eta_h: float = np.nan
    eta_h_se: float = np.nan
    eta_y: float = np.nan
    eta_y_se: float = np.nan
    product: float = np.nan
    dx2: float = np.nan
    dx2_is: str = ""
    dy2: float = np.nan
    error: float = np.nan
    error_H: float = np.nan
    error_Y: float = np.nan
    error_w: float = np.nan
    r2: float = np.nan
    orbit_error: float = np.nan
    k: float = np.nan
    error_drift: float = np.nan
    balance: float = np.nan
    regime: str = ""
    H_start: float = np.nan
    H_end: float = np.nan
    H_predicted: float = np.nan
    left: float = np.nan
    moments: int = 0
    active: int = 0
    curves: Curves | None = field(default=None, repr=False, compare=False)

    def row(self) -> dict:
        """All but the curves, as plain values."""
        kept = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "curves"}
        return {**kept, "failures": "; ".join(self.failures), "notes": "; ".join(self.notes)}

    @property
    def who(self) -> str:
        """Run, layer and points."""
        return f"{self.run + ': ' if self.run else ''}layer {self.layer}, points {self.a} and {self.b}"

    def line(self) -> str:
        """The verdict with its reason, or with the rates, in one line."""
        parts = [self.reason] if self.reason else []
        if self.converged:
            parts += [
                f"eta_h |dx|^2 = {_with_error(self.eta_h_dx2, self.eta_h_dx2_se)}",
                f"eta_y = {_with_error(self.eta_y, self.eta_y_se)}",
                f"error {self.error:.1%}, path {self.orbit_error:.1%}",
            ]
        return f"{self.who}: {_HEADLINES[self.verdict]} {'; '.join(parts)}"

    def __str__(self) -> str:
        lines = [f"{self.who}: {_HEADLINES[self.verdict]}"]
        if self.reason:
            lines.append(self.reason)
        if self.converged:
            lines.append(
                f"eta_h |dx|^2 = {_with_error(self.eta_h_dx2, self.eta_h_dx2_se)} a step, "
                f"eta_y = {_with_error(self.eta_y, self.eta_y_se)} (of one pair no more is identifiable; "
                f"|dx|^2 = {self.dx2:.4g}, {self.dx2_is})"
            )
        if np.isfinite(self.error):
            drift = f"; with rates (1 + {self.k:.2g} Y/|dy|^2): {self.error_drift:.1%}" if np.isfinite(self.k) else ""
            lines.append(
                f"error {self.error:.1%} (H {_percent(self.error_H)}, Y {_percent(self.error_Y)}, "
                f"w {_percent(self.error_w)}), path Y(H) {_percent(self.orbit_error)}{drift}"
            )
        if self.converged:
            predicted = f"{self.H_predicted:.4g}" if np.isfinite(self.H_predicted) else "nothing (too few moments)"
            lines.append(
                f"{self.regime} (balance {self.balance:+.2f}); final H {self.H_end:.4g}, predicted from the half of "
                f"the run: {predicted}"
            )
        return "\n    ".join(lines + [f"note: {note}" for note in self.notes])


_HEADLINES = {
    verdict.APPLIES: "the theory applies.",
    verdict.ORBIT_ONLY: "the theory's path applies, its clock does not.",
    verdict.NOT: "the theory does not apply.",
    verdict.UNKNOWN: "it cannot be told whether the theory applies.",
}


def _percent(value: float) -> str:
    return f"{value:.1%}" if np.isfinite(value) else "none: flat"


def _with_error(value: float, error: float) -> str:
    return f"{value:.4g}" + (f" +- {error:.1g}" if np.isfinite(error) else "")


@dataclass(frozen=True)
class Report:
    """All fits of some runs; `print` it, `table` it, draw it with `repdyn.plot`."""

    fits: tuple[PairFit, ...]
    confidence: float = 0.95

    @property
    def runs(self) -> list[str]:
        return list(dict.fromkeys(one.run for one in self.fits))

    def of(self, layer: str | None = None, pair: tuple[int, int] | None = None, run: str | None = None) -> "Report":
        """The fits of a layer, a pair, a run. Raises ValueError where there are none."""
        kept = tuple(
            one
            for one in self.fits
            if layer in (None, one.layer) and pair in (None, (one.a, one.b)) and run in (None, one.run)
        )
        if not kept:
            layers, pairs = ({getattr(one, name) for one in self.fits} for name in ("layer", "run"))
            raise ValueError(f"no such fit; layers: {', '.join(sorted(layers))}; runs: {', '.join(sorted(pairs))}")
        return Report(kept, self.confidence)

    def rows(self) -> list[dict]:
        """One a fit."""
        return [one.row() for one in self.fits]

    @property
    def table(self) -> "pd.DataFrame":
        """One row a fit."""
        import pandas as pd

        return pd.DataFrame(self.rows())

    def summary_rows(self) -> list[dict]:
        """One a layer and pair: means over runs with t intervals, of the fits that converged. Runs are the units.

        Rates, errors and distances as logarithms (geometric means). No interval below 5 runs.
        """
        from repdyn.statistics.intervals import mean

        groups: dict[tuple, list[PairFit]] = {}
        for one in self.fits:
            groups.setdefault((one.layer, one.a, one.b), []).append(one)
        rows = []
        for (layer, a, b), ones in groups.items():
            kept = [one for one in ones if one.converged]
            row = {"layer": layer, "a": a, "b": b, "runs": len(ones), "converged": len(kept)}
            row |= {f"runs_{name.replace(' ', '_')}": sum(one.verdict == name for one in ones) for name in _HEADLINES}
            for name, scale in SUMMARISED.items():
                values = np.array([getattr(one, name) for one in kept], float)
                row |= mean(values[values > 0] if scale == "log" else values, self.confidence, scale).columns(name)
            rows.append(
                {**row, "unit": "run", "interval": f"t, {self.confidence:.0%}; logarithms of all but k, balance"}
            )
        return rows

    @property
    def summary(self) -> "pd.DataFrame":
        """`summary_rows` as a table."""
        import pandas as pd

        return pd.DataFrame(self.summary_rows())

    @property
    def verdict(self) -> str:
        """One sentence over all fits."""
        counts = {name: sum(one.verdict == name for one in self.fits) for name in _HEADLINES}
        said = ", ".join(f"{name}: {n}" for name, n in counts.items() if n)
        return f"{len(self.fits)} fits of {len(self.runs)} run{'s' * (len(self.runs) != 1)}. {said}"

    def __str__(self) -> str:
        text = [str(one) if len(self.fits) <= MOST_IN_FULL else one.line() for one in self.fits]
        if len(self.runs) > 1:
            text += [_summarised(row) for row in self.summary_rows()]
        return "\n".join([*text, self.verdict])


def _summarised(row: dict) -> str:
    parts = []
    for name, said in (("eta_h_dx2", "eta_h |dx|^2"), ("eta_y", "eta_y"), ("orbit_error", "path error")):
        if not row["converged"]:
            continue
        ends = f" [{row[name + '_low']:.3g}, {row[name + '_high']:.3g}]" if np.isfinite(row[f"{name}_low"]) else ""
        parts.append(f"{said} {row[name]:.4g}{ends}")
    few = "" if row["converged"] >= 5 else "; no interval below 5 runs"
    who = f"layer {row['layer']}, points {row['a']} and {row['b']}"
    return f"{who}, {row['converged']} of {row['runs']} runs converged: " + (", ".join(parts) or "no rates") + few
