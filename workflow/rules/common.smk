# Takes: the configuration. Makes: `study`, the configuration checked together with its tables, code() and training().

import os
import re
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

sys.path.insert(0, str(Path(workflow.basedir) / "workflow" / "scripts"))

from repdyn import settings, sources


def checked(check, *arguments):
    """What a check returns; its problems become Snakemake's one message."""
    try:
        return check(*arguments)
    except settings.ConfigurationError as problems:
        raise WorkflowError(str(problems))


checked(settings.check_yaml)


configfile: "config/config.yaml"


study = checked(settings.load_study, config, workflow.configfiles)
SETTINGS = list(study["rows"])


def code(script):
    """A script, the library modules that it imports, and the versions of what it imports else, as inputs.

    So an edit re-runs exactly what depends on it.
    """
    base = Path(workflow.basedir)
    modules = sources.dependencies(base / "workflow/scripts" / script)
    return [local(str(path.relative_to(base))) for path in [base / "requirements.lock", *modules]]


def observed(names):
    """The hidden layers that the settings table names."""
    return [study["rows"][name]["layer"] for name in names]


def training(gigabytes=4, hours=2):
    """What a job that trains asks of a cluster: twice as much at each attempt, a GPU if it may use one.

    The interval of its checkpoints stands here because, unlike params, it decides nothing about the result.
    """
    gpu = {} if study["training"]["device"] == "cpu" else {"gpu": 1}
    return {
        "mem_mb": lambda wildcards, attempt: 1000 * gigabytes * 2 ** (attempt - 1),
        "runtime": lambda wildcards, attempt: 60 * hours * 2 ** (attempt - 1),
        "checkpoint_seconds": study["training"]["checkpoint_seconds"],
        **gpu,
    }


# On a cluster these run where snakemake does: they take seconds, and one of them needs the internet.
localrules:
    prepare_two_points,
    fetch_mnist,
