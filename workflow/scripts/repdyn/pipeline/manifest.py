"""results/manifest.json: of every file its SHA-256, what made it, and the command that makes it again.

It is written at the end of a run and is no input of any job, so it never re-runs one. A run of a part renews what it
made and keeps the rest; a file that is gone is left out. Only files whose size or time differ from what was noted are
read again. A file that has other contents than were noted, though no job has made it since, was changed by hand: its
entry stays, so that the change is told at the start of every run until the file is made again.
"""

import json
import os
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from repdyn.files import code_hash, content_hash, whole
from repdyn.pipeline import provenance

NAME = "manifest.json"
RECORDS = Path(".snakemake/metadata")  # where Snakemake notes when a job made a file


class DamagedError(Exception):
    """A manifest can't be read."""


@dataclass(frozen=True)
class Job:
    """What made some files: the rule, its inputs but for code, its code (first the script), its params, its log."""

    rule: str
    inputs: list[str]
    code: list[str]
    params: dict[str, Any]
    log: str
    outputs: list[str]

    def entry(self) -> dict:
        """What the entries of its outputs share."""
        about = {"rule": self.rule, "inputs": self.inputs, "script": self.code[0], "code_sha256": code_hash(self.code)}
        return _plain({**about, "params": self.params, "log": self.log})


def read(results: str | Path) -> dict:
    """The manifest of a folder, {"runs": {key: run}, "files": {path below it: entry}}; both empty if there is none.

    Raises DamagedError for one that is not as it was written.
    """
    path = Path(results, NAME)
    if not path.is_file():
        return {"runs": {}, "files": {}}
    try:
        manifest = json.loads(path.read_text("utf-8"))
        return {"runs": dict(manifest["runs"]), "files": dict(manifest["files"])}
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedError(
            f"{path} was damaged after it was written ({error}). The next run that makes something writes a new one, "
            f"which believes all results that are there."
        ) from error


def update(results: str | Path, jobs: Iterable[Job], run: dict) -> None:
    """Renew the manifest after a run of these jobs, whether they had to run or not.

    run: what is said once (provenance.of_run). Nothing is written where nothing was made.
    """
    given = run["configuration"]["files"], run["configuration"]["overrides"]
    results = Path(results)
    try:
        known = read(results)
    except DamagedError:
        known = {"runs": {}, "files": {}}
    key = sha256(json.dumps(run, sort_keys=True, default=str).encode()).hexdigest()[:16]
    runs, files = {**known["runs"], key: run}, dict(known["files"])
    for job in jobs:
        made = {output: os.path.relpath(output, results) for output in filter(os.path.isfile, job.outputs)}
        for output, name in made.items():
            if _needs_entry(output, files.get(name)):
                command = provenance.command(["--force", output], *given)
                files[name] = {**_measured(output), **job.entry(), "command": command, "run": key}
    files = {name: entry for name, entry in sorted(files.items()) if os.path.isfile(results / name)}
    if not files and not known["files"]:
        return
    used = {entry["run"] for entry in files.values()}
    manifest = {"runs": {key: runs[key] for key in sorted(used)}, "files": files}
    with whole(results / NAME) as path:
        path.write_text(json.dumps(manifest, indent=1, ensure_ascii=False, default=str) + "\n", "utf-8")


def changed(results: str | Path, thoroughly: bool = False) -> Iterator[tuple[str, dict]]:
    """(path, entry) of every file that is not what was made: whose contents are others, though no job made it since.

    thoroughly: read every file, not only those whose size or time has changed.
    """
    for name, entry in read(results)["files"].items():
        path = os.path.join(results, name)
        if not os.path.isfile(path) or (_untouched(path, entry) and not thoroughly):
            continue
        if content_hash(path) != entry["sha256"] and not (_made_since(path) and not _untouched(path, entry)):
            yield path, entry


def told(path: str, entry: dict) -> str:
    """The change of a file in words, with its cure."""
    return f"{path} was changed after it was made. Make it again: {entry['command']}"


def _needs_entry(path: str, entry: dict | None) -> bool:
    """Whether a job made the file, or made it anew, since its entry was written."""
    if entry is None:
        return True
    if _untouched(path, entry):
        return False
    return _made_since(path)


def _measured(path: str) -> dict:
    status = os.stat(path)
    return {"sha256": content_hash(path), "size": status.st_size, "modified_ns": status.st_mtime_ns}


def _untouched(path: str, entry: dict) -> bool:
    status = os.stat(path)
    return (status.st_size, status.st_mtime_ns) == (entry["size"], entry["modified_ns"])


def _made_since(path: str) -> bool:
    """Whether a job of Snakemake was the last to write the file: by the time that it noted then."""
    name = urlsafe_b64encode(path.encode()).decode()
    longest = os.pathconf(".", "PC_NAME_MAX") - 1
    *folders, last = (name[i : i + longest] for i in range(0, len(name), longest))
    record = RECORDS.joinpath(*(f"@{folder}" for folder in folders), last)
    try:
        noted = json.loads(record.read_text("utf-8"))["endtime"]
    except (OSError, ValueError, KeyError):
        return False
    return noted in (os.stat(path).st_mtime, os.lstat(path).st_mtime)


def _plain(value):
    """As JSON holds it; numbers that it lacks (nan, inf) become words."""
    return json.loads(json.dumps(value, default=str), parse_constant=str)
