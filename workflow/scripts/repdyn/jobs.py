"""What every script does around its one function: arguments by name, a log that mirrors the output, readable errors."""

import inspect
import logging
import sys
import time


def arguments(main, snakemake) -> dict:
    """What a script's `main` is called with: each parameter is the rule's input, output or param of the same name.

    `output` is the only output of a rule; `code` all files that decide what a script does. `**job` stands for
    what `training.job.Job` wants to know of the rule: code, threads, and seconds between checkpoints.
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


def run_job(main, snakemake) -> None:
    """Call a script's `main` for a rule, writing progress, duration and any traceback to the job's log.

    On an error the log gets the traceback, the terminal one line, and the process ends with status 1, so Snakemake
    removes the outputs.
    """
    log = str(snakemake.log[0])
    logging.basicConfig(filename=log, filemode="w", level=logging.INFO, format="%(asctime)s %(message)s")
    started = time.monotonic()
    try:
        main(**arguments(main, snakemake))
    except Exception as error:
        logging.exception("failed")
        print(f"{log}: {type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(1)
    logging.info("done in %.1f s", time.monotonic() - started)
