"""Snakemake, and the jobs that it starts, in forks of processes that have loaded their libraries: what is tested then
costs what it reads and does, not what it is made of.

Nothing of this project is loaded beforehand: each run reads the Snakefile and the library of the folder that it is
started in.
"""

import json
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

SNAKEMAKE = """
import gc, json, os, sys
import pandas, xarray, yaml, nbformat, snakemake.cli, snakemake.report

gc.freeze()

for line in sys.stdin:
    asked = json.loads(line)
    child = os.fork()
    if not child:
        os.chdir(asked["folder"])
        os.environ.clear()
        os.environ.update(asked["environment"])
        sys.dont_write_bytecode = "PYTHONDONTWRITEBYTECODE" in os.environ
        printed = os.open(asked["printed"], os.O_WRONLY)
        for stream, file in enumerate((os.open(os.devnull, os.O_RDONLY), printed, printed)):
            os.dup2(file, stream)
        sys.argv = ["snakemake", *asked["arguments"]]
        status = 1
        try:
            snakemake.cli.main(asked["arguments"])
        except SystemExit as end:
            status = end.code or 0
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""

JOBS = """
import gc, json, os, runpy, select, signal, socket, sys, threading, traceback
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot, numba, pandas, scipy.optimize, seaborn, torch, xarray

def killed_with(client):
    client.recv(1)  # nothing is sent: it ends with the process that waits
    os.kill(os.getpid(), signal.SIGKILL)

def done(asked):
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.dont_write_bytecode = "PYTHONDONTWRITEBYTECODE" in os.environ
    sys.argv = [asked["script"]]
    sys.path.insert(0, os.path.dirname(asked["script"]))
    try:
        runpy.run_path(asked["script"], run_name="__main__")
    except SystemExit as end:
        return end.code or 0
    except BaseException:
        traceback.print_exc()
        return 1
    return 0

gc.freeze()
signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for a child here: it answers itself
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen(64)
print("ready", flush=True)
while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:  # which ends with the tests
    client, _ = listener.accept()
    if not os.fork():
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        size, streams, *_ = socket.recv_fds(client, 8, 3)
        asked = json.loads(client.recv(int.from_bytes(size), socket.MSG_WAITALL))
        for stream, file in enumerate(streams):
            os.dup2(file, stream)
        threading.Thread(target=killed_with, args=[client], daemon=True).start()
        status = done(asked)
        sys.stdout.flush()
        sys.stderr.flush()
        client.send(bytes([status]))
        os._exit(status)
    client.close()
"""


@cache
def _server(source: str, *arguments: str) -> subprocess.Popen:
    """A process that forks, one of each kind for each process of the tests; with one thread, as a rule's job has."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return subprocess.Popen([sys.executable, "-c", source, *arguments], env={**os.environ, **threads}, **pipes)


def snakemake(folder: Path, arguments: list[str], environment: dict[str, str]) -> tuple[int, str]:
    """The exit status of `snakemake ARGUMENTS` in a folder, and all that it printed."""
    with tempfile.NamedTemporaryFile("r") as printed:
        asked = {"folder": str(folder), "arguments": arguments, "environment": environment, "printed": printed.name}
        server = _server(SNAKEMAKE)
        server.stdin.write(json.dumps(asked) + "\n")
        server.stdin.flush()
        return int(server.stdout.readline()), printed.read()


@cache
def jobs() -> dict[str, str]:
    """What the environment of Snakemake has to say, so that its jobs are forks."""
    address = str(Path(tempfile.mkdtemp()) / "jobs")
    assert _server(JOBS, address).stdout.readline() == "ready\n"
    paths = [str(Path(__file__).parent / "warm"), os.environ.get("PYTHONPATH", "")]
    return {"FORKED_JOBS": address, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
