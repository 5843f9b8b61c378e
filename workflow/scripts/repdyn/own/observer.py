"""Recording a torch module while somebody trains it, and leaving the training as it is.

    with repdyn.observe(model, x, y, layers=["blocks.0", "blocks.2"], every=10) as seen:
        ...                            # any loop: steps are counted where torch's optimisers make them
    repdyn.fit(seen)

What is seen is the model in evaluation (no dropout, running statistics of batch normalisation) at the points x, all of
them in one forward pass that leaves parameters, gradients, buffers, modes, hooks and the random generators' states as
they were. It runs in the parameters' own precision; distances are then taken in double precision on the CPU.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch

from repdyn.networks.measured_rates import measured_rates
from repdyn.own.record import (
    MOMENT,
    MeasuredRates,
    Pair,
    Record,
    chosen_pairs,
    input_distances,
    moment_of,
    squared_distances,
)

Layer = str | tuple[str, Callable]
_RATES = ("eta_h", "eta_h_from_output", "eta_y")
_PACE = 1.05  # with every="log" a moment is this much later than the one before


def observe(model: torch.nn.Module, x, y, layers: Sequence[Layer] | Mapping[str, Layer], **options) -> "Observer":
    """An `Observer`: a context manager that counts the steps of torch's optimisers, or `step()` called by hand."""
    return Observer(model, x, y, layers, **options)


class Observer:
    """Records H, Y, w of pairs of points at hidden layers of a module.

    model    any torch module. It is called as model(x), model(*x) for a tuple or model(**x) for a dictionary
    x        inputs of the points, the first axis of every tensor. Whole numbers are names (tokens), others vectors
    y        targets (point, ...), of the shape of the output; or whole numbers where the output has one axis more: then
             classes, as one-hot vectors
    layers   names as in `model.named_modules()`; a name for the k-th time is that submodule's k-th call in a forward
             pass. A layer that puts out a tuple or a list counts with the first tensor in it, one that puts out a
             dictionary with `last_hidden_state` or its only tensor. (name, pick) uses pick(what it puts out) instead.
             A dictionary gives layers other names in the record
    every    1, 2, ...: record every so many steps; "log": ever more rarely, each moment 5 % later than the one before
    at       instead of `every`: the steps to record at
    pairs    pairs of points, [(0, 1), ...]; without it all pairs
    dx2      |dx|^2, one or one a pair; without it, see `record.input_distances`
    output   what is compared with y, as a function of what the model puts out; without it as for layers
    rates    every so many recorded moments (0: never), measure the effective rates of each pair as well, those of
             gradient descent on this pair alone, per unit of learning rate (see `networks.measured_rates`). Layers
             must then put out one tensor (point, ...), and no `pick` is used
    name     of the run

    Raises ValueError for points, layers or pairs that are not there or not of one number of points.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        x,
        y,
        layers: Sequence[Layer] | Mapping[str, Layer],
        *,
        every: int | str = 1,
        at: Iterable[int] | None = None,
        pairs: Iterable[Pair] | None = None,
        dx2=None,
        output: Callable | None = None,
        rates: int = 0,
        name: str = "",
    ):
        if not (every == "log" or (isinstance(every, int) and every > 0)):
            raise ValueError(f'every must be 1, 2, ... or "log", got {every!r}')
        self.model = getattr(model, "_orig_mod", model)  # what torch.compile was given
        several = isinstance(x, tuple | list | Mapping)
        named = x if isinstance(x, Mapping) else dict(enumerate(x if several else [x]))
        self.points = {key: torch.as_tensor(value) for key, value in named.items()}
        self._by_name = isinstance(x, Mapping)
        self.every, self.at = every, None if at is None else {int(step) for step in at}
        self.name, self._pick_output = name, output or first_tensor
        self._rates_every = int(rates)
        self.layers = _labelled(layers, dict(self.model.named_modules()))
        tensors = list(self.points.values())
        numbers = {len(tensor) for tensor in tensors} | {len(y)}
        if len(numbers) != 1:
            raise ValueError(f"x and y must hold the same points, got {sorted(numbers)} of them")
        self.pairs = chosen_pairs(pairs, len(y))
        self._dx2, self._dx2_is = input_distances([_array(tensor, keep=True) for tensor in tensors], dx2, self.pairs)
        self._y = torch.as_tensor(y)
        self.steps = 0
        self._moments: dict[int, dict] = {}
        self._measured: dict[int, np.ndarray] = {}
        self._next, self._counted = 0, None
        self._handle: Any = None

    def __enter__(self) -> "Observer":
        from torch.optim.optimizer import register_optimizer_step_post_hook

        if not self._moments:
            self.look()
        mine = {id(p) for p in self.model.parameters()}

        def stepped(optimiser, _args, _kwargs):
            if self._counted is None and any(
                id(p) in mine for group in optimiser.param_groups for p in group["params"]
            ):
                self._counted = id(optimiser)  # where several optimisers share a model, the first one's steps count
            if id(optimiser) == self._counted:
                self._advance()

        self._handle = register_optimizer_step_post_hook(stepped)
        return self

    def __exit__(self, kind, *_error) -> None:
        self._handle.remove()
        self._handle = self._counted = None
        if kind is None and self.steps not in self._moments:
            self.look()

    def step(self) -> None:
        """One update has been made. For loops without an optimiser of torch, or outside a `with`.

        Raises RuntimeError where an optimiser's steps are being counted already.
        """
        if self._counted is not None:
            raise RuntimeError("steps are counted from the optimiser already: leave out step(), or the `with`")
        if not self._moments:
            raise RuntimeError("the first moment is missing: call look() before training, or use `with`")
        self._advance()

    def _advance(self) -> None:
        self.steps += 1
        due = self.steps in self.at if self.at is not None else self.steps >= self._next
        if due:
            self.look()

    def look(self, step: int | None = None) -> None:
        """Record now, as the state after `step` updates (without it: as many as were counted)."""
        if step is not None:
            if self._moments and step < max(self._moments):
                raise ValueError(f"step {step} comes after step {max(self._moments)}")
            self.steps = int(step)
        pace = self.every if self.every != "log" else max(1, int(self.steps * (_PACE - 1)))
        self._next = self.steps + pace if self.every == "log" else (self.steps // pace + 1) * pace
        layers, output = self._forward()
        target = self._target(output)
        if self._rates_every and len(self._moments) % self._rates_every == 0:
            self._measured[self.steps] = self._rates(target)
        self._moments[self.steps] = moment_of(layers, _flat(output), _flat(target), self.pairs)

    def callback(self):
        """A callback for Lightning's Trainer: starts with training, counts its batches, ends with it.

        A subclass of Lightning's Callback where Lightning is there.
        """
        return _callback(self)

    @property
    def record(self) -> Record:
        """What has been recorded so far."""
        if not self._moments:
            raise ValueError("nothing has been recorded: use `with`, or call look()")
        found = list(self._moments.values())
        H, Y, w, error, loss = (np.stack([one[key] for one in found], -1) for key in MOMENT)
        measured = None
        if self._measured:
            values = np.moveaxis(np.array(list(self._measured.values())), 0, -1)  # (layer, pair, rate, moment)
            measured = MeasuredRates(np.array(list(self._measured)), *np.moveaxis(values, 2, 0))
        return Record(
            np.array(list(self._moments), float),
            H,
            Y,
            w,
            mean_error=error,
            loss=loss,
            dx2=self._dx2,
            dy2=self._dy2,
            layers=tuple(self.layers),
            pairs=self.pairs,
            norms=found[0]["norms"],
            rates=measured,
            dx2_is=self._dx2_is,
            name=self.name,
        )

    def _points(self) -> dict:
        """The points, where the model is."""
        device = next((p.device for p in self.model.parameters()), torch.device("cpu"))
        return {key: values.to(device) for key, values in self.points.items()}

    def _forward(self) -> tuple[dict[str, np.ndarray], np.ndarray]:
        calls: dict[str, list[np.ndarray]] = {module: [] for module, _, _ in self.layers.values()}
        wanted = {(module, call): (label, pick) for label, (module, call, pick) in self.layers.items()}
        seen: dict[str, np.ndarray] = {}

        def keep(name):
            def hook(_module, _inputs, output):
                call = len(calls[name])
                calls[name].append(None)
                if (name, call) in wanted:
                    label, pick = wanted[name, call]
                    where = f"layer {label!r}"
                    made = _picked(pick, output, where, lambda function: f"({name!r}, {function})")
                    seen[label] = _points(made, len(self._y), where)

            return hook

        points = self._points()
        with _untouched(self.model, _first(points)), ExitStack() as stack:
            for name in calls:
                stack.callback(self.model.get_submodule(name).register_forward_hook(keep(name)).remove)
            buffers = {name: buffer.detach().clone() for name, buffer in self.model.named_buffers()}
            made = _called(
                lambda *given, **named: torch.func.functional_call(self.model, buffers, given, named),
                points,
                self._by_name,
            )
            chosen = _picked(self._pick_output, made, "the model", lambda function: f"output={function}")
            output = _points(chosen, len(self._y), "the output")
        for label, (module, call, _) in self.layers.items():
            if label not in seen:
                times = f"{len(calls[module])} time{'s' * (len(calls[module]) != 1)}"
                raise ValueError(
                    f"layer {label!r}: {module!r} is called {times} in a forward pass, call {call + 1} is wanted"
                )
        return {label: _flat(seen[label]) for label in self.layers}, output

    def _target(self, output: np.ndarray) -> np.ndarray:
        if hasattr(self, "_targets"):
            return self._targets
        y = _array(self._y, keep=True)
        if y.dtype.kind in "iu" and y.ndim == output.ndim - 1:
            if y.min() < 0 or y.max() >= output.shape[-1]:
                raise ValueError(f"classes of y go from {y.min()} to {y.max()}, the output has {output.shape[-1]}")
            y = np.eye(output.shape[-1])[y]
        if y.shape != output.shape:
            raise ValueError(f"targets {y.shape} and outputs {output.shape} differ in shape")
        self._targets = y.astype(float)
        self._dy2 = squared_distances(_flat(self._targets), self.pairs)
        return self._targets

    def _rates(self, target: np.ndarray) -> np.ndarray:
        """(layer, pair, rate)."""
        module, points = _Two(self.model, self._pick_output, self._by_name), self._points()
        names = [f"model.{module}" for module, _, _ in self.layers.values()]
        rows = []
        with _untouched(self.model, _first(points), gradients=True):
            for (a, b), dx2 in zip(self.pairs, self._dx2):
                module.given = {key: values[[a, b]] for key, values in points.items()}
                like = next(self.model.parameters())
                y = torch.as_tensor(_flat(target[[a, b]]), dtype=like.dtype, device=like.device)
                found = measured_rates(module, _first(points)[[a, b]], y, names, dx2=float(dx2))
                rows.append([[getattr(one, rate) for rate in _RATES] for one in found])
        return np.moveaxis(np.array(rows), 0, 1)


class _Two(torch.nn.Module):
    """A model on two points, as `measured_rates` calls it: the inputs are kept here, the output is flat."""

    def __init__(self, model, pick, by_name):
        super().__init__()
        self.model, self.pick, self.by_name, self.given = model, pick, by_name, {}

    def forward(self, _x):
        return self.pick(_called(self.model, self.given, self.by_name)).flatten(1)


def first_tensor(output) -> torch.Tensor:
    """The tensor that a layer's output stands for: itself, the first of a tuple, the only one of a dictionary."""
    if torch.is_tensor(output):
        return output
    if isinstance(output, Mapping):
        tensors = {name: value for name, value in output.items() if torch.is_tensor(value)}
        if "last_hidden_state" in tensors:
            return tensors["last_hidden_state"]
        if len(tensors) == 1:
            return next(iter(tensors.values()))
        raise ValueError(f"a dictionary of {', '.join(map(str, output)) or 'nothing'}")
    if isinstance(output, tuple | list):
        for value in output:
            if torch.is_tensor(value):
                return value
    raise ValueError(f"a {type(output).__name__} with no tensor in it")


def _picked(pick: Callable, output, where: str, choice: Callable[[str], str]) -> torch.Tensor:
    """What counts of an output. Where `first_tensor` can't tell, the error writes the `choice` of a function."""
    if pick is not first_tensor:
        return pick(output)
    try:
        return first_tensor(output)
    except ValueError as error:
        named = (
            [name for name, value in output.items() if torch.is_tensor(value)] if isinstance(output, Mapping) else []
        )
        function = f"lambda made: made[{named[0]!r}]" if named else "lambda made: ..."
        raise ValueError(f"{where} puts out {error}: say which tensor counts, as in {choice(function)}") from None


def _labelled(layers, modules: Mapping) -> dict[str, tuple[str, int, Callable]]:
    """(submodule, which of its calls, pick) by the label of the layer."""
    if isinstance(layers, str):
        raise ValueError(f'layers must be a list of names, as ["{layers}"]')
    named = list(layers.items()) if isinstance(layers, Mapping) else [(None, one) for one in layers]
    if not named:
        raise ValueError("no layer is named")
    found, calls = {}, Counter()
    for label, one in named:
        name, pick = (one, first_tensor) if isinstance(one, str) else one
        if name not in modules or not name:
            raise ValueError(f"no submodule {name!r}; there are: {', '.join(filter(None, modules))}")
        label = label or (name if not calls[name] else f"{name}[{calls[name]}]")
        found[label] = name, calls[name], pick
        calls[name] += 1
    return found


def _points(output, points: int, what: str) -> np.ndarray:
    if not torch.is_tensor(output) or output.ndim < 1 or len(output) != points:
        shape = tuple(output.shape) if torch.is_tensor(output) else type(output).__name__
        raise ValueError(f"{what}: expected a tensor of {points} points in its first axis, got {shape}")
    return _array(output)


def _array(values, keep=False) -> np.ndarray:
    """On the CPU, in double precision; `keep`: whole numbers stay whole."""
    if torch.is_tensor(values):
        whole = not (values.is_floating_point() or values.is_complex())
        values = values.detach().cpu()
        values = values.numpy() if whole else values.double().numpy()
    values = np.asarray(values)
    return values if keep and values.dtype.kind in "iub" else values.astype(float)


def _flat(values: np.ndarray) -> np.ndarray:
    return values.reshape(len(values), -1)


def _first(points: Mapping) -> torch.Tensor:
    return next(iter(points.values()))


def _called(model: Callable, points: Mapping, by_name: bool):
    return model(**points) if by_name else model(*points.values())


@contextmanager
def _untouched(model: torch.nn.Module, x: torch.Tensor, gradients: bool = False):
    """Evaluation, without autocast and (but for `gradients`) without autograd; modes and random states come back."""
    modes = [(module, module.training) for module in model.modules()]
    devices = [x.device] if x.is_cuda else []
    try:
        for module, _ in modes:
            module.training = False
        with (
            torch.random.fork_rng(devices=devices),
            torch.autocast(x.device.type, enabled=False),
            torch.set_grad_enabled(gradients),
        ):
            yield
    finally:
        for module, mode in modes:
            module.training = mode


def _callback(observer: Observer):
    base: Any = object
    for name in ("lightning.pytorch", "pytorch_lightning"):
        try:
            base = __import__(name, fromlist=["Callback"]).Callback
            break
        except ImportError:
            continue

    class Observing(base):
        def on_train_start(self, trainer, module):
            observer.__enter__()

        def on_train_end(self, trainer, module):
            observer.__exit__(None)

        def on_exception(self, trainer, module, exception):
            observer.__exit__(type(exception))

    return Observing()
