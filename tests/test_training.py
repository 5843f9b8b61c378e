"""The training loop: what it records, against a really solvable network; who leaves it; how many train together."""

import numpy as np
import pytest
import torch
from runs import X, Y, after, ensemble, on_two_points

from repdyn import theory
from repdyn.networks import Shape
from repdyn.networks.observables import output_observables
from repdyn.training import batches, loop, recorders
from repdyn.training.compiled import CompiledTrainer
from repdyn.training.ensemble import BATCHES, Member, generator
from repdyn.training.module import ModuleTrainer
from repdyn.training.trace import Stop

POINTS = batches.Points(X, Y)
CURVES = ("H", "Y", "w", "loss", "mean_error")


def deviation_from_theory(finer: int) -> float:
    """Largest relative deviation of a trained linear network from the exact solution, nothing fitted.

    For inputs and targets symmetric about zero a linear network with one hidden unit is the theory's own system:
    |dh|^2 moves by -lr/2 |dx|^2 w a step (and the output likewise), so both effective rates are lr / 2. (With more
    units it is so only where the output weights lie along dh.)
    """
    lr, steps = 0.04 / finer, 1000 * finer
    x, y = np.array([[0.7], [-0.7]]), np.array([[0.5], [-0.5]])
    runs = on_two_points("mlp", Shape(1, 1, "none"), [Member(seed, 1.0, lr) for seed in range(3)], steps, x=x, y=y)
    t = np.arange(steps)
    worst = 0.0
    for e in range(3):
        H, Yd, w = theory.exact(t, runs.H[e, 0, 0], runs.Y[e, 0], runs.w[e, 0], lr / 2, lr / 2, 1.4**2, 1.0)
        assert runs.loss[e, -1] < 1e-3 * runs.loss[e, 0]
        for measured, exact in ((runs.H[e, 0], H), (runs.Y[e], Yd), (runs.w[e], w)):
            worst = max(worst, np.abs(measured - exact).max() / np.ptp(exact))
    return worst


def test_a_linear_network_follows_the_exact_solution():
    """The deviation is that of a finite step size: halving the step halves it."""
    coarse, fine = deviation_from_theory(1), deviation_from_theory(2)
    assert coarse < 0.03
    assert fine == pytest.approx(coarse / 2, rel=0.15)


@pytest.mark.parametrize("kind", [CompiledTrainer, ModuleTrainer])
def test_every_layer_is_recorded_at_every_step(kind):
    """Recorded values against a fresh evaluation of a network that was trained for as many steps."""
    networks = ensemble("resnet", Shape(30, 4, "tanh"), [Member(0, 0.7, 0.05), Member(1, 0.9, 0.02)])
    runs = loop.run(networks, POINTS, 40, [recorders.Pairs(recorders.every(1, 40))], trainer=kind)
    assert runs.distance.shape == (2, 4, 1, 41) and runs.batch_loss.shape == (2, 40)
    trainer = kind(networks)
    for t in range(41):
        hidden, output = trainer.look(X)
        for n, h in enumerate(hidden):
            expected = ((h[:, 0] - h[:, 1]) ** 2).sum(-1)
            np.testing.assert_allclose(runs.distance[:, n, 0, t], expected, rtol=1e-5)
        np.testing.assert_allclose(runs.output[:, t], output, rtol=1e-6)
        if t < 40:
            np.testing.assert_allclose(runs.batch_loss[:, t], output_observables(output, Y)["loss"], rtol=1e-5)
            after(trainer, X, Y, 1, first=t)


def test_loss_is_the_sum_of_its_parts():
    """L = 1/4 (2 m^2 + w + (|dy|^2 - Y) / 2) / out_dim at every step, for any outputs."""
    rng = np.random.default_rng(0)
    for out_dim in (1, 3):
        y, outputs = rng.normal(size=(2, out_dim)), rng.normal(size=(50, 2, out_dim))
        seen = output_observables(outputs, y)
        dy2 = ((y[0] - y[1]) ** 2).sum()
        parts = (2 * seen["mean_error"] + seen["w"] + (dy2 - seen["Y"]) / 2) / 4 / out_dim
        np.testing.assert_allclose(seen["loss"], parts)


@pytest.mark.parametrize("kind", [CompiledTrainer, ModuleTrainer])
def test_chosen_moments_chosen_pairs_and_layers_of_different_sizes(kind):
    """Of points that are not trained on; at the last moment every update is done."""
    networks = ensemble("cnn", Shape(40, 2, "tanh"), [Member(0, 0.7, 0.02)])
    points, pairs, at = np.array([[0.3], [0.9], [-0.4]]), ((0, 2), (1, 2), (0, 0)), np.array([0, 7, 150, 160])
    runs = loop.run(networks, POINTS, 160, [recorders.Pairs(at, pairs, points)], trainer=kind)
    assert runs.step.values.tolist() == at.tolist()
    trainer = kind(networks)
    for n, t in enumerate(at):
        if n:
            after(trainer, X, Y, t - at[n - 1])
        hidden, output = trainer.look(points)
        assert len({h.shape for h in hidden}) > 1
        expected = [[((h[0, a] - h[0, b]) ** 2).sum() for a, b in pairs] for h in hidden]
        np.testing.assert_allclose(runs.distance[0, :, :, n], expected, rtol=1e-4, atol=1e-7)
        np.testing.assert_allclose(runs.output[0, n], output[0], rtol=1e-4)


def test_neither_company_nor_memory_nor_looks_change_anything(monkeypatch, caplog):
    """All at once, as many as fit into memory, as many as turn out to fit; looked at more often."""
    setting = "dropout", Shape(40, 3, "gelu"), [Member(seed, 1.0, 0.05) for seed in range(8)], 60
    expected, together = on_two_points(*setting), []

    class Limited(CompiledTrainer):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            self.must_fit(7)

        def must_fit(self, most):
            if self.networks > most:
                raise torch.cuda.OutOfMemoryError("CUDA out of memory")

        def train(self, *arguments):
            self.must_fit(3)
            together.append(self.networks)
            return super().train(*arguments)

    def assert_same(**options):
        together.clear()
        runs = on_two_points(*setting, **options)
        for name in CURVES:
            assert np.array_equal(getattr(runs, name), getattr(expected, name)), name

    assert_same(trainer=Limited)
    assert together == [2, 2, 2, 2]
    assert "the GPU's memory is full: 2 networks at a time" in caplog.text
    monkeypatch.setattr(loop, "MEMORY", 3 * CompiledTrainer(ensemble(*setting[:3])).bytes_each)
    assert_same(trainer=Limited)
    assert together == [3, 3, 2]
    monkeypatch.setattr(loop, "MEMORY", 1)
    assert_same(trainer=Limited)
    assert together == [1] * 8
    monkeypatch.setattr(loop, "LOOK", 7)
    assert_same()


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("CUDA error: device-side assert triggered"), False),
    ],
)
def test_a_full_gpu_is_known_by_what_torch_cuda_and_cublas_say(error, full):
    class Once(CompiledTrainer):
        def train(self, *arguments):
            if self.networks > 2:
                raise error
            return super().train(*arguments)

    setting = "mlp", Shape(4, 1, "tanh"), [Member(seed, 1.0, 0.1) for seed in range(4)], 10
    if not full:
        with pytest.raises(RuntimeError, match="assert"):
            on_two_points(*setting, trainer=Once)
        return
    assert np.array_equal(on_two_points(*setting, trainer=Once).H, on_two_points(*setting).H)


def test_where_not_even_one_network_fits_into_memory_it_says_so():
    class Full(CompiledTrainer):
        def train(self, *arguments):
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(torch.cuda.OutOfMemoryError):
        on_two_points("mlp", Shape(4, 1, "tanh"), [Member(0, 1.0, 0.1)] * 3, 10, trainer=Full)


def test_dropout_is_observed_with_every_unit_in_place():
    """Observables of a network that never moves (learning rate 0) don't fluctuate from step to step."""
    still, moving = (on_two_points("dropout", Shape(40, 3, "relu"), [Member(0, 1.0, lr)], 20) for lr in (0.0, 0.1))
    assert np.ptp(still.H, axis=-1).max() == 0 and np.ptp(still.loss) == 0
    assert np.ptp(moving.loss) > 0


@pytest.mark.parametrize("kind", [CompiledTrainer, ModuleTrainer])
def test_divergence_is_recorded_and_stays_with_its_network(kind):
    shape, healthy, wild = Shape(40, 4, "relu"), Member(0, 1.0, 0.01), Member(1, 1.0, 1e4)
    steps = 2500 if kind is CompiledTrainer else 250
    runs = on_two_points("mlp", shape, [healthy, wild], steps, trainer=kind)
    alone = on_two_points("mlp", shape, [healthy], steps, trainer=kind)
    assert runs.diverged_at[0] == -1 and runs.ended_at[0] == steps
    at = runs.diverged_at[1]
    assert 0 < at < 100 and at <= runs.ended_at[1] < 100
    for name in CURVES:
        values = getattr(runs, name)[1]
        assert np.isfinite(values[..., :at]).all() and np.isnan(values[..., at:]).all(), name
    if kind is CompiledTrainer:
        assert np.array_equal(runs.H[0], alone.H[0])
    np.testing.assert_allclose(runs.H[0], alone.H[0], rtol=1e-3)


def test_of_networks_that_are_all_lost_everything_is_there_and_not_a_number():
    """What is recorded first when none is left any more, too; the other numbers stay what they are."""
    record = [
        recorders.Pairs(np.array([150])),
        recorders.Look(lambda view: {"a": view.look(X)[1], "b": np.ones(len(view.index), int)}, np.array([50, 150])),
        recorders.Look(lambda view: {"e": np.ones(len(view.index))}, recorders.every(1, 200), "each"),
        recorders.AtLosses(lambda view: {"c": view.look(X)[1]}, np.array([1e-3])),
        recorders.AtEnd(lambda view: {"d": np.full(len(view.index), 3)}),
    ]
    networks = ensemble("mlp", Shape(40, 4, "relu"), [Member(seed, 1.0, 1e4) for seed in range(2)])
    runs = loop.run(networks, POINTS, 200, record)
    assert (runs.diverged_at >= 0).all() and (runs.diverged_at < 50).all()
    for name in ("distance", "output", "a", "b", "c"):
        assert np.isnan(runs[name]).all(), name
    assert (runs.e.isnull() == (runs.each >= runs.diverged_at)).all()
    assert (runs.level_step == -1).all() and (runs.d == 3).all()


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_a_network_at_rest_keeps_what_it_has_and_leaves_the_others_alone(optimiser):
    """Beside one that trains every step: the same up to its rest, nothing new after it, nowhere far from the truth."""
    rate = 0.02 if optimiser == "sgd" else 1e-3
    setting = "mlp", Shape(40, 2, "tanh"), [Member(0, 1.0, rate), Member(1, 1.0, rate / 500), Member(2, 1.0, 1e30)]
    full = on_two_points(*setting, 3050, optimiser)
    runs = on_two_points(*setting, 3050, optimiser, rest_loss=1e-8)
    first = np.flatnonzero(full.loss[0] >= 1e-8)[-1] + 1  # below for good from here on
    end = loop.LOOK * -(-(first + loop.LOOK) // loop.LOOK) - 1  # looked at when it was so for LOOK steps
    assert 0 < end < 2500 and runs.ended_at[0] == end
    for name in CURVES:
        rested, trained = getattr(runs, name), getattr(full, name)
        assert np.array_equal(rested[0, ..., : end + 1], trained[0, ..., : end + 1]), name
        assert np.ptp(rested[0, ..., end:], axis=-1).max() == 0, name
        np.testing.assert_allclose(rested[0], trained[0], atol=3e-4)
        assert np.array_equal(rested[1:], trained[1:], equal_nan=True), name
    assert full.loss[0, -1] < runs.loss[0, -1] < 1e-8 < runs.loss[1, -1]
    assert runs.diverged_at.tolist() == full.diverged_at.tolist() and runs.diverged_at[2] >= 0


def test_what_is_looked_at_after_a_rest_is_what_the_network_then_had():
    at = np.array([0, 100, 2000, 2999])
    end = recorders.Look(lambda view: {"end": view.look(X)[1]}, at)
    networks = ensemble("mlp", Shape(40, 2, "tanh"), [Member(0, 1.0, 0.02), Member(1, 1.0, 0.00004)])
    runs = loop.run(networks, POINTS, 3000, [end], rest_loss=1e-8)
    full = loop.run(networks, POINTS, 3000, [end])
    rested = int(runs.ended_at[0])
    assert 100 < rested < 2000 and runs.ended_at[1] == 3000
    np.testing.assert_array_equal(runs.end[0, 2], runs.end[0, 3])
    np.testing.assert_allclose(runs.end[0], full.end[0], atol=3e-4)
    np.testing.assert_array_equal(runs.end[1], full.end[1])
    assert np.isfinite(runs.batch_loss).all() and np.ptp(runs.batch_loss.values[0, rested:]) == 0


def test_a_small_loss_is_no_rest_before_it_has_lasted():
    """At the look after step 999 a falling loss has been below a threshold for LOOK steps, or for one too few."""

    def run(rest_loss):
        members, steps = [Member(0, 1.0, 0.003)], 10 * loop.LOOK + 50
        return on_two_points("mlp", Shape(40, 2, "none"), members, steps, rest_loss=rest_loss)

    full, last = run(0.0), 10 * loop.LOOK - 1
    assert (np.diff(full.loss[0]) < 0).all()
    before = last - loop.LOOK
    long_enough, too_short = (run(full.loss[0, step : step + 2].mean()) for step in (before, before + 1))
    assert np.ptp(long_enough.loss[0, last:]) == 0 < np.ptp(full.loss[0, last:])
    assert np.array_equal(too_short.loss, full.loss)


MEMBERS = [Member(0, 1.0, 0.05), Member(1, 1.0, 0.001), Member(2, 1.0, 0.02)]
SMALL = ensemble("mlp", Shape(30, 2, "tanh"), MEMBERS)


def outputs_after(member: int, steps: int) -> np.ndarray:
    return after(CompiledTrainer(SMALL.some([member])), X, Y, steps).look(X)[1][0]


def outputs(name: str):
    return lambda view: {name: view.look(X)[1]}


@pytest.mark.parametrize("together", [1, 3])
def test_who_has_learned_stops(together, monkeypatch):
    """At the first step divisible by 5 at which its loss is small; it is seen there, and at its end, and not later."""
    monkeypatch.setattr(loop, "MEMORY", together * CompiledTrainer(SMALL).bytes_each)
    at = np.array([0, 3, 120, 230])
    record = [
        recorders.Pairs(recorders.every(1, 250)),
        recorders.Look(outputs("seen"), at, "moment", {"seen": ("point", "unit")}),
        recorders.AtEnd(outputs("end")),
    ]
    full = loop.run(SMALL, POINTS, 250, record)
    runs = loop.run(SMALL, POINTS, 250, record, Stop(2e-3, 5))
    assert runs.seen.dims == ("network", "moment", "point", "unit") and runs.moment.values.tolist() == at.tolist()
    ends = runs.ended_at.values
    assert ends[1] == 250 and ends[0] < ends[2] < 230
    for e, end in enumerate(ends):
        if end < 250:
            assert end % 5 == 0 and full.batch_loss[e, end] <= 2e-3 < full.batch_loss[e, :end:5].min()
        for name in ("distance", "output", "seen", "batch_loss"):
            stopped, trained = runs[name][e], full[name][e]
            axis = next(dim for dim in ("step", "moment", "update") if dim in stopped.dims)
            moments = at if axis == "moment" else np.arange(stopped.sizes[axis])
            seen, late = ({axis: np.flatnonzero(here)} for here in (moments <= end, moments > end))
            assert stopped[seen].equals(trained[seen]) and np.isfinite(stopped[seen]).all(), name
            assert np.isnan(stopped[late]).all(), name
        assert np.array_equal(runs.end[e], outputs_after(e, end))
        assert np.array_equal(full.seen[e, 1], outputs_after(e, 3))
    assert (runs.diverged_at == -1).all()


@pytest.mark.parametrize("together", [1, 3])
def test_networks_are_seen_when_their_loss_has_fallen(together, monkeypatch):
    """Each at a moment of its own: the first multiple of 8 before which there was a loss as small as the level."""
    monkeypatch.setattr(loop, "MEMORY", together * CompiledTrainer(SMALL).bytes_each)
    at_last = loop.run(SMALL, POINTS, 240).batch_loss.values[1, [231, 239]].mean()
    levels = np.array([0.2, 0.05, 0.0501, at_last])
    runs = loop.run(SMALL, POINTS, 240, [recorders.AtLosses(outputs("seen"), levels, 8, {"seen": ("point", "unit")})])
    assert runs.seen.dims == ("network", "level", "point", "unit") and runs.level.values.tolist() == levels.tolist()
    before = runs.batch_loss.values[:, 7::8]  # (network, multiple)
    for e in range(3):
        for n, level in enumerate(levels):
            found = runs.level_step.values[e, n]
            small = np.flatnonzero(before[e] <= level)
            assert found == (8 * (small[0] + 1) if small.size else -1)
            if found > 0:
                assert np.array_equal(runs.seen[e, n], outputs_after(e, found))
            else:
                assert np.isnan(runs.seen[e, n]).all()
    assert runs.level_step[1, 3] == 240 and (runs.level_step[1] == -1).any()
    assert 0 < runs.level_step[0, 1] == runs.level_step[0, 2]


def test_a_recorder_knows_the_moment_and_the_networks(monkeypatch):
    monkeypatch.setattr(loop, "MEMORY", 2 * CompiledTrainer(SMALL).bytes_each)
    seen = []
    look = recorders.Look(
        lambda view: seen.append((view.moment, view.index.tolist())) or {"a": view.index}, np.array([0, 240])
    )
    runs = loop.run(SMALL, POINTS, 240, [look], Stop(2e-3, 5))
    assert seen == [(0, [0, 1]), (240, [1]), (0, [2])]
    np.testing.assert_array_equal(runs.a, [[0, np.nan], [1, 1], [2, np.nan]])


def test_random_subsets_are_each_networks_own_and_go_on_beyond_what_is_drawn_at_once(monkeypatch):
    monkeypatch.setattr(batches, "AHEAD", 7)
    source = batches.Subsets(np.arange(5.0)[:, None], np.zeros((5, 1)), 2, seed=4)
    running = source.started(MEMBERS, np.arange(3))
    order = np.concatenate([running.next(first, 10).order for first in (0, 10)], 1)
    assert order.shape == (3, 20, 2) and (np.diff(np.sort(order)) > 0).all()
    draws = [generator(BATCHES, 4, member.seed) for member in MEMBERS]
    expected = [torch.cat([torch.rand(7, 5, generator=d).argsort(1)[:, :2] for _ in range(3)])[:20] for d in draws]
    np.testing.assert_array_equal(order, torch.stack(expected))


def test_schedules_begin_and_end_where_they_should_and_are_not_longer():
    assert recorders.every(10, 35).tolist() == [0, 10, 20, 30]
    for schedule in (recorders.log_spaced, recorders.denser_early):
        for last, most in ((1000, 30), (5, 50), (119, 120)):
            at = schedule(last, most)
            assert at[0] == 0 and at[-1] == last and (np.diff(at) > 0).all() and len(at) <= most
        at = schedule(10_000, 50)
        assert (at < 5_000).sum() > 30


def test_a_gpu_that_is_not_there_is_named():
    if torch.cuda.is_available():
        assert loop.choose_device("auto") == "cuda"
    else:
        assert loop.choose_device("auto") == "cpu"
        with pytest.raises(RuntimeError, match="training.device is 'cuda'"):
            loop.choose_device("cuda")
