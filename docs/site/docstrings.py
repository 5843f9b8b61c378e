"""Docstrings as Markdown: what they set in two columns, `name    what it is`, becomes a list of definitions."""

import re

import griffe

ROW = re.compile(r"^(\S.*?)(?:  +)(\S.*)$")


class Columns(griffe.Extension):
    """Rewrites the docstrings that the API reference shows."""

    def on_object(self, *, obj, **_):
        """Called for every module, class and function that is read."""
        if obj.docstring:
            obj.docstring.value = "\n\n".join(map(defined, obj.docstring.value.split("\n\n")))


def defined(paragraph: str) -> str:
    """A paragraph in two columns as a list of definitions; any other as it is."""
    rows: list[list[str]] = []
    for line in paragraph.splitlines():
        if found := ROW.match(line):
            rows.append([*found.groups()])
        elif rows and line.startswith("  "):
            rows[-1][1] += f" {line.strip()}"
        else:
            return paragraph
    return "\n\n".join(f"`{name}`\n:   {text}" for name, text in rows)
