"""The metadata of an archive: a study's files and the run that made them, as a Workflow Run RO-Crate says it.

Profiles: https://w3id.org/ro/wfrun/workflow/0.5, on RO-Crate 1.1. Soiland-Reyes et al. 2022, doi:10.3233/DS-210053;
Leo et al. 2024, doi:10.1371/journal.pone.0309210. The library `rocrate` is of the extra `archive`.
"""

import mimetypes
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
TERMS = "https://w3id.org/ro/terms/workflow-run/context"  # defines sha256
WORKFLOW = "Snakefile"
TYPES = {".smk": "text/plain", ".tsv": "text/tab-separated-values", ".nc": "application/netcdf", ".md": "text/markdown"}
TYPES |= {".csv": "text/csv", ".yaml": "application/yaml", ".svg": "image/svg+xml", ".patch": "text/x-diff"}


@dataclass(frozen=True)
class Member:
    """A file of the archive: where it lies in it, its bytes and their SHA-256, and what the run did with it."""

    path: str
    size: int
    sha256: str
    description: str
    role: str = ""  # "read" or "made" by the run, else ""


@dataclass
class Run:
    """What the metadata say of the study beside its files."""

    name: str
    description: str
    version: str
    license: str  # its name at spdx.org
    authors: list[str]
    published: str  # the date of the commit, ISO 8601
    began: str = ""  # as the logs say it, local time
    ended: str = ""
    software: dict[str, str] = field(default_factory=dict)  # versions


def metadata(run: Run, members: Iterable[Member]) -> dict:
    """The content of ro-crate-metadata.json. Raises ValueError where no member is the workflow."""
    from rocrate.model import ComputationalWorkflow, ContextEntity, File
    from rocrate.rocrate import ROCrate

    crate = ROCrate(version="1.1")
    crate.metadata.extra_contexts.append(TERMS)

    def entity(identifier: str, kind: str, **properties):
        return say(crate.add(ContextEntity(crate, identifier, {"@type": kind})), **properties)

    def say(entity, **properties):
        for key, value in properties.items():
            if value:
                entity[key] = value
        return entity

    license_ = entity(f"https://spdx.org/licenses/{run.license}", "CreativeWork", name=f"{run.license} license")
    say(license_, description="Its text is the file LICENSE.")
    authors = [entity(f"#author-{n}", "Organization", name=name) for n, name in enumerate(run.authors, 1)]
    language = entity(
        "https://w3id.org/workflowhub/workflow-ro-crate#snakemake",
        "ComputerLanguage",
        name="Snakemake",
        url="https://snakemake.github.io",
        version=run.software.get("snakemake"),
    )
    software = [
        entity(f"#{name}", "SoftwareApplication", name=name, softwareVersion=version)
        for name, version in run.software.items()
    ]
    files: dict[str, list] = {"read": [], "made": []}
    for member in members:
        kind = TYPES.get(PurePosixPath(member.path).suffix) or mimetypes.guess_type(member.path)[0] or "text/plain"
        file = crate.add((ComputationalWorkflow if member.path == WORKFLOW else File)(crate, dest_path=member.path))
        say(file, name=member.path, description=member.description, encodingFormat=kind)
        say(file, contentSize=str(member.size), sha256=member.sha256)
        if member.role:
            files[member.role].append(file)
    workflow = crate.get(WORKFLOW)
    if workflow is None:
        raise ValueError(f"{WORKFLOW}: none of the files is the workflow")
    say(workflow, programmingLanguage=language, version=run.version, license=license_, author=authors)
    say(workflow, softwareRequirements=software)
    crate.mainEntity = workflow
    action = entity(
        "#run",
        "CreateAction",
        name=run.name,
        description=run.description,
        instrument=workflow,
        object=files["read"],
        result=files["made"],
        startTime=run.began,
        endTime=run.ended,
    )
    profiles = [entity(url, "CreativeWork", name=name, version=version) for url, (name, version) in PROFILES.items()]
    say(crate.root_dataset, name=run.name, description=run.description, version=run.version, author=authors)
    say(crate.root_dataset, datePublished=run.published, license=license_, mentions=action, conformsTo=profiles)
    return crate.metadata.generate()
