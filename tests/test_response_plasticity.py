"""Plasticity: training that goes on is that of one long run; a linear problem whose steps are known; tiny networks."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from response_plasticity import compare as compare_plasticity
from response_plasticity import plot as plot_plasticity
from response_plasticity import train as train_plasticity
from runs import after, ensemble, figure_files

from repdyn import artifacts
from repdyn.data import encoding
from repdyn.networks import Shape
from repdyn.training import batches, loop
from repdyn.training.compiled import CompiledTrainer
from repdyn.training.continued import continued_trainer, weights_at
from repdyn.training.ensemble import Member

TASK = encoding.make("circle", 3, 1)
ROW = {
    **{"name": "10", "shape": "circle", "activation": "relu", "gain": 1.0, "width": 24, "lr": 0.1, "adam_lr": 0.01},
    **{"steps": 300, "networks": 5, "init_seed": 0, "batch_seed": 3},
}


def networks(width=20):
    return ensemble("mlp", Shape(width, 1, "tanh", 2, 3), [Member(seed, 1.0, 0.1) for seed in range(3)])


def test_training_that_goes_on_is_that_of_one_long_run():
    data = batches.Points(TASK.points, TASK.targets)
    theta = loop.run(networks(), data, 60, [weights_at(np.array([20, 60]))]).theta.values
    long = after(CompiledTrainer(networks()), TASK.points, TASK.targets, 60)
    np.testing.assert_array_equal(theta[:, 1], long.theta)
    for index in ([0, 1, 2], [2]):
        went_on = continued_trainer(theta[:, 0])(networks().some(index))
        assert np.array_equal(after(went_on, TASK.points, TASK.targets, 40).theta, long.theta[index])
    with pytest.raises(ValueError, match="can't go on from"):
        continued_trainer(theta[:, 0])(networks(21))


def test_the_second_encoding_is_the_first_one_turned_by_a_point():
    """So a network whose inputs are turned back sees the first one."""
    second = encoding.shifted(TASK.targets)
    assert (second != TASK.targets).any(0).all() and (second[1:] == TASK.targets[:-1]).all()
    angle = 2 * np.pi / 8
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    turned, plain = CompiledTrainer(networks()), CompiledTrainer(networks())
    weight = turned.parameters()[0][0]
    weight[:] = turn.T @ weight
    after(turned, TASK.points, second, 100), after(plain, TASK.points, TASK.targets, 100)
    outputs = [trainer.look(TASK.points)[1] for trainer in (turned, plain)]
    np.testing.assert_allclose(np.roll(outputs[0], -1, axis=1), outputs[1], atol=1e-4)


def test_ratios_of_known_losses():
    """exp(-t / 10) from 1 when fresh, from 4 later on: ln 40 / ln 10 as many steps to 0.1; one never comes back."""
    t = np.arange(101.0)
    fall = np.exp(-t / 10)
    second = np.array([[fall, fall, 0 * fall + 0.5], [4 * fall, 0 * fall + 1, fall]])[None]
    runs = xr.Dataset(
        {
            "first": (("method", "seed", "time"), np.array([[fall] * 3])),
            "second": (("method", "age", "seed", "time"), second),
        },
        {"method": ["full"], "age": [0, 50], "seed": range(3), "time": t},
        {"setting": "a", "activation": "tanh", "shape": "circle"},
    )
    one, never, unknown = compare_plasticity.measured(runs, 0.1)
    assert one["ratio"] == pytest.approx(np.log(40) / np.log(10), rel=1e-6) and one["reason"] == ""
    assert one["first_loss"] == pytest.approx(np.exp(-5)) and one["start_loss"] == 4 and one["fresh_start_loss"] == 1
    assert never["ratio"] == pytest.approx(100 / (10 * np.log(10))) and never["reason"].startswith("a lower bound")
    assert np.isnan(unknown["ratio"]) and unknown["reason"] == "the fresh network does not reach the loss"
    row = compare_plasticity.averaged(pd.DataFrame([one, never, unknown]), 0.95)
    assert row["bounds"] == 1 and row["ratio_n"] == 2 and np.isnan(row["ratio_low"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plasticity")
    options = ({"bits": 3, "finer": 3}, ["single", "full"], 2, [0.1, 1.0], 40, "cpu")
    train_plasticity.main(ROW, *options, folder / "10.nc")
    compare_plasticity.main([folder / "10.nc"], 0.2, 0.95, folder / "table.csv", folder / "summary.csv")
    return folder


def test_every_network_method_and_age_has_its_row(folder):
    table, summary = (artifacts.read_table(folder / f"{name}.csv") for name in ("table", "summary"))
    assert len(table) == 5 * 2 * 2 and len(summary) == 2 * 2 and set(table.age) == {30, 300}
    assert (table.start_loss[table.age == 300] > table.first_loss[table.age == 300]).all()
    of = table.query("method == 'full' and age == 300").ratio
    row = summary.query("method == 'full' and age == 300")
    assert row.ratio.item() == pytest.approx(np.exp(np.log(of).mean())) and row.ratio_n.item() == 5
    assert row.ratio_low.item() < row.ratio.item() < row.ratio_high.item()


def test_the_figure_has_fixed_bytes_and_a_table_of_what_it_draws(folder, tmp_path):
    tables = (folder / "table.csv", folder / "summary.csv")
    paths = figure_files(plot_plasticity, tmp_path, *tables, 0.2, 0.95)
    again = figure_files(plot_plasticity, tmp_path / "again", *tables, 0.2, 0.95)
    assert [p.read_bytes() for p in paths] == [p.read_bytes() for p in again]
    assert len(pd.read_csv(tmp_path / "figure.csv")) == 4
