"""Packages and archives in which files lie: had from a registry or an address, opened, and never installed or run."""

import gzip
import logging
import shutil
import subprocess
import tarfile
import zlib
from collections.abc import Iterable
from pathlib import Path

from repdyn.data.transfers import Absent, Fault, chunks, opened

REGISTRY = "https://registry.npmjs.org"
PACKAGE_BYTES = 200_000_000  # no package or archive may be larger
ARCHIVES = (".tar.gz", ".tgz")
BROKEN = (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error)  # what a file that is no proper tarball raises


def is_package(source: str) -> bool:
    """Whether a source is one file that holds others: a package, or the address of an archive."""
    return source.startswith(("npm:", "deb:")) or ("://" in source and source.endswith(ARCHIVES))


def tarball(source: str, folder: Path, timeout: float) -> Path:
    """The tar file that a source `is_package` says yes to stands for, in `folder`."""
    if source.startswith("npm:"):
        return _npm(source.removeprefix("npm:"), folder, timeout)
    if source.startswith("deb:"):
        return _deb(source.removeprefix("deb:"), folder, timeout)
    return _written(source, folder / "archive", timeout)


def contents(package: Path, parts: Iterable[str]) -> dict[str, bytes]:
    """The files of these names that a tar file holds, in whatever folder of it. A fault where it is none."""
    found, wanted = {}, set(parts)
    try:
        with tarfile.open(package, "r:*") as tar:
            for member in tar:
                if member.isfile() and (name := Path(member.name).name) in wanted:
                    found[name] = b"".join(chunks(tar.extractfile(member), PACKAGE_BYTES))
    except BROKEN as error:
        raise Fault(f"no proper package ({error})") from None
    return found


def _written(url: str, target: Path, timeout: float) -> Path:
    with opened(url, timeout) as answer, open(target, "wb") as out:
        for chunk in chunks(answer, PACKAGE_BYTES):
            out.write(chunk)
    return target


def _deb(name: str, folder: Path, timeout: float) -> Path:
    """The files of a Debian package as a tar file; the package is fetched and opened, not installed."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise Absent("there is no apt-get here")
    try:
        done = subprocess.run(
            ["apt-get", "download", name], cwd=folder, capture_output=True, text=True, timeout=20 * timeout
        )
        packed = list(folder.glob("*.deb"))
        if done.returncode or not packed:
            told = done.stderr.strip().splitlines()
            raise Fault(f"apt-get download failed ({told[-1] if told else 'no message'})")
        with open(folder / "files.tar", "wb") as out:
            subprocess.run(["dpkg-deb", "--fsys-tarfile", packed[0]], stdout=out, check=True, timeout=20 * timeout)
    except subprocess.TimeoutExpired:
        raise Fault(f"apt-get download was not done after {20 * timeout:g} s") from None
    except subprocess.CalledProcessError:
        raise Fault("no proper package (dpkg-deb cannot open it)") from None
    return folder / "files.tar"


def _npm(name: str, folder: Path, timeout: float) -> Path:
    """The tarball of an npm package NAME@VERSION."""
    if npm := shutil.which("npm"):
        limits = ["--fetch-retries=0", f"--fetch-timeout={int(1000 * timeout)}", "--ignore-scripts", "--silent"]
        command = [npm, "pack", name, "--pack-destination", str(folder.resolve()), *limits]
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=20 * timeout)
        except subprocess.TimeoutExpired:
            raise Fault(f"npm pack was not done after {20 * timeout:g} s") from None
        packed = list(folder.glob("*.tgz"))
        if done.returncode == 0 and packed:
            return packed[0]
        told = (done.stderr or done.stdout).strip().splitlines()
        logging.info("npm pack %s failed (%s): trying %s", name, told[-1] if told else "no message", REGISTRY)
    package, _, version = name.rpartition("@")
    url = f"{REGISTRY}/{package}/-/{package.split('/')[-1]}-{version}.tgz"
    return _written(url, folder / "package.tgz", timeout)
