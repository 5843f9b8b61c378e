"""What every script does around its one function: a log that mirrors the output, and errors that can be read."""

import logging
import sys
import time


def run_job(main, snakemake, **arguments) -> None:
    """Call `main(**arguments)`, writing progress, duration and any traceback to the job's log.

    Scripts call it with what they take from snakemake.input, .params, .output and .threads. On an error the log gets
    the traceback, the terminal one line, and the process ends with status 1, so Snakemake removes the outputs.
    """
    log = str(snakemake.log[0])
    logging.basicConfig(filename=log, filemode="w", level=logging.INFO, format="%(asctime)s %(message)s")
    started = time.monotonic()
    try:
        main(**arguments)
    except Exception as error:
        logging.exception("failed")
        print(f"{log}: {type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(1)
    logging.info("done in %.1f s", time.monotonic() - started)


def run_training(main, snakemake, **arguments) -> None:
    """As `run_job`, for a script that trains: with its rule's device, threads, checkpoints, and code."""
    run_job(
        main,
        snakemake,
        device=snakemake.params.device,
        threads=snakemake.threads,
        checkpoint_seconds=snakemake.resources.checkpoint_seconds,
        code=[*snakemake.input.code, *snakemake.input.get("architecture", ())],
        **arguments,
    )
