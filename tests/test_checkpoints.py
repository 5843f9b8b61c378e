"""A training job that was cut off ends with the same bytes as one that was not."""

import logging
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from repdyn import (
    blobs,
    blobs_training,
    checkpoints,
    convergence,
    encoding,
    mnist,
    mnist_files,
    mnist_training,
    networks,
    point_sets,
    response_training,
    training,
    xor,
)
from repdyn.checkpoints import Checkpoint
from repdyn.ensemble import Member
from repdyn.networks import Shape

SCRIPTS = Path(__file__).resolve().parents[1] / "workflow" / "scripts"
X, Y = np.array([[-1.0], [0.0]]), np.array([[0.6], [1.3]])
MEMBERS = [Member(seed, 1.0, 0.05) for seed in range(3)]


def two_points(model="mlp", optimiser="sgd"):
    layers = networks.layers(model, Shape(width=44, depth=3, activation="leaky_relu"))
    return lambda checkpoint: training.train(
        layers, MEMBERS, X, Y, 400, optimiser, dropout_seed=3, checkpoint=checkpoint
    )


def until_rest(checkpoint):
    """The members come to rest one after another."""
    layers = networks.layers("mlp", Shape(40, 2, "leaky_relu"))
    members = [Member(seed, 1.0, lr) for seed, lr in enumerate((0.3, 0.02, 0.1))]
    return training.train(layers, members, X, Y, 600, checkpoint=checkpoint, rest_loss=1e-4)


def four_points(checkpoint):
    layers = networks.layers("mlp", Shape(30, 3, "tanh", 2, 1))
    return point_sets.train(layers, MEMBERS, xor.INPUTS, xor.TARGETS, 400, checkpoint=checkpoint)


def until_learned(checkpoint):
    """The members learn targets at different distances, so they leave the stack one after another."""
    layers = networks.layers("mlp", Shape(30, 3, "leaky_relu"))
    x, y = np.stack([X] * 3), np.stack([Y * scale for scale in (0.2, 1.0, 0.6)])
    return convergence.train_until(layers, MEMBERS, x, y, 800, 2e-3, checkpoint=checkpoint)


def images(checkpoint):
    arrays = mnist_files.synthetic(train=300, test=50)
    sets = [
        (mnist.normalised(arrays[f"{part}_images"]), mnist.one_hot(arrays[f"{part}_labels"]))
        for part in ("train", "test")
    ]
    pairs, probes = mnist.draw_pairs(arrays["train_labels"], 2, 1, seed=1), sets[1][0][:8]
    layers = networks.layers("mlp", Shape(20, 2, "leaky_relu", 784, 10))
    return mnist_training.train(layers, MEMBERS, *sets, pairs, probes, 30, 64, checkpoint=checkpoint)


def pictures(checkpoint):
    data = blobs.make(positions=5, pixels=5, width=1.0)
    layers = networks.layers("mlp", Shape(20, 2, "tanh", data.inputs.shape[1], 1))
    return blobs_training.train(layers, MEMBERS, data.inputs, data.targets, 40, 16, 1, checkpoint=checkpoint)


def responses(checkpoint):
    """Single points drawn ahead of the steps, and what is measured of copies."""
    task = encoding.make("circle", 3, 4)
    layers = networks.layers("mlp", Shape(20, 1, "tanh", 2, 3))
    at = np.array([0, 5, 150, 300])
    return response_training.train(layers, MEMBERS, task, 300, 1, "sgd", at, 0.1, 0.1, checkpoint=checkpoint)


LOOPS = {
    "two points": two_points(),
    "two points, Adam": two_points(optimiser="adam"),
    "two points, dropout": two_points("dropout"),
    "two points, convolution": two_points("cnn"),
    "two points, until they rest": until_rest,
    "four points": four_points,
    "until learned": until_learned,
    "images": images,
    "pictures": pictures,
    "responses": responses,
}


class CutOffError(Exception):
    pass


@pytest.mark.parametrize("stacked", [True, False], ids=["one stack", "one stack a network"])
@pytest.mark.parametrize("loop", LOOPS)
def test_every_loop_goes_on_where_it_was_cut_off(loop, stacked, monkeypatch, tmp_path):
    """Cut off again and again, with a checkpoint before every step (or epoch)."""
    if not stacked:
        monkeypatch.setattr("repdyn.ensemble.CACHE_BYTES", 1)
    monkeypatch.setattr(response_training, "_AHEAD", 10)  # it offers once in so many steps
    expected = LOOPS[loop](None)
    offer, steps = checkpoints.Part.offer, []

    def cut_off_now_and_then(part, step):
        offer(part, step)
        steps.append(step)
        if len(steps) % {"images": 9, "pictures": 9, "responses": 9, "until learned": 31}.get(loop, 71) == 0:
            raise CutOffError

    monkeypatch.setattr(checkpoints.Part, "offer", cut_off_now_and_then)
    times_cut_off = 0
    while True:
        try:
            found = LOOPS[loop](Checkpoint(tmp_path / "runs.nc", {"row": "a"}, seconds=1e-9))
            break
        except CutOffError:
            times_cut_off += 1
    assert times_cut_off >= 2
    done_once = 2 * len(set(steps)) if stacked else 3 * 2 * len(set(steps))
    assert len(steps) <= done_once  # what was done already was not done again
    for field in fields(expected):
        np.testing.assert_array_equal(getattr(found, field.name), getattr(expected, field.name), field.name)


def job(output, seconds, steps=3000):
    """The script's own main(), in a process of its own."""
    row = {
        "name": "probe", "model": "dropout", "activation": "leaky_relu", "gain": 1.0, "lr": 0.01, "width": 60,
        "depth": 6, "steps": steps, "solver": "adam", "networks": 3, "refine": 1, "rest_loss": 0.0,
        "dx2": 1.0, "dy2": 0.5, "in_dim": 1, "out_dim": 1, "init_seed": 0, "dropout_seed": 1,
    }  # fmt: skip
    data = output.parent / "points.nc"
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import logging, train, prepare_two_points as points\n"
            "from pathlib import Path\n"
            f"logging.basicConfig(filename={str(output.parent / 'log')!r}, level=logging.INFO)\n"
            f"task = dict(dx2=1.0, dy2=0.5, in_dim=1, out_dim=1)\n"
            f"if not Path({str(data)!r}).exists(): points.main(task, {str(data)!r})\n"
            f"code = sorted(Path('repdyn').glob('*.py'))\n"
            f"train.main({str(data)!r}, {row!r}, 'cpu', {str(output)!r}, code=code, checkpoint_seconds={seconds})",
        ],
        cwd=SCRIPTS,
        start_new_session=True,
    )


def test_killed_at_ten_moments_it_makes_the_same_file(tmp_path):
    whole, cut = tmp_path / "whole" / "runs.nc", tmp_path / "cut" / "runs.nc"
    for folder in (whole.parent, cut.parent):
        folder.mkdir()
    started = time.monotonic()
    assert job(whole, 0).wait() == 0
    duration = time.monotonic() - started
    draw = random.Random(0)
    killed = 0
    while killed < 10:
        process = job(cut, 0.05)
        deadline = time.monotonic() + draw.uniform(0.3, 0.6) * duration
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            killed += 1
        if cut.exists():  # it was through already: from the beginning, then
            assert cut.read_bytes() == whole.read_bytes()
            cut.unlink()
    assert job(cut, 0.05).wait() == 0
    assert cut.read_bytes() == whole.read_bytes()
    assert (cut.parent / "log").read_text().count("going on from the checkpoint") >= 3
    assert not Path(f"{cut}.checkpoint").exists()


def cut_off_job(tmp_path, monkeypatch, identity):
    """A checkpoint of the two-point loop, written by a job of this identity at step 100."""
    offer = checkpoints.Part.offer

    def cut_off(part, step):
        offer(part, step)
        if step == 100:
            raise CutOffError

    with monkeypatch.context() as patched:
        patched.setattr(checkpoints.Part, "offer", cut_off)
        with pytest.raises(CutOffError):
            two_points()(Checkpoint(tmp_path / "runs.nc", identity, seconds=1e-9))
    return tmp_path / "runs.nc.checkpoint" / "0.npz"


ROW = {"row": '{"gain": 1.0}', "code_sha256": "abc", "libraries": "torch 2", "device": "cpu"}


@pytest.mark.parametrize("name", ROW)
def test_a_checkpoint_of_another_job_is_refused_and_said_so(name, tmp_path, monkeypatch, caplog):
    assert cut_off_job(tmp_path, monkeypatch, ROW).is_file()
    caplog.set_level(logging.INFO)
    found = two_points()(Checkpoint(tmp_path / "runs.nc", {**ROW, name: "another"}, seconds=1e9))
    assert "is of another job: starting anew" in caplog.text
    assert f"{name}: there {ROW[name]}, here another" in caplog.text
    assert "going on" not in caplog.text
    np.testing.assert_array_equal(found.H, two_points()(None).H)


@pytest.mark.parametrize("harm", ["cut short", "a changed byte", "empty", "no archive"])
def test_a_broken_checkpoint_is_not_believed(harm, tmp_path, monkeypatch, caplog):
    path = cut_off_job(tmp_path, monkeypatch, ROW)
    content = bytearray(path.read_bytes())
    if harm == "cut short":
        content = content[:-1000]
    elif harm == "a changed byte":
        content[len(content) // 2] ^= 1
    else:
        content = b"" if harm == "empty" else b"something else"
    path.write_bytes(content)
    found = two_points()(Checkpoint(tmp_path / "runs.nc", ROW, seconds=1e9))
    assert "can't be read" in caplog.text and "starting anew" in caplog.text
    np.testing.assert_array_equal(found.H, two_points()(None).H)


def test_without_an_interval_nothing_is_written(tmp_path):
    two_points()(Checkpoint(tmp_path / "runs.nc", ROW, seconds=0))
    assert not list(tmp_path.iterdir())
