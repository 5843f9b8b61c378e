"""Keep a study as the study of record: its claims and small tables, with what made them, in docs/record/.

python -m repdyn.pipeline.record [RESULTS RECORD]         results/record, docs/record
"""

import csv
import math
import re
import shutil
import sys
from datetime import date
from pathlib import Path

import yaml

from repdyn.pipeline import workload
from repdyn.pipeline.checking import ConfigurationError
from repdyn.pipeline.provenance import surroundings
from repdyn.pipeline.study import BASE, read_study

FIGURES = ("key_figure.png",)  # what README shows
LARGEST = 256 * 1024  # bytes of a table that is kept: summaries are smaller, tables with a row a step are not


def keep(results: Path, record: Path, about: dict, jobs: dict[str, list[workload.Load]]) -> list[Path]:
    """Copy claims and tables of at most LARGEST bytes, write about.yaml, and remove what the study no longer makes.

    jobs: what was trained (`workload.loads`), by which `cost` estimates another study.

    Raises FileNotFoundError where the study has not been made.
    """
    made_by = {**about, "date": date.today().isoformat(), **surroundings()}  # before this changes what is committed
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
    spent = keep_cost(results / "logs", costs, jobs)
    made_by |= {**size(results), "core seconds": spent}
    told.write_text(yaml.safe_dump(made_by, sort_keys=False, allow_unicode=True), "utf-8")
    return [*kept, costs, told]


def _place(path: Path, results: Path) -> Path:
    """Where it is kept: figures beside the claims."""
    return Path(path.name) if path.suffix == ".png" else path.relative_to(results)


DONE = re.compile(r" done in ([0-9.]+) s(?:, at most ([0-9]+) MB)?$", re.MULTILINE)


def cost(logs: Path) -> dict[str, list[tuple[float, float]]]:
    """Seconds and most megabytes of memory of every job by rule, nan where the log does not say.

    From the last lines of the logs, <logs>/RULE.log or <logs>/RULE/WILDCARD.log.
    """
    spent: dict[str, list[tuple[float, float]]] = {}
    for log in sorted(logs.rglob("*.log")):
        if done := DONE.findall(log.read_text("utf-8", "replace")):
            rule = log.relative_to(logs).parts[0].removesuffix(".log")
            spent.setdefault(rule, []).append((float(done[-1][0]), float(done[-1][1] or "nan")))
    return spent


def keep_cost(logs: Path, path: Path, jobs: dict[str, list[workload.Load]]) -> int:
    """Write what each rule took as a table, and return all seconds of one core.

    Columns: rule, jobs, seconds, peak_mb of a job, and work, with which the seconds grow (`workload.work`).
    """
    spent = cost(logs)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("rule", "jobs", "seconds", "peak_mb", "work"))
        for rule, took in spent.items():
            peak = max((memory for _, memory in took if not math.isnan(memory)), default=math.nan)
            told = "" if math.isnan(peak) else f"{peak:.0f}"
            row = (rule, len(took), f"{sum(seconds for seconds, _ in took):.1f}", told)
            writer.writerow((*row, f"{workload.work(rule, jobs):.4g}"))
    return round(sum(seconds for took in spent.values() for seconds, _ in took))


def size(results: Path) -> dict[str, int]:
    """Megabytes of a study's results without its logs."""
    files = (path for path in results.rglob("*") if path.is_file() and "logs" not in path.relative_to(results).parts)
    return {"megabytes": round(sum(path.stat().st_size for path in files) / 1e6)}


def main(arguments: list[str]) -> int:
    """Exit status: 1 where there is no study to keep."""
    configuration, record = map(Path, [*arguments, *("config/record.yaml", "docs/record")[len(arguments) :]])
    base, overlay = (yaml.safe_load(path.read_text("utf-8")) for path in (Path("config/config.yaml"), configuration))
    networks = {**base["two_points"], **overlay.get("two_points", {})}["networks"]
    about = {"configuration": configuration.as_posix(), "networks": networks}
    try:
        jobs = workload.loads(read_study([] if configuration.as_posix() == BASE else [configuration.as_posix()]))
        for path in keep(Path(overlay.get("results", base["results"])), record, about, jobs):
            print(path)
    except (ConfigurationError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
