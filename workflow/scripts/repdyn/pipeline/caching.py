"""Checksums for a cache of results that several folders and users share.

Snakemake finds an entry by what made it (script, params, contents of inputs) and believes what lies there. Here every
entry gets its SHA-256 in a file beside it at the end of a run, and one that has changed since is removed before the
next run begins, which then makes it anew.
"""

import hashlib
from pathlib import Path

from repdyn.artifacts import whole


def _sum_of(entry: Path) -> Path:
    return entry.with_name(f"{entry.name}.sha256")


def _entries(folder: Path) -> list[Path]:
    """The cached files; not the checksums, nor the folders in which Snakemake prepares an entry."""
    return sorted(path for path in folder.iterdir() if path.is_file() and path.suffix not in (".sha256", ".part"))


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def record(folder: str | Path) -> None:
    """Write down the checksum of every entry that has none yet."""
    for entry in _entries(Path(folder)):
        if not _sum_of(entry).exists():
            with whole(_sum_of(entry)) as temporary:
                temporary.write_text(_sha256(entry) + "\n")


def remove_changed(folder: str | Path) -> list[Path]:
    """Remove the entries that are not what was written down of them; returns them."""
    changed = []
    for entry in _entries(Path(folder)):
        if _sum_of(entry).exists() and _sum_of(entry).read_text().strip() != _sha256(entry):
            entry.unlink(missing_ok=True)
            _sum_of(entry).unlink(missing_ok=True)
            changed.append(entry)
    return changed
