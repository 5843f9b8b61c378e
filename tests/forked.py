"""Snakemake in forks of a process that has loaded it: a run then costs what it reads and does, not what it is made of.

For runs that make nothing (dry runs, lists, refusals). Nothing of this project is loaded beforehand: each run reads the
Snakefile and the library of the folder that it is started in.
"""

import json
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

SERVER = """
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


@cache
def server() -> subprocess.Popen:
    """The process that forks, one for each process of the tests."""
    return subprocess.Popen([sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def snakemake(folder: Path, arguments: list[str], environment: dict[str, str]) -> tuple[int, str]:
    """The exit status of `snakemake ARGUMENTS` in a folder, and all that it printed."""
    with tempfile.NamedTemporaryFile("r") as printed:
        asked = {"folder": str(folder), "arguments": arguments, "environment": environment, "printed": printed.name}
        server().stdin.write(json.dumps(asked) + "\n")
        server().stdin.flush()
        return int(server().stdout.readline()), printed.read()
