"""The documentation as a site, and the notebook of the tutorial: with libraries that `make docs` installs."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.site
SITE = Path("site")
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")


def seen(page: str, query: str = "") -> str:
    """A page of the site as a browser has it after its scripts have run, from the file system."""
    address = (SITE / page).resolve().as_uri() + query
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=20000", "--dump-dom"]
    return subprocess.run([BROWSER, *flags, address], capture_output=True, text=True, check=True).stdout


def test_every_page_is_built():
    pages = [path.relative_to("docs").with_suffix(".html") for path in Path("docs").glob("*.md")]
    for page in (
        *pages,
        Path("index.html"),
        Path("contributing.html"),
        Path("options.html"),
        Path("record/claims.html"),
    ):
        assert (SITE / page).is_file(), f"{page}: is it in the nav of mkdocs.yml?"


def test_nothing_is_fetched():
    for page in SITE.rglob("*.html"):
        loaded = re.findall(r'<(?:script|img|iframe|source)[^>]*\ssrc="([^"]+)"', page.read_text("utf-8"))
        loaded += re.findall(r'<link rel="(?:stylesheet|preconnect)"[^>]*href="([^"]+)"', page.read_text("utf-8"))
        assert not [address for address in loaded if "//" in address], page


def test_equations_are_drawn_by_the_browser_alone():
    text = (SITE / "theory.html").read_text("utf-8")
    latex = Path("docs/theory.md").read_text("utf-8")
    assert text.count("<math") == len(re.findall(r"\$\$.+?\$\$|\$[^$]+\$", latex, re.DOTALL))
    assert "arithmatex" not in text and (SITE / "site/STIXTwoMath-Regular.ttf").stat().st_size > 1_000_000


def test_the_reference_has_every_public_name():
    import repdyn

    text = (SITE / "api.html").read_text("utf-8")
    for name in repdyn.__all__:
        assert re.search(rf'<h\d id="[\w.]*\.{name}"', text), name


def test_the_search_finds_a_page_without_a_server():
    assert BROWSER, "the search is tested in a browser: install chromium"
    found = re.findall(r"<a [^>]*md-search-result__link[^>]*>", seen("index.html", "?q=tangent+kernel"))
    assert any("theory.html" in link for link in found), found


def test_the_notebook_runs_in_a_kernel(tmp_path):
    """Cell by cell, in a copy of the project, as who opens it has it."""
    import nbformat
    from nbclient import NotebookClient

    left_out = shutil.ignore_patterns(".*", "results", "site", "cache", "downloads", "__pycache__", "tests")
    copy = Path(shutil.copytree(".", tmp_path / "repdyn", ignore=left_out))
    notebook = nbformat.read(copy / "examples/tutorial.ipynb", 4)
    nbformat.validate(notebook)
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(copy / "workflow/scripts"),
    }
    client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(copy / "examples")}})
    client.execute(env=environment)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    said = json.dumps(outputs) + "".join(output.get("text", "") for output in outputs)  # a stream may come in pieces
    assert "layer 3, points 0 and 1: the theory applies" in said and "error_active" in said
    assert "did you mean 'mlp'" in said
    assert (copy / "results/tutorial/network.png").stat().st_size > 10_000
    assert len((copy / "results/tutorial/two_points/mine.csv").read_text().splitlines()) == 1 + 2 * 4
