"""The two-point task: two inputs a given distance apart, two targets a given distance apart.

x = (-1, -1 + |dx|) / sqrt(in_dim) and y = (0.6, 0.6 + |dy|) / sqrt(out_dim), the same in every coordinate
(van Rossem & Saxe 2024, section 3), so that |x_A - x_B| = |dx| and |y_A - y_B| = |dy| in any dimension.
"""

import numpy as np
import xarray as xr

from repdyn import artifacts
from repdyn.jobs import run_job


def main(task: dict, output: str, code=()) -> None:
    dx, dy = task["dx2"] ** 0.5, task["dy2"] ** 0.5
    x = np.outer([-1.0, -1.0 + dx], np.ones(task["in_dim"])) / task["in_dim"] ** 0.5
    y = np.outer([0.6, 0.6 + dy], np.ones(task["out_dim"])) / task["out_dim"] ** 0.5
    dataset = xr.Dataset(
        {"x": (("point", "input"), x), "y": (("point", "output"), y)},
        coords={"point": ["A", "B"]},
        attrs={**task, **artifacts.provenance(code, ["numpy", "xarray"])},
    )
    artifacts.write_dataset(dataset, output)


if "snakemake" in globals():
    run_job(
        main,
        snakemake,
        task=snakemake.params.task,
        output=snakemake.output.data,
        code=snakemake.input.code,
    )
