"""Train the networks of a row of the two-point study once more, and take their tangent kernel as they learn.

Beside it the outputs before and after the next step, which show how far a real step goes as the kernel says. Training
ends where the last of the networks came to rest in the study itself.
"""

import numpy as np
import xarray as xr

from repdyn import artifacts, networks
from repdyn.jobs import run_training


def main(
    data: str,
    trajectories: str,
    row: dict,
    times: int,
    device: str,
    output: str,
    threads: int = 1,
    code=(),
    checkpoint_seconds: int = 0,
) -> None:
    import torch

    from repdyn.checkpoints import Checkpoint
    from repdyn.ensemble import Ensemble, Member, stacks
    from repdyn.response_training import times as spaced
    from repdyn.tangent import tangent_kernel
    from repdyn.training import Progress, choose_device, flushed_subnormals

    torch.set_num_threads(threads)
    device = choose_device(device)
    points = artifacts.read_dataset(data)
    x, y = (torch.as_tensor(points[name].values, dtype=torch.float32, device=device) for name in ("x", "y"))
    shape = networks.Shape(row["width"], row["depth"], row["activation"], row["in_dim"], row["out_dim"])
    layers, lr = networks.layers(row["model"], shape), row["lr"] / row["refine"]
    members = [Member(seed, row["gain"], lr) for seed in range(row["networks"])]
    steps = steps_to_rest(artifacts.read_dataset(trajectories))
    # learning takes a few hundred or thousand steps somewhere in the run: even spacing beside the logarithmic one
    even = np.linspace(0, steps - 1, times // 2).round().astype(int)
    at = np.unique(np.r_[spaced(steps - 1, times - times // 2), even])
    place = {t: n for n, t in enumerate(at.tolist())}
    kernels = torch.full((len(members), len(at), 2, 2), torch.nan)
    before, after = (torch.full((len(members), len(at), *y.shape), torch.nan) for _ in range(2))
    made_by = artifacts.provenance(code, artifacts.TRAINING, row=row)
    identity = {**made_by, "device": device, "times": times, "steps": steps}
    checkpoint = Checkpoint(output, {**identity, "data_sha256": artifacts.content_hash(data)}, checkpoint_seconds)
    stacked = stacks(layers, len(members), device)
    with torch.no_grad(), flushed_subnormals(), Progress(row["name"], steps * len(stacked)) as progress:
        for number, some in enumerate(stacked):
            ensemble = Ensemble(layers, members[some], row["optimiser"], device, row["init_seed"])
            recorded = {"kernels": kernels[some], "before": before[some], "after": after[some]}
            part = checkpoint.part(number, ensemble, recorded)
            start = part.resume()
            progress.update(start)
            for t in range(start, steps):
                part.offer(t)
                if t in place:
                    kernel = tangent_kernel(ensemble, x).unflatten(1, (-1, 2)).unflatten(3, (-1, 2))
                    of_outputs = kernel.diagonal(dim1=1, dim2=3).mean(-1)  # (network, 2, 2)
                    recorded["kernels"][:, place[t]] = of_outputs.cpu()
                _, answer = ensemble.forward(x)
                ensemble.backward((answer - y) / y.numel())
                if t in place:
                    recorded["before"][:, place[t]] = answer.cpu()
                    recorded["after"][:, place[t]] = ensemble.forward(x, training=False)[1].cpu()
                progress.update()
            part.end(steps)
    here = ("seed", "time")
    dataset = xr.Dataset(
        {
            "kernel": ((*here, "point", "point_"), kernels.numpy(), {"long_name": "tangent kernel"}),
            "output": ((*here, "point", "output_unit"), before.numpy()),
            "after": ((*here, "point", "output_unit"), after.numpy(), {"long_name": "one step later"}),
            "target": (("point", "output_unit"), points.y.values),
        },
        coords={"seed": range(row["networks"]), "time": ("time", at, {"units": "optimiser steps"})},
        attrs={
            "setting": row["name"],
            "learning_rate": lr,
            "device": device,
            **{name: points.attrs[name] for name in ("dx2", "dy2", "in_dim", "out_dim")},
            **made_by,
        },
    )
    artifacts.write_dataset(dataset, output)
    checkpoint.remove()


def steps_to_rest(runs: xr.Dataset) -> int:
    """The number of recorded steps up to the first at which no network moves any more; at least 2."""
    moving = (runs.w.values[:, 1:] != runs.w.values[:, :-1]).any(0)
    return int(np.append(np.flatnonzero(moving), 0).max()) + 2


if "snakemake" in globals():
    run_training(
        main,
        snakemake,
        data=snakemake.input.data,
        trajectories=snakemake.input.trajectories,
        row=snakemake.params.row,
        times=snakemake.params.times,
        output=snakemake.output.kernels,
    )
