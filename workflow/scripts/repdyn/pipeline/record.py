"""Keep a study as the study of record: its claims and small tables, with what made them, in docs/record/.

python -m repdyn.pipeline.record [RESULTS RECORD]         results/record, docs/record
"""

import platform
import shutil
import subprocess
import sys
from datetime import date
from importlib.metadata import version
from pathlib import Path

import yaml

LIBRARIES = ("numpy", "scipy", "pandas", "torch", "numba", "snakemake")
LARGEST = 64 * 1024  # bytes of a table that is kept: summaries are smaller, tables with a row a step are not


def keep(results: Path, record: Path, root: Path = Path(".")) -> list[Path]:
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
    kept = [Path(shutil.copyfile(path, record / path.relative_to(results))) for path in made]
    about = record / "about.yaml"
    about.write_text(yaml.safe_dump(provenance(root), sort_keys=False, allow_unicode=True), "utf-8")
    return [*kept, about]


def provenance(root: Path) -> dict:
    """Commit, date, machine and versions of the study that was just made."""

    def git(*words: str) -> str:
        ran = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True)
        return ran.stdout.strip() if ran.returncode == 0 else "unknown"

    return {
        "commit": git("rev-parse", "HEAD"),
        "uncommitted changes": bool(git("status", "--porcelain", "--untracked-files=no")),
        "date": date.today().isoformat(),
        "machine": f"{_processor()}, {platform.system()}",
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
    results, record = map(Path, arguments or ["results/record", "docs/record"])
    try:
        for path in keep(results, record):
            print(path)
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
