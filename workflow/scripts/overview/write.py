"""What was found on one page that needs no other file: results/overview.html, with which the report begins.

First the key figure, then for every figure a small picture of it and the verdicts on the claims that it shows. In the
report a picture leads to the figure and its caption; opened by itself, to the file in figures/.
"""

import base64
import io
from pathlib import Path

import pandas as pd
from jinja2 import Environment, StrictUndefined
from PIL import Image

from repdyn import artifacts, files
from repdyn.statistics.words import MARKS, measured

FIRST = "key_figure"
SIZE = 520, 400  # pixels within which a small picture fits
COLOURS = 64  # of a small picture, which makes it a third as large


def main(
    claims: str, pictures: list[str], template: str, figures: dict[str, str], questions: dict[str, str], page: str
) -> None:
    claims = artifacts.read_table(claims)
    pages = Environment(undefined=StrictUndefined, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    of_figure = claims.groupby(claims.name.map(figures), sort=False)
    paths = {Path(path).stem: Path(path) for path in pictures}
    first = paths.pop(FIRST, None)
    shown = [
        {
            "name": name,
            "question": questions[name],
            "picture": small(path),
            "claims": rows(of_figure.get_group(name)) if name in of_figure.groups else [],
        }
        for name, path in paths.items()
    ]
    hidden = claims[~claims.name.map(figures).isin(paths)]  # whose figure lacks rows
    text = pages.from_string(Path(template).read_text("utf-8")).render(
        first=first and {"name": FIRST, "picture": data_uri(first.read_bytes())},
        figures=shown,
        hidden=rows(hidden),
        counts={word: int((claims.verdict == word).sum()) for word in MARKS},
        count=len(claims),
    )
    with files.whole(page) as path:
        path.write_text(text, "utf-8")


def rows(claims: pd.DataFrame) -> list[dict]:
    """What the page says of each claim."""
    return [
        {
            **{"verdict": row.verdict, "mark": MARKS[row.verdict], "claim": row.claim, "criterion": row.criterion},
            "measured": measured(row),
            "told": row.told if isinstance(row.told, str) else "",
        }
        for row in claims.itertuples()
    ]


def small(path: Path) -> str:
    """A picture as a data URI, made to fit into SIZE."""
    made = io.BytesIO()
    with Image.open(path) as picture:
        picture = picture.convert("RGB")
        picture.thumbnail(SIZE)
        picture.quantize(COLOURS).save(made, format="png", optimize=True)
    return data_uri(made.getvalue())


def data_uri(png: bytes) -> str:
    """A PNG inside of a page, in short lines: the report takes none of more than 10,000 letters."""
    return f"data:image/png;base64,{base64.encodebytes(png).decode()}"
