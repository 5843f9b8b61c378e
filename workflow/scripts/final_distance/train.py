"""Train one setting on a grid of distances between the two inputs and between the two targets, until it has learned.

Twice: with the points where the paper has them, and in general position.
"""

import logging
from itertools import product

import numpy as np

from repdyn.data import two_points

SAMPLES = 400  # of each trajectory, evenly spaced over it, both ends among them
POSITIONS = ("paper", "general")
EVERY = 10  # optimiser steps from one look at a network to the next


def main(row: dict, grid: dict, seed: int, device: str, output: str, **job) -> None:
    from dataclasses import replace

    from repdyn.networks.observables import described, output_observables
    from repdyn.training import batches, ensemble, recorders
    from repdyn.training.job import Job
    from repdyn.training.trace import Stop

    lr = row["lr"] / grid["finer"]
    # a seed is one initial network, in every cell
    cells = list(product(POSITIONS, grid["dx"], grid["dy"], range(row["networks"])))
    points = [
        two_points.two_points(dx, dy, grid["inputs"], row["out_dim"])
        if position == "paper"
        else two_points.general_position(dx, dy, grid["inputs"], row["out_dim"], (seed, network))
        for position, dx, dy, network in cells
    ]
    x, y = (np.stack(each) for each in zip(*points))
    job = Job(output, device, **job, row=row, grid=grid, seed=seed)
    trained = ensemble.of_row(row, lr, grid["inputs"], row["out_dim"])
    trained = replace(trained, members=tuple(trained.members[network] for *_, network in cells))
    apart = apart_in(x)
    runs = job.run(
        trained,
        batches.Points(x, y),
        grid["steps"] - grid["steps"] % EVERY,
        [
            recorders.Pairs(recorders.every(EVERY, grid["steps"])),
            recorders.Look(lambda view: {"first": apart(view)}, np.array([0]), "start"),
            recorders.AtEnd(lambda view: {"final": apart(view)}),
        ],
        label=row["name"],
        stop=Stop(grid["stop_loss"], EVERY),
    )
    last = runs.ended_at.values // EVERY
    seen = [output_observables(one, target) for one, target in zip(runs.output.values, y, strict=True)]
    first, final = runs["first"].values[:, 0], runs["final"].values
    with np.errstate(invalid="ignore"):
        rotation = (first * final).sum(-1) / np.linalg.norm(first, axis=-1) / np.linalg.norm(final, axis=-1)
    job.write(
        {
            "step": (("network", "sample"), thinned(runs.step.values, last), {"units": "optimiser steps"}),
            "H": (("network", "layer", "sample"), thinned(runs.distance.values[:, :, 0], last), described("H")),
            **{
                name: (("network", "sample"), thinned(np.stack([one[name] for one in seen]), last), described(name))
                for name in ("Y", "w", "loss")
            },
            "rotation": (
                ("network", "layer"),
                rotation,
                {"long_name": "cosine between h_A - h_B at the first and at the last sample"},
            ),
        },
        {
            **{name: ("network", list(values)) for name, values in zip(("position", "dx", "dy", "seed"), zip(*cells))},
            "layer": np.arange(runs.sizes["layer"]),
        },
        setting=row["name"],
        learning_rate=lr,
    )
    for (position, dx, dy, network), one, end in zip(cells, seen, last):
        told = "%s, dx %g, dy %g, seed %d: loss %.2e at step %d"
        logging.info(told, position, dx, dy, network, one["loss"][end], EVERY * end)


def apart_in(x: np.ndarray):
    """What tells dh = h_A - h_B of every hidden layer (network, layer, unit), narrower layers filled up with zeros."""

    def apart(view) -> np.ndarray:
        hidden, _ = view.look(x[view.index])
        widest = max(h.shape[2] for h in hidden)
        return np.stack([np.pad(h[:, 0] - h[:, 1], [(0, 0), (0, widest - h.shape[2])]) for h in hidden], 1)

    return apart


def thinned(values: np.ndarray, last: np.ndarray) -> np.ndarray:
    """At most SAMPLES of each network's samples 0 to last, evenly spaced; NaN beyond its end.

    values: (network, ..., sample), or (sample,), the same for all. Returns (network, ..., min(SAMPLES, max(last) + 1)).
    """
    size = min(SAMPLES, last.max() + 1)
    parts = []
    for n, end in enumerate(last):
        index = np.unique(np.linspace(0, end, min(size, end + 1)).round().astype(int))
        part = (values if values.ndim == 1 else values[n])[..., index].astype(
            values.dtype if values.ndim > 1 else float
        )
        parts.append(np.pad(part, [(0, 0)] * (part.ndim - 1) + [(0, size - index.size)], constant_values=np.nan))
    return np.stack(parts)
