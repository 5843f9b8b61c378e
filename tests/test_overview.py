"""The page of what was found: every claim in the section of its figure, pictures inside of it, no other file."""

import re

import pandas as pd
import pytest
from overview import write
from PIL import Image

from repdyn import artifacts

TEMPLATE = "workflow/scripts/overview/page.html.jinja"


@pytest.fixture
def page(tmp_path) -> str:
    about = {
        "value": 0.01,
        "low": 0.005,
        "high": 0.02,
        "n": 20,
        "unit": "network",
        "group": "",
        "groups": 1,
        "held": 1,
        "criterion": "e below 1",
    }
    claims = [
        {"name": "a", "verdict": "supported", "claim": "H < Y & all that.", "told": ""},
        {"name": "b", "verdict": "refuted", "claim": "It is <b>large</b>.", "told": "2 of 3"},
        {"name": "c", "verdict": "undecided", "claim": "Of a figure that is not made.", "told": ""},
    ]
    artifacts.write_table(pd.DataFrame([about | claim for claim in claims]), tmp_path / "claims.csv")
    for name in ("key_figure", "depth", "width"):
        Image.new("RGB", (1600, 900), "white").save(tmp_path / f"{name}.png")
    pictures = [str(tmp_path / f"{name}.png") for name in ("depth", "key_figure", "width")]
    figures, questions = {"a": "depth", "b": "width", "c": "gone"}, {"depth": "How deep?", "width": "How wide?"}
    for _ in range(2):  # the same bytes again
        before = (tmp_path / "page.html").read_bytes() if (tmp_path / "page.html").exists() else None
        write.main(str(tmp_path / "claims.csv"), pictures, TEMPLATE, figures, questions, str(tmp_path / "page.html"))
        assert before in (None, (tmp_path / "page.html").read_bytes())
    return (tmp_path / "page.html").read_text()


def test_each_claim_stands_beside_its_figure(page):
    sections = dict(re.findall(r'<section id="of_(\w+)">(.*?)</section>', page, re.DOTALL))
    assert list(sections) == ["depth", "width"]
    assert "H &lt; Y &amp; all that." in sections["depth"] and "0.0100 [0.005" in sections["depth"]
    assert "It is &lt;b&gt;large" in sections["width"] and "2 of 3" in sections["width"] and "How wide?" in page
    assert "Of a figure that is not made." in page.split("Claims without a figure here")[1]
    assert [re.search(rf"(\d+) {word}", page).group(1) for word in ("supported", "refuted", "undecided")] == ["1"] * 3


def test_it_needs_no_other_file(page):
    assert all(source.startswith("data:image/") for source in re.findall(r'src="(.*?)"', page, re.DOTALL))
    assert page.index('data-figure="key_figure"') < page.index('data-figure="depth"')
    assert not re.findall(r"https?://|<link|@import|url\(", page)
