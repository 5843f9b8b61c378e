"""Bring what lies outside docs/ into the site: pages of the project's root, and the files that pages link to.

Links in a page are written for who reads it in the project. Here those to a page become links to that page of the site,
and those to any other file of the project lead to a copy of it, so that the site is whole without the project.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[2]
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "config/README.md": "options.md",
}
PLACES = {place: path for path, place in PAGES.items()}
LINK = re.compile(r"(?<=\]\()([^)#\s:]+)((?:#[^)\s]*)?\))")


def on_files(files, config):
    """Add the pages, and what any page links to."""
    for path, place in PAGES.items():
        files.append(File.generated(config, place, content=(ROOT / path).read_text("utf-8")))
    for page in files.documentation_pages():
        source = _source(page.src_uri)
        for target, _ in LINK.findall((ROOT / source).read_text("utf-8")):
            path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
            place = _place(path)
            if place.startswith("files/") and (ROOT / path).is_file() and place not in files.src_uris:
                files.append(File.generated(config, place, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown, page, config, files):
    """The page with its links as the site has them."""
    source, here = _source(page.file.src_uri), posixpath.dirname(page.file.src_uri)

    def moved(link):
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), link[1]))
        return posixpath.relpath(_place(path), here or ".") + link[2]

    return LINK.sub(moved, markdown)


def _source(place: str) -> str:
    """Where a page of the site stands in the project."""
    return PLACES.get(place, f"docs/{place}")


def _place(path: str) -> str:
    """Where a file of the project stands in the site."""
    shown = path.startswith("docs/") and not path.startswith(("docs/templates/", "docs/site/"))
    return PAGES.get(path, path.removeprefix("docs/") if shown else f"files/{path}")
