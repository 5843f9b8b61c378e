"""Distances between test digits after training against the theory's: every pair, and correlations with nulls.

The theory gets what is known before training (distances of representations and outputs, of inputs and targets) and one
number, the ratio of the two rates: of each network the geometric mean over its fitted pairs of different digits.
"""

import logging

import numpy as np
import pandas as pd

from repdyn import artifacts
from repdyn.data import mnist
from repdyn.statistics import distance_correlation
from repdyn.statistics.intervals import bootstrap_interval


def main(
    runs: str,
    fits: str,
    layer: int,
    shuffles: int,
    seed: int,
    intervals: dict,
    table: str,
    correlations: str,
) -> None:
    runs, fits = artifacts.read_dataset(runs).sel(layer=layer), artifacts.read_table(fits)
    usable = fits[fits.kept & fits.converged & (fits.dy2 > 0)]
    ratio = np.exp(np.log(usable.eta_h / usable.eta_y).groupby(usable.seed).mean())
    if not len(ratio):
        raise ValueError("no fit of a pair of different digits converged in any network: there is no ratio of rates")
    networks = runs.sel(seed=ratio.index.values)
    counted = f"{len(ratio)} of {runs.sizes['seed']} networks"
    logging.info("%s have a ratio of the rates: %s", counted, ", ".join(f"{r:.3g}" for r in ratio))

    classes = runs.probe_digit.values
    a, b = np.triu_indices(len(classes), 1)
    x = mnist.normalised(runs.probe_pixels.values).astype(float)
    dx2 = ((x[a] - x[b]) ** 2).sum(axis=1)
    output = networks.output.sel(when="start").values.astype(float)
    Y0 = ((output[:, a] - output[:, b]) ** 2).sum(axis=-1)
    H0, H = (networks.distance.sel(when=when).values[:, a, b].astype(float) for when in ("start", "end"))
    predicted = distance_correlation.predictions(H0, Y0, ratio.to_numpy(), dx2)
    differ = classes[a] != classes[b]

    found = distance_correlation.compare(
        H.mean(axis=0),
        predicted,
        {"input distance": dx2, "initial distance": H0.mean(axis=0)},
        classes,
        shuffles,
        seed,
        intervals["confidence"],
    )
    each = [
        distance_correlation.compare(
            H[n],
            distance_correlation.predictions(H0[[n]], Y0[[n]], ratio.to_numpy()[[n]], dx2),
            {"input distance": dx2, "initial distance": H0[n]},
            classes,
            1,
            seed,
            intervals["confidence"],
        )
        for n in range(len(ratio))
    ]
    single = np.array([one.correlation for one in each])  # (network, row)
    level, resamples = intervals["confidence"], intervals["resamples"]
    ends = [bootstrap_interval(column, level, resamples, seed) for column in single.T]
    found["network_mean"], (found["network_low"], found["network_high"]) = single.mean(axis=0), zip(*ends)
    found["networks"], found["ratio"] = len(ratio), np.exp(np.log(ratio).mean())
    found["reason"] = "" if len(ratio) == runs.sizes["seed"] else f"{counted} have a fit"
    logging.info("\n%s", found[["pairs", "predictor", "correlation", "null_mean", "p"]].to_string())
    artifacts.write_table(found, correlations)
    pairs = pd.DataFrame(
        {
            "image_a": runs.probe_image.values[a],
            "image_b": runs.probe_image.values[b],
            "digit_a": classes[a],
            "digit_b": classes[b],
            "dx2": dx2,
            "dy2": distance_correlation.BETWEEN * differ,
            "h_start": H0.mean(axis=0),
            "h_end": H.mean(axis=0),
            "predicted": np.where(differ, predicted[1], predicted[0]),
        }
    )
    artifacts.write_table(pairs, table)
