"""Copies of the project that run on the cluster, and whose training can be held and made to fail."""

import os
import signal
import subprocess
import time
from pathlib import Path

import cluster
from cluster import Job
from conftest import Project

MARK = "    from repdyn.training.job import Job\n"  # where a script's main begins to train
GATE = f"""\
    from pathlib import Path
    from time import sleep

    Path("reached").touch()
    while Path("hold").exists():
        sleep(0.1)
    if Path("fail").exists():
        Path("fail").unlink()
        raise RuntimeError("made to fail once")
    if Path("slow").exists():
        from repdyn.training.checkpoints import Part

        offer = Part.offer
        Part.offer = lambda part, step, state: (sleep(0.2), offer(part, step, state))
{MARK}"""


class ClusterProject(Project):
    """A copy of the project, run with the SLURM profile.

    `gated` are scripts of training that pass a gate. The executor asks after its jobs every `patience` seconds, and
    after each time that none was done it waits 10 seconds more: with 4 a job of 15 seconds is not missed by much.
    """

    def __init__(self, folder: Path, *gated: str, patience: int = 4):
        super().__init__(folder)
        self.profile = ("--workflow-profile", "profiles/slurm")
        self.profile += ("--slurm-init-seconds-before-status-checks", str(patience))
        for name in gated:
            script = folder / "workflow/scripts" / name
            before = script.read_text()
            assert before.count(MARK) == 1
            script.write_text(before.replace(MARK, GATE))

    def asked(self, arguments: tuple[str, ...]) -> list[str]:
        """As Project.asked, with the SLURM profile."""
        return super().asked((*arguments, *self.profile))

    def start(self, *arguments: str, **options) -> subprocess.Popen:
        """As Project.start, in a process group of its own."""
        return super().start(*arguments, new_session=True, **options)

    def snakemake(self, *arguments: str, **options) -> str:
        """As Project.snakemake, in processes of its own: what SLURM starts is no fork of the tests."""
        return self.ended(self.start(*arguments, **options))

    def jobs(self, rule: str = "", row: str = "") -> list[Job]:
        """Everything it has submitted so far, the oldest first."""
        return [job for job in cluster.jobs(self.folder) if rule in ("", job.rule) and row in ("", job.row)]

    def wait_for(self, rule: str, state: str, row: str = "", seconds: float = 300) -> Job:
        """The newest job of a rule, and of one row of its table, once it is in this state."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if (jobs := self.jobs(rule, row)) and jobs[-1].state == state:
                return jobs[-1]
            time.sleep(0.2)
        raise TimeoutError(f"no job of {rule} was {state} within {seconds} s: {self.jobs()}")

    def hold(self) -> None:
        """From now on training stops where it begins, until `release`."""
        (self.folder / "hold").touch()

    def release(self) -> None:
        (self.folder / "hold").unlink()

    def wait_for_training(self, seconds: float = 300) -> None:
        """Until a job has come to the gate."""
        until = time.monotonic() + seconds
        while not (self.folder / "reached").exists():
            assert time.monotonic() < until, f"no training has begun: {self.jobs()}"
            time.sleep(0.1)
        (self.folder / "reached").unlink()


def shorten(project: Project) -> None:
    """Leave out of the smoke study what runs no rule that another row does not run."""
    spared = {
        "two_points_smoke": ["cnn", "dropout", "adam"],
        "xor_smoke": ["lazy"],
        "blobs_smoke": ["small"],
        "response_smoke": ["tanh"],
    }
    for name, rows in spared.items():
        table = project.folder / f"config/settings/{name}.tsv"
        kept = [line for line in table.read_text().splitlines() if line.split("\t")[0] not in rows]
        table.write_text("\n".join(kept) + "\n")
    overlay = project.folder / "config/smoke.yaml"
    measured = "rows: [default, cnn, flow]"
    assert measured in overlay.read_text()
    overlay.write_text(overlay.read_text().replace(measured, "rows: [default]"))


def end(process: subprocess.Popen) -> str:
    """What Snakemake has printed when it is done."""
    return process.communicate(timeout=400)[0]


def kill(process: subprocess.Popen) -> None:
    """kill -9 of Snakemake and of all that it runs itself; jobs of the cluster are not among it."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
