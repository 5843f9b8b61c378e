"""Distances between images after training against the theory's, and against what the theory is given.

The theory gets what is known before training (distances of representations and outputs, of inputs and targets) and one
number, the ratio of the two rates: of each network the geometric mean over its fitted pairs of different digits. Its
rivals are the class (1 where the digits differ), the distance of the inputs, both together, and the distance before
training. Networks are trained by SGD or Adam; images are training or test images.

Tables: one row a network, solver, kind of image and part of the pairs; a row for each of these and a predictor, with
images and with networks as units; and the pairs of test images, for the figure. A network without a ratio of the rates
has no prediction, and says why; all else of it is there.
"""

import functools
import json
import logging

import numpy as np
import pandas as pd

from repdyn import artifacts
from repdyn.data import mnist
from repdyn.statistics import distance_correlation, intervals

BETWEEN = 2.0  # |dy|^2 of two one-hot targets that differ
COMBINED = " and ".join(distance_correlation.BOTH)
RIVALS = {"class": "class", "input distance": "input", COMBINED: "class_and_input", "initial distance": "initial"}
COLUMNS = {"theory": "theory", **RIVALS}  # predictor: its column
SHOWN = ("sgd", "test")  # solver and images of the table of pairs


def main(
    runs: list[str], fits: list[str], layer: int, confidence: float, table: str, correlations: str, mapped: str
) -> None:
    each, together = [], []
    for path, fitted in zip(runs, fits, strict=True):
        run = artifacts.read_dataset(path).sel(layer=layer)
        solver = json.loads(run.row)["solver"]
        networks = ratios(artifacts.read_table(fitted))
        logging.info("%s:\n%s", solver, networks.to_string())
        for part in run.part.values:
            here, digits = {"solver": solver, "images": part}, run.probe_digit.values
            measured, predictors = distances(run.sel(part=part), networks.ratio.to_numpy())
            used = averaged_over(measured, networks.ratio.to_numpy())
            mean, means = measured[used].mean(0), {name: values[used].mean(0) for name, values in predictors.items()}
            own = by_network(measured, predictors, digits, networks)
            found = [row | of_networks(own, row, confidence) for row in by_images(mean, means, digits, confidence)]
            each += [here | row for row in own.to_dict("records")]
            together += [here | row | about(networks, used, confidence) for row in found]
            if (solver, part) == SHOWN:
                artifacts.write_table(pairs(run.sel(part=part), mean, means), mapped)
    artifacts.write_table(pd.DataFrame(each), table)
    artifacts.write_table(pd.DataFrame(together), correlations)


def about(networks: pd.DataFrame, used: np.ndarray, confidence: float) -> dict:
    """Which networks the mean is of, their ratio of the rates (geometric mean), and how intervals are made."""
    return {
        "networks": int(used.sum()),
        "of": len(networks),
        "ratio": float(np.exp(np.log(networks.ratio).mean())),
        "unit": "image; network",
        "interval": f"jackknife; t, on Fisher's z, {100 * confidence:g} %",
        "reason": " | ".join(
            f"seed {network.Index}: {network.reason}" for network in networks.itertuples() if network.reason
        ),
    }


def ratios(fits: pd.DataFrame) -> pd.DataFrame:
    """Of every network (index: seed) eta_h / eta_y, or nan and the reason: no fit of a pair of two digits converged."""
    usable = fits[fits.kept & fits.converged & (fits.dy2 > 0)]
    ratio = np.exp(np.log(usable.eta_h / usable.eta_y).groupby(usable.seed).mean()).reindex(fits.seed.unique())
    diverged = fits[~fits.kept].groupby("seed").reason.first().reindex(ratio.index)
    without = np.where(ratio.notna(), "", "no fit of a pair of two digits converged: no ratio of the rates")
    return pd.DataFrame({"ratio": ratio, "reason": diverged.where(diverged.notna(), without)})


def distances(run, ratio: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Squared distances after training and their predictors, (network, pair); the theory's is nan without a ratio."""
    digits = run.probe_digit.values
    a, b = np.triu_indices(len(digits), 1)
    x, output = mnist.normalised(run.probe_pixels.values).astype(float), run.output.sel(when="start").values
    dx2, differ = ((x[a] - x[b]) ** 2).sum(axis=1), digits[a] != digits[b]
    Y0 = ((output[:, a].astype(float) - output[:, b]) ** 2).sum(axis=-1)
    H0, H = (run.distance.sel(when=when).values[:, a, b].astype(float) for when in ("start", "end"))
    theory = distance_correlation.predicted(H0, Y0, ratio[:, None], dx2, BETWEEN * differ)
    alike = {"class": differ.astype(float), "input distance": dx2}
    alike = {name: np.broadcast_to(values, H.shape) for name, values in alike.items()}
    return H, {"theory": theory, **alike, "initial distance": H0}


def averaged_over(measured: np.ndarray, ratio: np.ndarray) -> np.ndarray:
    """Which networks (network,) make the mean: those with a prediction, or where there is none all that are finite."""
    sound = np.isfinite(measured).all(axis=1)
    predicted = sound & np.isfinite(ratio)
    return predicted if predicted.any() else sound if sound.any() else np.ones(len(ratio), bool)


def by_network(
    measured: np.ndarray, predictors: dict[str, np.ndarray], digits: np.ndarray, networks: pd.DataFrame
) -> pd.DataFrame:
    """One row a network and part of the pairs: r with each predictor, and by how much Fisher's z of the theory's is
    larger (over_...)."""
    rows = []
    for n, network in enumerate(networks.itertuples()):
        own = {name: values[n] for name, values in predictors.items()}
        for part, r in distance_correlation.compared(measured[n], own, digits).items():
            row = {"seed": network.Index, "pairs": part} | {COLUMNS[name]: value for name, value in r.items()}
            row |= {f"over_{column}": _adds(r, name) for name, column in RIVALS.items() if name in r}
            rows.append(row | {"ratio": network.ratio, "reason": network.reason})
    return pd.DataFrame(rows)


def by_images(
    measured: np.ndarray, predictors: dict[str, np.ndarray], digits: np.ndarray, confidence: float
) -> list[dict]:
    """A row for each part of the pairs and predictor: r of the mean over networks (pair,), what the theory adds to it,
    and intervals over the images."""
    a, b = np.triu_indices(len(digits), 1)

    @functools.cache
    def without(image: int) -> dict[str, dict]:
        """All correlations without the pairs of one image; of -1: with all pairs."""
        left = (a != image) & (b != image)
        fewer = {name: values[left] for name, values in predictors.items()}
        return distance_correlation.compared(measured[left], fewer, digits[np.arange(len(digits)) != image])

    def estimate(of, scale: str) -> intervals.Estimate:
        def statistic(kept: np.ndarray) -> float:
            missing = np.setdiff1d(np.arange(len(digits)), kept)
            return of(without(int(missing[0]) if missing.size else -1))

        return intervals.jackknife(statistic, len(digits), confidence, scale)

    rows = []
    for part, found in without(-1).items():
        for name in found:
            r = estimate(lambda every, p=part, n=name: every[p][n], "fisher").columns("correlation")
            rows.append({"pairs": part, "predictor": name, **r})
            if name in RIVALS:
                adds = estimate(lambda every, p=part, n=name: _adds(every[p], n), "linear")
                rows[-1] |= adds.columns("theory_adds")
    return rows


def _adds(r: dict[str, float], rival: str) -> float:
    """What the theory adds to one of its rivals."""
    return distance_correlation.adds(r["theory"], r[rival])


def of_networks(own: pd.DataFrame, row: dict, confidence: float) -> dict:
    """The same with networks as units: means over networks, each against its own prediction."""
    mine, column = own[own.pairs == row["pairs"]], COLUMNS[row["predictor"]]
    estimates = intervals.mean(mine[column], confidence, "fisher").columns("network_mean")
    if row["predictor"] in RIVALS:
        estimates |= intervals.mean(mine[f"over_{column}"], confidence).columns("network_adds")
    return estimates


def pairs(run, measured: np.ndarray, predictors: dict[str, np.ndarray]) -> pd.DataFrame:
    """One row a pair of images, means over networks."""
    digits, image = run.probe_digit.values, run.probe_image.values
    a, b = np.triu_indices(len(digits), 1)
    named = {"image_a": image[a], "image_b": image[b], "digit_a": digits[a], "digit_b": digits[b]}
    named |= {"dx2": predictors["input distance"], "dy2": BETWEEN * predictors["class"]}
    named |= {"h_start": predictors["initial distance"], "h_end": measured, "predicted": predictors["theory"]}
    return pd.DataFrame(named)
