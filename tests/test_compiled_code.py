"""Compiled code is kept on disk; what is damaged there is compiled again."""

import os
import tempfile
from pathlib import Path

import pytest

from repdyn.training.passes import code, descent, stages


@pytest.mark.parametrize("function", [descent.train, descent.look, stages.gradient], ids=lambda f: f.__name__)
def test_all_compiled_code_mends_itself(function):
    assert isinstance(function._cache._cache_file, code.MendedFile)


@pytest.mark.parametrize("home", ["/dev/null/nobody", "~"], ids=["read-only", "none"])
def test_where_no_home_can_be_written_compiled_code_is_kept_among_temporary_files(tmp_path, monkeypatch, home):
    """As in a container whose only writable folder is the results'."""
    for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path.replace("~", home))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    locator = code.CompiledCode.from_function(descent.train.py_func, descent.__file__)
    locator.ensure_cache_path()
    assert locator.get_cache_path() == str(tmp_path / "repdyn" / f"compiled-{code.DIGEST}")


def test_no_compiled_function_is_left_to_numbas_own_places():
    """Which are beside the source, that may be read-only, or else raise `no locator available`."""
    library = Path(code.__file__).parents[2]
    texts = {path: path.read_text() for path in library.rglob("*.py")}
    kept = {path for path, text in texts.items() if "cache=True" in text or "@kept" in text}
    assert kept and kept <= {*code.SOURCES}


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
def test_what_is_empty_or_cut_off_counts_as_absent(tmp_path, suffix):
    made = ("object code", b"\x00" * 1000)
    kept = code.MendedFile(str(tmp_path), "train", "stamp")
    kept.save("signature", made)
    (path,) = tmp_path.glob(f"*{suffix}")
    content = path.read_bytes()
    for length in (0, 1, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        assert kept.load("signature") is None
        kept.save("signature", made)
        assert kept.load("signature") == made
