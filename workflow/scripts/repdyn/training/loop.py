"""The training loop, the one of all experiments: `run`.

A trainer knows how networks move: `CompiledTrainer`, `FlowTrainer`, `ModuleTrainer`. It has

    networks, hidden_layers, bytes_each
    together                    how many networks it trains fastest at a time, where memory holds them
    train(batch, first, steps, updates, stop, follow)
        steps first, first + 1, ...: what is followed is recorded, then comes the update, after the first `updates` of
        them; returns a `Trace`
    look(x)                     hidden layers and output at x
    modules()                   torch module, names of hidden layers, each network's parameters
    keep(index)                 go on with some
    state(), restore(state)     what is saved, and put back

The loop knows everything else: data, recorders, who has learned, rests or diverged, checkpoints, memory, progress.
"""

import gc
import logging
import time
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from tqdm import tqdm

from repdyn.training.checkpoints import Checkpoint
from repdyn.training.ensemble import Ensemble, described
from repdyn.training.optimisers import FLOW
from repdyn.training.recorders import AtEnd, AtLosses, Look, Pairs, View
from repdyn.training.trace import Follow, Stop

LOOK = 100  # steps from one look at who is at rest or lost to the next
MEMORY = 2 * 2**30  # bytes of networks that train together on a CPU


def choose_device(wanted: str) -> str:
    """`auto` takes a GPU where there is one; `cuda` insists on it.

    Raises RuntimeError where `cuda` was asked for and none can be used.
    """
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if wanted == "cuda" and not torch.cuda.is_available():
        raise RuntimeError("training.device is 'cuda', but torch finds no GPU here; set it to 'auto' or 'cpu'")
    return wanted


def trainer_class(ensemble: Ensemble, device: str = "cpu"):
    """What trains these networks on this device."""
    from repdyn.training.compiled import CompiledTrainer

    if ensemble.solver == FLOW:
        from repdyn.training.flow import FlowTrainer

        return FlowTrainer
    if device == "cpu" and isinstance(described(ensemble), list):
        return CompiledTrainer
    from repdyn.training.module import ModuleTrainer

    return ModuleTrainer


def run(
    ensemble: Ensemble,
    data,
    steps: int,
    record=(),
    stop: Stop | None = None,
    rest_loss: float = 0.0,
    device: str = "cpu",
    label: str = "training",
    checkpoint: Checkpoint | None = None,
    trainer=None,
) -> xr.Dataset:
    """Train every network of an ensemble for at most `steps` updates; returns what the recorders saw, labelled.

    data       a source of `batches`: what each step sees; the loss is 1/2 MSE
    record     `recorders`, at most one of them `Pairs`
    stop       a network stops where its loss has fallen so far; what would come later is NaN
    rest_loss  a network whose loss was below this for LOOK steps is at rest: what is recorded stays as it is
    trainer    a class, in place of the one that serves these networks best

    Beside what recorders name: `batch_loss` (network, update), 1/2 MSE on what each update sees, before it;
    `ended_at` (network,), the moment at which a network stopped, or was seen to be at rest or lost, else `steps`;
    `diverged_at` (network,), the first moment that is not finite, or -1: from there on everything is NaN.
    """
    kind = trainer or trainer_class(ensemble, device)
    checkpoint = checkpoint or Checkpoint()
    members, parts = len(ensemble.members), []
    together = min(members, _fitting(kind(ensemble.some([0]), device), device)) if members > 1 else 1
    with torch.no_grad(), flushed_subnormals(), Progress(label, steps * -(-members // together)) as progress:
        first = 0
        while first < members:
            index = np.arange(first, min(first + together, members))
            try:
                part = _Part(kind, ensemble, index, data, steps, record, stop or Stop(), rest_loss, device)
                part.run(progress, checkpoint.part(index))
            except RuntimeError as error:
                if together == 1 or not _out_of_memory(error):
                    raise
                part = None
            if part is None:  # only here has the error let go of what it was raised in
                together = -(-together // 2)
                logging.warning("%s: the GPU's memory is full: %d networks at a time", label, together)
                gc.collect()
                torch.cuda.empty_cache()
                continue
            parts.append(part.recorded())
            first = index[-1] + 1
    return xr.concat(parts, "network") if len(parts) > 1 else parts[0]


def _out_of_memory(error: RuntimeError) -> bool:
    """Whether a GPU was full: torch says so in its own words, the CUDA runtime and cuBLAS in theirs."""
    words = ("out of memory", "CUBLAS_STATUS_ALLOC_FAILED")
    return isinstance(error, torch.cuda.OutOfMemoryError) or any(word in str(error) for word in words)


def _fitting(trainer, device: str) -> int:
    """How many networks like this one's train together: as many as fit into memory, fewer where that is faster."""
    memory = MEMORY if device == "cpu" else int(0.7 * torch.cuda.mem_get_info()[0])
    return max(1, min(memory // trainer.bytes_each, trainer.together))


@dataclass
class _Part:
    """Networks that train together."""

    kind: type
    ensemble: Ensemble
    index: np.ndarray
    data: object
    steps: int
    record: tuple
    stop: Stop
    rest_loss: float
    device: str

    def __post_init__(self):
        members = [self.ensemble.members[i] for i in self.index]
        self.trainer = self.kind(self.ensemble.some(self.index), self.device)
        self.batches = self.data.started(members, self.index)
        self.going = np.arange(len(members))
        self.moment = 0
        self.looks = [r for r in self.record if not isinstance(r, Pairs)]
        self.pairs = next((r for r in self.record if isinstance(r, Pairs)), Pairs(np.zeros(0, int), ()))
        moments = [self.pairs.at, *(r.at for r in self.looks if isinstance(r, Look))]
        self.last = self.steps if any(self.steps in at for at in moments) else self.steps - 1
        if any(isinstance(r, AtEnd | AtLosses) for r in self.looks):
            self.last = self.steps
        self.slots = np.full(self.steps + 1, -1)
        self.slots[self.pairs.at] = np.arange(len(self.pairs.at))
        self.seen: dict[str, np.ndarray] = {
            "batch_loss": np.full((len(members), self.steps + 1), np.nan),
            "ended_at": np.full(len(members), self.steps),
        }

    def run(self, progress, saved) -> None:
        """Train to the end, from where a checkpoint left it."""
        if state := saved.resume():
            self._restore(state)
        else:
            self._make_room()
        progress.update(self.moment)
        while self.moment <= self.last and self.going.size:
            saved.offer(self.moment, self._state)
            self._look()
            end = self._next()
            self._advance(end)
            progress.update(min(end, self.steps) - self.moment)
            self.moment = end
            self._leave()
        if self.going.size:
            self._at_end(self.going, np.arange(self.going.size))
        progress.update(max(0, self.steps - self.moment))
        self.trainer = None
        saved.end(self.moment, self._state)

    def _next(self) -> int:
        """The moment up to which training goes before it is looked at from outside."""
        moments = [self.moment - self.moment % LOOK + LOOK, self.last + 1]
        for r in self.looks:
            if isinstance(r, AtLosses):
                moments.append(self.moment - self.moment % r.every + r.every)
            elif isinstance(r, Look):
                moments += r.at[r.at > self.moment][:1].tolist()
        return min(moments)

    def _advance(self, end: int) -> None:
        """Train and record the moments up to `end`."""
        first, count = self.moment, end - self.moment
        updates = min(end, self.steps) - first
        slots = self.slots[first:end]
        local = np.where(slots >= 0, np.cumsum(slots >= 0) - 1, -1)
        points = self.pairs.points
        if points is not None:
            points = points[self.index[self.going]] if points.ndim > 2 else points[None]
        batch = self.batches.next(first, count)
        stop = self.stop
        trace = self.trainer.train(
            batch, first, count, updates, stop, Follow(local, points, np.array(self.pairs.pairs, int).reshape(-1, 2))
        )
        self.stopped = trace.reached < end
        if self.stopped.any():
            late = np.arange(first, end) > trace.reached[:, None]  # (network, step)
            trace.losses[late] = np.nan
            for values in (trace.distances, trace.outputs):
                values[late[:, slots >= 0]] = np.nan
        self.seen["batch_loss"][self.going, first:end] = trace.losses
        at = slots[slots >= 0]
        for name, values in (("distance", trace.distances), ("output", trace.outputs)) if self.pairs.at.size else ():
            self._room(name, values.shape[2:], len(self.pairs.at), values.dtype)[self.going[:, None], at] = values
        self.seen["ended_at"][self.going[self.stopped]] = trace.reached[self.stopped]

    def _leave(self) -> None:
        """Networks that have stopped, diverged or come to rest are trained no further."""
        losses = self.seen["batch_loss"][self.going, max(0, self.moment - LOOK) : self.moment]
        sound = np.isfinite(losses) | self.stopped[:, None]
        lost = ~sound.all(1)
        resting = np.zeros_like(lost)
        if self.rest_loss and self.moment % LOOK == 0:
            resting = (losses < self.rest_loss).all(1) & ~self.stopped
            if resting.any():
                self._hold(self.going[resting], np.flatnonzero(resting))
            self.seen["ended_at"][self.going[resting]] = self.moment - 1
        self.seen["ended_at"][self.going[lost]] = self.moment - 1
        leaving = self.stopped | lost | resting
        if leaving.any():
            self._at_end(self.going[leaving], np.flatnonzero(leaving))
            left = np.flatnonzero(~leaving)
            self.going = self.going[left]
            if left.size:
                self.trainer.keep(left)
                self.batches.keep(left)

    def _hold(self, networks: np.ndarray, places: np.ndarray) -> None:
        """Networks at rest stay as they are in all that is recorded later on; places: where the trainer has them."""
        slot = self.slots[: self.moment].max()
        for name in ("distance", "output") if slot >= 0 else ():
            for n in networks:
                self.seen[name][n, slot + 1 :] = self.seen[name][n, slot]
        losses = self.seen["batch_loss"]
        losses[networks, self.moment : self.last + 1] = losses[networks, self.moment - 1, None]
        for r in self.looks:
            later = np.flatnonzero(r.at >= self.moment) if isinstance(r, Look) else ()
            for name, values in r.what(self._view()).items() if len(later) else ():
                room = self._room(f"{r.time}/{name}", values.shape[1:], len(r.at), values.dtype)
                room[np.ix_(networks, later)] = values[places, None]

    def _look(self) -> None:
        """What recorders see now."""
        for r in self.looks:
            if isinstance(r, Look) and (place := np.flatnonzero(r.at == self.moment)).size:
                self._put(r, r.what(self._view()), self.going, place[0])
            elif isinstance(r, AtLosses) and self.moment % r.every == 0 and self.moment:
                self._look_at_losses(r)

    def _look_at_losses(self, r: AtLosses) -> None:
        reached = self.seen["level/level_step"]
        loss = self.seen["batch_loss"][self.going, self.moment - 1]
        new = (loss[:, None] <= np.asarray(r.levels)) & (reached[self.going] < 0)  # (network, level)
        if new.any():
            found = r.what(self._view(new.any(1)))
            for level in np.flatnonzero(new.any(0)):
                here = new[:, level]
                reached[self.going[here], level] = self.moment
                self._put(r, {k: v[here] for k, v in found.items()}, self.going[here], int(level))

    def _at_end(self, networks: np.ndarray, places: np.ndarray) -> None:
        """What the recorders of ends see of these networks; places: where the trainer has them."""
        for r in self.looks:
            if isinstance(r, AtEnd):
                for name, values in r.what(self._view()).items():
                    self._room(name, values.shape[1:], None, values.dtype)[networks] = values[places]

    def _view(self, asked: np.ndarray | None = None) -> View:
        asked = np.ones(self.going.size, bool) if asked is None else asked
        return View(self.trainer, self.moment, self.index[self.going], asked)

    def _make_room(self) -> None:
        """For what is recorded later on, even if no network should be left by then."""
        for r in self.looks:
            if isinstance(r, AtLosses):
                self.seen["level/level_step"] = np.full((len(self.index), len(r.levels)), -1)
            if isinstance(r, AtLosses) or (isinstance(r, Look) and 0 not in r.at):
                self._put(r, r.what(self._view()), np.zeros(0, int), 0)

    def _put(self, r: Look | AtLosses, found: dict, networks: np.ndarray, place: int) -> None:
        time, places = ("level", r.levels) if isinstance(r, AtLosses) else (r.time, r.at)
        for name, values in found.items():
            room = self._room(f"{time}/{name}", values.shape[1:], len(places), values.dtype)
            room[networks, place] = values[: len(networks)]

    def _room(self, name: str, shape: tuple, places: int | None, dtype) -> np.ndarray:
        """The array in which something is recorded, made when it is first seen: (network, place, ...).

        name: with the axis of its places and a slash before it. Numbers of any kind can be NaN.
        """
        if name not in self.seen:
            shape = (len(self.index), *(() if places is None else (places,)), *shape)
            self.seen[name] = np.full(shape, np.nan, np.promote_types(dtype, np.float16))
        return self.seen[name]

    def _state(self) -> dict[str, np.ndarray]:
        state = {f"seen.{name}": values for name, values in self.seen.items()}
        state |= {"moment": np.array(self.moment), "going": self.going}
        if self.trainer is not None:
            state |= {f"trainer.{name}": value for name, value in self.trainer.state().items()}
            state |= {f"batches.{name}": value for name, value in self.batches.state().items()}
        return state

    def _restore(self, state: dict[str, np.ndarray]) -> None:
        def below(name):
            return {key.removeprefix(name): value for key, value in state.items() if key.startswith(name)}

        self.seen, self.moment = below("seen."), int(state["moment"])
        self.going = state["going"]
        if trainer := below("trainer."):
            self.trainer.keep(self.going)
            self.batches.keep(self.going)
            self.trainer.restore(trainer)
            self.batches.restore(below("batches."))
        else:
            self.moment = self.last + 1  # it was done

    def recorded(self) -> xr.Dataset:
        """Everything that was seen, with what is not finite blanked."""
        seen = self.seen
        moments = np.arange(self.steps + 1)
        losses = seen["batch_loss"]
        lost = ~np.isfinite(losses) & (moments <= seen["ended_at"][:, None]) & (moments <= self.last)
        at = self.pairs.at
        for name in ("distance", "output"):
            if name in seen:
                bad = ~np.isfinite(seen[name]).reshape(len(self.index), len(at), -1).all(2)
                lost[:, at] |= bad & (at <= seen["ended_at"][:, None])
        diverged = np.where(lost.any(1), lost.argmax(1), -1)
        dims: dict[str, tuple] = {"distance": ("step", "layer", "pair"), "output": ("step", "point", "output_unit")}
        coords = {"step": at}
        for r in self.looks:
            names = dict(r.dims or {})
            if isinstance(r, Look):
                dims |= {name: (r.time, *axes) for name, axes in names.items()}
                coords[r.time] = r.at
            elif isinstance(r, AtLosses):
                dims |= {"level_step": ("level",), **{name: ("level", *axes) for name, axes in names.items()}}
                coords["level"] = np.asarray(r.levels)
            else:
                dims |= names
        variables = {}
        for key, values in seen.items():
            time, _, name = key.rpartition("/")
            axes = (time,) if time else ()
            axes = dims.get(name) or (*axes, *(f"{name}_{n}" for n in range(values.ndim - 1 - len(axes))))
            if axes and axes[0] in coords and axes[0] != "level" and np.issubdtype(values.dtype, np.floating):
                gone = (diverged[:, None] >= 0) & (coords[axes[0]] >= diverged[:, None])
                values[gone] = np.nan
            variables[name] = (("network", *axes), values)
        losses[(diverged[:, None] >= 0) & (moments >= diverged[:, None])] = np.nan
        variables["batch_loss"] = (("network", "update"), losses[:, : self.steps])
        variables["diverged_at"] = ("network", diverged)
        used = {dim for axes, *_ in variables.values() for dim in ((axes,) if isinstance(axes, str) else axes)}
        found = xr.Dataset(variables, {name: values for name, values in coords.items() if name in used})
        if "distance" in found:
            found["distance"] = found.distance.transpose("network", "layer", "pair", "step")
        return found


@contextmanager
def flushed_subnormals():
    """Squared gradients underflow in Adam's moments, and below float32's normal range a CPU is ten times slower."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


class Progress:
    """A line a minute in the log, and a bar on a terminal, with the time left."""

    def __init__(self, label: str, total: int):
        self.label, self.total, self.done = label, total, 0

    def __enter__(self):
        self.started = self.spoke = time.monotonic()
        self.bar = tqdm(total=self.total, desc=self.label, unit="step", leave=False, mininterval=0.5, disable=None)
        return self

    def update(self, steps: int = 1) -> None:
        """So many steps more are done."""
        self.done += steps
        self.bar.update(steps)
        if self.done and time.monotonic() - self.spoke > 60:
            self.spoke = time.monotonic()
            rate = self.done / (self.spoke - self.started)
            left = (self.total - self.done) / rate / 60
            logging.info("%s: step %d of %d, about %.0f minutes left", self.label, self.done, self.total, left)

    def __exit__(self, *_):
        self.bar.close()
