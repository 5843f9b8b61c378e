"""Checkpoints: where a training job that was cut off goes on, to the same bytes that it would have made.

A job keeps them in a folder beside its output, one file for each stack of networks that trains together, and removes
the folder when it is done. A file holds all that decides what comes next (weights, the optimiser's memory, the states
of random generators, what was recorded so far), and the identity of the job: its settings, a hash of its code, the
versions of its libraries, its device. It is replaced as a whole, and used by a job of the same identity only.
"""

import json
import logging
import shutil
import time
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from repdyn.ensemble import Ensemble
from repdyn.files import whole

Recorded = dict[str, torch.Tensor | np.ndarray]


class Checkpoint:
    """The checkpoints of one job, written every so many seconds; 0 seconds: neither written nor used.

    output: what the job makes. identity: names and texts, such as `artifacts.provenance` gives.
    """

    def __init__(self, output: str | Path = "", identity: dict | None = None, seconds: float = 0):
        self.folder = Path(f"{output}.checkpoint")
        self.identity = {name: str(value) for name, value in (identity or {}).items()}
        self.seconds = seconds
        self.saved = time.monotonic()
        self._ended: list[Part] = []  # stacks that are done, but not on disk yet

    def part(self, number: int, ensemble: Ensemble, recorded: Recorded, generators: Iterable = ()) -> "Part":
        """What can be saved and put back of one stack: its networks, what is recorded of them, random generators."""
        return Part(self, self.folder / f"{number}.npz", ensemble, recorded, list(generators))

    def remove(self) -> None:
        """The job is done: nothing has to be gone on with."""
        shutil.rmtree(self.folder, ignore_errors=True)


class Part:
    """One stack of networks that trains together."""

    def __init__(self, job: Checkpoint, path: Path, ensemble: Ensemble, recorded: Recorded, generators: list):
        self.job, self.path = job, path
        self.ensemble, self.recorded, self.generators = ensemble, recorded, generators
        self.step = 0

    def resume(self) -> int:
        """Put everything back as it was when it was saved; returns the step to go on with, 0 if there is nothing."""
        found = self._read()
        if found is None:
            return 0
        networks = {name.removeprefix("ensemble."): found[name] for name in found if name.startswith("ensemble.")}
        if networks:  # none are kept of a stack that is done
            self.ensemble.restore(networks)
        for name, values in self.recorded.items():
            saved = found[f"recorded.{name}"]
            values[...] = torch.from_numpy(saved) if torch.is_tensor(values) else saved
        for n, generator in enumerate(self.generators):
            generator.set_state(torch.from_numpy(found[f"generator.{n}"]))
        self.step = int(found["step"])
        logging.info("going on from the checkpoint %s, step %d", self.path, self.step)
        return self.step

    def offer(self, step: int) -> None:
        """Everything is as before this step: save it if it is time."""
        self.step = step
        if self.job.seconds and time.monotonic() - self.job.saved >= self.job.seconds:
            for part in [*self.job._ended, self]:
                part._write()
            self.job._ended.clear()
            self.job.saved = time.monotonic()

    def end(self, step: int) -> None:
        """This stack is done, recorded and not needed any more: it goes to disk with the next one that is saved."""
        self.ensemble = None
        self.job._ended.append(self)
        self.offer(step)

    def _write(self) -> None:
        state = {
            "step": np.array(self.step),
            "identity": np.array(json.dumps(self.job.identity)),
            **{f"ensemble.{name}": value for name, value in (self.ensemble.state() if self.ensemble else {}).items()},
            **{f"recorded.{name}": _array(value) for name, value in self.recorded.items()},
            **{f"generator.{n}": generator.get_state().numpy() for n, generator in enumerate(self.generators)},
        }
        with whole(self.path) as temporary, open(temporary, "wb") as file:
            np.savez(file, **state)

    def _read(self) -> dict[str, np.ndarray] | None:
        """What was saved; None, and a line in the log, if that is nothing, broken, or another job's."""
        if not self.job.seconds or not self.path.is_file():
            return None
        try:
            with np.load(self.path, allow_pickle=False) as file:
                found = dict(file)
            other = json.loads(str(found.pop("identity")))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            logging.warning("the checkpoint %s can't be read (%s): starting anew", self.path, error)
            return None
        differing = [name for name in {**other, **self.job.identity} if other.get(name) != self.job.identity.get(name)]
        if differing:
            logging.warning("the checkpoint %s is of another job: starting anew", self.path)
            for name in differing:
                logging.warning("  %s: there %s, here %s", name, other.get(name), self.job.identity.get(name))
            return None
        return found


def _array(values: torch.Tensor | np.ndarray) -> np.ndarray:
    return values.cpu().numpy() if torch.is_tensor(values) else values
