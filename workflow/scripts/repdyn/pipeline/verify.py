"""Are results what this code and configuration make? Some of them are made again elsewhere and compared.

    python -m repdyn.pipeline.verify [RESULTS | FILE...]       make verify [FILES="results/tables/x.csv ..."]

First every file is held against its checksum in the manifest. Then the files named, or else the cheapest training, fit,
table and figure, are made again in a temporary folder, from the same configuration and with the other results as their
inputs. On the machine and with the versions and code of then they have to come out with the same bytes, elsewhere
within the tolerances of `comparing`. Exit status 1 if anything differs.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from repdyn.pipeline import comparing, manifest, provenance
from repdyn.pipeline.record import DONE
from repdyn.pipeline.study import SHIPPED

RECORDED = Path("docs/record/tables/repeatability_summary.csv")
KINDS = {
    "training": lambda name, entry: entry["rule"].endswith("_train"),
    "fit": lambda name, entry: entry["rule"].endswith("_fit"),
    "table": lambda name, entry: name.startswith("tables/"),
    "figure": lambda name, entry: name.endswith(".png"),
}


class NothingToVerifyError(Exception):
    """There are no such results, or they can't be made again; the text says what to do."""


def main(arguments: list[str]) -> int:
    """Exit status: 0 if all is as it was made, 1 if something differs or there is nothing to verify."""
    try:
        results, names = asked(arguments or ["results"])
        edited = [manifest.told(path, entry) for path, entry in manifest.changed(results, thoroughly=True)]
        print("\n".join(edited) or f"{results}: all {len(manifest.read(results)['files'])} files have their checksums.")
        outcomes = verified(results, names)
    except (NothingToVerifyError, manifest.DamagedError) as error:
        print(error, file=sys.stderr)
        return 1
    for name, outcome in outcomes.items():
        print(f"{outcome.verdict:16}  {results / name}{f': {outcome.words}' if outcome.words else ''}")
    return int(bool(edited) or any(outcome.verdict == comparing.DIFFERS for outcome in outcomes.values()))


def asked(arguments: list[str]) -> tuple[Path, list[str]]:
    """The folder of results, and the files in it to make again. Raises NothingToVerifyError where there are none."""
    first = Path(arguments[0])
    results = next((p for p in (first, *first.parents) if (p / manifest.NAME).is_file()), None)
    if results is None:
        raise NothingToVerifyError(
            f"{first}: no results there (looked for {manifest.NAME} in it and above): make them first, "
            "with `make` or `snakemake NAME`"
        )
    files = manifest.read(results)["files"]
    if results == first:
        return results, cheapest(results, files)
    names = [os.path.relpath(path, results) for path in arguments]
    if unknown := [argument for argument, name in zip(arguments, names) if name not in files]:
        raise NothingToVerifyError(f"{', '.join(unknown)}: not in {results / manifest.NAME}: expected files of results")
    return results, names


def cheapest(results: Path, files: dict[str, dict]) -> list[str]:
    """One file of each kind, that which took the least time by its job's log."""
    chosen = []
    for belongs in KINDS.values():
        of_kind = [name for name, entry in files.items() if belongs(name, entry) and (results / name).is_file()]
        chosen += sorted(of_kind, key=lambda name: (seconds(files[name]["log"]), name))[:1]
    return list(dict.fromkeys(chosen))


def seconds(log: str) -> float:
    """What a job took, by the last line of its log; infinite where it does not say, as of what came from a cache."""
    try:
        done = DONE.findall(Path(log).read_text("utf-8", "replace"))
    except OSError:
        done = []
    return float(done[-1][0]) if done else float("inf")


def verified(results: Path, names: list[str]) -> dict[str, comparing.Outcome]:
    """Make these files again and compare them: {name: outcome}."""
    known = manifest.read(results)
    table = RECORDED if RECORDED.is_file() else SHIPPED / RECORDED
    outcomes = {}
    with tempfile.TemporaryDirectory(prefix="repdyn-verify-") as folder:
        again = make_again(results, names, known, Path(folder))
        new = manifest.read(again)
        for name in names:
            then, now = known["files"][name], new["files"][name]
            elsewhere = other_surroundings(known["runs"][then["run"]], new["runs"][now["run"]])
            elsewhere += ["other code"] if then["code_sha256"] != now["code_sha256"] else []
            row = then["params"].get("row")
            activation = row.get("activation") if isinstance(row, dict) else None
            found = comparing.compare(results / name, again / name, comparing.Tolerances.read(table, activation))
            outcomes[name] = judged(found, elsewhere)
    return outcomes


def judged(found: comparing.Outcome, elsewhere: list[str]) -> comparing.Outcome:
    """With nothing else changed only the same bytes are the same."""
    if found.verdict == comparing.IDENTICAL:
        return found
    words = found.words + (f" ({'; '.join(elsewhere)})" if elsewhere else " (same machine, versions and code)")
    return comparing.Outcome(found.verdict if elsewhere else comparing.DIFFERS, words)


def other_surroundings(then: dict, now: dict) -> list[str]:
    """What may give other bytes than then, in words."""
    about = ("machine", "graphics", "python")
    found = [f"{key}: {now[key]}, then {then[key]}" for key in about if now[key] != then[key]]
    versions = now["libraries"]
    found += [f"{key} {versions.get(key)}, then {v}" for key, v in then["libraries"].items() if v != versions.get(key)]
    before, after = ({**run["configuration"]["values"], "results": ""} for run in (then, now))
    found += [f"configuration of {key} is another" for key in before if before[key] != after.get(key)]
    tables = now["configuration"]["tables"].values()
    return found + [f"{path} is another" for path, v in then["configuration"]["tables"].items() if v not in tables]


def make_again(results: Path, names: list[str], known: dict, folder: Path) -> Path:
    """Run the workflow in another folder with the configuration of then; returns the folder of its results.

    The other inputs of these files are copied, so that no more than the files themselves is made again.
    """
    again = folder / "again"
    for name in names:
        for path in known["files"][name]["inputs"]:
            inner = os.path.relpath(path, results)
            if not inner.startswith("..") and inner not in names and os.path.isfile(path):
                (again / inner).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, again / inner)
    configuration = known["runs"][known["files"][names[0]]["run"]]["configuration"]
    files = [os.path.abspath(path) for path in configuration["files"]]
    given = provenance.arguments(files, {**configuration["overrides"], "results": "again"})
    targets = [f"again/{name}" for name in names]
    command = [sys.executable, "-m", "snakemake", *targets, "--snakefile", str(SHIPPED / "Snakefile")]
    command += ["--directory", str(folder), "--rerun-triggers", "params", *given]
    environment = {key: value for key, value in os.environ.items() if key != "SNAKEMAKE_OUTPUT_CACHE"}
    ran = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if ran.returncode:
        end = "\n".join(ran.stdout.splitlines()[-20:])
        raise NothingToVerifyError(f"{', '.join(targets)}: could not be made again. Snakemake's last lines:\n{end}")
    return again


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
