# Takes: the configuration. Makes: `study`, the configuration checked together with its tables, and the small functions
# that rules are written with. A rule is called EXPERIMENT_STEP and runs `main` of scripts/EXPERIMENT/STEP.py; `frame` gives
# it its log, environment, cache and group.

import atexit
import gc
import os
import re
import sys
from dataclasses import asdict
from itertools import takewhile
from pathlib import Path

from snakemake.exceptions import WorkflowError

ROOT = Path(str(workflow.current_basedir.get_path_or_uri(secret_free=True))).parents[1]
HERE = ROOT == Path.cwd()
SCRIPTS = ROOT / "workflow" / "scripts"
sys.path.insert(0, str(SCRIPTS))

from repdyn.pipeline import between, claims, sources, study as studies, tables, terminal
from repdyn.pipeline.caching import CheckedCache, remove_unsound_links
from repdyn.pipeline.checking import ConfigurationError, did_you_mean
from repdyn.pipeline.options import TABLES

gc.freeze()  # the libraries; to search them for garbage took a fifth of a dry run
atexit.register(gc.freeze)


def checked(check, *arguments):
    """What a check returns; its problems become Snakemake's one message."""
    try:
        return check(*arguments)
    except ConfigurationError as problems:
        raise WorkflowError(str(problems))


def here_or_shipped(path):
    """A path below this folder; if nothing is there (`snakemake -s .../Snakefile -d FOLDER`), the workflow's own."""
    return path if os.path.exists(path) else str(ROOT / path)


BASE = here_or_shipped("config/config.yaml")
checked(studies.check_yaml, [BASE])


configfile: BASE


study = checked(studies.load_study, config, workflow.configfiles)
POINTS = study["two_points"]["rows"]


def code(script):
    """A script, which is what the rule runs, the library's modules that it imports, and the versions of all else.

    So an edit re-runs exactly what depends on it.
    """
    script = SCRIPTS / script
    modules = {*sources.dependencies(script), *sources.dependencies(SCRIPTS / "run.py")} - {script}
    return [shipped(path) for path in (script, *sorted(modules), ROOT / "requirements.lock")]


def shipped(path):
    """A file of the workflow's own as an input."""
    return local(str(path.relative_to(ROOT) if HERE else path))


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


def mnist_row(name, lr, solver="sgd", **training):
    """What decides the training of networks on MNIST: which hidden layer is looked at afterwards does not."""
    purposes = {"init": "init", "batch": "batches", "pair": "pairs"}
    return {
        "name": name,
        **{key: value for key, value in study["mnist"]["network"].items() if key != "layer"},
        **{key: study["mnist"][key] for key in ("batch", "epochs", "finer", "networks")},
        **{key: study["mnist_pairs"][key] for key in ("different", "same")},
        "digits": study["mnist_structure"]["digits"],
        **{f"{purpose}_seed": study["seeds"][key] for purpose, key in purposes.items()},
        "lr": lr,
        "solver": solver,
        **training,
    }


def measured_layers(row):
    """The row's own hidden layer; of the row of depth some more of them."""
    among = (
        evenly(row, study["measured_rates"]["layers"])
        if row["name"] == study["depth"]["row"]
        else []
    )
    return sorted({row["layer"], *among})


def evenly(row, count):
    """So many hidden layers of a network, from the first to the last."""
    last = tables.hidden_layers(row, row["in_dim"], row["out_dim"]) - 1
    return [round(n * last / max(count - 1, 1)) for n in range(count)]


def modern_data(wildcards):
    """input: what a row of modern learns."""
    name = study["modern"]["rows"][wildcards.modern]["data"]
    made = {"two_points": "two_points/data/points", "mnist": "mnist/images"}
    return f"<results>/{made.get(name, f'modern/data/{name}')}.nc"


def modern_layers(row):
    """The hidden layers of a row of modern that are analysed: its own, and some from the first to the last."""
    return sorted(
        {row["layer"], *evenly({**row, **between.ends_of(row["data"])}, study["modern"]["layers"])}
    )


def gpu_job(gigabytes=8, hours=2, device=study["training"]["device"]):
    """resources: what training asks of a cluster, twice as much at each attempt; a GPU if it may use one.

    Networks that train together fill `loop.MEMORY`, 2 GiB, and once more where some of them leave; a job that goes on from
    a checkpoint holds what was saved beside them.
    The interval of its checkpoints stands here because, unlike params, it decides nothing about the result.
    """
    gpu = {} if device == "cpu" else {"gpu": 1}
    return {
        "mem_mb": lambda wildcards, attempt: 1000 * gigabytes * 2 ** (attempt - 1),
        "runtime": lambda wildcards, attempt: 60 * hours * 2 ** (attempt - 1),
        "checkpoint_seconds": study["training"]["checkpoint_seconds"],
        **gpu,
    }


def layer_of(experiment):
    """params: the observed layer of the row that a wildcard names."""
    return lambda wildcards: study[experiment]["rows"][wildcards[experiment]]["layer"]


def layers(names):
    """The hidden layers that the table of two points names for these rows."""
    return [POINTS[name]["layer"] for name in names]


def selected(experiment, *names):
    """Rows of two points that an experiment compares; none where one of them is not selected."""
    return [] if experiment in study["faults"] else list(names)


def question(experiment, jobs):
    """What an experiment is about: the sentence of its target, whose name has a prefix in a module."""
    named = [job for job in jobs if job.name == experiment or job.name.endswith(f"_{experiment}")]
    return min(named, key=lambda job: len(job.name)).docstring


def own(jobs):
    """The rules of this workflow, which may be a module of another one."""
    return [job for job in jobs if Path(str(job.snakefile)).is_relative_to(ROOT)]


def experiments(jobs):
    """The names of all experiments: what has a figure."""
    return [Path(job.output.svg).stem for job in jobs if "svg" in job.output.keys()]


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


def refuse_what_is_misspelt(jobs):
    """Who asks for something that nothing makes, but for something like it, is told the latter.

    Surely targets are the words before the first option; this holds only for a command line of this workflow.
    """
    if Path(workflow.main_snakefile).resolve() != ROOT / "Snakefile" or not (
        {"snakemake"} & {*Path(sys.argv[0]).parts[-2:]}
    ):
        return
    there = [*(job.name for job in jobs), *(path for job in jobs for path in job.output)]
    for word in takewhile(lambda word: not word.startswith("-"), sys.argv[1:]):
        paths = {word, os.path.relpath(word)}
        known = workflow.is_rule(word) or any(map(os.path.exists, paths))
        if not known and not any(job.is_producer(path) for job in jobs for path in paths):
            if hint := did_you_mean(word, map(str, there)):
                raise WorkflowError(
                    f"{word}: nothing makes this{hint}", "snakemake --list: targets."
                )


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
        job.cache = CheckedCache.from_rule(job, True) if CACHED else None
        if not trains and job.name not in LOCAL:
            job.group = "fits" if job.wildcard_names else "figures"


def say_little(jobs):
    """One line a job in a terminal, and no bars of training where several jobs would draw theirs at once."""
    if not workflow.is_main_process:
        return
    sentences = {job.name: job.docstring or "" for job in jobs}
    cost = terminal.seconds_of_rules(here_or_shipped("docs/record/cost.csv"))
    terminal.shorten(sentences, cost, workflow.output_settings.dryrun)
    if workflow.resource_settings.cores != 1:
        os.environ.update(TQDM_DELAY="1e9")  # tqdm's own: seconds until a bar is drawn


def reckon_when_a_job_ends():
    """Of a local run that begins: no limit on jobs a second, which is for clusters.

    With it Snakemake weighs all waiting jobs again each second; a few hundred took up to a core from those that ran.
    """
    if workflow.local_exec:
        workflow.scheduler.job_rate_limiter = None


def shown_by(claim):
    """The figure of a claim: the one that it names, else that of the experiment which makes its table, if it has one."""
    maker, _ = MAKERS[claim.table]
    of_maker = [name for name in SHOWN if maker.startswith(f"{name}_")]
    return claim.figure or max(of_maker, key=len, default="")


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
    """output: a table of the report; its caption is that of the longest beginning of its name which has one."""
    words = name.split("_")
    beginnings = ("_".join(words[:n]) for n in range(len(words), 0, -1))
    captions = (f"../report/{caption or beginning}_table.rst" for beginning in beginnings)
    found = next(path for path in captions if (ROOT / "workflow" / "rules" / path).is_file())
    path = f"<results>/tables/{name}.csv"
    return report(path, caption=found, category=category, labels={"result": f"table, {title}"})


# On a cluster these run where snakemake does: they take seconds, and two of them need the internet.
LOCAL = ["two_points_data", "mnist_fetch", "modern_fetch"]


localrules:
    two_points_data,
    mnist_fetch,
    modern_fetch,
