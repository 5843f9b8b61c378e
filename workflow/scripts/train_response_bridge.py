"""Train the networks of a row of the two-point study once more, and take their tangent kernel as they learn.

Beside it the outputs before and after the next step, which show how far a real step goes as the kernel says.
"""

import numpy as np
import xarray as xr

from repdyn import artifacts, networks
from repdyn.jobs import run_training


def main(
    data: str, row: dict, times: int, device: str, output: str, threads: int = 1, code=(), checkpoint_seconds: int = 0
) -> None:
    import torch

    from repdyn.checkpoints import Checkpoint
    from repdyn.ensemble import Ensemble, Member
    from repdyn.response_training import times as spaced
    from repdyn.tangent import tangent_kernel
    from repdyn.training import Progress, choose_device, flushed_subnormals

    torch.set_num_threads(threads)
    device = choose_device(device)
    points = artifacts.read_dataset(data)
    x, y = (torch.as_tensor(points[name].values, dtype=torch.float32, device=device) for name in ("x", "y"))
    shape = networks.Shape(row["width"], row["depth"], row["activation"], row["in_dim"], row["out_dim"])
    lr, steps = row["lr"] / row["refine"], row["steps"] * row["refine"]
    members = [Member(seed, row["gain"], lr) for seed in range(row["networks"])]
    ensemble = Ensemble(networks.layers(row["model"], shape), members, row["optimiser"], device, row["init_seed"])
    # learning takes a few hundred or thousand steps somewhere in the run: even spacing beside the logarithmic one
    even = np.linspace(0, steps - 1, times // 2).round().astype(int)
    at = np.unique(np.r_[spaced(steps - 1, times - times // 2), even])
    place = {t: n for n, t in enumerate(at.tolist())}
    kernels = torch.full((len(members), len(at), 2, 2), torch.nan)
    before, after = (torch.full((len(members), len(at), *y.shape), torch.nan) for _ in range(2))
    made_by = artifacts.provenance(code, artifacts.TRAINING, row=row)
    identity = {**made_by, "device": device, "times": times, "data_sha256": artifacts.content_hash(data)}
    checkpoint = Checkpoint(output, identity, checkpoint_seconds)
    part = checkpoint.part(0, ensemble, {"kernels": kernels, "before": before, "after": after})
    start = part.resume()
    with torch.no_grad(), flushed_subnormals(), Progress(row["name"], steps) as progress:
        progress.update(start)
        for t in range(start, steps):
            part.offer(t)
            if t in place:
                kernel = tangent_kernel(ensemble, x).unflatten(1, (-1, 2)).unflatten(3, (-1, 2))
                kernels[:, place[t]] = kernel.diagonal(dim1=1, dim2=3).mean(-1).cpu()  # over outputs: (network, 2, 2)
            _, answer = ensemble.forward(x)
            ensemble.backward((answer - y) / y.numel())
            if t in place:
                before[:, place[t]] = answer.cpu()
                after[:, place[t]] = ensemble.forward(x, training=False)[1].cpu()
            progress.update()
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


if "snakemake" in globals():
    run_training(
        main,
        snakemake,
        data=snakemake.input.data,
        row=snakemake.params.row,
        times=snakemake.params.times,
        output=snakemake.output.kernels,
    )
