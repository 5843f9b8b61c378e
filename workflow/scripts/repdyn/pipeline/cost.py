"""What a study will take before it runs: core seconds, time on so many cores, memory, disk.

    python -m repdyn.pipeline.cost [--configfile OVERLAY...] [--cores N]

A rule that trains takes a second or two to start, and then time in proportion to its parameters times steps
(`workload`); what follows it, in proportion to its networks and layers. How long one of these takes is known from a
study that was made: docs/record/cost.csv has the seconds of every rule, and how much work that was. It is known for a
CPU alone.
"""

import argparse
import heapq
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from repdyn.pipeline.checking import ConfigurationError
from repdyn.pipeline.study import read_study
from repdyn.pipeline.workload import Load, followed, loads, work

RECORD = Path("docs/record")
START = 2.5  # seconds of a job that trains before its first step
LEAST = 1.0  # seconds of any other job, whatever its networks
BETWEEN = 1.3  # seconds from one job to the next on a core: a process, and the imports before its log begins
RATE = 8e-10  # seconds of a parameter in a step, where no study has measured the rule
MEMORY = {True: 430.0, False: 200.0}  # megabytes of a job that trains, of any other: libraries
TOGETHER = 2 * 2**30  # bytes of networks that train together (`training.loop`)
FIGURES = 30.0  # megabytes of all figures and tables


@dataclass(frozen=True)
class Job:
    """One job of a study: seconds of one core, megabytes of memory and of disk."""

    rule: str
    seconds: float
    memory: float
    disk: float


def estimated(study: dict, measured: pd.DataFrame) -> list[Job]:
    """All jobs of a study.

    study        what `study.load_study` returns
    measured     what rules took in another one, docs/record/cost.csv: rule, jobs, seconds, work (`workload.work`)
    """
    wanted, took = loads(study), measured.set_index("rule")
    found = []
    for rule, jobs in wanted.items():
        rate = rate_of(took.loc[rule], START) if rule in took.index else RATE
        found += [Job(rule, START + rate * load.work, _memory(load), _disk(load)) for load in jobs]
    for rule, row in took.iterrows():
        if rule not in wanted:
            found += _following(str(rule), row, took.jobs, wanted)
    return found


def rate_of(row: pd.Series, start: float) -> float:
    """Seconds of a unit of work beyond those that every job takes."""
    return max(row.seconds - start * row.jobs, 0.0) / row.work if row.work > 0 else 0.0


def _following(rule: str, row: pd.Series, jobs: pd.Series, wanted: dict) -> list[Job]:
    """Jobs of a rule that does not train: as many as rows where it has one for each row, else as many as measured."""
    of = followed(rule)
    each = of in wanted and row.jobs == jobs.get(of)
    count = len(wanted[of]) if each else int(row.jobs)
    seconds = min(LEAST, row.seconds / row.jobs) + rate_of(row, LEAST) * work(rule, wanted) / max(count, 1)
    return [Job(rule, seconds, MEMORY[False], 0.0)] * count


def _memory(load: Load) -> float:
    """Weights of the networks that train together, again for their kernels; what is kept, again where it is written."""
    weights = min(TOGETHER, 4.0 * load.copies * load.networks * load.parameters)
    return MEMORY[True] + (load.data + 2 * weights + 8 * load.networks * load.floats) / 1e6


def _disk(load: Load) -> float:
    """Numbers that are kept, and a line a layer of the fits."""
    return load.networks * (4 * load.floats + 500 * load.layers) / 1e6


def wall(seconds: Iterable[float], cores: int) -> float:
    """Seconds on so many cores, where the longest jobs begin first."""
    ends = [0.0] * cores
    for one in sorted(seconds, reverse=True):
        heapq.heapreplace(ends, ends[0] + one + BETWEEN)
    return max(ends)


def totals(jobs: list[Job], cores: int) -> dict[str, float]:
    """core_seconds, wall_seconds on so many cores, peak_mb of so many jobs at once, disk_mb."""
    return {
        "core_seconds": sum(job.seconds for job in jobs),
        "wall_seconds": wall([job.seconds for job in jobs], cores),
        "peak_mb": sum(heapq.nlargest(cores, (job.memory for job in jobs))),
        "disk_mb": FIGURES + sum(job.disk for job in jobs),
    }


def of_configuration(overlays: Iterable[str]) -> list[Job]:
    """All jobs of a study of this folder. Raises ConfigurationError, and FileNotFoundError without a record."""
    return estimated(read_study(list(overlays)), pd.read_csv(RECORD / "cost.csv"))


def words(jobs: list[Job], cores: int) -> str:
    """A table by rule, longest first, and the sums."""
    table = pd.DataFrame([vars(job) for job in jobs]).groupby("rule", sort=False)
    rows = table.agg(
        jobs=("seconds", "size"),
        seconds=("seconds", "sum"),
        longest=("seconds", "max"),
        memory=("memory", "max"),
        disk=("disk", "sum"),
    ).sort_values("seconds", ascending=False)
    lines = [f"{'rule':28} {'jobs':>5} {'core s':>9} {'longest':>9} {'peak MB':>9} {'disk MB':>9}"]
    lines += [
        f"{r.Index:28} {r.jobs:5} {r.seconds:9.0f} {r.longest:9.0f} {r.memory:9.0f} {r.disk:9.1f}"
        for r in rows.itertuples()
    ]
    told = totals(jobs, cores)
    core, wall_clock = (told[f"{kind}_seconds"] / 60 for kind in ("core", "wall"))
    lines += [
        "",
        f"In all {core:.0f} minutes of one core, {wall_clock:.0f} minutes on {cores}; "
        f"{told['peak_mb'] / 1e3:.1f} GB of memory where the largest jobs meet; {told['disk_mb']:.0f} MB of disk.",
        "Right within a factor of two, on a CPU like that of docs/record/about.yaml. GPUs are not counted.",
    ]
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Print the estimate; exit status 1 where the configuration has a fault or there is nothing to estimate from."""
    parser = argparse.ArgumentParser(prog="python -m repdyn.pipeline.cost", description=__doc__.split("\n")[0])
    parser.add_argument("--configfile", nargs="+", default=[], metavar="OVERLAY", help="as of snakemake")
    parser.add_argument("--cores", type=int, default=2, help="2 unless said otherwise")
    asked = parser.parse_args(arguments)
    if asked.cores < 1:
        parser.error(f"--cores {asked.cores}: expected a whole number >= 1")
    try:
        print(words(of_configuration(asked.configfile), asked.cores))
    except (ConfigurationError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
