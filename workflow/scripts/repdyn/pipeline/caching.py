"""A cache of results that several folders and users share, in which nothing is believed that has changed.

Snakemake finds an entry by what made it (script, params, contents of inputs) and believes what lies there. Here every
entry has its SHA-256 in a file beside it and is compared with it before it is used. What can't be read, or is not what
it was, is made anew; what can't be written is left out; both are said in a warning, and the run goes on.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from snakemake.caching.local import OutputFileCache
from snakemake.caching.rule import RuleCache
from snakemake.exceptions import CacheMissException, WorkflowError
from snakemake.logging import logger

from repdyn.files import content_hash, whole

READABLE = 0o644  # Snakemake would let everybody write


class CheckedCache(RuleCache):
    """What Snakemake asks about the cached outputs of a rule's jobs."""

    async def exists(self, job) -> bool:
        """Whether all outputs of a job can be taken from the cache."""
        entries = (await self._entries(job)).values()
        return all([is_sound(entry) for entry in entries]) if entries else await super().exists(job)

    async def fetch(self, job) -> None:
        """Link the outputs of a job to their entries. Raises CacheMissException if one is absent or not sound."""
        if not await self.exists(job):
            raise CacheMissException(f"Job {job} is not in the cache.")
        await super().fetch(job)

    async def store(self, job) -> None:
        """Move the outputs of a job into the cache, with their checksums, and link to them."""
        entries = await self._entries(job)
        if entries and await self.exists(job):  # another run has put the same there in the meantime
            for output in entries:
                output.unlink()
            return await super().fetch(job)
        try:
            for output, entry in entries.items():
                entry.unlink(missing_ok=True)
                with whole(_sum_of(entry)) as temporary:
                    temporary.write_text(content_hash(output) + "\n")
            await super().store(job)
            for entry in entries.values():
                entry.chmod(READABLE)
        except (OSError, WorkflowError) as error:
            logger.warning(f"not kept in the cache: {', '.join(job.output)} ({error})")

    async def _entries(self, job) -> dict[Path, Path]:
        """{output: its entry} of a cache in a folder; empty for one in a storage, where nothing is compared."""
        cache = self.rule.workflow.output_file_cache
        if not isinstance(cache, OutputFileCache):
            return {}
        return dict(await cache.get_outputfiles_and_cachefiles(job))


def is_sound(entry: Path) -> bool:
    """Whether an entry is there and what was put there; one that has changed is removed where that is possible."""
    try:
        if not entry.exists():
            return False
        recorded = _sum_of(entry)
        if not recorded.exists():
            logger.warning(f"{entry}: has no checksum beside it; not used")
            return False
        if recorded.read_text().strip() == content_hash(entry):
            return True
        logger.warning(f"{entry}: not what it was when it was cached; to be made again")
        entry.unlink()
    except OSError as error:
        logger.warning(f"{entry}: {error.strerror}; not used")
    return False


def remove_unsound_links(results: str | Path, cache: str | Path) -> None:
    """Remove results that are links to entries which are gone or have changed, before Snakemake takes them for made."""
    for link in _links(Path(results), Path(cache)):
        if not is_sound(link.readlink()):
            link.unlink()


def _links(results: Path, cache: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(results):
        for path in (Path(folder, name) for name in names):
            if path.is_symlink() and path.readlink().parent == cache:
                yield path


def _sum_of(entry: Path) -> Path:
    return entry.with_name(f"{entry.name}.sha256")
