"""Blobs with context: the pictures, shares of variance and maps against other methods, mini-batches against torch."""

import numpy as np
import pandas as pd
import pytest
import torch
from blobs import measure as measure_blobs
from blobs import plot as plot_blobs
from blobs import train as train_blobs
from runs import ensemble, figure_files
from scipy.spatial.distance import pdist
from torch import nn

from repdyn import artifacts, networks
from repdyn.data import blobs
from repdyn.networks import Shape
from repdyn.statistics import embedding
from repdyn.training import batches, loop, recorders
from repdyn.training.ensemble import BATCHES, INIT, Member, generator, initial_parameters

TASK = {"positions": 8, "pixels": 5, "width": 1.0}
ROW = {
    **{"model": "mlp", "activation": "tanh", "width": 30, "depth": 4, "layer": 2, "solver": "sgd", "networks": 2},
    **{"init_seed": 0, "batch_seed": 3, "dropout_seed": None},
}
SETTINGS = {"large": {"gain": 2.0, "lr": 0.01, "epochs": 150}, "small": {"gain": 0.6, "lr": 0.4, "epochs": 700}}


def test_a_picture_is_a_blob_at_its_place_with_the_coordinate_that_its_context_asks_for():
    data = blobs.make(7, 5, 0.5)
    assert data.inputs.shape == (98, 27) and data.targets.shape == (98, 1)
    places, grid = np.linspace(-1, 1, 7), np.linspace(-1, 1, 5)
    for i in (0, 10, 55, 97):
        x, y = places[data.x[i]], places[data.y[i]]
        blob = np.array([[np.exp(-((a - x) ** 2 + (b - y) ** 2) / 2 / 0.5**2) for a in grid] for b in grid])
        np.testing.assert_allclose(data.inputs[i, :25], (blob / blob.sum()).ravel())
        assert data.inputs[i, 25:].tolist() == [float(i < 49), float(i >= 49)]
        assert data.targets[i, 0] == (x if i < 49 else y)
    assert len(np.unique(np.stack([data.context, data.x, data.y]), axis=1).T) == 98  # each once


def test_explained_is_the_r2_of_a_regression_on_levels():
    rng = np.random.default_rng(0)
    hidden, levels = rng.normal(size=(60, 7)), rng.integers(5, size=60)
    hidden += levels[:, None]
    one_hot = np.eye(5)[levels]
    fitted = one_hot @ np.linalg.lstsq(one_hot, hidden, rcond=None)[0]
    r2 = 1 - ((hidden - fitted) ** 2).sum() / ((hidden - hidden.mean(0)) ** 2).sum()
    assert blobs.explained(hidden, levels) == pytest.approx(r2)
    assert np.isnan(blobs.explained(np.ones((4, 2)), np.arange(4)))
    assert np.isnan(blobs.explained(np.full((4, 2), np.nan), np.arange(4)))


def test_shares_of_representations_whose_features_are_known():
    data = blobs.make(9, 5, 1.0)
    levels = blobs.features(data.context, data.x, data.y)

    def shares(hidden):
        return {name: blobs.explained(hidden, of_input) for name, of_input in levels.items()}

    target = shares(data.targets)
    assert target["relevant"] == pytest.approx(1) and target["irrelevant"] == pytest.approx(0, abs=1e-12)
    assert target["x"] == pytest.approx(0.25) and blobs.selectivity(target) == pytest.approx(1)
    place = shares(np.stack([data.x, data.y], 1).astype(float))
    assert place["x"] == pytest.approx(0.5) and place["y"] == pytest.approx(0.5)
    assert blobs.selectivity(place) == pytest.approx(0) and place["context"] == pytest.approx(0, abs=1e-12)
    assert shares(data.inputs[:, 25:])["context"] == pytest.approx(1)


def test_a_map_of_points_in_three_dimensions_is_exact_and_always_the_same():
    rng = np.random.default_rng(1)
    flat = rng.gamma(2, size=(40, 3)) * [3, 2, 1]
    turned = flat @ np.linalg.qr(rng.normal(size=(20, 20)))[0][:3]
    placed, stress = embedding.mds(turned, 0)
    assert stress < 1e-3
    np.testing.assert_allclose(pdist(placed), pdist(turned), rtol=0.02, atol=0.02)
    np.testing.assert_array_equal(placed, embedding.mds(turned, 0)[0])
    assert (placed.var(0)[:-1] >= placed.var(0)[1:]).all()
    assert np.isnan(embedding.mds(np.full((5, 4), np.nan), 0)[0]).all()
    assert not embedding.mds(np.ones((5, 4)), 0)[0].any()


def test_mini_batches_are_trained_as_torch_does_it(tmp_path):
    """Plain modules with a tanh that is one, the same order of inputs, a last batch that is smaller."""
    small = {"width": 20, "depth": 3, "layer": 1, "gain": 0.8, "lr": 0.1, "epochs": 12, "init_seed": 5, "batch_seed": 7}
    task = {"positions": 5, "pixels": 4, "width": 1.0}
    train_blobs.main({"name": "small", **ROW, **small}, task, 16, 0.5, "cpu", tmp_path / "small.nc")
    recorded = artifacts.read_dataset(tmp_path / "small.nc")
    assert recorded.epoch.values.tolist() == list(range(7))
    data = blobs.make(**task)  # 50 inputs in batches of 16, 16, 16 and 2
    layers = networks.layers("mlp", Shape(20, 3, "tanh", 18, 1))
    x, y = (torch.tensor(values, dtype=torch.float32) for values in (data.inputs, data.targets))
    for e, member in enumerate([Member(0, 0.8, 0.1), Member(1, 0.8, 0.1)]):
        modules = []
        for weight, bias in initial_parameters(layers, member, 5):
            linear = nn.Linear(*weight.shape)
            linear.weight.data, linear.bias.data = weight.T.clone(), bias.clone()
            modules += [linear, nn.Tanh()]
        net = nn.Sequential(*modules[:-1])
        stepper = torch.optim.SGD(net.parameters(), lr=member.lr)
        np.testing.assert_allclose(recorded.hidden_start[e], net[:4](x).detach(), rtol=1e-4, atol=1e-6)
        losses = []
        draw = generator(BATCHES, 7, member.seed)
        for _ in range(6):
            losses.append(0.5 * nn.functional.mse_loss(net(x), y).item())
            for chosen in torch.randperm(50, generator=draw).split(16):
                stepper.zero_grad()
                (0.5 * nn.functional.mse_loss(net(x[chosen]), y[chosen])).backward()
                stepper.step()
        np.testing.assert_allclose(recorded.hidden_end[e], net[:4](x).detach(), rtol=1e-3, atol=1e-5)
        losses.append(0.5 * nn.functional.mse_loss(net(x), y).item())
        np.testing.assert_allclose(recorded.loss[e], losses, rtol=1e-3)
    first, other = (torch.randperm(50, generator=generator(BATCHES, 7, seed)) for seed in (0, 1))
    assert not torch.equal(first, other)
    assert generator(BATCHES, 7, 0).initial_seed() != generator(INIT, 7, 0).initial_seed()


def test_divergence_stays_with_its_network():
    data = blobs.make(5, 4, 1.0)
    source = batches.Epochs(data.inputs, data.targets, 16)
    members = [Member(0, 1.0, 0.05), Member(1, 1.0, 1e6)]
    ends = np.array([0, 5 * source.steps])
    record = [
        recorders.Look(lambda view: train_blobs.loss(view, data), ends, "epoch", {"loss": ()}),
        recorders.Look(lambda view: train_blobs.hidden(view, data, {"layer": 1}), ends, "when"),
    ]
    runs = loop.run(ensemble("mlp", Shape(20, 3, "relu", 18, 1), members), source, ends[1], record)
    assert np.isfinite(runs.hidden[0]).all() and np.isfinite(runs.loss[0]).all()
    assert np.isnan(runs.hidden[1, 1]).all() and np.isnan(runs.loss[1, 1])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two settings of small networks through every script."""
    folder = tmp_path_factory.mktemp("blobs")
    for name, setting in SETTINGS.items():
        train_blobs.main({"name": name, **ROW, **setting}, TASK, 16, 1.0, "cpu", folder / f"{name}.nc")
    measure(folder, folder)
    return folder


def measure(folder, output, loss_above=0.05):
    paths = [folder / f"{name}.nc" for name in SETTINGS]
    tables = [output / f"{name}.csv" for name in ("table", "summary", "maps")]
    measure_blobs.main(paths, loss_above, 5, 0.95, 4, *tables)
    return map(artifacts.read_table, tables)


def test_small_weights_learn_what_matters_in_each_context(folder):
    """The paper's claim, on really trained networks."""
    table = artifacts.read_table(folder / "table.csv")
    assert table.kept.all(), table.reason.tolist()
    means = table.groupby("setting")[["selectivity", "relevant", "relevant_start"]].mean()
    assert means.selectivity["small"] > means.selectivity["large"] + 0.2
    assert means.relevant["small"] > means.relevant_start["small"] + 0.2
    np.testing.assert_allclose(table.relevant_change, table.relevant - table.relevant_start, rtol=1e-6)
    rebuilt = blobs.explained(
        artifacts.read_dataset(folder / "small.nc").hidden_end.sel(seed=1).values.astype(float),
        blobs.features(*np.indices((2, 8, 8)).reshape(3, -1))["relevant"],
    )
    assert table.relevant.iloc[3] == pytest.approx(rebuilt, rel=1e-6)


def test_networks_that_did_not_learn_are_listed_and_count_in_no_mean(folder, tmp_path):
    run = artifacts.read_dataset(folder / "small.nc")
    run.loss[0, -1] = 0.3
    artifacts.write_dataset(run, tmp_path / "small.nc")
    run = artifacts.read_dataset(folder / "large.nc")
    run.loss[:, -1] = run.hidden_end[:] = np.nan
    artifacts.write_dataset(run, tmp_path / "large.nc")
    table, summary, maps = measure(tmp_path, tmp_path)
    assert table.reason.tolist() == ["diverged", "diverged", "final loss 0.3 above 0.05", ""]
    of_small = summary[(summary.setting == "small") & (summary.feature == "relevant")].iloc[0]
    assert of_small.kept == 1 and of_small.end == pytest.approx(table.relevant.iloc[3])
    assert summary[summary.setting == "large"].end.isna().all()
    assert maps[maps.setting == "small"].seed.unique().tolist() == [1]
    assert maps[maps.setting == "large"]["first"].isna().all()
    draw(tmp_path, tmp_path)


def draw(folder, output):
    gains = {name: setting["gain"] for name, setting in SETTINGS.items()}
    tables = (folder / f"{name}.csv" for name in ("maps", "table", "summary"))
    paths = figure_files(plot_blobs, output, *tables, gains, 0.95)
    return [path.read_bytes() for path in paths]


def test_the_figure_has_fixed_bytes_and_a_table_of_what_it_draws(folder, tmp_path):
    assert draw(folder, tmp_path) == draw(folder, tmp_path / "again")
    drawn, table = pd.read_csv(tmp_path / "figure.csv"), artifacts.read_table(folder / "table.csv")
    shown = drawn[(drawn.setting == "small") & (drawn.feature == "relevant") & (drawn.time == "end")]
    mine = table[table.setting == "small"].relevant
    assert shown[shown.seed.notna()].value.tolist() == pytest.approx(mine.tolist())
    (mean,) = shown[shown.seed.isna()].itertuples()
    assert np.log(mean.value / (1 - mean.value)) == pytest.approx(np.log(mine / (1 - mine)).mean())
    assert np.isnan(mean.low)  # no interval of two networks
    maps = artifacts.read_table(folder / "maps.csv")
    assert len(maps) == 2 * 2 * 4 * 4 and set(maps.x) == set(blobs.subsample(8, 5)) and (maps.stress < 0.5).all()
