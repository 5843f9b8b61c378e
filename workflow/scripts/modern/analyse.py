"""Path and timing of networks beyond the paper's: every pair, every network and layer, every setting and layer.

table: the fits of `fit.py`, with what the row says and `place` of the layer (early, middle: the row's own, late, or
between). networks: one row a network and layer, geometric means over its pairs of two classes that were learned:

    error, error_H, error_Y, error_clock, orbit_error   of the trajectory, its curves H and Y, with the drifting clock,
                                                        and of the path alone, with nothing fitted
    trajectory_by_orbit, sse_gain                       error / orbit_error;  sum of squares by that with the clock
    growth                                              1 + k of the drifting clock
    eta_h_dx2, eta_y                                    the fitted rates, where they are estimates
    drift_h, drift_y, agreement, backwards              of measured rates, at the middle layer; backwards: a mean
    same_growth                                         H at the end by H at first, of pairs of one class
    orbit_by_mnist, error_by_mnist                      by those of the network of this seed on MNIST (Fashion-MNIST)

A network is kept if it did not diverge and at least half of its pairs of two classes were learned; verdicts are counted
over these pairs. summary: means over the kept networks of a setting and layer.
"""

import numpy as np
import pandas as pd

from repdyn import artifacts
from repdyn.own.verdict import APPLIES, NOT, ORBIT_ONLY, UNKNOWN
from repdyn.statistics import intervals

COLUMNS = ["data", "model", "activation", "width", "depth", "images", "steps"]
ROW = [*COLUMNS, "images_are"]  # what a row says, and whether its images are real, a stand-in, or none
POSITIVE = {"error": "error", "error_H": "error_H", "error_Y": "error_Y", "error_clock": "error_drift"}
POSITIVE |= {name: name for name in ("orbit_error", "eta_h_dx2", "eta_y", "drift_h", "drift_y", "agreement")}
RATIOS = ("trajectory_by_orbit", "sse_gain", "growth", "same_growth", "orbit_by_mnist", "error_by_mnist")
VERDICTS = {"applies": APPLIES, "orbit_only": ORBIT_ONLY, "does_not_apply": NOT, "cannot_be_told": UNKNOWN}


def main(fits: list[str], rows: list[dict], confidence: float, table: str, networks: str, summary: str) -> None:
    every = pd.concat([_pairs(path, row) for path, row in zip(fits, rows, strict=True)], ignore_index=True)
    groups = every.groupby(["setting", "layer", "seed"], sort=False)
    singles = _beside_mnist(pd.DataFrame([_network(one) for _, one in groups]))
    settings = [_setting(one, confidence) for _, one in singles.groupby(["setting", "layer"], sort=False)]
    for made, path in ((every, table), (singles, networks), (pd.DataFrame(settings), summary)):
        artifacts.write_table(made, path)


def _pairs(path: str, row: dict) -> pd.DataFrame:
    fits = artifacts.read_table(path)
    places = {fits.layer.max(): "late", fits.layer.min(): "early", row["layer"]: "middle"}
    about = {name: row[name] for name in COLUMNS}
    return fits.assign(**about, place=fits.layer.map(places).fillna("between"), two_classes=fits.dy2 > 0)


def _network(pairs: pd.DataFrame) -> dict:
    """The row of one network and layer, from those of its pairs."""
    first, different = pairs.iloc[0], pairs[pairs.two_classes]
    learned = different[different.verdict != UNKNOWN]
    sound = different[different.converged.astype(bool)]
    reason = ""
    if first.diverged:
        reason = "diverged"
    elif 2 * len(learned) < len(different):
        reason = f"{len(learned)} of {len(different)} pairs were learned"
    same = pairs[~pairs.two_classes]
    growth = sound[sound.k.notna()]
    return {
        **first[["setting", *ROW, "layer", "place", "seed"]],
        "kept": not reason,
        "reason": reason,
        "pairs": len(different),
        "learned": len(learned),
        **{name: (different.verdict == verdict).sum() for name, verdict in VERDICTS.items()},
        "loss": first.loss,
        "accuracy": first.accuracy,
        **{name: _geometric(learned[column]) for name, column in POSITIVE.items() if not name.startswith("eta")},
        **{name: _geometric(sound[name]) for name in ("eta_h_dx2", "eta_y")},
        "trajectory_by_orbit": _geometric(learned.error / learned.orbit_error),
        "sse_gain": _geometric(growth.sse / growth.sse_clock),
        "growth": _geometric(1 + growth.k),
        "backwards": learned.backwards.mean(),
        "same_growth": _geometric(same.H_end / same.H_start),
    }


def _geometric(values) -> float:
    """Geometric mean of what is positive, nan where nothing is."""
    values = np.asarray(values, float)
    values = values[np.isfinite(values) & (values > 0)]
    return float(np.exp(np.log(values).mean())) if values.size else np.nan


def _beside_mnist(networks: pd.DataFrame) -> pd.DataFrame:
    """Errors on Fashion-MNIST over those of the same architecture, layer and seed on MNIST."""
    key = ["model", "width", "depth", "layer", "seed"]
    errors = ["orbit_error", "error"]
    mnist = networks[(networks.data == "mnist") & networks.kept].set_index(key)[errors]
    mnist = mnist[~mnist.index.duplicated()]
    beside = mnist.reindex(pd.MultiIndex.from_frame(networks[key])).to_numpy(float)
    ratio = networks[errors].to_numpy() / np.where(networks[["data"]] == "fashion_mnist", beside, np.nan)
    return networks.assign(orbit_by_mnist=ratio[:, 0], error_by_mnist=ratio[:, 1])


def _setting(networks: pd.DataFrame, confidence: float) -> dict:
    """Geometric means over the kept networks of one setting, at one layer."""
    kept = networks[networks.kept]
    row = {
        **networks.iloc[0][["setting", *ROW, "layer", "place"]],
        "networks": len(networks),
        "kept": len(kept),
        **{name: kept[name].sum() for name in ("pairs", "learned", *VERDICTS)},
        "loss": kept.loss.mean(),
        "accuracy": kept.accuracy.mean(),
        "backwards": kept.backwards.mean(),
        "unit": "network",
        "interval": f"t on logarithms, {100 * confidence:g} %",
    }
    for name in (*POSITIVE, *RATIOS):
        row |= intervals.mean(kept[name].where(kept[name] > 0), confidence, "log").columns(name)
    return row
