"""Renew requirements.lock: install what pyproject.toml names into a new environment and write down what came.

    make lock

Local version labels (such as +cpu) are dropped, so that the lock fits a machine with a GPU as well.
"""

import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]


def main() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lists = [project["project"]["dependencies"], *project["project"]["optional-dependencies"].values()]
    wanted = [one for names in (*lists, project["dependency-groups"]["dev"]) for one in names]
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        pip = [f"{folder}/bin/python", "-m", "pip", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "--quiet", *wanted], check=True)
        frozen = subprocess.run([*pip, "freeze"], check=True, capture_output=True, text=True).stdout
    pins = [line.split("+")[0] for line in frozen.splitlines() if "==" in line]
    pins = [pin for pin in pins if not pin.startswith(("nvidia-", "triton"))]  # torch brings what fits the machine
    (ROOT / "requirements.lock").write_text("# Written by `make lock` from pyproject.toml.\n" + "\n".join(pins) + "\n")
    print(f"requirements.lock: {len(pins)} packages", file=sys.stderr)


if __name__ == "__main__":
    main()
