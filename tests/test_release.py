"""What a release says of itself is said alike at every place, and the paper types no number."""

import json
import re
import tomllib
from pathlib import Path

import yaml

PROJECT = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["project"]
CITED = yaml.safe_load(Path("CITATION.cff").read_text("utf-8"))
PAPER = Path("paper/paper.md").read_text("utf-8")


def test_codemeta_and_citation_are_those_of_the_project():
    told = json.loads(Path("codemeta.json").read_text("utf-8"))
    assert told["version"] == CITED["version"] == PROJECT["version"]
    assert (told["name"], told["description"]) == (PROJECT["name"], PROJECT["description"])
    assert told["license"].endswith(f"/{CITED['license']}") and CITED["license"] == PROJECT["license"]["text"]
    assert [author["name"] for author in told["author"]] == [author["name"] for author in CITED["authors"]]
    assert told["softwareRequirements"] == PROJECT["dependencies"]
    assert told["runtimePlatform"] == f"Python {PROJECT['requires-python']}"
    assert told["referencePublication"]["url"] == CITED["references"][0]["url"]
    assert {"cff-version", "message", "title", "authors", "version", "license"} <= CITED.keys()


def test_the_changelog_knows_the_version():
    text = Path("CHANGELOG.md").read_text("utf-8")
    headings = re.findall(r"^## \[(.+?)\]", text, flags=re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert PROJECT["version"] in headings or f"{PROJECT['version']} will be the first version" in text
    assert set(re.findall(r"^### (\w+)$", text, flags=re.MULTILINE)) <= {"Added", "Changed", "Removed", "Fixed"}


def test_the_paper_has_the_authors_and_all_that_it_cites():
    head = yaml.safe_load(PAPER.split("---\n")[1])
    assert [author["name"] for author in head["authors"]] == [author["name"] for author in CITED["authors"]]
    entries = set(re.findall(r"^@\w+\{(\w+),", Path("paper/paper.bib").read_text("utf-8"), flags=re.MULTILINE))
    assert set(re.findall(r"@(\w+)", PAPER.split("---\n")[2])) == entries
    parts = re.findall(r"^# (.+)$", PAPER, flags=re.MULTILINE)
    assert {"Summary", "Statement of need", "State of the field", "References"} <= set(parts)


def test_the_papers_numbers_come_from_the_record():
    text = Path("docs/templates/paper/paper.md.jinja").read_text("utf-8").split("# Summary")[1]
    assert re.findall(r"\d+(?:\.\d+)?", re.sub(r"\{\{.*?\}\}|\{%.*?%\}|@\w+", "", text, flags=re.DOTALL)) == []
