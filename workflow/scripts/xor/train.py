"""Train every network of one setting on XOR and record the distances of all pairs of points in all hidden layers."""

from itertools import combinations

import numpy as np

from repdyn.data import xor

MOST_RECORDED = 120  # steps


def main(row: dict, finer: float, device: str, output: str, **job) -> None:
    from repdyn.networks.observables import described
    from repdyn.training import batches, ensemble, recorders
    from repdyn.training.job import Job

    lr = row["lr"] / finer
    job = Job(output, device, **job, row=row, finer=finer)
    pairs = tuple(combinations(range(len(xor.INPUTS)), 2))
    runs = job.run(
        ensemble.of_row(row, lr, xor.INPUTS.shape[1], xor.TARGETS.shape[1]),
        batches.Points(xor.INPUTS, xor.TARGETS),
        row["steps"],
        [recorders.Pairs(recorders.denser_early(row["steps"] - 1, MOST_RECORDED), pairs)],
        label=row["name"],
    )
    outputs = runs.output.values.astype(float)  # (network, step, point, output)
    job.write(
        {
            "distance": (("seed", "layer", "pair", "step"), runs.distance.values.astype(float), described("H")),
            "output": (("seed", "point", "output_unit", "step"), np.moveaxis(outputs, 1, -1)),
            "loss": (("seed", "step"), 0.5 * ((outputs - xor.TARGETS) ** 2).mean((2, 3)), described("loss")),
            "diverged_at": ("seed", runs.diverged_at.values, {"long_name": "first step not finite, or -1"}),
            "x": (("point", "input_unit"), xor.INPUTS),
            "y": (("point", "output_unit"), xor.TARGETS),
        },
        {
            "seed": range(row["networks"]),
            "layer": np.arange(runs.sizes["layer"]),
            "point": xor.NAMES,
            "pair": xor.PAIR_NAMES,
            "step": ("step", runs.step.values, {"units": "optimiser steps"}),
        },
        setting=row["name"],
        learning_rate=lr,
    )
