# Takes: the configuration. Makes: `study`, the configuration checked together with its tables, and the small functions
# that rules are written with. A rule is called EXPERIMENT_STEP and runs `main` of scripts/EXPERIMENT/STEP.py; `frame` gives
# it its log, environment, cache and group.

import os
import re
import sys
from dataclasses import asdict
from pathlib import Path

from snakemake.caching.rule import RuleCache
from snakemake.exceptions import WorkflowError

SCRIPTS = Path(workflow.basedir) / "workflow" / "scripts"
sys.path.insert(0, str(SCRIPTS))

from repdyn.pipeline import caching, claims, sources, study as studies
from repdyn.pipeline.checking import ConfigurationError
from repdyn.pipeline.options import TABLES


def checked(check, *arguments):
    """What a check returns; its problems become Snakemake's one message."""
    try:
        return check(*arguments)
    except ConfigurationError as problems:
        raise WorkflowError(str(problems))


checked(studies.check_yaml)


configfile: "config/config.yaml"


study = checked(studies.load_study, config, workflow.configfiles)
POINTS = study["two_points"]["rows"]


def code(script):
    """A script, which is what the rule runs, the library's modules that it imports, and the versions of all else.

    So an edit re-runs exactly what depends on it.
    """
    script = SCRIPTS / script
    modules = {*sources.dependencies(script), *sources.dependencies(SCRIPTS / "run.py")} - {script}
    paths = [script, *sorted(modules), Path(workflow.basedir) / "requirements.lock"]
    return [local(str(path.relative_to(workflow.basedir))) for path in paths]


def architecture(experiment):
    """The code of the architecture that a row names: a new one leaves what is trained already alone."""
    rows = study[experiment]["rows"]
    folder = "repdyn/networks/architectures"
    return lambda wildcards: code(f"{folder}/{rows[wildcards[experiment]]['model']}.py")


def training(rows, wildcard):
    """params: the row that a wildcard names, without what decides nothing about its training, and the device."""
    trained = {
        name: {column: value for column, value in row.items() if column != "layer"}
        for name, row in rows.items()
    }
    return {
        "row": lambda wildcards: trained[wildcards[wildcard]],
        "device": study["training"]["device"],
    }


def smaller(names, experiment):
    """Rows of two points with the networks and the width of an experiment, where they are wider.

    Convolutions keep theirs: it is the length of their signal, which has to be longer than their kernels.
    """
    networks, width = study[experiment]["networks"], study[experiment]["width"]
    return {
        name: {
            **POINTS[name],
            "networks": networks,
            "width": (
                POINTS[name]["width"]
                if POINTS[name]["model"] == "cnn"
                else min(POINTS[name]["width"], width)
            ),
        }
        for name in names
    }


def gpu_job(gigabytes=4, hours=2):
    """resources: what training asks of a cluster, twice as much at each attempt; a GPU if it may use one.

    The interval of its checkpoints stands here because, unlike params, it decides nothing about the result.
    """
    gpu = {} if study["training"]["device"] == "cpu" else {"gpu": 1}
    return {
        "mem_mb": lambda wildcards, attempt: 1000 * gigabytes * 2 ** (attempt - 1),
        "runtime": lambda wildcards, attempt: 60 * hours * 2 ** (attempt - 1),
        "checkpoint_seconds": study["training"]["checkpoint_seconds"],
        **gpu,
    }


def of_row(experiment, **columns):
    """params: columns of the row that a wildcard names, as NAME=COLUMN."""
    rows = study[experiment]["rows"]

    def value(column):
        return lambda wildcards: rows[wildcards[experiment]][column]

    return {name: value(column) for name, column in columns.items()}


def layers(names):
    """The hidden layers that the table of two points names for these rows."""
    return [POINTS[name]["layer"] for name in names]


def uncertainty():
    """params: how intervals over networks are made."""
    return {"intervals": study["intervals"], "seed": study["seeds"]["bootstrap"]}


def selected(experiment, *names):
    """Rows of two points that an experiment compares; none where one of them is not selected."""
    return [] if experiment in study["faults"] else list(names)


def experiments(jobs):
    """The names of all experiments: what has a figure."""
    return [job.name.removesuffix("_plot") for job in jobs if job.name.endswith("_plot")]


def refuse_what_lacks_rows(jobs):
    """Who asks for an experiment whose rows are not selected is told so before any job."""
    for name, lacks in study["faults"].items():
        made = {
            word
            for job in jobs
            if job.name == name or job.name.startswith(f"{name}_")
            for word in (job.name, *job.output)
        }
        if made & {*sys.argv[1:]}:
            raise WorkflowError(f"{name} can't be made.", *lacks)


def frame(jobs):
    """Give all that run a script what none of them says: log, environment, cache, and a shared submission.

    The log is <logs>/RULE.log, or <logs>/RULE/WILDCARD.log. Training needs torch. On a cluster small jobs share a
    submission (profiles/slurm): what follows the training of a row, and all else.
    """
    for job in jobs:
        if not job.script:
            continue
        log = Path("<logs>", job.name, *(f"{{{name}}}" for name in sorted(job.wildcard_names)))
        job.log_modifier = job.output_modifier
        job.set_log(f"{log}.log")
        trains = job.name.endswith("_train")
        job.conda_env = f"../envs/{'training' if trains else 'analysis'}.yaml"
        job.cache = RuleCache.from_rule(job, CACHED)
        if not trains and job.name not in LOCAL:
            job.group = "fits" if job.wildcard_names else "figures"


def curves_and_fits(names):
    """input: what figures show of rows of two points, in this order."""
    return {
        "trajectories": expand("<results>/two_points/curves/{two_points}.csv", two_points=names),
        "fits": expand("<results>/two_points/{two_points}.csv", two_points=names),
    }


def figure(name, title, category):
    """output: a figure of the report as SVG, as PNG, and the numbers that it draws."""
    path = f"<results>/figures/{name}"
    shown = {"caption": f"../report/{name}.rst", "category": category, "labels": {"result": title}}
    return {"svg": report(f"{path}.svg", **shown), "png": f"{path}.png", "csv": f"{path}.csv"}


def table(name, title, category, caption=None):
    """output: a table of the report."""
    caption = f"../report/{caption or f'{name}_table'}.rst"
    path = f"<results>/tables/{name}.csv"
    return report(path, caption=caption, category=category, labels={"result": f"table, {title}"})


# On a cluster these run where snakemake does: they take seconds, and one of them needs the internet.
LOCAL = ["two_points_data", "mnist_fetch"]


localrules:
    two_points_data,
    mnist_fetch,
