"""The profiles: they agree where they must, name every rule, and make few submissions of many jobs."""

import re
import subprocess
import sys
from pathlib import Path

import yaml

LAPTOP, SLURM = (yaml.safe_load(Path(f"profiles/{name}/profile.yaml").read_text()) for name in ("default", "slurm"))
ARRAYS = set(SLURM["slurm-array-jobs"].split(", "))
PREPARED = {"prepare_two_points", "fetch_mnist"}  # on the login node


def snakemake(*arguments: str, folder: str | Path = ".") -> str:
    command = [sys.executable, "-m", "snakemake", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def submissions(folder: str | Path, *arguments: str) -> int:
    """How often sbatch is called for everything, from a dry run with the SLURM profile: once a group, once an array."""
    profile = ("--workflow-profile", "profiles/slurm", "--executor", "dryrun")
    printed = snakemake("everything", "--dry-run", *profile, *arguments, folder=folder)
    groups = len(re.findall(r"Group job \w+ \(", printed))
    single = re.findall(r"^rule (\w+):", printed, flags=re.MULTILINE)
    arrays = sum(-(-single.count(rule) // SLURM["slurm-array-limit"]) for rule in ARRAYS)
    assert set(single) == ARRAYS | PREPARED | {"everything"}
    return groups + arrays


def test_the_laptop_study_makes_few_submissions(tmp_path):
    assert submissions(".", "--config", f"results={tmp_path}/results") <= 40
