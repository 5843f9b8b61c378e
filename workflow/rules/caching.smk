# Takes: the environment variable SNAKEMAKE_OUTPUT_CACHE, a folder (`make CACHE=DIR` sets it). Makes: CACHED, which
# every rule gets as its `cache:`, and checksums of the entries in that folder.
#
# What decides a result is in its key: the script, params (with the row of the table), the contents of inputs, among them
# the library's modules and requirements.lock. What does not is not: names of rules, wildcards, threads, resources.

CACHE = os.environ.get("SNAKEMAKE_OUTPUT_CACHE")

# not simply True: without a cache every rule would say in every run that it could be cached
CACHED = CACHE is not None


onstart:
    if CACHED and os.path.isdir(CACHE):
        for entry in caching.remove_changed(CACHE):
            logger.warning(
                f"{entry}: not what it was when it was cached; removed, to be made again"
            )


onsuccess:
    if CACHED and os.path.isdir(CACHE):
        caching.record(CACHE)


onerror:
    if CACHED and os.path.isdir(CACHE):
        caching.record(CACHE)
