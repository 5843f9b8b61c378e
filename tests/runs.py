"""Short ways to train a few networks, to write the same network the usual way and to draw a figure, for the tests."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from torch.func import functional_call

from repdyn import networks
from repdyn.networks import modules
from repdyn.networks.observables import output_observables
from repdyn.plotting import style
from repdyn.training import batches, loop, recorders
from repdyn.training.ensemble import Ensemble, Member
from repdyn.training.trace import Batch, Follow, Stop

X = np.array([[-1.0], [0.0]])
Y = np.array([[0.6], [0.6 + 0.5**0.5]])
NEVER = Follow(np.full(10**6, -1), None, np.zeros((0, 2), int))


def ensemble(model, shape, members, solver="sgd", **options) -> Ensemble:
    return Ensemble(model, shape, tuple(members), solver, **{"dropout_seed": 3, **options})


def on_two_points(model, shape, members, steps, solver="sgd", x=X, y=Y, seeds=None, **options) -> SimpleNamespace:
    """Everything at every step: H (network, layer, step); Y, w, loss, mean_error (network, step); diverged_at."""
    networks_ = ensemble(model, shape, members, solver, **(seeds or {}))
    runs = loop.run(networks_, batches.Points(x, y), steps, [recorders.Pairs(recorders.every(1, steps - 1))], **options)
    H = runs.distance.values[:, :, 0]
    seen = output_observables(runs.output.values, y)
    return SimpleNamespace(H=H, diverged_at=runs.diverged_at.values, ended_at=runs.ended_at.values, **seen)


def after(trainer, x, y, steps: int, first: int = 0):
    """The trainer after so many updates on all points x (point, input), y (point, output)."""
    batch = Batch(*(np.ascontiguousarray(values, np.float32)[None] for values in (x, y)))
    trainer.train(batch, first, steps, steps, Stop(), Follow(NEVER.slots[:steps], None, NEVER.pairs))
    return trainer


def plain(networks_: Ensemble, which: int):
    """One network of an ensemble as a plain torch module, its hidden layers' names, and its initial parameters set."""
    found = networks.layers(networks_.model, networks_.shape)
    module, hidden = modules.made(found, networks_.shape)
    one = networks_.some([which])
    from repdyn.training.module import ModuleTrainer

    start = ModuleTrainer(one).modules()[2][0]
    module.load_state_dict(start, strict=False)
    return module, hidden


def hidden_layers(module, names, x) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Hidden layers (point, unit), in the order of their calls, and the output."""
    seen = []
    handles = [
        module.get_submodule(name).register_forward_hook(lambda m, i, o, name=name: seen.append((name, o)))
        for name in dict.fromkeys(names)
    ]
    output = functional_call(module, dict(module.named_parameters()), (x,))
    for handle in handles:
        handle.remove()
    found = []
    for name in names:
        place = next(n for n, (called, _) in enumerate(seen) if called == name)
        found.append(seen.pop(place)[1].flatten(1))
    return found, output


def figure_files(plot, folder: Path, *arguments, name="figure") -> list[Path]:
    """What a rule that draws writes: the files svg, png and csv of the figure that plot.main returns."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.{kind}" for kind in ("svg", "png", "csv")]
    with style.applied():
        style.save(*plot.main(*arguments), *paths)
    return paths


__all__ = ["NEVER", "Member", "X", "Y", "after", "ensemble", "figure_files", "hidden_layers", "on_two_points", "plain"]
