"""How this package is compiled, and where its compiled code is kept: in the user's cache, in a folder named after the
sources.

So every copy of the same sources finds it, wherever it lies; numba's own places differ with the path, and would not see
that a function which another one calls has changed.
"""

import hashlib
import os
import tempfile
from pathlib import Path

import numba
from numba.core import caching

from repdyn.networks import activations
from repdyn.training import optimisers

SOURCES = [*sorted(Path(__file__).parent.glob("*.py")), Path(optimisers.__file__), Path(activations.__file__)]
DIGEST = hashlib.sha256(b"".join(path.read_bytes() for path in SOURCES)).hexdigest()[:16]


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


class CompiledCode(caching._CacheLocator):
    """The place of one function of `SOURCES`: among the user's cached files, or else among temporary ones."""

    def __init__(self, function):
        self.line = function.__code__.co_firstlineno
        home = os.path.expanduser("~")  # stays as it is where there is none
        user = os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME") or f"{home}/.cache"
        bases = [base for base in (user, tempfile.gettempdir()) if not str(base).startswith("~")]
        folders = [Path(base) / "repdyn" / f"compiled-{DIGEST}" for base in bases]
        self.folder = next(filter(_writable, folders), folders[-1])

    def get_cache_path(self):
        return str(self.folder)

    def get_source_stamp(self):
        return DIGEST

    def get_disambiguator(self):
        return str(self.line)

    @classmethod
    def from_function(cls, function, file):
        return cls(function) if Path(file) in SOURCES else None


class MendedFile(caching.IndexDataCacheFile):
    """Compiled code on disk, of which what is empty or cut off counts as absent: it is compiled and written anew."""

    def _load_index(self):
        try:
            return super()._load_index()
        except Exception:  # damage shows as almost any error of pickle
            return {}

    def _load_data(self, name):
        try:
            return super()._load_data(name)
        except Exception as error:
            raise OSError(f"{name}: damaged") from error  # which numba takes for absent


caching.IndexDataCacheFile = MendedFile  # type: ignore[misc]
caching.CompileResultCacheImpl._locator_classes.insert(0, CompiledCode)  # type: ignore[arg-type]

# Allows the sums over units to be vectorised; the order of additions is then the compiler's, but a fixed one.
FAST = {"reassoc", "contract", "nsz", "arcp"}
kept = numba.njit(fastmath=FAST, error_model="numpy", cache=True)  # what Python calls
once = numba.njit(fastmath=FAST, error_model="numpy")  # compiled once for all that call it
inner = numba.njit(fastmath=FAST, error_model="numpy", forceinline=True)  # a call costs as much as a narrow layer
