"""Rates of several ways of training, in rounds that alternate between them, on one core with one thread for each.

A slow moment of the machine so hits them alike. What they recorded is compared before they are timed; making networks
and compiling is not counted. Rates are medians over rounds, in steps of one network a second, for ensembles too.
"""

import os
import time
from importlib.metadata import version
from pathlib import Path
from statistics import median

import numpy as np
import torch
from peers import DEPTH, OURS, PEERS, SCAN, Run, has_jax, ours
from threadpoolctl import threadpool_limits

from repdyn.training import loop

CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]  # those that we may use
CHECKED = 20  # steps after which all must have recorded the same
AGREEMENT = 1e-3  # of distances, relative to the largest in each layer, and of the loss (about 0.5)

Case = tuple[str, int]  # what trains, and how many networks


def on_one_core(core: int = CORES[-1]) -> None:
    """This process and all threads that it will start get one core; its libraries, one thread."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, [core])
    torch.set_num_threads(1)
    threadpool_limits(1)


def where() -> str:
    """What is compared here, with which versions, on which machine."""
    found = Path("/proc/cpuinfo")
    names = [line.split(":")[1].strip() for line in found.read_text().splitlines() if line.startswith("model name")]
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "numba", *(["jax"] if has_jax() else [])))
    return f"{names[0] if names else 'CPU'}, one core and one thread for each; {versions}"


def made(cases: list[Case], width: int, depth: int) -> dict[Case, Run]:
    """Everything that can be timed here, warm; says what can't, and why, and what recorded something else."""
    found = {}
    reference = _checked(ours(width, depth, max(count for _, count in cases)))
    for name, count in cases:
        try:
            run = ours(width, depth, count) if name == OURS else PEERS[name](width, depth, count)
            seen = _checked(run)
        except Exception as error:  # whatever hinders a peer here is to be said, and the others go on
            if name == OURS:
                raise
            print(f"  {name:16} NOT COMPARED: {type(error).__name__}: {str(error).splitlines()[:1]}")
            continue
        parts = zip(seen, reference)
        # the median over networks: in one of a hundred, rounding puts a unit on the other side of its kink
        apart = max(np.median(np.abs(a - b[:count]).reshape(count, -1).max(1)) for a, b in parts)
        # at x = 0 all units begin at their kink, and each further layer brings rounding closer to it
        if not apart < AGREEMENT * max(1, depth - DEPTH):
            print(f"  {name:16} RECORDED SOMETHING ELSE: it differs by {apart:.1e} from repdyn, {depth} x {width}")
        found[name, count] = run
    return found


def _checked(run: Run) -> list[np.ndarray]:
    """What it records in its first steps; distances by the largest of their layer."""
    distances, losses = (np.asarray(values, float) for values in run(CHECKED))
    return [distances / distances.max(1, keepdims=True), losses]


def rate(run: Run, count: int, steps: int) -> float:
    """Steps of one network a second."""
    started = time.perf_counter()
    run(steps)
    return count * steps / (time.perf_counter() - started)


def alternating(runs: dict[Case, Run], rounds: int, seconds: float) -> dict[Case, list[float]]:
    """Rates of each in every round, each measured for about so many seconds."""
    steps, rates = {}, {case: [] for case in runs}
    with loop.flushed_subnormals():  # for all of them
        for (name, count), run in runs.items():
            many = 2
            for part in (0.2, 1):
                run(many)  # a loop of this length may have to be compiled
                many = max(2, int(part * seconds * rate(run, count, many) / count))
            many = -(-many // SCAN) * SCAN if many > SCAN else many
            run(many)
            steps[name, count] = many
        for _ in range(rounds):
            for case, run in runs.items():
                rates[case].append(rate(run, case[1], steps[case]))
    return rates


def ratio(rates: dict[Case, list[float]], one: Case, other: Case) -> float:
    """Median over rounds."""
    return median(a / b for a, b in zip(rates[one], rates[other], strict=True))


def best(rates: dict[Case, list[float]], among) -> Case:
    """The one with the largest median."""
    return max((case for case in rates if case[0] in among), key=lambda case: median(rates[case]))
