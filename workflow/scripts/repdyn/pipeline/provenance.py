"""What a run was made with that is no function of its inputs: commit, machine, versions, configuration.

None of it stands in a result, whose bytes follow from its inputs alone. It stands in the manifest beside the results,
and in the study of record.
"""

import hashlib
import json
import os
import platform
import shlex
import subprocess
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from repdyn.files import content_hash

LIBRARIES = ("numpy", "scipy", "pandas", "torch", "numba", "snakemake", "xarray", "h5netcdf", "h5py", "matplotlib")
GRAPHICS = Path("/proc/driver/nvidia/gpus")  # the driver's own list: who asks torch waits seconds for its import


def surroundings(root: Path = Path(".")) -> dict:
    """Commit of the workflow in `root` ("unknown" where it lies in no repository of its own), machine and versions."""
    inside = Path(_git(root, "rev-parse", "--show-toplevel") or "/").resolve() == root.resolve()
    return {
        "commit": (inside and _git(root, "rev-parse", "HEAD")) or "unknown",
        "uncommitted changes": bool(inside and _git(root, "status", "--porcelain", "--untracked-files=no")),
        "machine": f"{os.cpu_count()} cores of {_processor()}, {platform.system()}",
        "graphics": _graphics(),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
    }


def of_run(config: dict, files: list[str], overrides: dict, tables: Iterable[str], root: Path = Path(".")) -> dict:
    """All that a manifest says once about a run: its surroundings and its configuration.

    files, overrides: of --configfile and --config; tables: the settings' files, of which it holds the checksums.
    """
    configuration = {
        "sha256": hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest(),
        "files": [os.path.relpath(path) for path in files],
        "overrides": overrides,
        "tables": {path: content_hash(path) for path in sorted({*tables})},
        "values": config,
    }
    return {**surroundings(root), "configuration": configuration}


def arguments(files: Iterable[str | Path], overrides: dict) -> list[str]:
    """--configfile and --config as Snakemake takes them; nothing of what is empty."""
    given = [f"{key}={_flow(value)}" for key, value in overrides.items()]
    named = [str(path) for path in files]
    return [*(["--configfile", *named] if named else []), *(["--config", *given] if given else [])]


def command(targets: list[str], files: Iterable[str | Path], overrides: dict) -> str:
    """What makes these targets, as one types it in the project's folder."""
    named = [os.path.relpath(path) for path in files]
    return shlex.join(["snakemake", *targets, *arguments(named, overrides)])


def _flow(value) -> str:
    """A value of --config: text as it is, all else as JSON, which is YAML."""
    return value if isinstance(value, str) else json.dumps(value)


def _git(root: Path, *words: str) -> str:
    try:
        ran = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True)
    except OSError:  # there is no git
        return ""
    return ran.stdout.strip() if ran.returncode == 0 else ""


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _graphics() -> list[str]:
    """Models of the GPUs that the driver knows; which device a training took is in its netCDF file."""
    models = []
    for path in sorted(GRAPHICS.glob("*/information")):
        named = [line.split(":", 1)[1].strip() for line in path.read_text().splitlines() if line.startswith("Model")]
        models += named
    return models
