"""The tutorial as a notebook: its page, docs/tutorial.md, cell by cell. `repdyn.pipeline.prose` writes it."""

import json
import re

PAGE, NOTEBOOK = "docs/tutorial.md", "examples/tutorial.ipynb"
CODE = re.compile(r"^```(python|sh)\n(.*?)^```\n", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:|#)")


def of_page(text: str) -> str:
    """A page in Markdown as a notebook (nbformat 4.5, JSON).

    What is fenced as `python` becomes a cell of code, what is fenced as `sh` one that the shell runs; all else, other
    fences among it, is prose. Relative links lead from the notebook's folder to where they lead from the page's.
    """
    cells, end = [], 0
    for block in CODE.finditer(text):
        cells.append(_prose(text[end : block.start()]))
        source = block[2].strip("\n")
        cells.append(_cell("code", f"%%sh\n{source}" if block[1] == "sh" else source))
        end = block.end()
    cells.append(_prose(text[end:]))
    found = [cell for cell in cells if cell["source"]]
    for number, cell in enumerate(found):
        cell["id"] = f"cell-{number}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    made = {"cells": found, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(made, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _prose(text: str) -> dict:
    return _cell("markdown", LINK.sub("](../docs/", text.strip("\n")))


def _cell(kind: str, source: str) -> dict:
    empty = {"execution_count": None, "outputs": []} if kind == "code" else {}
    return {"cell_type": kind, "metadata": {}, "source": source.splitlines(keepends=True), **empty}
