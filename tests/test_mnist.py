"""MNIST: mini-batch training against a plain loop, predictions against the theory's curves, scripts on a stand-in."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from mnist import fetch as fetch_mnist
from mnist import fit as fit_mnist
from mnist import train as train_mnist
from mnist_pairs import analyse as analyse_mnist_pairs
from mnist_pairs import plot as plot_mnist_pairs
from mnist_structure import compare as compare_mnist_structure
from mnist_structure import plot as plot_mnist_structure
from mnist_structure import steps as steps_of_mnist_structure
from runs import ensemble, figure_files
from torch import nn

from repdyn import artifacts, fitting, networks, theory
from repdyn.data import downloads, mnist, mnist_files
from repdyn.pipeline import sources
from repdyn.statistics import distance_correlation
from repdyn.training import batches, compiled, loop, recorders
from repdyn.training.ensemble import BATCHES, Member, generator, initial_parameters, of_row

SHAPE = networks.Shape(width=20, depth=3, activation="leaky_relu", in_dim=784, out_dim=10)
ROW = {
    **{"name": "mnist_pairs", "model": "mlp", "activation": "leaky_relu", "gain": 0.5, "width": 30, "depth": 4},
    **{"lr": 0.15, "epochs": 20, "finer": 0.5, "batch": 64, "networks": 3, "different": 2, "same": 1, "digits": 4},
    **{"solver": "sgd", "init_seed": 0, "batch_seed": 3, "pair_seed": 4},
}


@pytest.fixture(scope="module")
def stand_in():
    arrays = mnist_files.synthetic(train=1000, test=200)
    return {
        part: (mnist.normalised(arrays[f"{part}_images"]), mnist.one_hot(arrays[f"{part}_labels"]))
        for part in ("train", "test")
    } | {"labels": arrays["train_labels"]}


def trained(stand_in, members, epochs=2, batch=64, model="mlp", seed=3):
    """What the script records of five pairs, of the test set and of 30 probes; and the pairs."""
    (x, y), test = stand_in["train"], stand_in["test"]
    pairs, source = mnist.draw_pairs(stand_in["labels"], 3, 2, seed=1), batches.Epochs(x, y, batch, seed)
    ends, points = source.steps * np.arange(1, epochs + 1), tuple((2 * n, 2 * n + 1) for n in range(5))
    record = [
        recorders.Pairs(train_mnist.schedule(source.steps, epochs), points, x[pairs.flatten()]),
        recorders.Look(lambda view: train_mnist.accuracy(view, *test), ends, "epoch", {"accuracy": ()}),
        recorders.Look(lambda view: train_mnist.probed(view, test[0][None, :30]), ends[[-1]] * [0, 1], "when"),
    ]
    runs = loop.run(ensemble(model, SHAPE, members), source, ends[-1], record)
    return runs.assign(loss=(("network", "epoch"), source.means(runs.batch_loss.values))), pairs


def test_against_a_plain_loop(stand_in):
    """torch.nn, autograd and torch.optim.SGD on the same batches: everything that is recorded."""
    member = Member(1, 0.7, 0.2)
    runs, pairs = trained(stand_in, [Member(0, 0.7, 0.2), member])
    plain = nn.ModuleList()
    for weight, bias in initial_parameters(networks.layers("mlp", SHAPE), member, 0):
        plain.append(nn.Linear(*weight.shape))
        plain[-1].weight.data, plain[-1].bias.data = weight.T.clone(), bias.clone()
    (x, y), (test_x, test_y) = ([torch.tensor(a) for a in stand_in[part]] for part in ("train", "test"))
    optimiser, criterion = torch.optim.SGD(plain.parameters(), lr=0.2), nn.MSELoss()

    def forward(x):
        hidden = []
        for layer in plain[:-1]:
            x = nn.functional.leaky_relu(layer(x))
            hidden.append(x)
        return hidden, plain[-1](x)

    seen = []

    def look():
        with torch.no_grad():
            hidden, output = forward(x[torch.as_tensor(pairs)].flatten(0, 1))
            H = [((h[0::2] - h[1::2]) ** 2).sum(-1).numpy() for h in hidden]
            seen.append((np.stack(H), output.numpy()))

    order, step, losses, right = generator(BATCHES, 3, 1), 0, [], []
    look()
    for _ in range(2):
        split, total = torch.randperm(len(x), generator=order).split(64), 0.0
        assert len(split[-1]) == 1000 % 64  # the last batch is smaller, and counts by its images
        for rows in split:
            optimiser.zero_grad()
            loss = 0.5 * criterion(forward(x[rows])[1], y[rows])
            total += loss.item() * len(rows)
            loss.backward()
            optimiser.step()
            step += 1
            if step in runs.step.values:
                look()
        losses.append(total / len(x))
        right.append((forward(test_x)[1].argmax(1) == test_y.argmax(1)).float().mean().item())
    np.testing.assert_allclose(runs.distance[1], np.stack([H for H, _ in seen], -1), rtol=2e-3, atol=1e-5)
    np.testing.assert_allclose(runs.output[1], np.stack([output for _, output in seen]), rtol=5e-3, atol=2e-4)
    np.testing.assert_allclose(runs.loss[1], losses, rtol=1e-4)
    np.testing.assert_allclose(runs.accuracy[1], right, atol=0.006)
    assert runs.loss[1, 1] < 0.9 * runs.loss[1, 0]  # it moved
    hidden, output = forward(test_x[:30])
    for n, h in enumerate(hidden):
        found, expected = runs.probe_distance.values[1, 1, 0, n], torch.cdist(h, h).detach() ** 2
        np.testing.assert_allclose(found, expected, rtol=5e-3, atol=1e-3 * found.max())
    np.testing.assert_allclose(runs.probe_output[1, 1, 0], output.detach(), rtol=5e-3, atol=2e-4)


def test_a_network_is_the_same_whoever_is_trained_beside_it(stand_in):
    members = [Member(seed, 0.7, 0.1) for seed in range(3)]
    together, again, alone = (trained(stand_in, chosen)[0] for chosen in (members, members, members[2:]))
    for name in ("distance", "output", "probe_distance", "probe_output", "loss", "accuracy"):
        assert np.array_equal(together[name], again[name]), name
        np.testing.assert_allclose(together[name][2:], alone[name], rtol=1e-3, atol=1e-4)
    H, other = alone.distance.values, trained(stand_in, members[2:], seed=4)[0].distance.values
    assert np.array_equal(other[..., 0], H[..., 0]) and not np.array_equal(other[..., 1], H[..., 1])
    assert not np.array_equal(together.loss[0], together.loss[1])


def test_larger_and_fewer_steps_follow_the_same_path(stand_in):
    fine, coarse = (trained(stand_in, [Member(0, 0.7, lr)], epochs)[0] for lr, epochs in ((0.02, 12), (0.04, 6)))
    at = np.isin(fine.step, 2 * coarse.step[-6:])
    assert at.sum() == 6
    H = fine.distance.values[0, 2]
    paths = H[:, at], coarse.distance.values[0, 2][:, -6:]
    change = np.abs(H[:, -1] - H[:, 0]).max()
    assert np.abs(paths[0] - paths[1]).max() < 0.1 * change


def test_divergence_is_recorded_and_stays_with_its_network(stand_in, folder, tmp_path):
    runs, _ = trained(stand_in, [Member(0, 0.7, 0.1), Member(1, 0.7, 1e6)])
    alone, _ = trained(stand_in, [Member(0, 0.7, 0.1)])
    assert runs.diverged_at[0] == -1 and 0 < runs.diverged_at[1] < 16  # steps of the first epoch
    assert np.isnan(runs.accuracy[1]).all() and np.isnan(runs.loss[1]).all()
    np.testing.assert_allclose(runs.distance[:1], alone.distance, rtol=1e-3, atol=1e-4)
    train_mnist.main(folder / "images.nc", {**ROW, "lr": 1e6, "epochs": 4}, "cpu", tmp_path / "runs.nc")
    runs = artifacts.read_dataset(tmp_path / "runs.nc")
    assert runs.diverged_at.values.tolist() == [0, 0, 0] and runs.accuracy.isnull().all()  # the first epoch


def test_the_schedule():
    at = train_mnist.schedule(938, 5)
    assert at[0] == 0 and at[-1] == 5 * 938 and (np.diff(at) > 0).all()
    assert set(938 * np.arange(6)) <= set(at) and {1, 2, 3} <= set(at)
    assert 15 <= (at <= 938).sum() <= 26 and (at > 938).sum() == 4
    assert train_mnist.schedule(1, 2).tolist() == [0, 1, 2]


def test_skip_connections_can_be_trained(stand_in):
    runs, _ = trained(stand_in, [Member(0, 0.3, 0.1)], epochs=3, model="resnet")
    assert runs.loss[0, -1] < 0.8 * runs.loss[0, 0]


def test_squared_distances():
    h = np.random.default_rng(0).normal(size=(2, 7, 5)).astype(np.float32)
    expected = ((h[:, :, None] - h[:, None]) ** 2).sum(-1)
    np.testing.assert_allclose(train_mnist.squared_distances(h), expected, rtol=1e-5, atol=1e-6)


def test_predictions_are_where_the_theorys_curves_end():
    draw = np.random.default_rng(0)
    H0, Y0 = draw.uniform(0.3, 0.6, (2, 5)), draw.uniform(0.001, 0.01, (2, 5))
    dx2, ratio = draw.uniform(500, 1500, 5), np.array([0.05, 0.2])
    for dy2 in (0.0, 2.0):
        found = distance_correlation.predicted(H0, Y0, ratio[:, None], dx2, dy2)
        for n in range(2):
            curve = theory.exact([0, 1e9], H0[n], Y0[n], Y0[n], 1e-3 * ratio[n], 1e-3, dx2, dy2)[0]
            np.testing.assert_allclose(found[n], curve[..., -1], rtol=1e-6, atol=1e-8)


CLASSES = np.repeat(np.arange(5), 6)


def planted(draw):
    """Predictors of distances of 30 images of 5 digits: class, distance of inputs, and both as a theory has them."""
    a, b = np.triu_indices(len(CLASSES), 1)
    points = draw.standard_normal((len(CLASSES), 3))
    dx2, differ = ((points[a] - points[b]) ** 2).sum(1), (CLASSES[a] != CLASSES[b]).astype(float)
    return {"theory": differ * (5 + dx2), "class": differ, "input distance": dx2, "initial distance": dx2 + 1}


def test_correlations_of_parts_against_other_ways_to_get_them():
    draw = np.random.default_rng(1)
    predictors = planted(draw)
    differ, dx2 = predictors["class"] > 0, predictors["input distance"]
    measured = 3 * differ + dx2 + draw.standard_normal(len(differ))
    found = distance_correlation.compared(measured, predictors, CLASSES)
    for part, chosen in (("all", differ >= 0), ("two digits", differ), ("one digit", ~differ)):
        expected = np.corrcoef(dx2[chosen], measured[chosen])[0, 1]
        assert found[part]["input distance"] == pytest.approx(expected)
    assert "class" not in found["two digits"] and np.isnan(found["one digit"]["theory"])  # neither varies there
    # the best combination: the formula of the multiple correlation from the three plain ones
    r = np.corrcoef([measured, differ, dx2])
    squared = (r[0, 1] ** 2 + r[0, 2] ** 2 - 2 * r[0, 1] * r[0, 2] * r[1, 2]) / (1 - r[1, 2] ** 2)
    assert found["all"]["class and input distance"] == pytest.approx(np.sqrt(squared))
    # given digits: the partial correlation, from a regression on all blocks of digits
    a, b = np.triu_indices(len(CLASSES), 1)
    block = np.unique(np.sort([CLASSES[a], CLASSES[b]], axis=0), axis=1, return_inverse=True)[1]
    design = np.eye(block.max() + 1)[block]
    left = [v - design @ np.linalg.lstsq(design, v, rcond=None)[0] for v in (measured, dx2)]
    assert found["given digits"]["input distance"] == pytest.approx(np.corrcoef(*left)[0, 1])


def test_what_a_theory_of_class_and_input_distance_adds_is_not_found_where_there_is_nothing():
    """Distances made of class, input distance and noise of the images: the interval over images holds 0, mostly."""
    held = []
    for seed in range(20):
        draw = np.random.default_rng(seed)
        predictors, own = planted(draw), draw.gamma(2, 0.5, len(CLASSES))
        a, b = np.triu_indices(len(CLASSES), 1)
        noise = own[a] + own[b]
        measured = predictors["input distance"] + noise  # within two digits the theory is the input distance
        rows = compare_mnist_structure.by_images(measured, predictors, CLASSES, 0.95)
        (row,) = [r for r in rows if (r["pairs"], r["predictor"]) == ("two digits", "input distance")]
        held.append(row["theory_adds_low"] - 1e-9 <= 0 <= row["theory_adds_high"] + 1e-9)
        (row,) = [r for r in rows if (r["pairs"], r["predictor"]) == ("all", "class and input distance")]
        assert row["theory_adds_high"] < 0  # it says that one digit's images are together, which they are not
    assert sum(held) >= 17


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Every script on the stand-in; then a copy of the runs in which one network has diverged."""
    folder = tmp_path_factory.mktemp("mnist")
    fetch_mnist.main("synthetic", {}, folder / "images.nc")
    train_mnist.main(folder / "images.nc", ROW, "cpu", folder / "runs.nc")
    runs = artifacts.read_dataset(folder / "runs.nc")
    runs.diverged_at[2] = 1
    for name in ("H", "Y", "w", "distance", "output"):
        runs[name][2] = np.nan
    runs.loss[2, 1:], runs.accuracy[2, 1:] = np.nan, np.nan
    artifacts.write_dataset(runs, folder / "broken.nc")
    for name in ("runs", "broken"):
        fit_mnist.main(folder / f"{name}.nc", 2, folder / f"{name}.csv")
        compare(folder, name)
    return folder


def compare(folder, name):
    tables = [folder / f"{name}_{table}.csv" for table in ("structure", "correlations", "mapped")]
    runs, fits = [folder / f"{name}.nc"], [folder / f"{name}.csv"]
    compare_mnist_structure.main(runs, fits, 2, 0.9, *tables)
    return map(artifacts.read_table, tables)


def test_the_runs(folder):
    runs = artifacts.read_dataset(folder / "runs.nc")
    assert runs.images == "synthetic" and runs.learning_rate == pytest.approx(0.3) and json.loads(runs.row) == ROW
    assert runs.sizes["epoch"] == 10 and runs.step.values[-1] == 10 * runs.steps_per_epoch == 10 * 47
    assert runs.sizes["seed"] == 3 and runs.sizes["layer"] == 4 and runs.sizes["pair"] == 3
    assert (runs.accuracy[:, -1] > 0.6).all()  # 0.1 by chance
    assert runs.dy2.values.tolist() == [2, 2, 0]
    images = artifacts.read_dataset(folder / "images.nc")
    x = mnist.normalised(images.train_images.values[runs.image.values])
    np.testing.assert_allclose(runs.dx2, ((x[:, 0].astype(float) - x[:, 1]) ** 2).sum(-1), rtol=1e-6)
    assert (np.diff(images.train_labels.values[runs.image.values]).ravel() == 0).tolist() == [False, False, True]
    same = runs.isel(pair=2)  # targets are the same: w is Y
    np.testing.assert_allclose(same.w, same.Y)
    start = compiled.CompiledTrainer(of_row({**ROW, "solver": "sgd", "dropout_seed": None}, 0.3, 784, 10))
    hidden, output = start.look(x.reshape(-1, 784))
    H = [((h[:, 0::2] - h[:, 1::2]) ** 2).sum(-1) for h in hidden]
    np.testing.assert_allclose(runs.H[..., 0], np.stack(H, 1), rtol=1e-5)
    np.testing.assert_allclose(runs.Y[..., 0], ((output[:, 0::2] - output[:, 1::2]) ** 2).sum(-1), rtol=1e-5)
    assert (images.test_labels.values[runs.probe_image.sel(part="test").values] == np.repeat(np.arange(10), 4)).all()


def test_no_fit_is_lost_and_each_has_its_reason(folder):
    fits = artifacts.read_table(folder / "broken.csv")
    assert len(fits) == 9 and fits.groupby("seed").kept.all().tolist() == [True, True, False]
    assert set(fits[fits.seed == 2].reason) == {"diverged in epoch 2"} and fits[fits.seed == 2].eta_h.isna().all()
    assert fits[fits.kept].sse.notna().all()
    assert (fits[fits.kept & ~fits.converged].reason != "").all()
    runs = artifacts.read_dataset(folder / "runs.nc")
    row = fits.iloc[1]
    pair = runs.sel(seed=row.seed, layer=2).isel(pair=row.pair)
    curves = (pair[name].values.astype(float) for name in "HYw")
    fit = fitting.fit_trajectory(runs.step.values, *curves, row.dx2, row.dy2)
    assert (row.eta_h, row.nrmse) == (pytest.approx(fit.eta_h), pytest.approx(fit.nrmse))


def test_the_structure_of_networks_with_a_fit(folder, tmp_path):
    tables = ("structure", "correlations", "mapped")
    (each, whole, _), (_, broken, pairs) = (
        [artifacts.read_table(folder / f"{name}_{table}.csv") for table in tables] for name in ("runs", "broken")
    )
    assert (whole.networks == 3).all() and (whole.reason == "").all() and whole.network_mean_low.isna().all()
    assert (broken.networks == 2).all() and set(broken.reason) == {"seed 2: diverged in epoch 2"}
    assert set(whole.images) == {"train", "test"} and set(whole.solver) == {"sgd"}
    assert len(each) == 2 * 3 * 4  # kinds of images, networks, parts of the pairs
    one = each.query("images == 'test' and seed == 1 and pairs == 'all'").iloc[0]
    assert one.over_input == pytest.approx(np.arctanh(one.theory) - np.arctanh(one.input), rel=1e-6)
    assert len(pairs) == 40 * 39 // 2
    runs = artifacts.read_dataset(folder / "broken.nc").sel(layer=2, seed=[0, 1], part="test")
    a, b = np.triu_indices(40, 1)
    np.testing.assert_allclose(pairs.h_end, runs.distance.sel(when="end").mean("seed").values[a, b], rtol=1e-5)
    assert ((pairs.dy2 == 0) == (pairs.digit_a == pairs.digit_b)).all()
    row = broken.query("images == 'test' and pairs == 'all' and predictor == 'theory'").iloc[0]
    assert row.correlation == pytest.approx(np.corrcoef(pairs.predicted, pairs.h_end)[0, 1])
    assert row.correlation_low < row.correlation < row.correlation_high and row.correlation_n == 40
    left = pairs[(pairs.image_a != pairs.image_a[0]) & (pairs.image_b != pairs.image_a[0])]
    assert len(left) == 39 * 38 // 2


def test_no_ratio_of_rates_is_an_outcome_with_a_reason_and_the_rest_is_there(folder, tmp_path):
    fits = artifacts.read_table(folder / "runs.csv")
    artifacts.write_table(fits.assign(converged=False), tmp_path / "runs.csv")
    artifacts.write_dataset(artifacts.read_dataset(folder / "runs.nc"), tmp_path / "runs.nc")
    each, together, _ = compare(tmp_path, "runs")
    assert each.theory.isna().all() and each.over_input.isna().all()
    assert set(each.reason) == {"no fit of a pair of two digits converged: no ratio of the rates"}
    alone = together.query("images == 'test' and pairs == 'all' and predictor == 'class'").iloc[0]
    assert alone.correlation > 0.3 and alone.networks == 3
    draw_structure(tmp_path, "runs", steps(folder, tmp_path), tmp_path)


def test_nothing_that_is_finite_is_drawn_as_such(folder, tmp_path):
    runs = artifacts.read_dataset(folder / "runs.nc")
    runs.distance[:] = runs.H[:] = np.nan
    runs.diverged_at[:] = 0
    artifacts.write_dataset(runs, tmp_path / "runs.nc")
    fit_mnist.main(tmp_path / "runs.nc", 2, tmp_path / "runs.csv")
    _, together, _ = compare(tmp_path, "runs")
    assert together.correlation.isna().all() and together.reason.str.contains("diverged in epoch 1").all()
    draw_structure(tmp_path, "runs", steps(folder, tmp_path), tmp_path)


def steps(folder, output):
    """Tables of the networks against themselves at steps that are said to be twice as small."""
    runs = artifacts.read_dataset(folder / "runs.nc")
    runs.attrs |= {"learning_rate": runs.learning_rate / 2, "row": json.dumps({**ROW, "finer": 1.0})}
    runs["distance"] = 1.1 * runs.distance
    artifacts.write_dataset(runs, output / "finer.nc")
    fits = artifacts.read_table(folder / "runs.csv")
    artifacts.write_table(fits.assign(eta_h=fits.eta_h / 4), output / "finer.csv")
    made = [output / "steps.csv", output / "steps_summary.csv"]
    inputs = [[output / "finer.nc", folder / "runs.nc"], [output / "finer.csv", folder / "runs.csv"]]
    steps_of_mnist_structure.main(*inputs, 2, 0.95, *made)
    return made[1]


def test_sizes_of_steps_are_compared_network_by_network(folder, tmp_path):
    summary = artifacts.read_table(steps(folder, tmp_path))
    each = artifacts.read_table(tmp_path / "steps.csv")
    assert len(each) == 3 and (each.finer == 0.5).all() and (each.against == 1).all()
    np.testing.assert_allclose(each.distance_error, 1 - 1 / 1.1, rtol=1e-4)
    np.testing.assert_allclose(each.distance_correlation, 1, rtol=1e-6)
    fitted = each.pairs_fitted > 0
    assert fitted.any() and (each.reason[fitted] == "").all()
    np.testing.assert_allclose(each.eta_h_ratio[fitted], 2, rtol=1e-6)  # four times as large, at twice the rate
    np.testing.assert_allclose(each.eta_y_ratio[fitted], 0.5, rtol=1e-6)
    assert (
        summary.distance_error.item() == pytest.approx(1 - 1 / 1.1, rel=1e-4) and summary.distance_error_n.item() == 3
    )


def test_errors_of_pairs_are_nested_in_networks(folder, tmp_path):
    draw_pairs(folder / "broken.nc", folder / "broken.csv", tmp_path / "figure")
    summary = artifacts.read_table(tmp_path / "figure_summary.csv").set_index("pairs")
    assert list(summary.index) == ["two digits", "one digit", "pair 0", "pair 1", "pair 2"]
    two, fits = summary.loc["two digits"], artifacts.read_table(folder / "broken.csv").query("kept and dy2 > 0")
    assert two.networks == 3 and two.kept == two.error_n == 2 and two.fits == 4 and np.isnan(two.error_low)
    assert two.error == pytest.approx(np.exp(np.log(fits.nrmse).groupby(fits.seed).mean().mean()), rel=1e-6)


def draw_pairs(runs, fits, out):
    curves, summary = (out.with_name(f"{out.name}_{table}.csv") for table in ("curves", "summary"))
    analyse_mnist_pairs.main(runs, fits, 2, 0.95, curves, summary)
    return figure_files(plot_mnist_pairs, out, curves, runs, summary, 2, name="pairs")


def draw_structure(folder, name, steps_summary, out):
    tables = folder / f"{name}_mapped.csv", folder / f"{name}_correlations.csv", steps_summary
    return figure_files(plot_mnist_structure, out, *tables, 2, "synthetic", 0.9, name="structure")


def draw(folder, name, out):
    out.mkdir(parents=True)
    pairs = draw_pairs(folder / f"{name}.nc", folder / f"{name}.csv", out)
    return [*pairs, *draw_structure(folder, name, steps(folder, out), out)]


@pytest.mark.parametrize("name", ["runs", "broken"])
def test_figures_have_the_same_bytes_again_and_a_csv_of_what_is_drawn(folder, name, tmp_path):
    first = draw(folder, name, tmp_path / "first")
    assert all(path.stat().st_size > 1000 for path in first)
    for path, again in zip(first, draw(folder, name, tmp_path / "again") if name == "runs" else first, strict=True):
        assert path.read_bytes() == again.read_bytes()
    numbers = pd.read_csv(first[2])
    runs = artifacts.read_dataset(folder / f"{name}.nc").sel(layer=2)
    kept = runs.isel(seed=runs.diverged_at.values < 0)
    for quantity in "HYw":
        curve = numbers[(numbers.pair == 0) & (numbers.quantity == quantity) & (numbers.series == "experiment")]
        np.testing.assert_allclose(curve.value, kept[quantity].isel(pair=0).mean("seed"), rtol=1e-5, atol=1e-7)
        assert curve.step.tolist() == runs.step.values.tolist() and (curve.networks == kept.sizes["seed"]).all()
    accuracy = numbers[numbers.quantity == "accuracy"]
    np.testing.assert_allclose(accuracy.high, kept.accuracy.max("seed"), rtol=1e-6)


def test_pairs_are_drawn_when_no_network_is_left(folder, tmp_path):
    fits = artifacts.read_table(folder / "runs.csv")
    fits = fits.assign(kept=False, converged=False, **dict.fromkeys(("eta_h", "eta_y", "nrmse"), np.nan))
    artifacts.write_table(fits, tmp_path / "runs.csv")
    _, png, csv = draw_pairs(folder / "runs.nc", tmp_path / "runs.csv", tmp_path / "figure")
    assert png.stat().st_size > 1000 and len(pd.read_csv(csv)) == 0


def test_mnist_that_cannot_be_had_leaves_nothing(tmp_path):
    download = {"sources": [str(tmp_path / "own")], "cache": str(tmp_path / "cache"), "timeout": 1}
    with pytest.raises(downloads.Unavailable, match=r"train-images-idx3-ubyte, .*What each of the 1 answered"):
        fetch_mnist.main("mnist", download, tmp_path / "images.nc")
    assert not (tmp_path / "images.nc").exists()


def test_only_mnist_fails_without_mnist(smoke, tmp_path):
    """The message is on the terminal, and what needs no images is made."""
    download = f"download: {{sources: [{tmp_path}/own], cache: {tmp_path}/cache}}"
    settings = f"results={tmp_path}/none", f"mnist={{images: mnist, {download}}}"
    process = smoke.start("mnist_pairs", "two_points_data", "--config", *settings)
    printed, _ = process.communicate()
    assert process.returncode != 0
    assert f"Put these files, or the same with .gz, into the folder {tmp_path}/own and run again." in printed
    made = [path for path in (tmp_path / "none").rglob("*") if path.is_file() and path.suffix != ".log"]
    assert sorted(made) == [tmp_path / "none/manifest.json", tmp_path / "none/two_points/data/points.nc"]


@pytest.mark.skipif(not Path("cache/mnist").is_dir(), reason="MNIST is not in cache/mnist, and tests fetch nothing")
def test_the_real_images():
    assert downloads.fetch(list(mnist_files.FILES.values()), [], "cache/mnist", timeout=1) == []
    arrays = mnist_files.read("cache/mnist")
    counts = "5923 6742 5958 6131 5842 5421 5918 6265 5851 5949"
    assert np.bincount(arrays["train_labels"]).tolist() == [int(n) for n in counts.split()]
    x = mnist.normalised(arrays["train_images"])
    assert abs(x.mean(dtype=float)) < 1e-3 and abs(x.std(dtype=float) - 1) < 1e-3


def test_figures_and_fits_import_no_torch():
    script = Path(train_mnist.__file__)
    scripts = script.parents[1]
    steps = {"mnist": ("fetch", "fit"), "mnist_pairs": ("analyse", "plot")}
    steps |= {"mnist_structure": ("compare", "plot", "steps")}
    names = ", ".join(f"{experiment}.{step}" for experiment, of in steps.items() for step in of)
    loaded = f"import sys, {names}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", loaded], cwd=scripts).returncode == 0
    library = scripts / "repdyn"
    trained_by = {str(path.relative_to(library)) for path in sources.dependencies(script) if library in path.parents}
    loops = {f"training/{name}.py" for name in ("loop", "batches", "compiled", "ensemble")}
    assert loops | {"data/mnist.py"} <= trained_by
    assert not {"data/downloads.py", "theory/effective.py", "statistics/distance_correlation.py"} & trained_by
