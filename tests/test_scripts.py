"""The scripts from data to tables, called as functions: no run is lost, each has its reason, means are right."""

import hashlib
import html
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from runs import Member, X, Y, after, ensemble
from torch.autograd import grad
from two_points import data, fit, summarise, train

from repdyn import artifacts, files, theory
from repdyn.networks import Shape
from repdyn.pipeline import jobs
from repdyn.theory import clock
from repdyn.training.compiled import CompiledTrainer

SCRIPTS = Path(__file__).resolve().parents[1] / "workflow" / "scripts"
TASK = {"dx2": 1.0, "dy2": 0.5, "in_dim": 1, "out_dim": 1}
ROW = {
    "name": "10",  # a name that looks like a number stays a name
    **{"model": "mlp", "activation": "leaky_relu", "gain": 1.0, "lr": 0.02, "width": 40, "depth": 4, "steps": 500},
    **{"solver": "sgd", "networks": 3, "finer": 2, "rest_loss": 0.0, "init_seed": 0, "dropout_seed": None, **TASK},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One setting through every script: seed 0 learns, seed 1 does not finish, seed 2 diverges."""
    folder = tmp_path_factory.mktemp("scripts")
    data.main(TASK, folder / "points.nc")
    train.main(folder / "points.nc", ROW, "cpu", folder / "trained.nc")
    runs = artifacts.read_dataset(folder / "trained.nc")
    runs.loss[1] = np.maximum(runs.loss[1], 0.05)
    for name in ("H", "Y", "w", "loss", "mean_error"):
        runs[name].loc[{"seed": 2, "step": slice(300, None)}] = np.nan
    runs.diverged_at[2] = 300
    artifacts.write_dataset(runs, folder / "runs.nc")
    fit.main(folder / "runs.nc", 0.01, folder / "fits.csv")
    summarise.main(folder / "fits.csv", {"10": 2}, 0.95, folder / "summary.csv")
    return folder


def test_the_task(folder):
    points = artifacts.read_dataset(folder / "points.nc")
    assert points.x.values.ravel().tolist() == [-1, 0]
    np.testing.assert_allclose(points.y.values.ravel(), [0.6, 0.6 + 0.5**0.5])


@pytest.mark.parametrize(("in_dim", "out_dim"), [(1, 1), (3, 2)])
def test_the_points_are_as_far_apart_as_asked(tmp_path, in_dim, out_dim):
    data.main({"dx2": 2.25, "dy2": 0.25, "in_dim": in_dim, "out_dim": out_dim}, tmp_path / "points.nc")
    points = artifacts.read_dataset(tmp_path / "points.nc")
    assert points.x.shape == (2, in_dim) and points.y.shape == (2, out_dim)
    assert float((points.x.diff("point") ** 2).sum()) == pytest.approx(2.25)
    assert float((points.y.diff("point") ** 2).sum()) == pytest.approx(0.25)


def test_training_takes_smaller_and_more_steps(folder):
    runs = artifacts.read_dataset(folder / "trained.nc")
    assert runs.H.sizes == {"seed": 3, "layer": 4, "step": 1000}
    assert runs.learning_rate == 0.01
    assert runs.device == "cpu"
    assert json.loads(runs.row) == ROW


def test_no_run_is_lost_and_each_has_its_reason(folder):
    fits = artifacts.read_table(folder / "fits.csv")
    assert list(fits.setting.unique()) == ["10"]
    assert len(fits) == 3 * 4
    by_seed = fits.groupby("seed")
    assert by_seed.kept.all().tolist() == [True, False, False]
    assert set(by_seed.get_group(1).reason.str.split(";").str[0]) == {"final loss 0.05 above 0.01"}
    assert set(by_seed.get_group(2).reason) == {"diverged at step 300"}
    assert by_seed.get_group(2)[["eta_h", "eta_y", "eta_m", "sse"]].isna().all(axis=None)
    assert by_seed.get_group(1)[["eta_h", "eta_y", "eta_m", "sse"]].notna().all(axis=None)  # fitted, but not kept


def test_the_tangent_kernel_before_and_after_training_is_there(folder):
    """It is that of torch's gradients; for the difference of the outputs it grows; the drift implied is told."""
    runs = artifacts.read_dataset(folder / "trained.nc")
    assert runs.kernel.shape == (3, 2, 2, 2) and list(runs.end.values) == ["start", "end"]
    np.testing.assert_allclose(runs.kernel, runs.kernel.transpose("seed", "end", "other_output", "output"), rtol=1e-4)
    start, end = clock.effective_kernel(runs.kernel.sel(seed=0).values.astype(float))
    assert end > start
    trainer = CompiledTrainer(ensemble("mlp", Shape(40, 4, "leaky_relu"), [Member(0, 1.0, 0.01)], init_seed=0))
    for which in ("start", "end"):
        module, _, (parameters,) = trainer.modules()
        module.load_state_dict(parameters, strict=False)
        made = module(torch.tensor(X, dtype=torch.float32)).ravel()
        slopes = [torch.cat([g.ravel() for g in grad(one, module.parameters(), retain_graph=True)]) for one in made]
        expected = [[(a @ b).item() for a in slopes] for b in slopes]
        np.testing.assert_allclose(runs.kernel.sel(seed=0, end=which), expected, rtol=1e-3)
        after(trainer, X, Y, 1000)
    fits = artifacts.read_table(folder / "fits.csv").query("seed == 0")
    ends = fits.h_start, float(runs.Y[0, 0]), fits.h_end, float(runs.Y[0, -1])
    np.testing.assert_allclose(fits.k_kernel, clock.drift_of_kernel(end / start, *ends, 0.5), rtol=1e-5)
    assert (fits.sse_clock <= fits.sse).all() and (fits.clock_reason.isna() | (fits.clock_reason == "")).all()
    assert (fits.orbit_error > 0).all() and fits.error_active.between(fits.nrmse, 10 * fits.nrmse).all()


def test_means_are_over_kept_networks(folder):
    fits = artifacts.read_table(folder / "fits.csv")
    (row,) = artifacts.read_table(folder / "summary.csv").itertuples()
    (kept,) = fits.query("seed == 0 and layer == 2").itertuples()
    assert (row.setting, row.layer, row.networks, row.kept, row.converged) == ("10", 2, 3, 1, 1)
    assert row.eta_h == pytest.approx(kept.eta_h) and row.nrmse == pytest.approx(kept.nrmse)
    assert np.isnan(row.eta_h_low)  # one network has no interval
    assert row.reason == "seed 1: final loss 0.05 above 0.01 | seed 2: diverged at step 300"


def test_the_loss_follows_from_rates_that_were_not_fitted_to_it(folder):
    """The paper's second claim, on a really trained network."""
    runs = artifacts.read_dataset(folder / "trained.nc").sel(seed=0)
    fitted = artifacts.read_table(folder / "fits.csv").query("seed == 0 and layer == 3").iloc[0]
    t = runs.step.values.astype(float)
    start = [float(runs.H.sel(layer=3)[0]), float(runs.Y[0]), float(runs.w[0])]
    _, Y, w = theory.exact(t, *start, fitted.eta_h, fitted.eta_y, 1.0, 0.5)
    loss = theory.loss_curve(t, Y, w, float(runs.mean_error[0]), fitted.eta_m, 0.5)
    deviation = np.sqrt(((loss - runs.loss.values) ** 2).mean()) / np.ptp(runs.loss.values)
    assert deviation < 0.05


def test_a_setting_that_is_not_in_the_fits_is_named(folder):
    with pytest.raises(ValueError, match="no row of setting other"):
        summarise.main(folder / "fits.csv", {"other": 2}, 0.95, folder / "nothing.csv")
    assert not (folder / "nothing.csv").exists()


DRAWS = """
import pandas as pd
from matplotlib import pyplot


def main():
    return pyplot.figure(), pd.DataFrame({"value": [1.0]})
"""
CALLS = """
import sys
from types import SimpleNamespace
from snakemake.iocontainers import InputFiles, OutputFiles, Params
from repdyn.pipeline import jobs
output = OutputFiles(fromdict={kind: f"drawn.{kind}" for kind in ("svg", "png", "csv")})
inputs = InputFiles(fromdict={"code": ["plot.py"], "tables": ["some/a.csv", "some/b.csv"]})
jobs.call(SimpleNamespace(input=inputs, output=output, params=Params(fromdict={"row": {"init_seed": 3}})))
"""


def test_figures_say_what_made_them_and_are_drawn_whatever_backend_the_environment_names(tmp_path):
    """The kernel of a notebook names one that is not installed elsewhere."""
    (tmp_path / "plot.py").write_text(DRAWS)
    (tmp_path / "some").mkdir()
    for name in "ab":
        (tmp_path / f"some/{name}.csv").write_text(f"{name}\n")
    environment = {**os.environ, "MPLBACKEND": "module://nowhere.backend", "PYTHONPATH": str(SCRIPTS)}
    subprocess.run([sys.executable, "-c", CALLS], cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "drawn.png").stat().st_size > 1000
    picture = Image.open(tmp_path / "drawn.png").text["Description"]
    assert html.escape(picture, quote=False) in (tmp_path / "drawn.svg").read_text()
    about = json.loads(picture)
    assert about["command"] == "snakemake drawn" and about["params"] == {"row": {"init_seed": 3}}
    assert about["code_sha256"] == files.code_hash([tmp_path / "plot.py"])
    assert "matplotlib " in about["libraries"]
    sums = {f"{name}.csv": hashlib.sha256(f"{name}\n".encode()).hexdigest() for name in "ab"}
    assert about["inputs"] == {"tables": sums}


TRACEBACK = 'Traceback (most recent call last):\n  File "a.py", line 1, in f\n    raise'


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (
            f"{TRACEBACK} first\nOSError: a\n\nDuring handling:\n\n{TRACEBACK}\nValueError: H is\nnegative\n",
            "ValueError: H is",
        ),
        ("2026-11-26 10:16:25 default: 3 networks\n", "killed"),
        ("", "killed"),
        (None, "no log"),
    ],
)
def test_the_reason_of_a_failed_job_is_read_from_its_log(log, reason, tmp_path):
    if log is not None:
        (tmp_path / "log").write_text(log)
    assert reason in jobs.reason(str(tmp_path / "log"))
