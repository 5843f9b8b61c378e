"""Checkpoints: where a training job that was cut off goes on, to the same bytes that it would have made.

A job keeps them in a folder beside its output, one file for each part of its networks that trains together, and
removes the folder when it is done. A file holds all that decides what comes next (weights, the optimiser's memory, the
states of random generators, what was recorded so far), and the identity of the job: its settings, a hash of its code,
the versions of its libraries, its device. It is replaced as a whole, and used by a job of the same identity only.
"""

import json
import logging
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from repdyn.files import whole

State = dict[str, np.ndarray]


class Checkpoint:
    """The checkpoints of one job, written every so many seconds; 0 seconds: neither written nor used.

    output: what the job makes. identity: names and texts, such as `artifacts.provenance` gives.
    """

    def __init__(self, output: str | Path = "", identity: dict | None = None, seconds: float = 0):
        self.folder = Path(f"{output}.checkpoint")
        self.identity = {name: str(value) for name, value in (identity or {}).items()}
        self.seconds = seconds
        self.saved = time.monotonic()
        self.parts = 0  # that the job has begun
        self._ended: list[Part] = []  # parts that are done, but not on disk yet

    def part(self, networks: Sequence[int] | np.ndarray) -> "Part":
        """The next part of the job, made of these networks. (How many fit into memory may change before it goes on.)"""
        self.parts += 1
        identity = {**self.identity, "networks": f"{networks[0]} to {networks[-1]}"}
        return Part(self, self.folder / f"{self.parts - 1}.npz", identity)

    def remove(self) -> None:
        """The job is done: nothing has to be gone on with."""
        shutil.rmtree(self.folder, ignore_errors=True)


class Part:
    """Networks of a job that train together."""

    def __init__(self, job: Checkpoint, path: Path, identity: dict[str, str]):
        self.job, self.path, self.identity = job, path, identity

    def resume(self) -> State | None:
        """What was saved of this part, if anything was."""
        found = self._read()
        if found is not None:
            step = int(found.pop("step"))
            logging.info("going on from the checkpoint %s, step %d", self.path, step)
        return found

    def offer(self, step: int, state: Callable[[], State]) -> None:
        """Everything is as `state` says before this step: save it if it is time."""
        self.step, self.state = step, state
        if self.job.seconds and time.monotonic() - self.job.saved >= self.job.seconds:
            for part in [*self.job._ended, self]:
                part._write()
            self.job._ended.clear()
            self.job.saved = time.monotonic()

    def end(self, step: int, state: Callable[[], State]) -> None:
        """This part is done: it goes to disk with the next one that is saved."""
        self.step, self.state = step, state
        self.job._ended.append(self)

    def _write(self) -> None:
        identity = {"step": np.array(self.step), "identity": np.array(json.dumps(self.identity))}
        arrays: dict[str, Any] = {**self.state(), **identity}
        with whole(self.path) as temporary, open(temporary, "wb") as file:
            np.savez(file, **arrays)

    def _read(self) -> State | None:
        """What was saved; None, and a line in the log, if that is nothing, broken, or another job's."""
        if not self.job.seconds or not self.path.is_file():
            return None
        try:
            with np.load(self.path, allow_pickle=False) as file:
                found = dict(file)
            other = dict(json.loads(str(found.pop("identity"))))
            found["step"] = np.array(int(found["step"]))
        except Exception as error:  # damage shows as almost any error: of zlib, of numpy, of memory ...
            logging.warning("the checkpoint %s can't be read (%r): starting anew", self.path, error)
            return None
        differing = [name for name in {**other, **self.identity} if other.get(name) != self.identity.get(name)]
        if differing:
            logging.warning("the checkpoint %s is of another job: starting anew", self.path)
            for name in differing:
                logging.warning("  %s: there %s, here %s", name, other.get(name), self.identity.get(name))
            return None
        return found
