"""Equations as MathML, which browsers draw by themselves: no script, and nothing to fetch.

Its font, STIX Two Math (SIL Open Font License), comes from the package ziamath into the site.
"""

import html
import re
from importlib.metadata import files as installed

from latex2mathml.converter import convert
from mkdocs.structure.files import File

EQUATION = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)
FONT = "STIXTwoMath-Regular.ttf"
# bars and slashes stand close; a dot above a letter is an accent
CLOSER = [
    (r'<mo( stretchy="false")?>&#x0007C;</mo>', '<mo stretchy="false" lspace="0" rspace="0">|</mo>'),
    (r"<mo>&#x0002F;</mo>", '<mo lspace="0" rspace="0">/</mo>'),
    (r"<mover>(<m[in]>[^<]*</m[in]>)<mo>&#x002D9;</mo>", r'<mover accent="true">\1<mo>&#x002D9;</mo>'),
]


def on_files(files, config):
    """Add the font."""
    (font,) = (path for path in installed("ziamath") if path.name == FONT)
    files.append(File.generated(config, f"site/{FONT}", abs_src_path=str(font.locate())))
    return files


def on_page_content(content, page, config, files):
    """The page with every equation translated from LaTeX."""
    return EQUATION.sub(lambda found: drawn(*found.groups()), content)


def drawn(tag: str, opening: str, latex: str) -> str:
    """One equation, in a line or on its own."""
    formula = convert(html.unescape(latex).strip(), display="block" if opening == "[" else "inline")
    for old, new in CLOSER:
        formula = re.sub(old, new, formula)
    return f'<{tag} class="equation">{formula}</{tag}>'
