"""How fast training is beside what else one could take for it, on one core, in one run of about six minutes.

    python benchmarks/training.py

Steps: the compiled trainer and all of its `peers`. Ratios: median over rounds of repdyn to that peer.

Flow: the solver `flow` at its usual tolerance against plain steps of half the table's learning rate, for the smooth
rows; at width 100 both are compared with steps of an eighth of it, at width 500 they are timed.

Two jobs: two processes of the compiled trainer, each on a core of its own, against one of them alone.

Modules: twenty LayerNorm networks by the module trainer, against the usual loop, one network after the other.
"""

import argparse
import subprocess
import sys
import time
from functools import partial
from statistics import median

import numpy as np
from peers import DEPTH, OURS, PEERS, ensemble, has_jax, kept, ours, peers, recorded, usual_loop
from rounds import CORES, alternating, best, made, on_one_core, rate, ratio, where
from torch import nn

from repdyn import networks
from repdyn.networks import modules
from repdyn.training import loop
from repdyn.training.ensemble import Ensemble

WIDTHS = (50, 100, 500)
# networks that a peer trains together at each of these widths: what serves it best of 1 to 100, at 500 of 1 to 8
ENSEMBLES = {"torch.func": (100, 100, 8), "JAX, scan, vmap": (20, 4, 2)}
# activation: gain and learning rate of the table's rows that have a flow
SMOOTH = {"tanh": (0.85, 0.0025), "silu": (1.7, 0.005), "elu": (0.95, 0.0009), "none": (0.85, 0.0025)}
STEPS = 3000  # of the table's rows


def compare_steps(rounds: int = 5, seconds: float = 0.6) -> dict[str, float]:
    """The compiled trainer and all its peers; repdyn's ratio to the best of them at each width."""
    ratios = {}
    for place, width in enumerate(WIDTHS):
        print(f"steps: {DEPTH} x {width}, leaky ReLU, SGD, two points, all layers recorded at every step", flush=True)
        own = [(OURS, 1)] + [(name, ENSEMBLES[name][place] if name in ENSEMBLES else 1) for name in peers()]
        rates = alternating(made(own, width, DEPTH), rounds, seconds)
        for (name, count), values in rates.items():
            told = f"{median(values):6.0f} network-steps/s  (from {min(values):.0f} to {max(values):.0f})"
            against = "" if name == OURS else f"repdyn is {ratio(rates, (OURS, 1), (name, count)):5.2f} times as fast"
            many = f"{count} networks at once" if count > 1 else ""
            print(f"  {name:16}{told:46}{against:34}{many}".rstrip(), flush=True)
        first = best(rates, PEERS)
        ratios[f"width {width}"] = ratio(rates, (OURS, 1), first)
        print(f"  repdyn / best of all peers ({first[0]}): {ratios[f'width {width}']:.2f}", flush=True)
    return ratios


def smooth(activation: str, width: int, solver: str, finer: int) -> Ensemble:
    """A network of a smooth row of the table, at its learning rate divided by `finer`."""
    gain, lr = SMOOTH[activation]
    return ensemble(width, DEPTH, 1, activation=activation, gain=gain, lr=lr / finer, solver=solver)


def followed(of: Ensemble, finer: int) -> np.ndarray:
    """Distances (layer, moment) at the moments of the table's steps."""
    return recorded(of, finer * STEPS, finer).distance.values[0, :, 0].astype(float)


def compare_flow(rounds: int = 3) -> dict[str, float]:
    """Median over rounds of the seconds of plain steps over those of the flow at width 500, for each smooth row."""
    print(f"flow: rows of the table, depth {DEPTH}, lr/2, one network; deviation of H from steps of lr/8 at width 100")
    ratios = {}
    for activation in SMOOTH:
        truth = followed(smooth(activation, 100, "sgd", 8), 8)
        apart, taken = {}, {}
        for solver in ("sgd", "flow"):
            found = followed(smooth(activation, 100, solver, 2), 2)
            apart[solver] = (np.abs(found - truth).max(1) / truth.max(1)).max()
        for _ in range(rounds):
            for solver in apart:
                taken.setdefault(solver, []).append(seconds_of(smooth(activation, 500, solver, 2), 2 * STEPS))
        gain = ratios[f"flow, {activation}"] = median(a / b for a, b in zip(*taken.values(), strict=True))
        print(
            f"  {activation:5} deviation: steps {apart['sgd']:.1e}, flow {apart['flow']:.1e};   width 500: steps "
            f"{median(taken['sgd']):.1f} s, flow {median(taken['flow']):.2f} s, {gain:.1f} times as fast",
            flush=True,
        )
    return ratios


def seconds_of(of: Ensemble, steps: int) -> float:
    """How long the training of networks takes that are made."""
    trainer = loop.trainer_class(of)(of)
    started = time.perf_counter()
    recorded(of, steps, 2, trainer=lambda *_: trainer)
    return time.perf_counter() - started


def job(core: int) -> None:
    """A process that trains when told to: for each line, so many steps at width 500; answers with the rate."""
    on_one_core(core)
    run = ours(500, DEPTH, 1)
    run(2)
    print("ready", flush=True)
    for line in sys.stdin:
        print(rate(run, 1, int(line)), flush=True)


def compare_jobs(rounds: int = 3, steps: int = 1500) -> dict[str, float]:
    """Throughput of two jobs at once over that of one."""
    if len(CORES) < 2:
        print("two jobs: NOT COMPARED, this process may use one core alone")
        return {}
    jobs = []
    for core in CORES[:2]:
        command = [sys.executable, __file__, "--job", str(core)]
        jobs.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))

    def rates(some):
        for each in some:
            each.stdin.write(f"{steps}\n")
            each.stdin.flush()
        return [float(each.stdout.readline()) for each in some]

    try:
        for each in jobs:
            each.stdout.readline()
        gains, alone, both = [], [], []
        for n in range(rounds):
            alone.append(median(rates([each])[0] for each in jobs))
            both.append(sum(rates(jobs)))
            gains.append(both[n] / alone[n])
    finally:
        for each in jobs:
            each.stdin.close()
            each.wait()
    print(
        f"two jobs: {DEPTH} x 500, on cores {CORES[0]} and {CORES[1]}, one thread each: one alone {median(alone):.0f} "
        f"steps/s, two at once {median(both):.0f} together, {median(gains):.2f} times one",
        flush=True,
    )
    return {"two jobs": median(gains)}


def watched(of: Ensemble) -> nn.Module:
    """A module of any architecture whose forward pass returns its output and its hidden layers."""
    template, hidden = modules.made(networks.layers(of.model, of.shape), of.shape)

    class Watched(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.seen = template, []
            for name in dict.fromkeys(hidden):
                template.get_submodule(name).register_forward_hook(lambda *call: self.seen.append(call[-1]))

        def forward(self, x):
            self.seen.clear()
            return self.inner(x), list(self.seen)

    return Watched()


def compare_modules(rounds: int = 3, count: int = 20, seconds: float = 3) -> dict[str, float]:
    """The module trainer's ratio to the usual loop."""
    ratios = {}
    for width in (100, 500):
        of = ensemble(width, DEPTH, count, "layernorm", gain=0.3)
        by_hand = usual_loop(watched(of))
        trained = partial(recorded, of, trainer=kept(loop.trainer_class(of)))
        runs = {(OURS, count): trained, ("torch, usual", 1): by_hand}
        rates = alternating(runs, rounds, seconds)
        fast, slow = runs
        ratios[f"LayerNorm {width}"] = ratio(rates, fast, slow)
        print(
            f"modules: {count} LayerNorm networks {DEPTH} x {width}, all recorded: repdyn {median(rates[fast]):.0f}, "
            f"usual loop {median(rates[slow]):.0f} network-steps/s, {ratios[f'LayerNorm {width}']:.2f} times",
            flush=True,
        )
    return ratios


def main() -> dict[str, float]:
    """Print all comparisons; returns the ratios."""
    on_one_core()
    started = time.perf_counter()
    print(where())
    if not has_jax():
        print("JAX IS NOT INSTALLED: its rows are missing below (make bench installs it)")
    ratios = compare_steps() | compare_flow() | compare_jobs() | compare_modules()
    print(f"all of this took {(time.perf_counter() - started) / 60:.1f} minutes")
    return ratios


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--job", type=int, help=argparse.SUPPRESS)  # for compare_jobs: the core
    chosen = arguments.parse_args()
    if chosen.job is None:
        main()
    else:
        job(chosen.job)
