"""Files written whole or not at all, and what they hold as SHA-256.

Everything is written under a temporary name and renamed when complete, so a killed job never leaves something that
looks like a result. No library of arrays or tables is imported: the workflow reads this whenever it starts.
"""

import hashlib
import os
from collections.abc import Iterable
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(path: str | Path):
    """Yields a temporary path beside `path`; on success it becomes `path`, on failure it is removed.

    The name is always the same, so what a killed job leaves is replaced by the next one.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def content_hash(path: str | Path) -> str:
    """SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def code_hash(code: Iterable[str | Path]) -> str:
    """SHA-256 of the names and contents of files, wherever they lie."""
    digest = hashlib.sha256()
    for path in sorted(map(Path, code), key=lambda path: path.name):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
