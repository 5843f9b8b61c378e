"""What planning costs: a dry run at full fidelity and of a long settings table, and what each cluster job parses again.

    python benchmarks/planning.py

Each command is a process of its own, run three times in a copy of the project without results; printed are the median
of its seconds and the most memory that it held. Compared are

    an empty workflow   Snakemake itself, its imports and start
    parsing             --list-rules: the Snakefile, the configuration and all tables, as in every job on a cluster
    paper.yaml          --dry-run of everything in the configuration of full fidelity
    2000 rows           --dry-run of everything with a settings table of 2000 rows, all of them trained and fitted
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
ROUNDS, ROWS = 3, 2000
PARTS = ("Snakefile", "config", "workflow", "profiles", "requirements.lock")


def project(folder: Path) -> Path:
    """The workflow alone, with nothing made yet."""
    folder.mkdir()
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, folder / part)
    return folder


def long_table(folder: Path) -> Path:
    """The shipped table, and rows of other gains until it has ROWS."""
    path = folder / "config/settings/two_points.tsv"
    lines = path.read_text().splitlines()
    rows = [line for line in lines if not line.startswith(("#", "name"))]
    template = next(row for row in rows if row.startswith("default\t")).split("\t")
    for n in range(ROWS - len(rows)):
        lines.append("\t".join([f"more_{n}", *template[1:3], f"{0.9 + n / 10000:.4f}", *template[4:]]))
    path.write_text("\n".join(lines) + "\n")
    return folder


def measured(command: list[str], folder: Path) -> tuple[float, float]:
    """Seconds and GiB of one process."""
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    told = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{' '.join(command)} failed:\n{told}")
    return time.perf_counter() - started, usage.ru_maxrss / 2**20


def main() -> dict[str, tuple[float, float]]:
    """Print seconds and GiB of every case, and return them."""
    snakemake, found = [sys.executable, "-m", "snakemake"], {}
    with tempfile.TemporaryDirectory() as base:
        plain, long, empty = (
            project(Path(base) / "plain"),
            long_table(project(Path(base) / "long")),
            Path(base) / "empty",
        )
        empty.mkdir()
        (empty / "Snakefile").write_text("rule all:\n    input: []\n")
        dry = [*snakemake, "all", "--dry-run", "--quiet"]
        cases = {
            "an empty workflow": ([*snakemake, "--list-rules"], empty),
            "parsing": ([*snakemake, "--list-rules"], plain),
            "parsing, 2000 rows": ([*snakemake, "--list-rules"], long),
            "paper.yaml": ([*dry, "--configfile", "config/paper.yaml"], plain),
            f"{ROWS} rows": (dry, long),
        }
        print(f"planning: one process each, median of {ROUNDS}")
        for name, case in cases.items():
            seconds, memory = zip(*(measured(*case) for _ in range(ROUNDS)))
            found[name] = median(seconds), max(memory)
            print(f"  {name:20s} {found[name][0]:6.2f} s {found[name][1]:6.2f} GiB")
    return found


if __name__ == "__main__":
    main()
