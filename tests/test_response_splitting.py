"""Parts of a response: kernels whose number is known, then runs made up and drawn."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from response_splitting import compare as compare_splitting
from response_splitting import plot as plot_splitting
from runs import figure_files

from repdyn import artifacts
from repdyn.data import encoding


def test_parts_of_known_kernels():
    assert compare_splitting.parts(np.ones((8, 8))) == pytest.approx(1)
    assert compare_splitting.parts(3 * np.eye(8)) == pytest.approx(8)
    assert compare_splitting.parts(np.kron(np.eye(4), np.ones((2, 2)))) == pytest.approx(4)  # four pairs
    assert np.isnan(compare_splitting.parts(np.full((2, 2), np.nan)))
    signs = np.array([1, 1, -1])
    assert compare_splitting.opposite(np.outer(signs, signs)) == pytest.approx(2 / 3)
    random = np.random.default_rng(0).normal(size=(5, 9))
    gram = random @ random.T
    assert compare_splitting.parts(gram) == pytest.approx(np.trace(gram) ** 2 / np.square(gram).sum())


def made_up(shape, seeds=5, finer=4):
    """Runs that begin with one kernel for all points and end with one of four pairs of neighbours."""
    task = encoding.make(shape, 3, finer)
    owner = np.argmin(task.steps, axis=1)  # of every place, the point that is next to it
    start, end = np.ones(task.steps.shape), (owner[:, None] // 2 == np.arange(8) // 2).astype(float)
    kernel = np.broadcast_to(np.stack([start, end]), (2, seeds, 2, *start.shape)).copy()
    kernel *= 1 + 0.01 * np.arange(seeds)[:, None, None, None]  # another size is no other number of parts
    kernel[:, :, 1] += 0.02 * np.arange(seeds)[:, None, None]
    return xr.Dataset(
        {
            "kernel": (("method", "seed", "time", "place", "point"), kernel.astype(np.float32)),
            "steps_apart": (("place", "point"), task.steps),
        },
        {"method": ["single", "full"], "seed": range(seeds), "time": [0, 100]},
        {"setting": f"relu_{shape}", "activation": "relu", "shape": shape},
    )


@pytest.mark.parametrize("lost", [False, True])
def test_made_up_runs_split_into_their_parts(tmp_path, lost):
    paths = [tmp_path / f"{shape}.nc" for shape in encoding.SHAPES]
    for shape, path in zip(encoding.SHAPES, paths, strict=True):
        runs = made_up(shape)
        if lost:
            runs["kernel"][dict(method=0, seed=1, time=1)] = np.nan
        artifacts.write_dataset(runs, path)
    tables = (tmp_path / "table.csv", tmp_path / "summary.csv")
    compare_splitting.main(paths, 0.95, *tables)
    table, summary = map(artifacts.read_table, tables)
    assert len(table) == 2 * 2 * 5 and table.parts_start.to_numpy() == pytest.approx(1)
    assert table[table.seed != 1].parts_over_full.to_numpy() == pytest.approx(1)
    assert table[table.seed == 0].parts_end.dropna().to_numpy() == pytest.approx(4)
    single = summary[summary.method == "single"]
    assert (single.parts_ratio_n == (4 if lost else 5)).all() and single.parts_ratio_low.isna().all() == lost
    assert (summary[summary.method == "full"].parts_ratio_discovery).all()
    paths = figure_files(plot_splitting, tmp_path, *tables, 0.95)
    again = figure_files(plot_splitting, tmp_path / "again", *tables, 0.95)
    assert [p.read_bytes() for p in paths] == [p.read_bytes() for p in again]
    assert len(pd.read_csv(tmp_path / "figure.csv")) == 4
