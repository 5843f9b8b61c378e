"""The module trainer: networks that are any torch.nn.Module, stacked by torch.func, on a CPU or a GPU.

Parameters carry a leading network axis; a forward and a backward pass by torch's own automatic differentiation serve
all networks at once, and the rules of the registry move them. Nothing in the loop over steps waits for the device:
what is recorded stays there until the loop ends.

On a CPU as many networks train together as its cache holds, and a parameter moves as soon as its gradient is known. On
a GPU the step is a CUDA graph where nothing in it is random or changes with time (dropout, Adam), and where there is
memory for one.
"""

import logging
import math
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.func import functional_call, vmap

from repdyn.networks import Module, modules
from repdyn.training.ensemble import DROPOUT, INIT, Ensemble, described, generator, initial_parameters
from repdyn.training.optimisers import OPTIMISERS
from repdyn.training.trace import Batch, Follow, Stop, Trace

CACHE = 16 * 2**20  # bytes of parameters that are stacked on a CPU: its cache holds them from one step to the next
MANY = 256  # inputs of an image: a CPU passes modules of one's own over these faster one by one than stacked
SPARE = 2**29  # bytes of a GPU that a CUDA graph leaves to others: cuBLAS and CUDA keep some for themselves
ACTIVATIONS_KEPT = 6  # memory of a network by that of its parameters: gradients, the optimiser's, activations


class ModuleTrainer:
    """Any architecture, any optimiser of the registry; it follows the protocol that `loop` describes."""

    def __init__(self, ensemble: Ensemble, device: str = "cpu"):
        self.ensemble, self.device = ensemble, torch.device(device)
        found = described(ensemble)
        self.module, self.hidden = modules.made(found, ensemble.shape)
        for part in self.module.train().modules():  # its own parameters are never used
            part._buffers.update({name: b.to(self.device) for name, b in part._buffers.items() if b is not None})
        self.optimiser = OPTIMISERS[ensemble.solver]
        drawn = [self._initial(found, member) for member in ensemble.members]
        self.parameters = {name: torch.stack([one[name] for one in drawn]).to(self.device) for name in drawn[0]}
        self.memories = [
            {name: torch.zeros_like(p) for name, p in self.parameters.items()} for _ in range(self.optimiser.memory)
        ]
        self.drops = {name: part for name, part in self.module.named_modules() if isinstance(part, modules.Dropout)}
        self.together = self._together(isinstance(found, Module))
        # whether parameters move within the backward pass: on a CPU this is known at the first step
        self.at_once: bool | None = None if self.device.type == "cpu" else False
        self.draws = []
        if self.drops:
            self.draws = [generator(DROPOUT, ensemble.dropout_seed, member.seed) for member in ensemble.members]
        self._seen: list[tuple[str, torch.Tensor]] = []
        for name in dict.fromkeys(self.hidden):
            self.module.get_submodule(name).register_forward_hook(self._hook(name))
        self._graphs: dict[tuple, Any] = {}  # of a step, by the shapes of what it reads; None where there is none

    def _initial(self, found, member):
        if isinstance(found, Module):
            return modules.drawn(self.module, member.gain, generator(INIT, self.ensemble.init_seed, member.seed))
        return modules.named(found, initial_parameters(found, member, self.ensemble.init_seed))

    def _together(self, own: bool) -> int | float:
        """How many such networks train fastest as one stack, their module one of its own or described by layers."""
        if self.device.type != "cpu":
            return math.inf
        if own and self.ensemble.shape.in_dim > MANY:
            return 1
        return max(1, CACHE * ACTIVATIONS_KEPT // self.bytes_each)

    def _hook(self, name: str):
        seen = self._seen  # not self: a trainer that its own module held would keep its memory

        def keep(module, inputs, output):
            seen.append((name, output))

        return keep

    @property
    def networks(self) -> int:
        return len(next(iter(self.parameters.values())))

    @property
    def hidden_layers(self) -> int:
        return len(self.hidden)

    @property
    def bytes_each(self) -> int:
        return ACTIVATIONS_KEPT * sum(p[0].numel() * p.element_size() for p in self.parameters.values())

    def _passed(self, parameters, buffers, x):
        """Output and hidden layers (point, units), of one network."""
        self._seen.clear()
        output = functional_call(self.module, (parameters, buffers), (x,))
        calls = list(self._seen)
        hidden = []
        for name in self.hidden:  # a name that is repeated is the submodule's next call
            place = next(n for n, (called, _) in enumerate(calls) if called == name)
            hidden.append(calls.pop(place)[1].flatten(1))
        return output, hidden

    def _loss(self, parameters, buffers, x, y):
        output, hidden = self._passed(parameters, buffers, x)
        return 0.5 * (output - y).square().mean(), output, hidden

    @torch.enable_grad()
    def _passes(self, x, y, masks, take=None):
        """Losses (network,), outputs (network, point, unit), hidden layers and gradients; where there is `take` it gets
        each parameter's name and gradient as soon as it is known, while a cache still holds both, and none is kept.

        The gradient of the sum of losses holds each network's own. (torch.func.grad would import a compiler for it.)
        """
        leaves = {name: v.detach().requires_grad_() for name, v in self._as_used().items()}
        loss, output, hidden = self._stacked(self._loss, leaves, masks, x, y)
        if take:
            for name, leaf in leaves.items():
                leaf.register_post_accumulate_grad_hook(partial(_taken, take, name))
            loss.sum().backward()
            gradients = {}
        else:
            found = torch.autograd.grad(loss.sum(), list(leaves.values()), allow_unused=True)
            gradients = {name: g for name, g in zip(leaves, found) if g is not None}
        return loss.detach(), output.detach(), [h.detach() for h in hidden], gradients

    def _as_used(self) -> dict[str, torch.Tensor]:
        """The parameters for `_stacked`."""
        return {name: _alone(v) for name, v in self.parameters.items()}

    def _stacked(self, passed, parameters, masks, *data):
        """What `passed` finds for every network, from data (network or 1, point, unit); one network needs no vmap.

        The parameters of one network have no leading axis: the gradient of taking it away would be a copy of them.
        """
        if self.networks == 1:
            masks = {name: _alone(mask) for name, mask in masks.items()}
            *found, hidden = passed(parameters, masks, *(v.select(0, 0) for v in data))
            return *(v.unsqueeze(0) for v in found), [h.unsqueeze(0) for h in hidden]
        own = [v.shape[0] > 1 for v in data]
        given = (v if o else v.select(0, 0) for v, o in zip(data, own))
        return vmap(passed, in_dims=(0, 0, *(0 if o else None for o in own)))(parameters, masks, *given)

    def _at_once(self, x, y, masks) -> bool:
        """Whether a parameter may move as soon as its gradient is known: not where what comes later reads it again.

        As a pass does that uses it detached, too. So each one is spoiled when its gradient is there, and then put back.
        """
        before = {name: p.clone() for name, p in self.parameters.items()}
        seen = []

        def spoil(name, g):
            seen.append(g.clone())
            self.parameters[name].fill_(math.nan)

        try:
            loss, output, hidden, _ = self._passes(x, y, masks, spoil)
        except RuntimeError as error:
            if "inplace operation" not in str(error):
                raise
            return False
        finally:
            for name, p in before.items():
                self.parameters[name].copy_(p)
        return all(bool(values.isfinite().all()) for values in (loss, output, *hidden, *seen))

    def _step(self, x, y, rates, corrections, masks, pairs):
        """One update of every network; losses, outputs and distances (network, layer, pair) before it."""

        def move(name, g):
            p, memory = self.parameters[name], [m[name] for m in self.memories] + [None, None]
            d, m, v = self.optimiser.rule(g.view_as(p), *memory[:2], *corrections)
            for kept, new in zip(memory, (m, v)):
                if kept is not None:
                    kept.copy_(new)
            p.addcmul_(d, rates.view(-1, *[1] * (p.dim() - 1)), value=-1)

        if self.at_once is None:
            self.at_once = self._at_once(x, y, masks)
        loss, output, hidden, gradients = self._passes(x, y, masks, move if self.at_once else None)
        distances = _distances(hidden, pairs)  # before anything that a layer shares memory with moves
        for name, g in gradients.items():
            move(name, g)
        return loss, output, distances

    @torch.no_grad()
    def train(self, batch: Batch, first: int, steps: int, updates: int, stop: Stop, follow: Follow) -> Trace:
        """Do `steps` steps, the first `updates` of them with an update; see `loop`."""
        x, y = (self._tensor(values) for values in (batch.x, batch.y))
        order = None if batch.order is None else self._tensor(batch.order, torch.long)
        points = None if follow.points is None else self._tensor(follow.points)
        rates, pairs = self._tensor(self.ensemble.rates), self._tensor(np.transpose(follow.pairs), torch.long)
        going = torch.ones_like(rates)
        reached = torch.full_like(rates, first + steps, dtype=torch.long)
        losses, seen = [], []
        for k in range(steps):
            here_x, here_y = (
                values if order is None else self._chosen(values, order.select(1, k), batch.sizes[k])  # type: ignore[index]
                for values in (x, y)
            )
            apart = points is not None or self.draws
            if follow.slots[k] >= 0 and apart:
                output, hidden = self._evaluated(here_x if points is None else points)
                seen.append((_distances(hidden, pairs), output))
            masks = self._masks(here_x.shape[1])
            corrections = self.optimiser.corrections(first + k + 1)
            if stop.every and (first + k) % stop.every == 0:  # whoever has learned is held still from this step on
                output, _ = self._evaluated(here_x)
                above = 0.5 * (output - here_y).square().mean((1, 2)) > stop.loss
                learned = torch.logical_not(above) & (going > 0)
                reached = torch.where(learned, first + k, reached)
                going = torch.where(learned, 0.0, going)
            scaled = rates * going if k < updates else torch.zeros_like(rates)
            shown = pairs.narrow(1, 0, 0) if apart else pairs
            loss, output, distances = self._one(here_x, here_y, scaled, corrections, masks, shown, k < updates)
            losses.append(loss)
            if follow.slots[k] >= 0 and not apart:
                seen.append((distances, output))
        return self._trace(losses, seen, reached, follow, points if points is not None else x, y)

    def _one(self, x, y, rates, corrections, masks, pairs, moves: bool):
        """A step, through a CUDA graph where there can be one. Without `moves` the optimiser's memory stays too."""
        if not moves:
            loss, output, hidden = self._stacked(self._loss, self._as_used(), masks, x, y)
            return loss, output, _distances(hidden, pairs)
        given = (x, y, rates, pairs)
        shapes = tuple(value.shape for value in given)
        if shapes not in self._graphs:
            can = self.device.type == "cuda" and not self.draws and self.optimiser.memory < 2 and _real(x)
            self._graphs[shapes] = self._captured(given, corrections) if can else None
        if self._graphs[shapes] is None:
            return self._step(x, y, rates, corrections, masks, pairs)
        held, graph, results = self._graphs[shapes]
        for kept, value in zip(held, given):
            kept.copy_(value)
        graph.replay()
        return tuple(result.clone() for result in results)

    def _captured(self, given, corrections):
        """The step as a CUDA graph: the tensors that it reads, the graph, the tensors that it writes.

        None where the memory that it would keep for itself is not there: as much as a step takes.
        """
        held = [value.clone() for value in given]
        still = [held[0], held[1], torch.zeros_like(held[2]), corrections, {}, held[3]]
        before = [{name: m.clone() for name, m in memory.items()} for memory in self.memories]
        torch.cuda.reset_peak_memory_stats(self.device)
        taken = torch.cuda.memory_allocated(self.device)
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):  # what is made once is made now; networks stay where they are
                self._step(*still)
        torch.cuda.current_stream().wait_stream(side)
        for memory, saved in zip(self.memories, before):
            for name, value in saved.items():
                memory[name].copy_(value)
        needed = torch.cuda.max_memory_allocated(self.device) - taken
        torch.cuda.empty_cache()
        if needed + SPARE > torch.cuda.mem_get_info(self.device)[0]:
            logging.info("no memory is left for a CUDA graph of the step")
            return None
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            results = self._step(held[0], held[1], held[2], corrections, {}, held[3])
        logging.info("the step is a CUDA graph")
        return held, graph, results

    @torch.no_grad()
    def _evaluated(self, x):
        """Output (network, point, unit) and hidden layers, every unit in place."""
        masks = {f"{name}.mask": torch.ones(self.networks, 1, device=self.device) for name in self.drops}
        return self._stacked(self._passed, self._as_used(), masks, x)

    def _masks(self, points: int) -> dict[str, torch.Tensor]:
        """The masks of a step by the names of their buffers, (network, points, units)."""
        if not self.drops:
            return {}
        each = [{f"{name}.mask": drop.draw(points, draw) for name, drop in self.drops.items()} for draw in self.draws]
        return {name: torch.stack([one[name] for one in each]).to(self.device) for name in each[0]}

    def _chosen(self, values, rows, count: int):
        """values (1, row, ...) at the first `count` of rows (network, batch)."""
        rows = rows.narrow(1, 0, int(count))
        return values.select(0, 0).index_select(0, rows.flatten()).unflatten(0, rows.shape)

    def _tensor(self, values, dtype=torch.float32):
        return torch.as_tensor(np.ascontiguousarray(values), dtype=dtype).to(self.device)

    def _trace(self, losses, seen, reached, follow: Follow, points, y) -> Trace:
        """Everything that the device holds, brought here at once."""
        networks, shown = self.networks, points.shape[1]
        if seen:
            distances, outputs = (torch.stack(values, 1) for values in zip(*seen))
        else:
            distances = torch.zeros(networks, 0, self.hidden_layers, len(follow.pairs), device=self.device)
            outputs = torch.zeros(networks, 0, shown, y.shape[2], device=self.device)
        return Trace(*(_array(v) for v in (distances, outputs, torch.stack(losses, 1).double(), reached)))

    def look(self, x: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
        """Hidden layers (network, point, units) and output (network, point, output) at x, every unit in place."""
        x = np.asarray(x, np.float32)
        own = x.ndim > 2
        output, hidden = self._evaluated(self._tensor(x if own else x[None]))
        return [_array(h) for h in hidden], _array(output)

    def modules(self):
        """A template module, the names of its hidden layers, and each network's parameters by name."""
        template, hidden = modules.made(described(self.ensemble), self.ensemble.shape)
        template.to(self.device)
        return (
            template,
            hidden,
            [{name: p.select(0, e) for name, p in self.parameters.items()} for e in range(self.networks)],
        )

    def keep(self, index) -> None:
        """Go on with these networks alone, in this order."""
        index = [int(i) for i in index]
        self.ensemble = self.ensemble.some(index)
        self.parameters = {name: p[index] for name, p in self.parameters.items()}
        self.memories = [{name: m[index] for name, m in memory.items()} for memory in self.memories]
        self.draws = [self.draws[i] for i in index] if self.draws else []
        self._graphs.clear()

    def state(self) -> dict[str, np.ndarray]:
        """All that decides what comes next, under names."""
        kinds = {"p": self.parameters, **{f"m{n}": memory for n, memory in enumerate(self.memories)}}
        tensors = {f"{kind}.{name}": _array(v) for kind, values in kinds.items() for name, v in values.items()}
        return tensors | {f"draw.{n}": draw.get_state().numpy() for n, draw in enumerate(self.draws)}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go on as the one whose `state` this is."""
        for kind, values in {"p": self.parameters, **{f"m{n}": m for n, m in enumerate(self.memories)}}.items():
            for name in values:
                values[name] = self._tensor(state[f"{kind}.{name}"])
        for n, draw in enumerate(self.draws):
            draw.set_state(torch.from_numpy(state[f"draw.{n}"]))
        self._graphs.clear()


# (Views are taken by select and narrow: tensors without values, on which the tests run a GPU's code, know no indexing.)
def _alone(values: torch.Tensor) -> torch.Tensor:
    """Without the axis of networks where there is but one, a view."""
    return values.select(0, 0) if len(values) == 1 else values


@torch.no_grad()
def _taken(take, name: str, leaf: torch.Tensor) -> None:
    """Hand a gradient on, and keep none."""
    gradient, leaf.grad = leaf.grad, None
    take(name, gradient)


def _distances(hidden: list[torch.Tensor], pairs: torch.Tensor) -> torch.Tensor:
    """Squared distances (network, layer, pair) from layers (network, point, units); pairs (2, pair)."""
    a, b = pairs.unbind()
    if len({h.shape for h in hidden}) == 1:  # one operation for all layers
        stacked = torch.stack(hidden, 1)
        return (stacked.index_select(2, a) - stacked.index_select(2, b)).square().sum(-1)
    return torch.stack([(h.index_select(1, a) - h.index_select(1, b)).square().sum(-1) for h in hidden], 1)


def _real(tensor: torch.Tensor) -> bool:
    """Whether a tensor holds values: those of FakeTensorMode have a device, a shape and a type alone."""
    return not hasattr(tensor, "fake_mode")


def _array(tensor: torch.Tensor) -> Any:
    return tensor.cpu().numpy() if _real(tensor) else tensor
