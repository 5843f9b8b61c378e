"""Compiled code is kept on disk; what is damaged there is compiled again."""

import os
import tempfile
from pathlib import Path

import pytest

from repdyn.training import compiled_code, passes, stages


@pytest.mark.parametrize("function", [passes.train, passes.look, stages.compiled], ids=["train", "look", "stages"])
def test_all_compiled_code_mends_itself(function):
    if function is stages.compiled:
        function = stages.compiled(lambda x: x + 1)
    assert isinstance(function._cache._cache_file, compiled_code.MendedFile)


@pytest.mark.parametrize("home", ["/dev/null/nobody", "~"], ids=["read-only", "none"])
def test_where_no_home_can_be_written_compiled_code_is_kept_among_temporary_files(tmp_path, monkeypatch, home):
    """As in a container whose only writable folder is the results'."""
    for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path.replace("~", home))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    locator = compiled_code.CompiledCode.from_function(passes.train.py_func, passes.__file__)
    locator.ensure_cache_path()
    assert locator.get_cache_path() == str(tmp_path / "repdyn" / f"compiled-{compiled_code.DIGEST}")


def test_no_compiled_function_is_left_to_numbas_own_places():
    """Which are beside the source, that may be read-only, or else raise `no locator available`."""
    package = Path(passes.__file__).parents[1]
    kept = {path for path in package.rglob("*.py") if "cache=True" in path.read_text()}
    assert kept and kept <= {*compiled_code.SOURCES}


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
def test_what_is_empty_or_cut_off_counts_as_absent(tmp_path, suffix):
    code = ("object code", b"\x00" * 1000)
    kept = compiled_code.MendedFile(str(tmp_path), "train", "stamp")
    kept.save("signature", code)
    (path,) = tmp_path.glob(f"*{suffix}")
    content = path.read_bytes()
    for length in (0, 1, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        assert kept.load("signature") is None
        kept.save("signature", code)
        assert kept.load("signature") == code
