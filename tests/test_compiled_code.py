"""Compiled code is kept on disk; what is damaged there is compiled again."""

import pytest

from repdyn.training import passes, stages


@pytest.mark.parametrize("function", [passes.train, passes.look, stages.compiled], ids=["train", "look", "stages"])
def test_all_compiled_code_mends_itself(function):
    if function is stages.compiled:
        function = stages.compiled(lambda x: x + 1)
    assert isinstance(function._cache._cache_file, passes.MendedFile)


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
def test_what_is_empty_or_cut_off_counts_as_absent(tmp_path, suffix):
    code = ("object code", b"\x00" * 1000)
    kept = passes.MendedFile(str(tmp_path), "train", "stamp")
    kept.save("signature", code)
    (path,) = tmp_path.glob(f"*{suffix}")
    content = path.read_bytes()
    for length in (0, 1, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        assert kept.load("signature") is None
        kept.save("signature", code)
        assert kept.load("signature") == code
