"""Train the same networks again and again: as they are, with additions in another order, and in smaller steps."""

import numpy as np

from repdyn import artifacts, files

AS_IS, ORDER = "as it is", "order of additions"


def main(data: str, row: dict, finer: list[int], device: str, output: str, **job) -> None:
    from repdyn.networks.observables import described, output_observables
    from repdyn.training import batches, ensemble, recorders
    from repdyn.training.compiled import CompiledTrainer
    from repdyn.training.job import Job
    from repdyn.training.reordered import reordered_trainer

    points = artifacts.read_dataset(data)
    x, y = points["x"].values, points["y"].values
    job = Job(output, device, **job, row=row, finer=finer, identity={"data_sha256": files.content_hash(data)})
    kinds = {AS_IS: (1, CompiledTrainer), ORDER: (1, reordered_trainer)}
    kinds |= {f"lr/{n}": (n, CompiledTrainer) for n in finer}
    runs = [
        job.run(
            ensemble.of_row(row, row["lr"] / n, row["in_dim"], row["out_dim"]),
            batches.Points(x, y),
            row["steps"] * n,
            [recorders.Pairs(recorders.every(n, row["steps"] * n - 1))],
            label=f"{row['name']}, {kind}",
            rest_loss=row["rest_loss"],
            trainer=trainer,
        )
        for kind, (n, trainer) in kinds.items()
    ]
    outputs = output_observables(np.stack([run.output.values for run in runs]), y)
    job.write(
        {
            "H": (("kind", "seed", "layer", "step"), np.stack([run.distance[:, :, 0] for run in runs]), described("H")),
            **{name: (("kind", "seed", "step"), outputs[name], described(name)) for name in ("Y", "w", "loss")},
            "diverged": (
                ("kind", "seed"),
                np.stack([run.diverged_at for run in runs]),
                {"long_name": "first step that is not finite, or -1"},
            ),
        },
        {
            "kind": list(kinds),
            "seed": range(row["networks"]),
            "layer": np.arange(runs[0].sizes["layer"]),
            "step": ("step", np.arange(row["steps"]), {"units": "optimiser steps of the row's own size"}),
        },
        setting=row["name"],
        activation=row["activation"],
        **{name: points.attrs[name] for name in ("dx2", "dy2")},
    )
