# Takes: the environment variable SNAKEMAKE_OUTPUT_CACHE, a folder (`make CACHE=DIR` sets it). Makes: CACHED, which
# every rule gets as its `cache:`.
#
# What decides a result is in its key: the script, params (with the row of the table), the contents of inputs, among them
# the library's modules and requirements.lock. What does not is not: names of rules, wildcards, threads, resources.

# not simply True: without a cache every rule would say in every run that it could be cached
CACHE = os.environ.get("SNAKEMAKE_OUTPUT_CACHE")
CACHED = bool(CACHE)

if not CACHED:  # named, but by an empty text: Snakemake would take this folder
    os.environ.pop("SNAKEMAKE_OUTPUT_CACHE", None)
elif workflow.is_main_process and not workflow.dryrun:
    remove_unsound_links(study["results"], CACHE)
