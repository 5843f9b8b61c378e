"""What happens around the one function of a script: arguments by name, a log beside the output, readable errors."""

import atexit
import gc
import inspect
import json
import logging
import os
import resource
import sys
import time
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location

from repdyn.files import content_hash


def arguments(main, snakemake) -> dict:
    """What a script's `main` is called with: each parameter is the rule's input, output or param of the same name.

    `output` is the only output of a rule; `code` all files that decide what the script does. `**job` stands for
    what `training.job.Job` wants to know of the rule: code, threads, and seconds between checkpoints. Raises KeyError
    for a parameter that the rule does not have.
    """
    rule = {"output": snakemake.output[0], "code": [*snakemake.input.code, *snakemake.input.get("architecture", ())]}
    for part in (snakemake.input, snakemake.params, snakemake.output):
        rule = {**dict(part.items()), **rule}
    parameters = inspect.signature(main).parameters.values()
    bound = {p.name: rule[p.name] for p in parameters if p.kind is not p.VAR_KEYWORD}
    if len(bound) < len(parameters):
        seconds = snakemake.resources.checkpoint_seconds
        bound |= {"code": rule["code"], "threads": snakemake.threads, "checkpoint_seconds": seconds}
    return bound


def call(snakemake) -> None:
    """Call the rule's `main`. One that draws returns a figure and the table of its numbers, which are written here."""
    os.environ["MPLBACKEND"] = "Agg"  # a notebook names one in its kernel's environment that is nowhere else
    main = loaded(snakemake.input.code[0]).main
    if not hasattr(snakemake.output, "svg"):
        main(**arguments(main, snakemake))
        return
    # by name: only who draws depends on how figures look
    style = import_module("repdyn.plotting.style")
    with style.applied():
        drawn = main(**arguments(main, snakemake))
        style.save(*drawn, *(snakemake.output[kind] for kind in ("svg", "png", "csv")), made_by(snakemake))


def made_by(snakemake) -> str:
    """What decides a figure, as JSON: command, params, checksums of inputs and code, versions of libraries.

    Inputs go by the rule's names for them, so that two folders of results hold the same bytes; results/manifest.json
    says which files have these checksums.
    """
    artifacts = import_module("repdyn.artifacts")
    inputs = {}
    for name, found in snakemake.input.items():
        paths = [found] if isinstance(found, str) else found
        if name != "code":
            inputs[name] = {os.path.basename(path): content_hash(path) for path in paths}
    about = artifacts.provenance(snakemake.input.code, ("matplotlib", "numpy", "pandas"))
    command = f"snakemake {os.path.splitext(os.path.basename(snakemake.output.svg))[0]}"
    about |= {"command": command, "params": dict(snakemake.params.items()), "inputs": inputs}
    return json.dumps(about, sort_keys=True, default=str)


def loaded(script: str):
    """A script as a module: found by its path, whatever packages are called like its experiment."""
    spec = spec_from_file_location("script", script)
    assert spec and spec.loader, script
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_rule(snakemake) -> None:
    """Do what a rule does, writing progress, duration, peak memory and any traceback to its log.

    On an error the log gets the traceback, the terminal one line, and the process ends with status 1, so Snakemake
    removes the outputs.
    """
    gc.set_threshold(10**6)  # to import libraries makes as many objects, none of them garbage
    atexit.register(gc.freeze)  # nor is there any to look for at the end
    log = str(snakemake.log[0])
    logging.basicConfig(filename=log, filemode="w", level=logging.INFO, format="%(asctime)s %(message)s")
    started = time.monotonic()
    try:
        call(snakemake)
    except Exception as error:
        logging.exception("failed")
        print(f"{log}: {type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(1)
    logging.info("done in %.1f s, at most %.0f MB", time.monotonic() - started, peak_memory())


def reason(log: str) -> str:
    """Why a job failed, by its log: the exception, the first line of it; without one it was killed, or never began."""
    try:
        with open(log, encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
    except OSError:
        return "it left no log"
    if "Traceback (most recent call last):" not in lines:
        return "it ended without a word, as one that is killed does; was there memory enough?"
    begins = len(lines) - 1 - lines[::-1].index("Traceback (most recent call last):")
    return next((line for line in lines[begins + 1 :] if not line.startswith(" ")), "see the log")


def peak_memory() -> float:
    """Megabytes of memory that this process has held at most."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)
