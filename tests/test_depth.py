"""The paper's result on depth, at its own size: the default row (20 layers of 500 units), trained and fitted here.

Claims of van Rossem & Saxe 2024: the initial distance falls by one factor a layer, which has its mean-field value; the
rate of the representation grows with depth; the rate of the output rises in the early layers, where the theory does not
hold, and falls in the later ones; the theory describes late layers far better than early ones.
"""

import numpy as np
import pandas as pd
import pytest
import yaml
from depth import analyse as analyse_depth
from runs import on_two_points

from repdyn import fitting, theory
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


def test_in_another_scale_of_the_layer_the_same_solution_has_other_rates():
    """c h in place of h: H becomes c^2 H at rates c^2 eta_h and eta_y / c^2, and Y and w stay."""
    t, c = np.linspace(0, 500, 60), 3.0
    H, Y, w = theory.exact(t, 0.1, 0.01, -0.02, 0.01, 0.05, 1.0, 0.5)
    scaled = theory.exact(t, c**2 * 0.1, 0.01, -0.02, c**2 * 0.01, 0.05 / c**2, 1.0, 0.5)
    np.testing.assert_allclose(scaled, [c**2 * H, Y, w], rtol=1e-9)


def one_network(layers=10, scale=1.0):
    """Fits of a network whose rates follow its parameters: eta_h eta_y ~ (encoder x decoder)."""
    n = np.arange(layers)
    widths = [1, *[50] * layers, 1]
    encoder, decoder = analyse_depth.regimes.parameter_counts(widths)
    table = pd.DataFrame({"setting": "a", "seed": 3, "layer": n, "eta_h": 1e-6 * scale**2 * encoder})
    A_low = np.sqrt(table.eta_h / (1e-6 * decoder / scale**2) * 0.5)
    table = table.assign(eta_y=1e-6 * decoder / scale**2, h_start=0.3 * 0.5**n, h_end=A_low, nrmse=0.1 / (1 + n))
    return table.assign(kept=True, converged=True, reason="")


@pytest.mark.parametrize("scale", [1.0, 5.0])
def test_what_does_not_change_with_the_scale_of_a_layer(scale):
    row = {"name": "a", "model": "mlp", "activation": "relu", "gain": 1.0, "width": 50, "depth": 10}
    row |= {"in_dim": 1, "out_dim": 1, "dx2": 1.0, "dy2": 0.5}
    found = analyse_depth.of_networks(analyse_depth.scale_free(one_network(scale=scale), row), row).iloc[0]
    assert found.speed_exponent == pytest.approx(1) and found.ratio_late == pytest.approx(1)
    assert found.eta_h_rank == pytest.approx(1) and found.eta_y_rank_late == pytest.approx(-1)
    assert found.factor == pytest.approx(0.5) and found.factor_over_mean_field == pytest.approx(1)
    assert found.speed_peak == 4 and found.late_over_early < 0.5
