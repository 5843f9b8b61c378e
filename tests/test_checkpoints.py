"""A training job that was cut off ends with the same bytes as one that was not."""

import logging
import multiprocessing
import random
import re
import signal
import time
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from blobs import train as train_blobs
from final_distance import train as train_final_distance
from mnist import train as train_mnist
from runs import X, Y, ensemble
from two_points import data as two_points_data
from two_points import train as train_two_points

from repdyn.data import blobs, encoding, mnist, mnist_files, xor
from repdyn.networks import Shape
from repdyn.networks.response import Measurement, parameters
from repdyn.training import batches, checkpoints, loop, recorders
from repdyn.training.checkpoints import Checkpoint
from repdyn.training.ensemble import Member
from repdyn.training.trace import Stop

SCRIPTS = Path(__file__).resolve().parents[1] / "workflow" / "scripts"
MEMBERS = [Member(seed, 1.0, 0.05) for seed in range(3)]
ROW = {"row": '{"gain": 1.0}', "code_sha256": "abc", "libraries": "torch 2", "device": "cpu"}


def two_points(model="mlp", solver="sgd", activation="leaky_relu", members=MEMBERS, record=(), **options):
    networks = ensemble(model, Shape(width=44, depth=3, activation=activation), members, solver)
    record = [recorders.Pairs(recorders.every(1, 399)), *record]
    return lambda checkpoint=None: [
        loop.run(networks, batches.Points(X, Y), 400, record, checkpoint=checkpoint, **options)
    ]


def four_points(checkpoint):
    networks = ensemble("mlp", Shape(30, 3, "tanh", 2, 1), MEMBERS)
    pairs = recorders.Pairs(recorders.denser_early(399, 60), tuple(combinations(range(4), 2)))
    return [loop.run(networks, batches.Points(xor.INPUTS, xor.TARGETS), 400, [pairs], checkpoint=checkpoint)]


def until_learned(checkpoint):
    """The networks learn targets at different distances, so they leave one after another."""
    x, y = np.stack([X] * 3), np.stack([Y * scale for scale in (0.2, 1.0, 0.6)])
    apart = train_final_distance.apart_in(x)
    record = [
        recorders.Pairs(recorders.every(10, 800)),
        recorders.Look(lambda view: {"first": apart(view)}, np.array([0]), "start"),
        recorders.AtEnd(lambda view: {"final": apart(view)}),
        recorders.AtLosses(lambda view: {"at_loss": apart(view)}, np.array([0.1, 0.01])),
    ]
    networks = ensemble("mlp", Shape(30, 3, "leaky_relu"), [Member(seed, 1.0, 0.01) for seed in range(3)])
    return [loop.run(networks, batches.Points(x, y), 800, record, Stop(2e-3, 10), checkpoint=checkpoint)]


def images(checkpoint):
    arrays = mnist_files.synthetic(train=300, test=50)
    train, test = (
        (mnist.normalised(arrays[f"{part}_images"]), mnist.one_hot(arrays[f"{part}_labels"]))
        for part in ("train", "test")
    )
    pairs = mnist.draw_pairs(arrays["train_labels"], 2, 1, seed=1)
    source = batches.Epochs(*train, 64)
    of_epochs = source.steps * np.arange(1, 31)
    record = [
        recorders.Pairs(train_mnist.schedule(source.steps, 30), ((0, 1), (2, 3), (4, 5)), train[0][pairs.flatten()]),
        recorders.Look(lambda view: train_mnist.accuracy(view, *test), of_epochs, "epoch"),
        recorders.Look(lambda view: train_mnist.probed(view, test[0][None, :8]), of_epochs[[-1]] * [0, 1], "when"),
    ]
    networks = ensemble("mlp", Shape(20, 2, "leaky_relu", 784, 10), MEMBERS)
    return [loop.run(networks, source, of_epochs[-1], record, checkpoint=checkpoint)]


def pictures(checkpoint):
    data = blobs.make(positions=5, pixels=5, width=1.0)
    source = batches.Epochs(data.inputs, data.targets, 16)
    at = source.steps * recorders.every(4, 40)
    record = [
        recorders.Look(lambda view: train_blobs.loss(view, data), at, "epoch"),
        recorders.Look(lambda view: train_blobs.hidden(view, data, {"layer": 1}), at[[0, -1]], "when"),
    ]
    networks = ensemble("mlp", Shape(20, 2, "tanh", data.inputs.shape[1], 1), MEMBERS)
    return [loop.run(networks, source, at[-1], record, checkpoint=checkpoint)]


def responses(checkpoint):
    """Two methods, one after another in one job: all points, and single ones drawn ahead of the steps."""
    task = encoding.make("circle", 3, 4)
    measure = Measurement(task, "tanh", 0.1, 0.1)
    record = [recorders.Look(lambda view: measure(parameters(view.trainer)), np.array([0, 5, 150, 300]))]
    networks = ensemble("mlp", Shape(20, 1, "tanh", 2, 3), MEMBERS)
    sources = batches.Points(task.points, task.targets), batches.Subsets(task.points, task.targets, 1)
    return [loop.run(networks, source, 300, record, checkpoint=checkpoint) for source in sources]


def outputs(view):
    return {"seen": view.look(X)[1]}


JOBS = {
    "two points": two_points(),
    "two points, Adam": two_points(solver="adam"),
    "two points, dropout": two_points("dropout"),
    "two points, convolution": two_points("cnn"),
    "two points, until they rest": two_points(
        members=[Member(seed, 1.0, lr) for seed, lr in enumerate((0.3, 0.02, 0.1))], rest_loss=1e-4
    ),
    "four points": four_points,
    "until learned": until_learned,
    "images": images,
    "pictures": pictures,
    "responses": responses,
    "a module": two_points("layernorm", "momentum", members=[Member(seed, 1.0, 0.01) for seed in range(3)]),
    "gradient flow": two_points(
        solver="flow", activation="tanh", record=[recorders.Look(outputs, recorders.every(10, 390))]
    ),
}


class CutOffError(Exception):
    pass


def assert_same_bytes(found, expected):
    for one, other in zip(found, expected, strict=True):
        assert one.identical(other)
        assert all(one[name].values.tobytes() == other[name].values.tobytes() for name in one.variables)


@pytest.mark.parametrize("memory", [loop.MEMORY, 1], ids=["one part", "one part a network"])
@pytest.mark.parametrize("kind", JOBS)
def test_every_kind_of_job_goes_on_where_it_was_cut_off(kind, memory, monkeypatch, tmp_path):
    """Cut off again and again; at every look at the networks a checkpoint is written."""
    monkeypatch.setattr(loop, "MEMORY", memory)
    monkeypatch.setattr(loop, "LOOK", 10)
    monkeypatch.setattr(batches, "AHEAD", 70)
    offer, offered = checkpoints.Part.offer, []

    def cut_off_now_and_then(part, step, state):
        offer(part, step, state)
        offered.append(step)
        if part.job.seconds and len(offered) % 7 == 0:
            raise CutOffError

    monkeypatch.setattr(checkpoints.Part, "offer", cut_off_now_and_then)
    expected = JOBS[kind](Checkpoint())
    at_once = len(offered)
    times_cut_off = 0
    while True:
        try:
            found = JOBS[kind](Checkpoint(tmp_path / "runs.nc", ROW, seconds=1e-9))
            break
        except CutOffError:
            times_cut_off += 1
    assert times_cut_off >= 4
    assert len(offered) == 2 * at_once + times_cut_off  # what was done already was not done again
    assert_same_bytes(found, expected)


def job(output, seconds) -> multiprocessing.Process:
    """The script's own main(), in a process of its own."""
    row = {
        "name": "probe", "model": "dropout", "activation": "leaky_relu", "gain": 1.0, "lr": 0.01, "width": 60,
        "depth": 6, "steps": 8000, "solver": "adam", "networks": 3, "finer": 1, "rest_loss": 0.0,
        "dx2": 1.0, "dy2": 0.5, "in_dim": 1, "out_dim": 1, "init_seed": 0, "dropout_seed": 1,
    }  # fmt: skip
    points = output.parent / "points.nc"
    if not points.exists():
        two_points_data.main({"dx2": 1.0, "dy2": 0.5, "in_dim": 1, "out_dim": 1}, points)

    def run():
        logging.basicConfig(filename=output.parent / "log", level=logging.INFO, force=True)
        code = [str(SCRIPTS / "two_points/train.py")]
        train_two_points.main(points, row, "cpu", output, code=code, checkpoint_seconds=seconds)

    process = multiprocessing.get_context("fork").Process(target=run)  # with all libraries loaded
    process.start()
    return process


def ended(process) -> int:
    """Its exit status, when it has one."""
    process.join()
    return process.exitcode


def test_killed_at_ten_moments_it_makes_the_same_file(tmp_path):
    whole, cut = tmp_path / "whole" / "runs.nc", tmp_path / "cut" / "runs.nc"
    saved = Path(f"{cut}.checkpoint") / "0.npz"
    for folder in (whole.parent, cut.parent):
        folder.mkdir()
    assert ended(job(whole, 0)) == 0
    draw = random.Random(0)
    killed = 0
    while killed < 10:
        process, seen = job(cut, 0.05), set()
        while process.is_alive() and len(seen) < 3:  # what was there, what is saved at first, and one of its own
            seen.add(saved.stat().st_mtime_ns if saved.exists() else 0)
            time.sleep(0.001)
        time.sleep(draw.uniform(0, 0.1))
        if process.is_alive():
            process.kill()
            killed += ended(process) == -signal.SIGKILL
        if cut.exists():  # it was through already: from the beginning, then
            assert cut.read_bytes() == whole.read_bytes()
            cut.unlink()
    assert ended(job(cut, 0.05)) == 0
    assert cut.read_bytes() == whole.read_bytes()
    resumed = re.findall(r"going on from the checkpoint .*, step (\d+)", (cut.parent / "log").read_text())
    assert len({step for step in resumed if step != "0"}) >= 3
    assert not saved.parent.exists()


@pytest.fixture
def cut_off(tmp_path, monkeypatch):
    """The first checkpoint of the two-point job, which was cut off at step 100, as a file."""
    offer = checkpoints.Part.offer

    def at_step_100(part, step, state):
        offer(part, step, state)
        if step == 100:
            raise CutOffError

    with monkeypatch.context() as patched:
        patched.setattr(checkpoints.Part, "offer", at_step_100)
        with pytest.raises(CutOffError):
            two_points()(Checkpoint(tmp_path / "runs.nc", ROW, seconds=1e-9))
    return tmp_path / "runs.nc.checkpoint" / "0.npz"


def begun_anew(tmp_path, caplog, identity=ROW):
    """The job starts from nothing, with the same result; returns what the log says."""
    caplog.set_level(logging.INFO)
    assert_same_bytes(two_points()(Checkpoint(tmp_path / "runs.nc", identity, seconds=1e9)), two_points()())
    assert "starting anew" in caplog.text and "going on" not in caplog.text
    return caplog.text


@pytest.mark.parametrize("name", ROW)
def test_a_checkpoint_of_another_job_is_refused_and_said_so(name, cut_off, tmp_path, caplog):
    assert cut_off.is_file()
    said = begun_anew(tmp_path, caplog, {**ROW, name: "another"})
    assert "is of another job: starting anew" in said
    assert f"{name}: there {ROW[name]}, here another" in said


def test_a_checkpoint_of_other_networks_is_refused(cut_off, tmp_path, caplog, monkeypatch):
    """More or fewer of them fit into memory than did before."""
    monkeypatch.setattr(loop, "MEMORY", 1)
    assert "networks: there 0 to 2, here 0 to 0" in begun_anew(tmp_path, caplog)


@pytest.mark.parametrize("harm", ["cut short", "a changed byte", "empty", "no archive"])
def test_a_broken_checkpoint_is_not_believed(harm, cut_off, tmp_path, caplog):
    content = bytearray(cut_off.read_bytes())
    if harm == "cut short":
        content = content[:-1000]
    elif harm == "a changed byte":
        content[len(content) // 2] ^= 1
    else:
        content = b"" if harm == "empty" else b"something else"
    cut_off.write_bytes(content)
    assert "can't be read" in begun_anew(tmp_path, caplog)


def test_no_damage_of_a_checkpoint_is_a_crash(cut_off, tmp_path):
    """One bit turned anywhere in the archive: what was saved comes back as it was, or nothing does."""
    content, draw = cut_off.read_bytes(), random.Random(0)
    part = Checkpoint(tmp_path / "runs.nc", ROW, seconds=1e9).part(range(3))
    saved, refused = part.resume(), 0
    for _ in range(300):
        damaged = bytearray(content)
        place = draw.randrange(len(content)) if draw.random() < 0.5 else -draw.randrange(1, 2000)  # its directory
        damaged[place] ^= 1 << draw.randrange(8)
        cut_off.write_bytes(damaged)
        found = part.resume()
        if found is None:
            refused += 1
        else:
            assert saved.keys() == found.keys()
            assert all(np.array_equal(saved[name], found[name], equal_nan=True) for name in saved)
    assert refused > 150


def test_without_an_interval_nothing_is_written(tmp_path):
    two_points()(Checkpoint(tmp_path / "runs.nc", ROW, seconds=0))
    assert not list(tmp_path.iterdir())
