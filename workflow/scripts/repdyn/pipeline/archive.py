"""Keep a finished study for others: one zip file with its results and all that made them, a Workflow Run RO-Crate.

    python -m repdyn.pipeline.archive [OVERLAY] [--data]     <results>/archive.zip; OVERLAY as config/record.yaml

In it are tables, figures, claims and the report if there is one, and with --data all recorded runs and fits as well;
the project's files at the commit, among them configuration, requirements.lock and licence; a patch of what is not
committed; and ro-crate-metadata.json, which describes each file with its SHA-256 (`crate`). Unpacked it is the
project, in which `make` makes the results again. The same study gives the same bytes.
"""

import argparse
import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import yaml

from repdyn.files import content_hash, whole
from repdyn.pipeline.crate import Member, Run, metadata
from repdyn.pipeline.provenance import LIBRARIES
from repdyn.pipeline.study import BASE

METADATA, PATCH, LOCK = "ro-crate-metadata.json", "uncommitted.patch", "requirements.lock"
CLAIMS = ("claims.csv", "claims.md")
BESIDE = (*CLAIMS, "compared.md", "manifest.json", "report.html")
TOLD = {
    ("figures", ".svg"): "figure {}",
    ("figures", ".png"): "figure {}, as pixels",
    ("figures", ".csv"): "the numbers that figure {} shows",
    ("tables", ".csv"): "table {}",
}


class ArchiveError(Exception):
    """Why there can be no archive: what was found, what was expected, and what to do."""


@dataclass(frozen=True)
class Commit:
    """The commit that a project stands at, and what is not in it."""

    name: str
    date: str  # ISO 8601
    patch: bytes  # changes of tracked files
    unknown: tuple[str, ...]  # files that git neither tracks nor ignores

    @property
    def told(self) -> str:
        """In words."""
        words = f"commit {self.name}"
        words += f", with changes that are not committed ({PATCH})" if self.patch else ""
        return words + (f", and files that git does not know: {', '.join(self.unknown)}" if self.unknown else "")


def git(root: Path, *words: str) -> bytes:
    """What git prints. Raises ArchiveError with its reason."""
    try:
        ran = subprocess.run(["git", *words], cwd=root, capture_output=True)
    except FileNotFoundError as error:
        raise ArchiveError("git was not found: an archive says which commit made it; install git") from error
    if ran.returncode:
        reason = ran.stderr.decode(errors="replace").strip()
        raise ArchiveError(f"git {words[0]}: {reason}: expected a clone of the project; make the archive in one")
    return ran.stdout


def commit(root: Path) -> Commit:
    """The commit that a project stands at. Raises ArchiveError where there is none."""
    name, date = git(root, "show", "--no-patch", "--format=%H %cI", "HEAD").decode().split()
    unknown = git(root, "ls-files", "--others", "--exclude-standard", "-z").decode().split("\0")
    return Commit(name, date, git(root, "diff", "--binary", "HEAD"), tuple(filter(None, sorted(unknown))))


def committed(root: Path) -> dict[str, bytes]:
    """The project's files at the commit, by their paths."""
    with tarfile.open(fileobj=io.BytesIO(git(root, "archive", "--format=tar", "HEAD"))) as packed:
        return {one.name: packed.extractfile(one).read() for one in packed if one.isfile()}


def results(folder: Path, data: bool) -> list[Path]:
    """The files of a finished study, without logs and without studies in folders below it, sorted.

    Raises ArchiveError where claims, tables or figures are missing.
    """
    made = [path for path in (folder / name for name in BESIDE) if path.is_file()]
    parts = [sorted((folder / "tables").glob("*.csv")), sorted((folder / "figures").glob("*.*"))]
    lacking = [str(folder / name) for name in CLAIMS if folder / name not in made]
    lacking += [str(folder / name) for name, found in zip(("tables", "figures"), parts, strict=True) if not found]
    if lacking:
        raise ArchiveError(f"{', '.join(lacking)}: not there: an archive is of a finished study; make it first")
    runs = []
    for one in sorted(folder.iterdir()) if data else []:
        if one.is_dir() and one.name not in ("tables", "figures", "logs") and not (one / "tables").is_dir():
            runs += sorted(path for path in one.rglob("*") if path.is_file())
    return sorted([*made, *parts[0], *parts[1], *runs])


def described(path: Path) -> tuple[str, str]:
    """The SHA-256 of a result, and in words what it is."""
    told = TOLD.get((path.parent.name, path.suffix))
    if told is None:
        told = "recorded runs" if path.suffix == ".nc" else "claims" if path.name in CLAIMS else "result {}"
    return content_hash(path), told.format(path.stem)


def times(logs: Path) -> tuple[str, str]:
    """When the first job began and the last one ended, by their logs; empty where there are none."""
    stamps = []
    for log in sorted(logs.rglob("*.log")):
        text = log.read_text("utf-8", "replace")
        stamps += re.findall(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)", text, re.MULTILINE)
    return (min(stamps).replace(" ", "T"), max(stamps).replace(" ", "T")) if stamps else ("", "")


def study(root: Path, overlay: str | None) -> tuple[list[str], Path]:
    """The files of a study's configuration, and the folder of its results. Raises ArchiveError where one is missing."""
    configuration = [BASE, *([overlay] if overlay else [])]
    for path in configuration:
        if not (root / path).is_file():
            raise ArchiveError(f"{path}: not there: expected the configuration that the study was made with")
    told = [yaml.safe_load((root / path).read_text("utf-8")) for path in configuration]
    return configuration, root / next(one["results"] for one in reversed(told) if "results" in one)


def write(root: Path, overlay: str | None = None, data: bool = False) -> Path:
    """Write the archive of a study of this project into the folder of its results; returns where.

    overlay   configuration on top of config/config.yaml, relative to the root, or None
    data      whether recorded runs and fits are in it

    Raises ArchiveError where results, the clone or the overlay are missing.
    """
    configuration, folder = study(root, overlay)
    made = {_place(path, root, folder): path for path in results(folder, data)}
    at = commit(root)
    files = committed(root) | ({PATCH: at.patch} if at.patch else {})
    members = [_member(name, content, name in (*configuration, LOCK)) for name, content in sorted(files.items())]
    for name, path in made.items():
        digest, told = described(path)
        members.append(Member(name, path.stat().st_size, digest, told, "made"))
    cited = yaml.safe_load((root / "CITATION.cff").read_text("utf-8"))
    began, ended = times(folder / "logs")
    run = Run(
        name=f"repdyn, the study of {configuration[-1]}",
        description=f"{cited['title']}. Results of {' and '.join(configuration)}; {at.told}.",
        version=cited["version"],
        license=cited["license"],
        authors=[author["name"] for author in cited["authors"]],
        published=at.date,
        began=began,
        ended=ended,
        software={name: version(name) for name in LIBRARIES},
    )
    described_by = json.dumps(metadata(run, members), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    content: dict[str, bytes | Path] = {**files, **made}
    target = folder / "archive.zip"
    pack({METADATA: described_by.encode(), **{name: content[name] for name in sorted(content)}}, target)
    return target


def _place(path: Path, root: Path, folder: Path) -> str:
    """Where a result lies in the archive: as in the project, or below results/ if it is kept elsewhere."""
    inside = path.is_relative_to(root)
    return (path.relative_to(root) if inside else Path("results", path.relative_to(folder))).as_posix()


def _member(name: str, content: bytes, read: bool) -> Member:
    told = "read by the run" if read else "changes that are not committed" if name == PATCH else "file of the project"
    return Member(name, len(content), hashlib.sha256(content).hexdigest(), told, "read" if read else "")


def pack(files: dict[str, bytes | Path], target: Path) -> None:
    """Write a zip file of contents or files by their names, in this order and without times: whole or not at all."""
    with whole(target) as unfinished, zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            about = zipfile.ZipInfo(name)  # of 1980, the first day that the format knows
            about.compress_type, about.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            with packed.open(about, "w", force_zip64=True) as file:
                if isinstance(content, bytes):
                    file.write(content)
                else:
                    with content.open("rb") as source:
                        shutil.copyfileobj(source, file, 1 << 20)


def main(arguments: list[str]) -> int:
    """Exit status: 1 where there is nothing to keep."""
    parser = argparse.ArgumentParser("repdyn.pipeline.archive", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("overlay", nargs="?", help="configuration on top of config/config.yaml")
    parser.add_argument("--data", action="store_true", help="with all recorded runs and fits")
    chosen = parser.parse_args(arguments)
    try:
        print(write(Path.cwd(), chosen.overlay, chosen.data))
    except (ArchiveError, ModuleNotFoundError) as error:
        print(error if isinstance(error, ArchiveError) else f"{error}: pip install '.[archive]'", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
