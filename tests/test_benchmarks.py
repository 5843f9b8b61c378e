"""Benchmarks run, on problems so small that they say nothing of speed, and compare what is the same training."""

from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)


@pytest.mark.usefixtures("benchmark")
def test_all_ways_of_training_record_the_same(capsys):
    import peers
    import rounds

    ways = [name for name in peers.PEERS if name.startswith("torch") and name != "torch.compile"]
    cases = [(peers.OURS, 1), *((name, 2 if name == "torch.func" else 1) for name in ways)]
    made = rounds.made(cases, 8, 3)
    assert list(made) == cases and not capsys.readouterr().out
    rates = rounds.alternating(made, 1, 0.01)
    assert all(np.isfinite(values).all() and min(values) > 0 for values in rates.values())


@pytest.mark.usefixtures("benchmark")
def test_flow_is_compared_with_steps(monkeypatch, capsys):
    import training

    monkeypatch.setattr(training, "DEPTH", 2)
    monkeypatch.setattr(training, "STEPS", 30)
    monkeypatch.setattr(training, "SMOOTH", {"tanh": (0.85, 0.0025)})
    assert training.compare_flow(1)["flow, tanh"] > 0
    assert "times as fast" in capsys.readouterr().out


@pytest.mark.usefixtures("benchmark")
def test_an_epoch_of_mnist_is_compared(capsys):
    import mnist_epochs

    assert mnist_epochs.main(1, 640) > 0
    assert "repdyn / usual" in capsys.readouterr().out
