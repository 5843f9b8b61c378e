"""The module trainer on a GPU, checked and timed; at most ten minutes, and nothing is built.

    python benchmarks/gpu.py            (--keep: the rates into docs/record/gpu.csv)

It says which GPU it is, and then

    agreement   every architecture with every optimiser, 100 steps on the CPU and on the GPU: distances and losses, by
                the largest of each layer; smooth activations have to agree to 1e-3 (one with a kink is not checked: in
                some networks rounding puts a unit on its other side)
    graph       the step as a CUDA graph and the plain step: the same numbers
    chunks      networks trained all at once, some at a time and one at a time: the same numbers
    memory      an ensemble that can't fit: it is trained in smaller parts, with a CUDA graph where that fits
    speed       network-steps a second of 1 to 256 networks of 20 x 500, with all layers recorded at every step, beside
                the compiled trainer on one core of this machine

It ends with status 1 and the list of what disagreed, 0 where all is well, and 2 where there is no GPU.
"""

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import csv
import gc
import sys
import time
from datetime import date
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from repdyn import networks
from repdyn.networks import Shape
from repdyn.training import loop, recorders
from repdyn.training.batches import Points
from repdyn.training.ensemble import Ensemble, Member, described
from repdyn.training.module import ModuleTrainer
from repdyn.training.optimisers import OPTIMISERS

X = np.array([[-1.0], [0.0]], np.float32)
Y = np.array([[0.6], [0.6 + 0.5**0.5]], np.float32)
PICTURES = ("batchnorm_resnet", "vision_transformer")  # get noise to look at: 20 pictures of 3 x 8 x 8
NOISE = np.random.default_rng(0).normal(size=(20, 193)).astype(np.float32)
AGREE, SAME = 1e-3, 1e-5  # of what is recorded: between devices, and on one device
STEPS = 100
GAIN = {"attention": 0.4, "layernorm": 0.3, "recurrent": 0.6, "resnet": 0.1}  # else 0.95
LR = {"sgd": 0.01, "momentum": 0.001, "adam": 0.001}
TIMED = ("mlp", "layernorm", "attention", "cnn")
COUNTS = (1, 16, 64, 256)


def ensemble(
    model: str, width: int, depth: int, count: int, solver: str = "sgd", activation: str = "tanh", lr: float = 0.0
) -> Ensemble:
    members = tuple(Member(seed, GAIN.get(model, 0.95), lr or LR[solver]) for seed in range(count))
    shape = Shape(width, depth, activation, NOISE.shape[1] - 1 if model in PICTURES else 1)
    return Ensemble(model, shape, members, solver, dropout_seed=0)


def small(model: str, count: int, solver: str = "sgd") -> Ensemble:
    """Networks that are trained in a second on any device."""
    return ensemble(model, 16 if model in PICTURES else 64, 4, count, solver)


def trained(of: Ensemble, device: str, steps: int = STEPS, trainer=ModuleTrainer) -> dict[str, np.ndarray]:
    """Everything that is recorded of the first two points, at every step."""
    points = Points(NOISE[:, 1:], NOISE[:, :1]) if of.model in PICTURES else Points(X, Y)
    record = [recorders.Pairs(recorders.every(1, steps - 1))]
    found = loop.run(of, points, steps, record, device=device, trainer=trainer)
    return {name: found[name].values.astype(float) for name in ("distance", "output", "batch_loss")}


def apart(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> float:
    """Largest difference by the largest value in time; infinite where one of them is not finite."""
    worst = 0.0
    for name, values in a.items():
        axis = {"distance": -1, "output": (1, 2, 3), "batch_loss": 1}[name]
        largest = np.abs(values).max(axis, keepdims=True)
        difference = np.abs(values - b[name]) / largest
        worst = max(worst, difference.max() if np.isfinite(difference).all() else np.inf)
    return worst


class Report:
    """What was found: lines of a table as they come, those that are wrong once more at the end, and rates."""

    def __init__(self):
        self.wrong: list[str] = []
        self.rates: list[tuple] = []

    def keep(self, path: Path) -> None:
        """The rates as a table."""
        with path.open("w", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(("architecture", "on", "networks", "network_steps_per_second", "torch", "date"))
            rows.writerows((*rate, torch.__version__, date.today().isoformat()) for rate in self.rates)

    def check(self, what: str, found: float, most: float) -> None:
        line = f"{what:46} {found:8.1e}  (at most {most:.0e})"
        self.tell(line, found <= most)

    def tell(self, line: str, right: bool = True) -> None:
        print(f"  {line}{'' if right else '   WRONG'}", flush=True)
        if not right:
            self.wrong.append(line)


def check_agreement(report: Report, device: str) -> None:
    """CPU and GPU, and on the CPU the compiled trainer where it serves."""
    print("agreement of devices")
    for model in networks.known_architectures():
        for solver in OPTIMISERS:
            of = small(model, 3, solver)
            there = trained(of, device)
            report.check(f"{model}, {solver}: module trainer on the CPU", apart(trained(of, "cpu"), there), AGREE)
            if isinstance(described(of), list):
                compiled = trained(of, "cpu", trainer=loop.trainer_class(of, "cpu"))
                report.check(f"{model}, {solver}: compiled trainer", apart(compiled, there), AGREE)


def check_graph(report: Report, device: str) -> None:
    """The plain step in place of the graph."""
    print("CUDA graph against plain steps")

    one, captured, graphs = ModuleTrainer._one, ModuleTrainer._captured, []

    def plain(self, *given):
        *arguments, moves = given
        return self._step(*arguments) if moves else one(self, *given)

    def noted(self, *given):
        graphs.append(self)
        return captured(self, *given)

    for model in networks.known_architectures():
        for solver in OPTIMISERS:
            of = small(model, 3, solver)
            graphs.clear()
            with mock.patch.object(ModuleTrainer, "_captured", noted):
                usual = trained(of, device)
            used = "a graph" if graphs else "no graph"
            with mock.patch.object(ModuleTrainer, "_one", plain):
                report.check(f"{model}, {solver} ({used})", apart(trained(of, device), usual), SAME)
            if model == "mlp" and solver == "sgd" and device == "cuda":
                report.tell("the step of a plain network is a graph", bool(graphs))


def check_chunks(report: Report, device: str) -> None:
    """Networks in parts of several sizes."""
    print("networks in parts")
    for model in networks.known_architectures():
        of = small(model, 7)
        whole = trained(of, device)
        for size in (1, 3):
            with mock.patch.object(loop, "_fitting", lambda *_, size=size: size):
                report.check(f"{model}, {size} of 7 at a time", apart(trained(of, device), whole), AGREE)


class Alike(ModuleTrainer):
    """Networks that all begin as the first one: to draw many large ones would take longer than to train them."""

    def _initial(self, found, member):
        if "drawn" not in vars(self):
            self.drawn = super()._initial(found, member)
        return self.drawn


class Counted(Alike):
    """Notes how many networks are trained together."""

    sizes: list[int]

    def train(self, *given):
        self.sizes.append(self.networks)
        return super().train(*given)


def check_memory(report: Report, device: str) -> None:
    """More networks than fit into what is left of the memory, first counted as the loop does, then all at once."""
    print("an ensemble that can't fit")
    count = 100
    of = ensemble("mlp", 500, 20, count)  # 2 GB, and as much again for gradients
    rest = torch.empty(torch.cuda.mem_get_info()[0] - 3 * 2**30, dtype=torch.uint8, device=device)
    for what, fitting in (("as many as fit", loop._fitting), ("all together", lambda *_: count)):
        sizes: list[int] = []
        with mock.patch.object(loop, "_fitting", fitting):
            found = trained(of, device, 3, type("CountedHere", (Counted,), {"sizes": sizes}))
        finite = all(np.isfinite(values).all() for values in found.values())
        at_once = sum(sizes) == count  # no attempt failed
        right = at_once == (fitting is loop._fitting)
        report.tell(f"{count} networks, {what}: {', '.join(map(str, sizes[:8]))}", finite and right)
    del rest
    gc.collect()
    torch.cuda.empty_cache()


def timed(of: Ensemble, device: str, seconds: float, kind) -> float:
    """Network-steps a second, with networks made and kernels warm."""
    made = []

    def trainer(some, device):
        if len(some.members) != len(of.members):  # one network, to see how many fit
            return kind(some, device)
        if not made:
            made.append(kind(some, device))
        return made[0]

    def seconds_of(steps):
        started = time.perf_counter()
        trained(of, device, steps, trainer)
        return time.perf_counter() - started

    seconds_of(4)
    steps = max(4, min(5000, int(10 * seconds / max(seconds_of(10), 1e-3))))
    return len(of.members) * steps / seconds_of(steps)


def measure_speed(report: Report, device: str, counts=COUNTS, width: int = 500, depth: int = 20, seconds=3.0) -> None:
    """A table of rates; where not all networks fit, of as many as do (not kept), for others would come after them."""
    print(f"network-steps/s, {depth} x {width}, SGD, leaky ReLU, all layers recorded at every step")
    print("  on one core: by the trainer that serves there, the compiled one for mlp and cnn")
    name = torch.cuda.get_device_name(0) if device == "cuda" else device
    print(f"  {'':12}{'one core':>12}" + "".join(f"{f'{count} networks':>16}" for count in counts) + "   best / core")
    for model in TIMED:
        of = partial(ensemble, model, width, depth, solver="sgd", activation="leaky_relu", lr=1e-5)
        core = timed(of(count=1), "cpu", seconds, loop.trainer_class(of(count=1), "cpu"))
        report.rates.append((model, "one core", 1, round(core)))
        rates, cells = [], ""
        fitting = loop._fitting(Alike(of(count=1), device), device)
        for count in counts:
            rates.append(timed(of(count=min(count, fitting)), device, seconds, Alike))
            if count <= fitting:
                report.rates.append((model, name, count, round(rates[-1])))
            cells += f"{f'{rates[-1]:.0f}' + (f' ({fitting})' if count > fitting else ''):>16}"
            if device == "cuda":
                torch.cuda.empty_cache()
        report.tell(f"{model:12}{core:12.0f}{cells}{max(rates) / core:10.1f}")


def main(device: str = "cuda") -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", action="store_true", help="write the rates to docs/record/gpu.csv")
    keep = parser.parse_args().keep
    if not torch.cuda.is_available():
        print("not run: torch finds no GPU here")
        return 2
    torch.set_num_threads(1)
    started, report = time.perf_counter(), Report()
    memory = torch.cuda.get_device_properties(0).total_memory / 2**30
    print(f"{torch.cuda.get_device_name(0)}, {memory:.0f} GiB, torch {torch.__version__}, CUDA {torch.version.cuda}")
    for part in (check_agreement, check_graph, check_chunks, check_memory, measure_speed):
        try:
            part(report, device)
        except Exception as error:  # the other parts are to be seen too
            report.tell(f"{part.__name__}: {type(error).__name__}: {str(error).splitlines()[:1]}", False)
    print(f"took {(time.perf_counter() - started) / 60:.1f} minutes")
    if keep and report.rates:
        report.keep(ROOT / "docs" / "record" / "gpu.csv")
    if report.wrong:
        print("DISAGREED:", *report.wrong, sep="\n  ")
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
