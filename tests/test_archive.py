"""The archive of a study: what is in it, that its metadata are a Workflow Run RO-Crate, and that its bytes repeat."""

import csv
import hashlib
import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
import requests
import rocrate
from rocrate_validator import services
from rocrate_validator.models import Severity
from rocrate_validator.utils.http import HttpRequester

from repdyn.pipeline import archive, crate

OVERLAY = "config/smoke.yaml"
STUDY = "results/smoke"
TRACKED = ("Snakefile", "LICENSE", "CITATION.cff", "requirements.lock", "config/config.yaml", OVERLAY)
MADE = {"claims.csv", "claims.md", "tables/depth.csv", "figures/depth.svg", "figures/depth.csv"}
TIMES = "2026-11-25 10:00:{},000 started\n2026-11-25 10:01:{},500 done in 1.5 s\n"


def git(folder: Path, *words: str) -> str:
    names = {f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = subprocess.run(["git", *words], cwd=folder, env={**os.environ, **names}, capture_output=True, check=True)
    return done.stdout.decode().strip()


@pytest.fixture(scope="module")
def committed(tmp_path_factory) -> Path:
    """A clone in which a study of few files has been made; tests leave it as they found it."""
    folder = tmp_path_factory.mktemp("repdyn")
    for name in TRACKED:
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(name, folder / name)
    (folder / ".gitignore").write_text("results/*\n")
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "all"]):
        git(folder, *words)
    for name in (*MADE, "two_points/default.nc", "logs/a/b.log", "below/tables/other.csv", "below/claims.csv"):
        path = folder / STUDY / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(TIMES.format("01", "02") if path.suffix == ".log" else f"of {name}\n")
    return folder


def written(folder: Path, **options) -> tuple[dict[str, bytes], dict[str, dict]]:
    """The files of the archive that is written, and the entities of its metadata by their names."""
    with zipfile.ZipFile(archive.write(folder, OVERLAY, **options)) as packed:
        files = {name: packed.read(name) for name in packed.namelist()}
    return files, {one["@id"]: one for one in json.loads(files[archive.METADATA])["@graph"]}


def test_it_holds_results_project_and_a_description_of_each(committed):
    files, entities = written(committed)
    assert set(files) == {*TRACKED, ".gitignore", archive.METADATA} | {f"{STUDY}/{name}" for name in MADE}
    assert {name for name, one in entities.items() if "File" in one["@type"]} == set(files) - {archive.METADATA}
    for name in set(files) - {archive.METADATA}:
        assert entities[name]["sha256"] == hashlib.sha256(files[name]).hexdigest(), name
    run = entities["#run"]
    assert {one["@id"] for one in run["result"]} == {f"{STUDY}/{name}" for name in MADE}
    assert {one["@id"] for one in run["object"]} == {"config/config.yaml", OVERLAY, "requirements.lock"}
    assert (run["startTime"], run["endTime"]) == ("2026-11-25T10:00:01", "2026-11-25T10:01:02")
    assert entities["#numpy"]["softwareVersion"] in files["requirements.lock"].decode()
    assert git(committed, "rev-parse", "HEAD") in entities["./"]["description"]
    assert archive.PATCH not in entities["./"]["description"]


def test_recorded_runs_are_in_it_if_asked_for(committed):
    files, _ = written(committed, data=True)
    assert f"{STUDY}/two_points/default.nc" in files
    assert not [name for name in files if "logs/" in name or "/below/" in name]


def test_the_same_study_gives_the_same_bytes(committed):
    first = archive.write(committed, OVERLAY, data=True).read_bytes()
    for path in (committed / STUDY).rglob("*.csv"):
        os.utime(path, (1, 1))
    assert archive.write(committed, OVERLAY, data=True).read_bytes() == first
    assert not list((committed / STUDY).glob(".*.part"))


def test_what_is_not_committed_is_recorded(committed):
    edited, new = committed / "LICENSE", committed / "new.py"
    before = edited.read_text()
    try:
        edited.write_text(before + "\nand more\n")
        new.write_text("")
        files, entities = written(committed)
        assert b"+and more" in files[archive.PATCH] and files["LICENSE"].decode() == before
        assert "not committed" in entities["./"]["description"] and "new.py" in entities["./"]["description"]
    finally:
        edited.write_text(before)
        new.unlink()


@pytest.fixture
def contexts(monkeypatch):
    """The JSON-LD contexts that the metadata name, without a network: terms of RO-Crate 1.3, which `rocrate` ships."""
    terms = json.loads((Path(rocrate.__file__).parent / "data" / "ro-crate.jsonld").read_text())["@context"]
    of_then = {"ComputationalWorkflow": "https://bioschemas.org/ComputationalWorkflow"}
    known = {"https://w3id.org/ro/crate/1.1/context": {**terms, **of_then}}
    known[crate.TERMS] = {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"}

    def get(self, url, **options):
        answer = requests.Response()
        answer.status_code, answer.url = (200, url) if url in known else (404, url)
        answer._content = json.dumps({"@context": known.get(url)}).encode()
        answer.headers["Content-Type"] = "application/ld+json"
        return answer

    monkeypatch.setattr(HttpRequester, "get", get, raising=False)


def validated(path: Path) -> list[str]:
    """What the validator finds wrong with a crate."""
    asked = {"rocrate_uri": str(path), "profile_identifier": "workflow-run-crate-0.5", "no_cache": True}
    result = services.validate({**asked, "requirement_severity": Severity.REQUIRED})
    return [f"{issue.check.identifier}: {issue.message}" for issue in result.get_issues()]


def test_it_is_a_workflow_run_crate(committed, contexts):
    path = archive.write(committed, OVERLAY)
    assert validated(path) == []
    with zipfile.ZipFile(path) as packed:
        told = json.loads(packed.read(archive.METADATA))
    (action,) = [one for one in told["@graph"] if one["@id"] == "#run"]
    del action["instrument"]
    with zipfile.ZipFile(path.with_name("broken.zip"), "w") as broken:
        broken.writestr(archive.METADATA, json.dumps(told))
    assert any("instrument" in one for one in validated(path.with_name("broken.zip")))


@pytest.mark.parametrize(
    ("lacks", "told"),
    [
        ("results/smoke/figures", "results/smoke/figures: not there: an archive is of a finished study"),
        ("results/smoke/claims.csv", "results/smoke/claims.csv: not there"),
        ("config/smoke.yaml", "config/smoke.yaml: not there: expected the configuration"),
        (".git", "expected a clone of the project"),
    ],
)
def test_what_is_missing_is_named(committed, monkeypatch, capsys, lacks, told):
    monkeypatch.chdir(committed)
    aside = committed / "aside"
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(committed.parent))
    (committed / lacks).rename(aside)
    try:
        assert archive.main([OVERLAY]) == 1
        printed = capsys.readouterr().err
        assert told in printed and len(printed.splitlines()) == 1
    finally:
        aside.rename(committed / lacks)


def test_each_kind_of_file_says_what_it_is(tmp_path):
    path = tmp_path / "figures" / "depth.csv"
    path.parent.mkdir()
    with path.open("w", newline="") as file:
        csv.writer(file).writerow(["a"])
    digest, told = archive.described(path)
    assert told == "the numbers that figure depth shows"
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
