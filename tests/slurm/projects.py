"""Copies of the project that run on the cluster, and whose training can be held and made to fail."""

import os
import signal
import subprocess
import time
from pathlib import Path

from cluster import Cluster, Job
from conftest import Project

GATE = """\
    from pathlib import Path
    from time import sleep

    Path("reached").touch()
    while Path("hold").exists():
        sleep(0.1)
    if Path("fail").exists():
        Path("fail").unlink()
        raise RuntimeError("made to fail once")
    import torch
"""


class ClusterProject(Project):
    """A copy of the project, run with the SLURM profile.

    `gated` is a script of training that passes a gate. The executor asks after its jobs every `patience` seconds, and
    after each time that none was done it waits 10 seconds more: with 4 a job of 15 seconds is not missed by much.
    """

    def __init__(self, folder: Path, cluster: Cluster, gated: str = "", patience: int = 4):
        super().__init__(folder)
        self.cluster = cluster
        self.profile = ("--workflow-profile", "profiles/slurm")
        self.profile += ("--slurm-init-seconds-before-status-checks", str(patience))
        if gated:
            script = folder / "workflow/scripts" / gated
            before = script.read_text()
            assert before.count("    import torch\n") == 1
            script.write_text(before.replace("    import torch\n", GATE))

    def start(self, *arguments: str, **options) -> subprocess.Popen:
        """As Project.start, with the SLURM profile and in a process group of its own."""
        return super().start(*arguments, *self.profile, new_session=True, **options)

    def jobs(self, rule: str = "") -> list[Job]:
        """Everything it has submitted so far, the oldest first."""
        return [job for job in self.cluster.jobs(self.folder) if rule in ("", job.rule)]

    def wait_for(self, rule: str, state: str, seconds: float = 120) -> Job:
        """The newest job of a rule, once it is in this state."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if (jobs := self.jobs(rule)) and jobs[-1].state == state:
                return jobs[-1]
            time.sleep(0.2)
        raise TimeoutError(f"no job of {rule} was {state} within {seconds} s: {self.jobs()}")

    def hold(self) -> None:
        """From now on training stops where it begins, until `release`."""
        (self.folder / "hold").touch()

    def release(self) -> None:
        (self.folder / "hold").unlink()

    def wait_for_training(self, seconds: float = 120) -> None:
        """Until a job has come to the gate."""
        until = time.monotonic() + seconds
        while not (self.folder / "reached").exists():
            assert time.monotonic() < until, f"no training has begun: {self.jobs()}"
            time.sleep(0.1)
        (self.folder / "reached").unlink()


def end(process: subprocess.Popen) -> str:
    """What Snakemake has printed when it is done."""
    return process.communicate(timeout=200)[0]


def kill(process: subprocess.Popen) -> None:
    """kill -9 of Snakemake and of all that it runs itself; jobs of the cluster are not among it."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
