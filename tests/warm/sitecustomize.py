"""Every Python imports this that starts with this folder on its path. A job of the workflow is handed over to a process
that has loaded its libraries already (tests/forked.py), with its streams; this one waits for the exit status.
"""

import os
import sys

script = sys.orig_argv[-1]
if "/.snakemake/scripts/" in script and len(sys.orig_argv) == 2:
    import json
    import socket

    with socket.socket(socket.AF_UNIX) as jobs:
        jobs.connect(os.environ["FORKED_JOBS"])
        asked = json.dumps({"script": script, "folder": os.getcwd(), "environment": {**os.environ}}).encode()
        socket.send_fds(jobs, [len(asked).to_bytes(8)], [0, 1, 2])
        jobs.sendall(asked)
        status = jobs.recv(1)
    os._exit(status[0] if status else 137)  # without an answer it was killed
