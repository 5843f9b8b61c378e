"""Fit the theory's two rates to every pair of images in every network of one MNIST experiment: one row a fit.

Time is counted in optimiser steps. The sum of squares runs over the recorded states: many in the first epoch, one an
epoch from then on.
"""

import logging

import pandas as pd

from repdyn import artifacts, fitting


def main(runs: str, layer: int, output: str) -> None:
    runs = artifacts.read_dataset(runs).sel(layer=layer)
    t = runs["step"].values.astype(float)
    rows = []
    for seed in runs["seed"].values:
        network = runs.sel(seed=seed)
        epoch = network.diverged_at.item()
        for n in range(runs.sizes["pair"]):
            pair = network.isel(pair=n)
            H, Y, w = (pair[name].values.astype(float) for name in "HYw")
            fit = fitting.Fit()  # no fit
            if epoch < 0:
                fit = fitting.fit_trajectory(t, H, Y, w, pair.dx2.item(), pair.dy2.item())
            (digit_a, digit_b), (image_a, image_b) = pair.digit.values, pair.image.values
            rows.append(
                {
                    "seed": seed,
                    "pair": n,
                    "layer": layer,
                    "digit_a": digit_a,
                    "digit_b": digit_b,
                    "image_a": image_a,
                    "image_b": image_b,
                    "dx2": pair.dx2.item(),
                    "dy2": pair.dy2.item(),
                    "eta_h": fit.eta_h,
                    "eta_y": fit.eta_y,
                    "sse": fit.sse,
                    "nrmse": fit.nrmse,
                    "r2": fit.r2,
                    "converged": fit.converged,
                    "reason": f"diverged in epoch {epoch + 1}" if epoch >= 0 else fit.reason,
                    "kept": epoch < 0,
                    "nrmse_h": fit.nrmse_h,
                    "nrmse_y": fit.nrmse_y,
                    "nrmse_w": fit.nrmse_w,
                    "h_start": H[0],
                    "h_end": H[-1],
                    "y_end": Y[-1],
                    "final_loss": network.loss.values[-1],
                    "accuracy": network.accuracy.values[-1],
                }
            )
    table = pd.DataFrame(rows)
    logging.info("%d fits, %d converged, median error %.3g", len(table), table.converged.sum(), table.nrmse.median())
    artifacts.write_table(table, output)
