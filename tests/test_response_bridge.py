"""The bridge between tangent kernel and effective rates: identities first, then trained networks."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from response_bridge import compare as compare_response_bridge
from response_bridge import plot as plot_response_bridge
from response_bridge import train as train_response_bridge
from runs import after, ensemble, figure_files
from two_points import data as make_two_points
from two_points import fit as fit_two_points
from two_points import train as train_two_points

from repdyn import artifacts, theory
from repdyn.fitting import kernel_bridge
from repdyn.networks import Shape
from repdyn.networks.tangent_kernel import of_networks
from repdyn.training import checkpoints, loop
from repdyn.training.compiled import CompiledTrainer
from repdyn.training.ensemble import Member

TASK = {"dx2": 1.0, "dy2": 0.5, "in_dim": 1, "out_dim": 1}
ROW = {
    **{"name": "smooth", "model": "mlp", "activation": "tanh", "gain": 0.9, "lr": 0.01, "width": 60, "depth": 6},
    **{"steps": 2000, "solver": "sgd", "networks": 3, "finer": 1, "rest_loss": 0.0, "init_seed": 0},
    **{"dropout_seed": None, **TASK},
}
INTERVALS = {"confidence": 0.95, "resamples": 200}
LAYER = 3


@pytest.mark.parametrize("activation", ["tanh", "silu"])
def test_one_small_step_moves_the_outputs_as_the_kernel_says(activation):
    x, y = np.array([[-1.0], [0.3]]), np.array([[0.6], [1.3]])
    rate = 1e-3
    trainer = CompiledTrainer(ensemble("mlp", Shape(40, 4, activation), [Member(s, 1.2, rate) for s in (0, 1)]))
    after(trainer, x, y, 20)  # biases are not zero any more
    kernel = of_networks(*trainer.modules(), x).astype(float)
    before = trainer.look(x)[1]
    moved = after(trainer, x, y, 1).look(x)[1] - before
    expected = kernel_bridge.linear_response(kernel, before - y, rate / 2)
    np.testing.assert_allclose(moved[:, 0] - moved[:, 1], expected, rtol=0.02)


def test_the_effective_kernel_is_what_is_left_when_the_mean_follows():
    """Gradient flow of two outputs under a constant K with a large sum mode: the difference decays at lr/4 K_e."""
    direction = np.array([[1, 1], [1, -1]]) / 2**0.5
    kernel = direction.T @ np.array([[40.0, 0.6], [0.6, 0.05]]) @ direction
    error, rate, slope = np.array([0.3, -0.5]), 1e-2, []
    for step in range(4000):
        change = -rate / 2 * kernel @ error
        if step > 200:
            slope.append(-(change[0] - change[1]) / (error[0] - error[1]))
        error = error + change
    assert np.ptp(slope) < 1e-3 * np.mean(slope)
    assert np.mean(slope) == pytest.approx(rate / 4 * kernel_bridge.effective_kernel(kernel), rel=2e-3)
    difference = kernel[0, 0] + kernel[1, 1] - 2 * kernel[0, 1]
    assert abs(rate / 4 * difference / np.mean(slope) - 1) > 0.1  # not of the plain difference


def test_the_decay_rate_is_the_theorys():
    """dY/dt = -w (eta_y H + eta_h dx2 Y / H), by finite differences of the closed form."""
    t = np.linspace(0, 3000, 30001)
    H, Y, w = theory.exact(t, 0.02, 0.01, -0.02, 2e-3, 2e-2, 1.0, 0.5)
    rate = kernel_bridge.decay_rate(H, Y, 2e-3, 2e-2, 1.0)
    np.testing.assert_allclose(np.gradient(Y, t)[1:-1], (-w * rate)[1:-1], rtol=1e-3, atol=1e-9)


def test_windows_of_a_trajectory_of_the_theory_give_its_rates_back():
    t = np.arange(4000.0)
    H, Y, w = theory.exact(t, 0.02, 0.01, -0.02, 2e-3, 2e-2, 1.0, 0.5)
    fits = kernel_bridge.windowed_fits(H, Y, w, 1.0, 0.5, 6)
    assert len(fits) == 6 and fits[0][0] == 0 and fits[-1][1] == 3999
    for (_, last, one), (first, _, _) in pairwise(fits):
        assert last == first and one.converged
        assert one.eta_h == pytest.approx(2e-3, rel=1e-3) and one.eta_y == pytest.approx(2e-2, rel=1e-3)
    moved = [np.hypot(np.diff(Y), np.diff(w))[a:b].sum() for a, b, _ in fits]
    assert max(moved) < 1.3 * min(moved)


def test_windows_begin_when_the_mean_is_learned():
    mean_error = np.exp(-np.arange(300) / 20.0)
    assert kernel_bridge.mean_learned(mean_error) == np.ceil(20 * np.log(1 / kernel_bridge.MEAN_LEARNED))
    assert kernel_bridge.mean_learned(np.ones(7)) == 6
    Y, w = np.linspace(0, 1, 300), np.zeros(300)
    np.testing.assert_array_equal(kernel_bridge.windows(Y, w, 0.5, 4, 99), [99, 149, 199, 249, 299])


def test_deviations_in_logarithms():
    assert kernel_bridge.log_deviation([2.0, 0.5], [1.0, 1.0]) == pytest.approx(np.log(2))
    assert kernel_bridge.log_deviation([2.0, np.nan, -1.0], [1.0, 1.0, 1.0]) == pytest.approx(np.log(2))
    assert np.isnan(kernel_bridge.log_deviation([np.nan], [1.0]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bridge")
    make_two_points.main(TASK, folder / "points.nc")
    train_two_points.main(folder / "points.nc", ROW, "cpu", folder / "runs.nc")
    fit_two_points.main(folder / "runs.nc", 0.05, folder / "fits.csv")
    train_response_bridge.main(folder / "points.nc", folder / "runs.nc", ROW, 40, "cpu", folder / "kernels.nc")
    compare(folder, folder)
    return folder


def test_a_run_that_was_cut_off_goes_on_to_the_same_bytes(folder, tmp_path, monkeypatch):
    offer, offered = checkpoints.Part.offer, []

    def cut_off_now_and_then(part, step, state):
        offer(part, step, state)
        offered.append(step)
        if len(offered) % 21 == 0:
            raise InterruptedError

    monkeypatch.setattr(checkpoints.Part, "offer", cut_off_now_and_then)
    job = (folder / "points.nc", folder / "runs.nc", ROW, 40, "cpu", tmp_path / "kernels.nc")
    for _ in range(2):
        with pytest.raises(InterruptedError):
            train_response_bridge.main(*job, checkpoint_seconds=1e-9)
    train_response_bridge.main(*job, checkpoint_seconds=1e-9)
    looks = {*artifacts.read_dataset(folder / "kernels.nc").time.values, *range(0, ROW["steps"] + 1, loop.LOOK)}
    assert set(offered) == looks and len(offered) == len(looks) + 2  # what was done already was not done again
    assert (tmp_path / "kernels.nc").read_bytes() == (folder / "kernels.nc").read_bytes()


def test_it_ends_where_the_networks_came_to_rest(folder):
    runs = artifacts.read_dataset(folder / "runs.nc")
    assert train_response_bridge.steps_to_rest(runs) == ROW["steps"]
    resting = runs.copy(deep=True)
    resting.w[:, 700:] = resting.w[:, 700]
    resting.w[1, 500:] = resting.w[1, 500]
    assert train_response_bridge.steps_to_rest(resting) == 701
    resting.w[:] = 1.0
    assert train_response_bridge.steps_to_rest(resting) == 2


def compare(folder, output):
    inputs = ([folder / f"{name}.nc"] for name in ("runs", "kernels"))
    tables = [output / f"{name}.csv" for name in ("table", "summary", "curves")]
    compare_response_bridge.main(*inputs, [folder / "fits.csv"], [LAYER], 5, INTERVALS, 0, *tables)


def test_the_networks_are_those_of_the_first_study_to_the_last_bit(folder):
    runs, seen = (artifacts.read_dataset(folder / f"{name}.nc") for name in ("runs", "kernels"))
    output = seen.output.values[..., 0].astype(float)
    np.testing.assert_array_equal((output[..., 0] - output[..., 1]) ** 2, runs.Y.values[:, seen.time.values])


def test_in_a_smooth_network_windowed_rates_follow_the_kernel(folder):
    summary = artifacts.read_table(folder / "summary.csv").set_index("number")
    assert (summary.networks == 3).all() and (summary.setting == "smooth").all()
    assert summary.value["step_deviation"] < 0.05
    assert summary.value["deviation_windowed"] < 0.5 * summary.value["deviation_constant"]
    assert summary.value["deviation_windowed"] < 0.25
    table = artifacts.read_table(folder / "table.csv")
    assert len(table) == 3 * 5 and table.converged.sum() >= 14
    kernels = artifacts.read_dataset(folder / "kernels.nc").sel(seed=1)
    one = table[(table.seed == 1) & (table.window == 2)].iloc[0]
    measured = 0.01 / 2 * kernel_bridge.effective_kernel(kernels.kernel.values.astype(float))
    middle = (one["first"] + one["last"]) // 2
    assert one.kernel == pytest.approx(np.interp(middle, kernels.time, measured), rel=1e-6)


def draw(folder, output):
    tables = [folder / f"{name}.csv" for name in ("table", "summary", "curves")]
    paths = figure_files(plot_response_bridge, output, *tables, {"smooth": ROW}, 0.95)
    return [path.read_bytes() for path in paths]


def test_the_figure_has_fixed_bytes_and_a_table_of_what_it_draws(folder, tmp_path):
    assert draw(folder, tmp_path) == draw(folder, tmp_path / "again")
    drawn = pd.read_csv(tmp_path / "figure.csv")
    assert {"K_AB", "kernel", "from_windowed_rates", "eta_h", "deviation_windowed"} <= set(drawn.quantity)


def test_networks_that_were_discarded_are_named_and_count_in_no_number(folder, tmp_path):
    fits = artifacts.read_table(folder / "fits.csv")
    for path in ("runs.nc", "kernels.nc"):
        (tmp_path / path).write_bytes((folder / path).read_bytes())
    for dropped in ([1], [0, 1, 2]):
        changed = fits.copy()
        changed.loc[fits.seed.isin(dropped), ["kept", "reason"]] = [False, "final loss 1 above 0.05"]
        artifacts.write_table(changed, tmp_path / "fits.csv")
        compare(tmp_path, tmp_path)
        summary = artifacts.read_table(tmp_path / "summary.csv")
        assert set(summary.networks) == {3 - len(dropped)}
        assert summary.reason[0] == " | ".join(f"seed {s}: final loss 1 above 0.05" for s in dropped)
        draw(tmp_path, tmp_path)
    assert len(artifacts.read_table(tmp_path / "table.csv")) == 0
