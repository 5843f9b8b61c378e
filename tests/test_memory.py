"""What a training job fills stays within what its rule asks a cluster for, at the size of the paper too."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import forked
import pytest
from final_distance import train as train_final_distance
from runs import ensemble
from test_study import PAPER, study
from xor import train as train_xor

from repdyn.networks import Shape
from repdyn.training import loop
from repdyn.training.ensemble import Ensemble, Member, of_row

STUDY = study(PAPER)
LIBRARIES = 0.7e9  # bytes of Python with torch, numba and xarray, 0.45 to 0.55e9 were seen, and of FIRST_STEP
FIRST_STEP = 0.15e9  # of which a job fills so much when it begins, whatever its size: 0.1e9 to 0.13e9 were seen
COPIES = 3  # of what is recorded: as it is seen, put together from parts, on its way to the file


def recorded(networks: int, layers: int, moments: int, steps: int, pairs: int = 1, points: int = 2) -> float:
    """Bytes of distances and of outputs with one unit (float32) at these moments, and of the loss at every step."""
    return networks * (4 * moments * (layers * pairs + points) + 8 * (steps + 1))


def filled(networks: Ensemble, seen: float) -> float:
    """Bytes that a job fills on a CPU: networks that train together and, where some leave, a copy; what is recorded."""
    one = loop.trainer_class(networks)(networks.some([0]))
    together = min(len(networks.members), max(1, loop.MEMORY // one.bytes_each))
    return LIBRARIES + 2 * together * one.bytes_each + COPIES * seen


def of_points(row: dict, runs: int = 1, every: int = 1) -> float:
    """A row that is trained on two points, so many times, recorded every so many steps."""
    steps = row["steps"] * row["finer"]
    networks = of_row(row, row["lr"], row["in_dim"], row["out_dim"])
    seen = recorded(row["networks"], layers(row), steps // every, steps)
    return filled(networks, runs * seen)


def layers(row: dict) -> int:
    """At least as many hidden layers as the network has, whatever its architecture calls one."""
    return 2 * row["depth"] + 2


def of_some(experiment: str, **options):
    """Rows of two points with an experiment's networks."""
    networks = {"networks": STUDY[experiment]["networks"]}
    chosen = STUDY[experiment]["rows"]
    return {name: of_points({**STUDY["two_points"]["rows"][name], **networks}, **options) for name in chosen}


def of_phases(row: dict) -> float:
    shape = Shape(row["width"], row["depth"], row["activation"], row["in_dim"], row["out_dim"])
    members = [Member(n, 1.0, 0.1) for n in range(row["gains"] * row["networks"])]
    return filled(ensemble("mlp", shape, members), recorded(len(members), row["depth"], row["steps"], row["steps"]))


def of_grid(name: str) -> float:
    grid, row = STUDY["final_distance"], STUDY["two_points"]["rows"][name]
    cells = len(train_final_distance.POSITIONS) * len(grid["dx"]) * len(grid["dy"]) * grid["networks"]
    networks = of_row({**row, "networks": grid["networks"]}, row["lr"], grid["inputs"], row["out_dim"])
    networks = replace(networks, members=tuple(Member(n, row["gain"], row["lr"]) for n in range(cells)))
    moments = grid["steps"] // train_final_distance.EVERY
    return filled(networks, recorded(cells, layers(row), moments, grid["steps"]))


def of_xor(row: dict) -> float:
    seen = recorded(row["networks"], row["depth"], train_xor.MOST_RECORDED, row["steps"], pairs=6, points=4)
    return filled(of_row(row, row["lr"], 2, 1), 2 * seen)  # as float64 at the end


def jobs() -> dict[tuple[str, str], float]:
    """Bytes that each training job on points fills, by rule and row."""
    found = {("falsification_train", name): size for name, size in of_some("falsification", runs=2).items()}
    kinds = 2 + len(STUDY["repeatability"]["finer"])
    found |= {("repeatability_train", name): size for name, size in of_some("repeatability", runs=kinds).items()}
    found |= {("measured_rates_train", name): size for name, size in of_some("measured_rates").items()}
    found |= {("final_distance_train", name): of_grid(name) for name in STUDY["final_distance"]["rows"]}
    for experiment in ("two_points", "clock", "width"):
        rows = STUDY[experiment]["rows"]
        found |= {(f"{experiment}_train", name): of_points(row) for name, row in rows.items()}
    found |= {("phase_diagram_train", name): of_phases(row) for name, row in STUDY["phase_diagram"]["rows"].items()}
    found |= {("xor_train", name): of_xor(row) for name, row in STUDY["xor"]["rows"].items()}
    return found


def asked(tmp_path: Path) -> dict[tuple[str, str], int]:
    """Megabytes that every training job of the paper's study asks for, from a dry run."""
    arguments = ["all", "--dry-run", "--configfile", PAPER, "--config", f"results={tmp_path}/nothing"]
    status, printed = forked.snakemake(Path.cwd(), arguments, dict(os.environ))
    assert status == 0, printed
    found = re.findall(r"rule (\w+_train):\n(?:.+\n)*?\s+wildcards: \w+=(\S+)\n(?:.+\n)*?.*mem_mb=(\d+)", printed)
    return {(rule, row): int(size) for rule, row, size in found}


def test_every_job_of_the_paper_fits_into_what_it_asks_for(tmp_path):
    megabytes, found = asked(tmp_path), jobs()
    small = {
        "xor_rates_train",
        "blobs_train",
        "mnist_train",
        "modern_train",
        "response_train",
        "response_plasticity_train",
    }
    assert {rule for rule, _ in megabytes} == {rule for rule, _ in found} | small
    over = {job: (size / 1e6, megabytes[job]) for job, size in found.items() if size > 1e6 * megabytes[job]}
    assert over == {}
    assert max(found.values()) > 4e9  # what the limit of the networks that train together leads to


MEASURE = """
import json, re, sys
from importlib import import_module
from pathlib import Path
from repdyn.training import loop
from two_points import data
script, row, folder = sys.argv[1], json.loads(sys.argv[2]), Path(sys.argv[3])
loop.MEMORY = 64 * 2**20
data.main({"dx2": 1.0, "dy2": 0.5, "in_dim": 1, "out_dim": 1}, folder / "points.nc")
train = import_module(f"{script}.train").main
train(folder / "points.nc", {**row, "name": "small", "width": 10}, "cpu", folder / "small.nc", code=[])
def memory(name):  # VmHWM, unlike ru_maxrss, knows nothing of the process that started this one
    return 1024 * int(re.search(name + r":\\s+(\\d+)", Path("/proc/self/status").read_text()).group(1))


before = memory("VmRSS")
train(folder / "points.nc", row, "cpu", folder / "runs.nc", code=[])
print(memory("VmHWM") - before)
"""
TASK = {"dx2": 1.0, "dy2": 0.5, "in_dim": 1, "out_dim": 1, "init_seed": 0, "rest_loss": 0.0}


def grown(script: str, row: dict, folder: Path) -> int:
    """By how many bytes the largest memory of a new process that trains a row exceeds what it holds after a small one.

    Of its networks 64 MiB train together.
    """
    command = [sys.executable, "-c", MEASURE, script, json.dumps(row), str(folder)]
    done = subprocess.run(command, cwd="workflow/scripts", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[-1])


@pytest.fixture
def few_together(monkeypatch):
    monkeypatch.setattr(loop, "MEMORY", 64 * 2**20)


def test_the_estimate_bounds_what_a_job_fills(few_together, tmp_path):
    row = {"name": "wide", "model": "mlp", "activation": "tanh", "gain": 1.0, "lr": 0.001, "width": 1000, "depth": 5}
    row |= {"steps": 3, "solver": "sgd", "networks": 9, "finer": 1, "dropout_seed": None, **TASK}
    seen, told = grown("two_points", row, tmp_path), of_points(row) - LIBRARIES
    assert told / 1.5 < seen < told + FIRST_STEP, (seen, told)


def test_a_phase_diagram_holds_no_more_networks_than_train_together(few_together, tmp_path):
    """320 MB of networks, of which 64 MiB train at a time: neither they nor their kernels are made all at once."""
    row = {"name": "deep", "activation": "tanh", "width": 1000, "depth": 5, "lowest_gain": 0.9, "highest_gain": 1.0}
    row |= {"gains": 5, "networks": 4, "steps": 2, "fraction": 0.02, **TASK}
    seen = grown("phase_diagram", row, tmp_path)
    assert seen < of_phases(row) - LIBRARIES + FIRST_STEP, seen
