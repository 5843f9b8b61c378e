"""Results are whole or absent, come back as they were, and have the same bytes every time."""

import hashlib

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from repdyn import artifacts


def test_a_dataset_comes_back_and_has_the_same_bytes_twice(tmp_path):
    dataset = xr.Dataset(
        {"H": (("seed", "step"), np.random.default_rng(0).random((2, 300)))},
        coords={"seed": [0, 1], "name": ("seed", ["a", "b"])},
        attrs={"setting": "default"},
    )
    digests = []
    for name in ("one.nc", "two.nc"):
        artifacts.write_dataset(dataset, tmp_path / name)
        digests.append(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert digests[0] == digests[1]
    xr.testing.assert_identical(artifacts.read_dataset(tmp_path / "one.nc"), dataset)


def test_nothing_half_written_is_taken_for_a_result(tmp_path):
    class Dies:
        def to_csv(self, path, **_):
            path.write_text("setting,se")
            raise KeyboardInterrupt

    (tmp_path / "old.csv").write_text("complete")
    for name in ("new.csv", "old.csv"):
        with pytest.raises(KeyboardInterrupt):
            artifacts.write_table(Dies(), tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["old.csv"]
    assert (tmp_path / "old.csv").read_text() == "complete"


def test_a_table_keeps_empty_reasons(tmp_path):
    table = pd.DataFrame({"setting": ["a", "b"], "eta_h": [1 / 3, np.nan], "reason": ["", "diverged at step 3"]})
    artifacts.write_table(table, tmp_path / "t.csv")
    back = artifacts.read_table(tmp_path / "t.csv")
    assert list(back.reason) == ["", "diverged at step 3"]
    assert back.eta_h[0] == pytest.approx(1 / 3, rel=1e-8)


def test_provenance_names_code_and_versions(tmp_path):
    (tmp_path / "train.py").write_text("lr = 1")
    before = artifacts.provenance([tmp_path / "train.py"], ["numpy"], row={"name": "default"})
    (tmp_path / "train.py").write_text("lr = 2")
    after = artifacts.provenance([tmp_path / "train.py"], ["numpy"], row={"name": "default"})
    assert before["code_sha256"] != after["code_sha256"]
    assert before["row"] == '{"name": "default"}'
    assert before["libraries"] == f"numpy {np.__version__}"


@pytest.fixture
def dataset():
    values = np.random.default_rng(0).random((3, 4000)).astype(np.float32)
    return xr.Dataset({"H": (("seed", "step"), values), "scale": ((), 2.0)}, attrs={"setting": "default"})


def test_no_flipped_bit_of_a_dataset_changes_what_is_read(dataset, tmp_path):
    path = tmp_path / "runs.nc"
    artifacts.write_dataset(dataset, path)
    content, draw, refused = path.read_bytes(), np.random.default_rng(1), 0
    for _ in range(60):
        damaged = bytearray(content)
        damaged[draw.integers(len(content))] ^= 1 << draw.integers(8)
        path.write_bytes(damaged)
        try:
            xr.testing.assert_identical(artifacts.read_dataset(path), dataset)
        except artifacts.DamagedError as error:
            assert str(error).endswith(f"Make it again, and what depends on it: snakemake --force {path}")
            refused += 1
    assert refused > 40  # the others hit what is not used


def test_what_is_cut_off_is_named_with_the_cure(dataset, tmp_path):
    runs, table = tmp_path / "runs.nc", tmp_path / "fits.csv"
    artifacts.write_dataset(dataset, runs)
    artifacts.write_table(pd.DataFrame({"setting": ["a", "b"], "eta_h": [0.25, 0.125]}), table)
    for path, read in ((runs, artifacts.read_dataset), (table, artifacts.read_table)):
        content = path.read_bytes()
        for length in (0, len(content) // 3, int(0.95 * len(content))):
            path.write_bytes(content[:length])
            with pytest.raises(artifacts.DamagedError, match=rf"^{path} was damaged .* snakemake --force {path}$"):
                read(path)
        path.unlink()
        with pytest.raises(FileNotFoundError):
            read(path)
