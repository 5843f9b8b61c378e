"""A small project whose configuration can be broken."""

import shutil

import pytest

from bad_input.broken import (
    BASE,
    FALSIFIED_ROWS,
    GRID_ROWS,
    MEASURED_ROWS,
    MINE,
    OVERLAY,
    REPEATED_ROWS,
    ROOT,
    ROWS,
    TABLE,
)


@pytest.fixture
def project(tmp_path):
    """A folder with the shipped configuration, a small table and an overlay that selects it."""
    shutil.copytree(ROOT / "config", tmp_path / "config")
    base = (tmp_path / BASE).read_text()
    own_rows = {GRID_ROWS: "rows: all", FALSIFIED_ROWS: "rows: all", MEASURED_ROWS: "rows: [default]"}
    for rows, own in {**own_rows, REPEATED_ROWS: "rows: [default, gain_0.9]"}.items():
        assert rows in base
        base = base.replace(rows, own)
    (tmp_path / BASE).write_text(base)
    (tmp_path / MINE).write_text(OVERLAY)
    (tmp_path / TABLE).write_text(ROWS)
    return tmp_path
