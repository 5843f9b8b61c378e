"""The paper's result on depth, at its own size: the default row (20 layers of 500 units), trained and fitted here.

Claims of van Rossem & Saxe 2024: the initial distance falls by one factor a layer, which has its mean-field value; the
rate of the representation grows with depth; the rate of the output rises in the early layers, where the theory does not
hold, and falls in the later ones; the theory describes late layers far better than early ones.
"""

import numpy as np
import pytest
import yaml
from runs import on_two_points

from repdyn import fitting
from repdyn.networks import Shape
from repdyn.pipeline import study
from repdyn.training.ensemble import Member

SEEDS = 2
LAYERS = 20


@pytest.fixture(scope="module")
def row():
    with open("config/config.yaml") as file:
        return study.load_study(yaml.safe_load(file))["two_points"]["rows"]["default"]


@pytest.fixture(scope="module")
def runs(row):
    shape = Shape(row["width"], row["depth"], row["activation"])
    members = [Member(seed, row["gain"], row["lr"] / row["finer"]) for seed in range(SEEDS)]
    runs = on_two_points(row["model"], shape, members, row["steps"] * row["finer"])
    assert runs.loss[:, -1].max() < 1e-4
    return runs


@pytest.fixture(scope="module")
def fits(runs):
    """Means over networks: eta_h, eta_y and nrmse, each (layer,)."""
    t = np.arange(runs.H.shape[2], dtype=float)
    found = [
        [fitting.fit_trajectory(t, runs.H[e, n].astype(float), runs.Y[e], runs.w[e], 1.0, 0.5) for n in range(LAYERS)]
        for e in range(SEEDS)
    ]
    assert all(fit.converged for run in found for fit in run)
    return {
        name: np.array([[getattr(fit, name) for fit in run] for run in found]).mean(0)
        for name in ("eta_h", "eta_y", "nrmse")
    }


def test_the_initial_distance_falls_by_the_mean_field_factor(runs, row):
    start = runs.H[:, :, 0].mean(0)
    assert (np.diff(start) < 0).all()
    factor = np.exp(np.polyfit(np.arange(1, LAYERS), np.log(runs.H[:, 1:, 0]).mean(0), 1)[0])
    assert factor == pytest.approx(row["gain"] ** 2 * (1 + 0.01**2) / 2, rel=0.05)


def test_the_rate_of_the_representation_grows_with_depth(fits):
    assert fits["eta_h"][18] > 8 * fits["eta_h"][2]


def test_the_rate_of_the_output_rises_and_then_falls(fits):
    peak = fits["eta_y"].argmax()
    assert 6 <= peak <= 13
    assert (np.diff(fits["eta_y"][peak:]) < 0).all()


def test_the_theory_describes_late_layers_better(fits):
    assert fits["nrmse"][12] < fits["nrmse"][2] / 5
