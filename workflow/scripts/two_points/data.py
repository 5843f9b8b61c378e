"""The two-point task: two inputs a given distance apart, two targets a given distance apart."""

import xarray as xr

from repdyn import artifacts
from repdyn.data import two_points


def main(task: dict, output: str, code=()) -> None:
    x, y = two_points.two_points(task["dx2"] ** 0.5, task["dy2"] ** 0.5, task["in_dim"], task["out_dim"])
    dataset = xr.Dataset(
        {"x": (("point", "input"), x), "y": (("point", "output"), y)},
        coords={"point": ["A", "B"]},
        attrs={**task, **artifacts.provenance(code, ["numpy", "xarray"])},
    )
    artifacts.write_dataset(dataset, output)
