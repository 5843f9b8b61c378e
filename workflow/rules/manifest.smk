# Takes: what a run made. Makes: <results>/manifest.json, every file with its checksum, what made it and the command that
# makes it again; and says at the start of a run which results were changed after they were made.

from snakemake.logging import logger as told

from repdyn.pipeline import jobs, manifest, provenance

RUN = {}  # the surroundings when the run began: a commit in its course made none of it


def jobs_of_this_workflow():
    """What a manifest says of the jobs that were asked for, whether they had to run or not."""
    rules_here = {rule.name for rule in own(workflow.rules)}
    for job in workflow.dag.jobs:
        if job.rule.script and job.rule.name in rules_here:
            scripts = [str(path) for path in (*job.input.code, *job.input.get("architecture", ()))]
            yield manifest.Job(
                job.rule.name,
                inputs=[str(path) for path in job.input if str(path) not in scripts],
                code=scripts,
                params=dict(job.params.items()),
                log=str(job.log[0]),
                outputs=[str(path) for path in job.output],
            )


def write_manifest():
    """What can't be written is said; the results are what they are without it."""
    try:
        manifest.update(study["results"], jobs_of_this_workflow(), RUN)
    except OSError as error:
        told.warning(f"{study['results']}/{manifest.NAME} is not what was made: {error}")


def tell_what_was_changed():
    """Results that somebody changed are used as they are, so they are named."""
    try:
        for path, entry in manifest.changed(study["results"]):
            if path not in sys.argv:
                told.warning(manifest.told(path, entry))
    except manifest.DamagedError as damage:
        told.warning(str(damage))


def tell_how_to_repeat_what_failed():
    """Why each job failed and the command of it alone, after all other output."""
    given = workflow.config_settings
    for failed in workflow.scheduler.failed if workflow.scheduler else ():
        for job in getattr(failed, "jobs", [failed]):  # several where jobs share a submission
            output = [str(path) for path in job.output][:1]
            words = provenance.command(output, given.configfiles, given.config)
            why = f": {jobs.reason(job.log[0])} ({job.log[0]})" if job.log else ""
            told.error(f"{job.rule.name} failed{why}. Alone: {words}")


if workflow.is_main_process:
    tell_what_was_changed()


onstart:
    reckon_when_a_job_ends()
    given = workflow.config_settings
    tables_read = [here_or_shipped(study[name]["table"]) for name in TABLES]
    RUN.update(
        provenance.of_run(
            dict(config), given.configfiles, dict(given.config), tables_read, ROOT
        )
    )


onsuccess:
    write_manifest()


onerror:
    write_manifest()
    tell_how_to_repeat_what_failed()
