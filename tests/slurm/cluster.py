"""A real SLURM on this machine: one node, the partitions `cpu` and `gpu`, and GPUs that are only device files.

    python tests/slurm/cluster.py               start it, stop it at Ctrl-C; sinfo, squeue, sbatch work in any shell
    python tests/slurm/cluster.py COMMAND ...   start it, run a command, stop it

Needs root on a Debian-like machine; packages that are missing are installed. The daemons are children of this process
and end with it, however it ends; nothing else is stopped, and nothing is changed outside of their folder but for the
packages and the link /etc/slurm/slurm.conf, which is made only where nothing is and removed again.
"""

import contextlib
import ctypes
import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

PACKAGES = ("munge", "slurmctld", "slurmd", "slurm-client")
DAEMONS = ("munged", "slurmctld", "slurmd")
# The steps of a job read the configuration here, whatever SLURM_CONF says.
STANDARD = Path("/etc/slurm/slurm.conf")
LOCK = Path(tempfile.gettempdir()) / "repdyn-slurm.lock"
NO_SERVICES = Path("/usr/sbin/policy-rc.d")  # asked by Debian whether a package may start its services
KEPT = 3600  # seconds that SLURM remembers a finished job: longer than the tests

SLURM_CONF = """\
ClusterName=repdyn
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# cred_expire: seconds until a requeued job may start again
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
# neither control groups nor systemd
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=2
JobAcctGatherParams=OverMemoryKill,UsePss
AccountingStorageType=accounting_storage/none
# the node has what is written here, not what the machine has
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
GresTypes=gpu
DefMemPerCPU=500
# a job that can never run is refused instead of waiting for ever
EnforcePartLimits=ALL
MinJobAge={kept}
KillWait=5
ReturnToService=2
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} Gres=gpu:{gpus}
PartitionName=cpu Nodes={host} Default=YES MaxTime=2-00:00:00
PartitionName=gpu Nodes={host} MaxTime=1-00:00:00
"""


class Unavailable(Exception):
    """Why there can be no SLURM here."""


@dataclass(frozen=True)
class Job:
    """A job, or one task of an array, as SLURM tells it. Memory in MB, time limit in minutes."""

    id: str
    submission: str  # the id that sbatch answered: one for all tasks of an array
    rule: str  # or group
    row: str  # of the table: the value of the rule's wildcard
    state: str
    partition: str
    memory: int
    minutes: int
    gpus: int
    restarts: int


class Cluster:
    """SLURM from `with` to its end."""

    def __init__(self, folder: Path, cpus: int = 16, memory: int = 128_000, gpus: int = 2):
        self.folder, self.cpus, self.memory, self.gpus = folder, cpus, memory, gpus
        self.host = socket.gethostname().split(".")[0]
        self.daemons: list[subprocess.Popen] = []

    def __enter__(self):
        install()
        with contextlib.ExitStack() as undo:
            undo.enter_context(_alone())
            self._configure()
            undo.callback(STANDARD.unlink)
            undo.callback(self._stop)
            socket_of_munge = f"{self.folder}/munge.socket"
            # --force: in a folder that others cannot read
            self._start("munged", "--foreground", "--force", f"--socket={socket_of_munge}", *self._munge())
            _wait("munged", 10, "munge", "-n", f"--socket={socket_of_munge}")
            self._start("slurmctld", "-D", "-f", str(self.folder / "slurm.conf"))
            _wait("slurmctld", 30, "sh", "-c", "scontrol ping | grep -q 'is UP'")
            self._start("slurmd", "-D", "-f", str(self.folder / "slurm.conf"))
            _wait("the node", 30, "sh", "-c", "sinfo -h -o %T | grep -qx idle")
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_):
        self._undo.close()

    def cancel_everything(self) -> None:
        """No job is left waiting or running."""
        command("scancel", "--user", "root")
        _wait("the jobs' end", 60, "sh", "-c", 'test -z "$(squeue --noheader)"')

    def _configure(self) -> None:
        for name in ("state", "spool", "devices"):
            (self.folder / name).mkdir(parents=True)
        # One character device a GPU: SLURM refuses a count without devices, and regular files as well.
        for number in range(self.gpus):
            os.mknod(self.folder / "devices" / f"gpu{number}", 0o20666, os.makedev(1, 3))  # another /dev/null
        devices = f"{self.folder}/devices/gpu[0-{self.gpus - 1}]"
        values = {**vars(self), "ports": _free_ports(2), "kept": KEPT}
        (self.folder / "slurm.conf").write_text(SLURM_CONF.format(**values))
        (self.folder / "gres.conf").write_text(f"NodeName={self.host} Name=gpu File={devices}\n")
        (self.folder / "cgroup.conf").write_text("CgroupAutomount=no\n")
        STANDARD.parent.mkdir(exist_ok=True)
        STANDARD.symlink_to(self.folder / "slurm.conf")

    def _munge(self) -> list[str]:
        key = self.folder / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(1024))
        files = {"key": key, "log": self.folder / "munged.log", "pid": self.folder / "munged.pid"}
        return [f"--{name}-file={path}" for name, path in files.items()] + [f"--seed-file={self.folder}/munge.seed"]

    def _start(self, *arguments: str) -> None:
        with open(self.folder / f"{arguments[0]}.out", "w") as log:
            streams = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": subprocess.STDOUT}
            daemon = subprocess.Popen(arguments, preexec_fn=_end_with_the_parent, process_group=0, **streams)
        self.daemons.append(daemon)

    def _stop(self) -> None:
        if len(self.daemons) == len(DAEMONS):
            with contextlib.suppress(subprocess.SubprocessError, TimeoutError):
                self.cancel_everything()
        for daemon in reversed(self.daemons):
            daemon.terminate()
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()


def install() -> None:
    """The packages, where they are missing; Unavailable with the reason where that can't be done."""
    missing = [name for name in DAEMONS if not shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")]
    if os.geteuid() != 0:
        raise Unavailable("only root can run SLURM's daemons")
    if not missing:
        return
    if not shutil.which("apt-get"):
        raise Unavailable(f"{', '.join(missing)} not found, and there is no apt-get to install them")
    apt = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300"]
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with _no_services():
        for step in (["update"], ["install", "-y", "--no-install-recommends", *PACKAGES]):
            done = subprocess.run([*apt, *step], env=quiet, capture_output=True, text=True)
            if done.returncode:
                raise Unavailable(f"apt-get {step[0]}: {(done.stderr or done.stdout).strip().splitlines()[-1]}")


@contextlib.contextmanager
def _no_services():
    """Packages that are installed meanwhile start nothing by themselves."""
    if NO_SERVICES.exists():
        yield
        return
    NO_SERVICES.write_text("#!/bin/sh\nexit 101\n")
    NO_SERVICES.chmod(0o755)
    try:
        yield
    finally:
        NO_SERVICES.unlink()


def is_ours() -> bool:
    """Whether the SLURM of this machine is one that was started here."""
    return STANDARD.is_symlink() and "repdyn-slurm" in os.readlink(STANDARD)


def jobs(folder: Path) -> list[Job]:
    """Every job that was ever submitted from a folder, the oldest first."""
    lines = command("scontrol", "--oneliner", "show", "job").splitlines()
    found = [_job(line) for line in lines if f" WorkDir={folder} " in line]
    return sorted(found, key=lambda job: int(job.id))


def preempt(job: Job) -> None:
    """What a job of higher priority does to one that can be requeued: SIGTERM, SIGKILL, back into the queue."""
    command("scontrol", "requeue", job.id)


def command(*arguments: str) -> str:
    """What a command prints; CalledProcessError if it fails."""
    return subprocess.run(arguments, check=True, capture_output=True, text=True, timeout=30).stdout


def _job(line: str) -> Job:
    """From one line of `scontrol --oneliner show job`."""
    values = dict(re.findall(r"(\w+)=(\S+)", line))
    gpus = int(values["TresPerJob"].rpartition(":")[2]) if "gpu" in values.get("TresPerJob", "") else 0
    rule, _, row = values["Comment"].removeprefix("rule_").partition("_wildcards_")
    return Job(
        id=values["JobId"],
        submission=values.get("ArrayJobId", values["JobId"]),
        rule=rule,
        row=row,
        state=values["JobState"],
        partition=values["Partition"],
        memory=int(float(values["MinMemoryNode"][:-1]) * {"M": 1, "G": 1000}[values["MinMemoryNode"][-1]]),
        minutes=_minutes(values["TimeLimit"]),
        gpus=gpus,
        restarts=int(values["Restarts"]),
    )


def _minutes(text: str) -> int:
    """SLURM's [days-][[hours:]minutes:]seconds, in minutes."""
    days, _, rest = text.rpartition("-")
    seconds = 0
    for part in rest.split(":"):
        seconds = 60 * seconds + int(part)
    return (int(days or 0) * 86400 + seconds) // 60


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _end_with_the_parent() -> None:
    """In a new child: a SIGTERM when the process that started it is gone."""
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@contextlib.contextmanager
def _alone():
    """One such SLURM a machine: a second one waits. What a killed one has left at the standard place goes."""
    with open(LOCK, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_ours():
            STANDARD.unlink()
        if STANDARD.exists() or STANDARD.is_symlink():
            raise Unavailable(f"{STANDARD} is there already: this machine has a SLURM of its own")
        yield


def _wait(what: str, seconds: float, *arguments: str) -> None:
    until = time.monotonic() + seconds
    while subprocess.run(arguments, capture_output=True).returncode:
        if time.monotonic() > until:
            raise TimeoutError(f"gave up waiting for {what} after {seconds} s")
        time.sleep(0.1)


def main(beside: list[str]) -> int:
    """Run a command beside the SLURM, or wait for Ctrl-C; returns its status, 0 where there can be no SLURM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with tempfile.TemporaryDirectory(prefix="repdyn-slurm-") as folder, contextlib.suppress(KeyboardInterrupt):
        try:
            with Cluster(Path(folder)):
                if beside:
                    return subprocess.run(beside).returncode
                print(command("sinfo"), f"Logs: {folder}. Ctrl-C stops it.", sep="\n", flush=True)
                signal.pause()
        except Unavailable as reason:
            print(f"\033[1;31mNOT TESTED  {' '.join(beside)}: no SLURM can be started here: {reason}\033[0m")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
