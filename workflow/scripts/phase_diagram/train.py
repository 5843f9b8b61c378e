"""Train networks of one depth at several gains and seeds, each at the same fraction of its stable learning rate."""

import numpy as np

from repdyn import artifacts, files, networks


def main(data: str, row: dict, device: str, output: str, **job) -> None:
    from dataclasses import replace

    from repdyn.networks.observables import described, output_observables
    from repdyn.networks.tangent_kernel import of_networks, stable_rate
    from repdyn.training import batches, recorders
    from repdyn.training.compiled import LayeredNetworks
    from repdyn.training.ensemble import Ensemble, Member
    from repdyn.training.job import Job

    points = artifacts.read_dataset(data)
    x, y = points.x.values, points.y.values
    job = Job(output, device, **job, row=row, identity={"data_sha256": files.content_hash(data)})
    gains = np.linspace(row["lowest_gain"], row["highest_gain"], row["gains"])
    cells = [(gain, seed) for gain in gains for seed in range(row["networks"])]
    shape = networks.Shape(row["width"], row["depth"], row["activation"], row["in_dim"], row["out_dim"])
    still = Ensemble("mlp", shape, tuple(Member(seed, gain, 0.0) for gain, seed in cells), "sgd", row["init_seed"])
    # one network after another: all of a deep row would fill several times the memory of those that train together
    each = [of_networks(*LayeredNetworks(still.some([n])).modules(), x) for n in range(len(cells))]
    kernel = np.concatenate(each)
    rates = row["fraction"] * stable_rate(kernel)
    members = tuple(replace(member, lr=float(lr)) for member, lr in zip(still.members, rates, strict=True))
    runs = job.run(
        replace(still, members=members),
        batches.Points(x, y),
        row["steps"],
        [recorders.Pairs(recorders.every(1, row["steps"] - 1))],
        label=row["name"],
        rest_loss=row["rest_loss"],
    )
    seen = output_observables(runs.output.values, y)
    job.write(
        {
            "H": (("network", "layer", "step"), runs.distance.values[:, :, 0], described("H")),
            **{name: (("network", "step"), seen[name], described(name)) for name in ("Y", "w", "loss")},
            "lr": ("network", rates, {"long_name": "learning rate"}),
            "kernel": (("network", "point", "point_"), kernel, {"long_name": "tangent kernel at step 0"}),
            "diverged_at": ("network", runs.diverged_at.values, {"long_name": "first step not finite, or -1"}),
        },
        {
            "gain": ("network", [gain for gain, _ in cells]),
            "seed": ("network", [seed for _, seed in cells]),
            "layer": np.arange(runs.sizes["layer"]),
            "step": ("step", runs.step.values, {"units": "optimiser steps"}),
        },
        **{name: points.attrs[name] for name in ("dx2", "dy2", "in_dim", "out_dim")},
    )
