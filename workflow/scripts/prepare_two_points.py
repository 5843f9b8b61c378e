"""The two-point task: two inputs a given distance apart, two targets a given distance apart."""

import xarray as xr

from repdyn import artifacts, tasks
from repdyn.jobs import run_job


def main(task: dict, output: str, code=()) -> None:
    x, y = tasks.two_points(task["dx2"] ** 0.5, task["dy2"] ** 0.5, task["in_dim"], task["out_dim"])
    dataset = xr.Dataset(
        {"x": (("point", "input"), x), "y": (("point", "output"), y)},
        coords={"point": ["A", "B"]},
        attrs={**task, **artifacts.provenance(code, ["numpy", "xarray"])},
    )
    artifacts.write_dataset(dataset, output)


if "snakemake" in globals():
    run_job(main, snakemake)
