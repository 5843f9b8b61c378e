"""Keep a study as the study of record: its claims and small tables, with what made them, in docs/record/.

python -m repdyn.pipeline.record [RESULTS RECORD]         results/record, docs/record
"""

import csv
import os
import platform
import re
import shutil
import subprocess
import sys
from datetime import date
from importlib.metadata import version
from pathlib import Path

import yaml

LIBRARIES = ("numpy", "scipy", "pandas", "torch", "numba", "snakemake")
FIGURES = ("key_figure.png",)  # what README shows
LARGEST = 64 * 1024  # bytes of a table that is kept: summaries are smaller, tables with a row a step are not


def keep(results: Path, record: Path, about: dict) -> list[Path]:
    """Copy claims and tables of at most LARGEST bytes, write about.yaml, and remove what the study no longer makes.

    Raises FileNotFoundError where the study has not been made.
    """
    made = [results / "claims.csv", results / "claims.md"]
    made += sorted(path for path in (results / "tables").glob("*.csv") if path.stat().st_size <= LARGEST)
    for path in made[:2]:
        if not path.is_file():
            raise FileNotFoundError(f"{path}: there is none: make the study first (make record)")
    (record / "tables").mkdir(parents=True, exist_ok=True)
    for old in (record / "tables").glob("*.csv"):
        old.unlink()
    made += [path for path in (results / "figures" / name for name in FIGURES) if path.is_file()]
    kept = [Path(shutil.copyfile(path, record / _place(path, results))) for path in made]
    costs, told = record / "cost.csv", record / "about.yaml"
    spent = cost(results / "logs")
    with costs.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([("rule", "jobs", "seconds"), *((rule, len(s), f"{sum(s):.1f}") for rule, s in spent.items())])
    made_by = {**about, **provenance(), "core seconds": round(sum(map(sum, spent.values())))}
    told.write_text(yaml.safe_dump(made_by, sort_keys=False, allow_unicode=True), "utf-8")
    return [*kept, costs, told]


def _place(path: Path, results: Path) -> Path:
    """Where it is kept: figures beside the claims."""
    return Path(path.name) if path.suffix == ".png" else path.relative_to(results)


def cost(logs: Path) -> dict[str, list[float]]:
    """Seconds of every job by rule, from the last lines of the logs, <logs>/RULE.log or <logs>/RULE/WILDCARD.log."""
    spent: dict[str, list[float]] = {}
    for log in sorted(logs.rglob("*.log")):
        if done := re.findall(r" done in ([0-9.]+) s$", log.read_text("utf-8", "replace"), re.MULTILINE):
            rule = log.relative_to(logs).parts[0].removesuffix(".log")
            spent.setdefault(rule, []).append(float(done[-1]))
    return spent


def provenance() -> dict:
    """Commit, date, machine and versions of the study that was just made."""

    def git(*words: str) -> str:
        ran = subprocess.run(["git", *words], capture_output=True, text=True)
        return ran.stdout.strip() if ran.returncode == 0 else "unknown"

    return {
        "commit": git("rev-parse", "HEAD"),
        "uncommitted changes": bool(git("status", "--porcelain", "--untracked-files=no")),
        "date": date.today().isoformat(),
        "machine": f"{os.cpu_count()} cores of {_processor()}, {platform.system()}",
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def main(arguments: list[str]) -> int:
    """Exit status: 1 where there is no study to keep."""
    configuration, record = map(Path, [*arguments, *("config/record.yaml", "docs/record")[len(arguments) :]])
    base, overlay = (yaml.safe_load(path.read_text("utf-8")) for path in (Path("config/config.yaml"), configuration))
    networks = {**base["two_points"], **overlay.get("two_points", {})}["networks"]
    about = {"configuration": configuration.as_posix(), "networks": networks}
    try:
        for path in keep(Path(overlay.get("results", base["results"])), record, about):
            print(path)
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
