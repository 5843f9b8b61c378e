"""Train the networks of a row of the two-point study once more, and take their tangent kernel as they learn.

Beside it the outputs before and after the next step, which show how far a real step goes as the kernel says.
"""

import numpy as np
import xarray as xr

from repdyn import artifacts, networks
from repdyn.jobs import run_job


def main(data: str, row: dict, times: int, device: str, output: str, threads: int = 1, code=()) -> None:
    import torch

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
    kernels, before, after, wanted = [], [], [], set(at.tolist())
    with torch.no_grad(), flushed_subnormals(), Progress(row["name"], steps) as progress:
        for t in range(steps):
            if t in wanted:
                kernel = tangent_kernel(ensemble, x).unflatten(1, (-1, 2)).unflatten(3, (-1, 2))
                kernels.append(kernel.diagonal(dim1=1, dim2=3).mean(-1).cpu())  # over outputs: (network, 2, 2)
            _, answer = ensemble.forward(x)
            ensemble.backward((answer - y) / y.numel())
            if t in wanted:
                before.append(answer.cpu().clone())
                after.append(ensemble.forward(x, training=False)[1].cpu().clone())
            progress.update()
    here = ("seed", "time")
    dataset = xr.Dataset(
        {
            "kernel": ((*here, "point", "point_"), torch.stack(kernels, 1).numpy(), {"long_name": "tangent kernel"}),
            "output": ((*here, "point", "output_unit"), torch.stack(before, 1).numpy()),
            "after": ((*here, "point", "output_unit"), torch.stack(after, 1).numpy(), {"long_name": "one step later"}),
            "target": (("point", "output_unit"), points.y.values),
        },
        coords={"seed": range(row["networks"]), "time": ("time", at, {"units": "optimiser steps"})},
        attrs={
            "setting": row["name"],
            "learning_rate": lr,
            "device": device,
            **{name: points.attrs[name] for name in ("dx2", "dy2", "in_dim", "out_dim")},
            **artifacts.provenance(code, ["numpy", "torch", "numba", "xarray"], row=row),
        },
    )
    artifacts.write_dataset(dataset, output)


if "snakemake" in globals():
    run_job(
        main,
        snakemake,
        data=snakemake.input.data,
        row=snakemake.params.row,
        times=snakemake.params.times,
        device=snakemake.params.device,
        output=snakemake.output.kernels,
        threads=snakemake.threads,
        code=[*snakemake.input.code, *snakemake.input.architecture],
    )
