"""The flow trainer against an integrator of the weights in double precision, and against the exact solution."""

from contextlib import suppress

import numpy as np
import pytest
import torch
from runs import Member, X, Y, after, ensemble, hidden_layers, plain
from scipy.integrate import solve_ivp
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from repdyn import networks, theory
from repdyn.networks import ACTIVATIONS, Shape, tangent_kernel
from repdyn.pipeline import tables
from repdyn.training import batches, checkpoints, flow, loop, recorders, trace

SMOOTH = [name for name, entry in ACTIVATIONS.items() if entry.smooth]
TANH, STEPS, TOLERANCES = Shape(width=20, depth=3, activation="tanh"), 300, (1e-3, 1e-4, 1e-5)
# where a sharp bend is resolved, and the error of single precision is not reached
CLOSER = (3e-4, 1e-4, 3e-5)
MEMBERS = [Member(3, 1.0, 0.05), Member(0, 0.8, 0.02), Member(7, 1.2, 0.1)]
EVERY = recorders.Pairs(recorders.every(1, STEPS))
END = recorders.AtEnd(lambda view: {"end": view.look(X)[1]})


def run(shape=TANH, members=MEMBERS[:1], record=(EVERY,), model="mlp", data=(X, Y), tolerance=1e-4, **options):
    network = ensemble(model, shape, members, "flow", tolerance=tolerance)
    return loop.run(network, batches.Points(*data), STEPS, record, **options)


def errors(runs, model, shape, data=(X, Y), seen=X):
    """Largest errors at any moment: of outputs as a share of the initial error, of distances as one of the largest."""
    module, names = plain(ensemble(model, shape, MEMBERS), 0)
    weights = list(module.double().parameters())
    x, y, seen = (torch.tensor(a, dtype=torch.float64) for a in (*data, seen))

    def velocity(_, theta):
        vector_to_parameters(torch.tensor(theta), weights)
        return -parameters_to_vector(torch.autograd.grad(((module(x) - y) ** 2).mean() / 2, weights)).numpy()

    start, t = parameters_to_vector(weights).detach(), float(np.float32(0.05)) * EVERY.at
    scale, apart, outputs = (module(x) - y).abs().max().item(), [], []
    for theta in solve_ivp(velocity, t[[0, -1]], start, "DOP853", t, rtol=1e-7, atol=1e-9).y.T:
        vector_to_parameters(torch.tensor(theta), weights)
        hidden, output = hidden_layers(module, names, seen)
        apart.append([((h[0] - h[1]) ** 2).sum().item() for h in hidden])
        outputs.append(output.detach().numpy())
    of_distances = np.abs(runs.distance.values[0, :, 0].T - apart).max(0) / np.max(apart, 0)
    return np.array([np.abs(runs.output.values[0] - outputs).max() / scale, of_distances.max()])


@pytest.mark.parametrize(("model", "activation"), [*(("mlp", a) for a in SMOOTH), ("resnet", "tanh")])
def test_errors_and_numbers_of_gradients_are_those_of_a_second_order_method(model, activation):
    """If a step's error, h^3, is the tolerance, that of all steps is its power 2/3, and their number its power -1/3."""
    shape, found, gradients = Shape(20, 3 if model == "resnet" else 2, activation), [], []
    for tolerance in CLOSER if activation.startswith("softplus_") else TOLERANCES:
        runs = run(shape, model=model, tolerance=tolerance)
        found.append(errors(runs, model, shape) / tolerance ** (2 / 3))
        loss = 0.5 * ((runs.output.values[0, :-1] - Y) ** 2).mean((1, 2))
        np.testing.assert_allclose(runs.batch_loss[0] ** 0.5, loss**0.5, atol=0.1 * tolerance)
        trainer = flow.FlowTrainer(ensemble(model, shape, MEMBERS, "flow", tolerance=tolerance))
        gradients.append(after(trainer, X, Y, STEPS).paths[0].evaluations)
    assert (np.array(found) < [0.15, 0.5]).all() and np.ptp([one[0] for one in found]) < 0.1 * found[0][0], found
    assert gradients[1] < STEPS and gradients[2] < 2.5 * gradients[1] < 2.5**2 * gradients[0], gradients


@pytest.mark.parametrize(("points", "outs"), [(1, 3), (3, 2), (10, 1)])
def test_any_number_of_points_and_outputs_and_points_that_are_not_trained_on(points, outs):
    draw, shape = np.random.default_rng(points), Shape(20, 2, "elu", 2, outs)
    data, seen = (draw.normal(size=(points, 2)), draw.normal(size=(points, outs))), draw.normal(size=(5, 2))
    runs = run(shape, record=[recorders.Pairs(EVERY.at, points=seen)], data=data)
    assert max(errors(runs, "mlp", shape, data, seen)) < 1e-3
    trainer = flow.FlowTrainer(ensemble("mlp", shape, MEMBERS, "flow"))
    stable = tangent_kernel.stable_rate(tangent_kernel.of_networks(*trainer.modules(), data[0]))
    np.testing.assert_allclose([p.radius for p in after(trainer, *data, 1).paths], 1.05 * 2 / stable, rtol=1e-4)


def test_a_linear_network_with_one_hidden_unit_follows_the_exact_solution():
    """Nothing fitted: for inputs and targets symmetric about zero both effective rates are half the learning rate."""
    x, y, rate, deviations = np.array([[0.7], [-0.7]]), np.array([[0.5], [-0.5]]), 0.05, []
    for tolerance in TOLERANCES[1:]:
        runs = run(Shape(1, 1, "none"), [Member(0, 0.5, 2 * rate)], data=(x, y), tolerance=tolerance)
        dy = -np.diff(runs.output.values[0, :, :, 0])[:, 0]  # dyhat; that of the targets is 1
        found = runs.distance.values[0, 0, 0], dy**2, dy**2 - dy
        exact = theory.exact(EVERY.at, *(a[0] for a in found), rate, rate, 1.4**2, 1.0)
        assert abs(dy[-1] - 1) < 0.03 < abs(dy[0] - 1)
        deviations.append(max(np.abs(a - b).max() / np.ptp(b) for a, b in zip(found, exact, strict=True)))
    assert deviations[1] < 5e-4 and deviations[1] == pytest.approx(deviations[0] / 10 ** (2 / 3), rel=0.15)


def test_gradient_descent_approaches_it_and_twice_the_rate_is_half_the_time():
    """Moment t of the flow is that after t steps, after n t steps that are n times smaller, ..."""
    once, twice = (run(members=[Member(3, 1.0, lr)], tolerance=1e-5).distance.values for lr in (0.05, 0.1))
    np.testing.assert_allclose(twice[..., : STEPS // 2 + 1], once[..., ::2], rtol=1e-6)
    apart = []
    for n in (8, 16):
        slower, every = ensemble("mlp", TANH, [Member(3, 1.0, 0.05 / n)]), [recorders.Pairs(n * EVERY.at)]
        apart.append(np.ptp(loop.run(slower, batches.Points(X, Y), n * STEPS, every).distance.values / once))
    assert apart[0] < 0.02 and apart[1] == pytest.approx(apart[0] / 2, rel=0.05)


def test_what_is_recorded_does_not_depend_on_when():
    """At all moments, at few, or with looks at the weights in between, which lie on the same curve."""
    at = recorders.log_spaced(STEPS, 20)
    every, few, pieces = run(), run(record=[recorders.Pairs(at)]), run(record=[EVERY, recorders.Look(END.what, at)])
    for name in ("distance", "output"):
        for other in (few, pieces):
            np.testing.assert_allclose(other[name], every[name].sel(step=other.step), rtol=1e-6)
    np.testing.assert_allclose(pieces.end, every.output.sel(step=at), atol=2e-5)


@pytest.mark.parametrize(
    ("model", "activation", "told"),
    [
        (m, "tanh", "dense layers without dropout only")
        for m in networks.known_architectures()
        if m not in ("mlp", "resnet")
    ]
    + [("mlp", a, f"{a} has a kink, along which units slide") for a in ACTIVATIONS if a not in SMOOTH],
)
def test_what_has_no_flow_is_refused(model, activation, told):
    """In a table of settings, before any job starts, and by the trainer."""
    row = {"model": model, "width": 50, "depth": 3, "activation": activation, "layer": 0, "solver": "flow"}
    ((place, message),) = tables.row_faults(row, 1, 1)
    assert place == "column 'solver' = flow" and told in message
    with pytest.raises(ValueError, match=told):
        run(Shape(50, 3, activation), model=model)


@pytest.mark.parametrize("every", [1, 10, 0])
def test_who_stops_or_rests_has_the_weights_of_that_moment(every):
    options = {"stop": trace.Stop(0.01, every)} if every else {"rest_loss": 1e-4}
    whole, runs = run(members=MEMBERS), run(members=MEMBERS, record=[EVERY, END], **options)
    for e, end in enumerate(runs.ended_at.values):
        learned = every * np.flatnonzero(whole.batch_loss[e, ::every] <= 0.01)[0] if every else [199, 300, 199][e]
        assert end == learned > 0
        kept = whole.output[e].values.copy()
        kept[end + 1 :] = np.nan if every else kept[end]
        np.testing.assert_array_equal(runs.output[e], kept)
        np.testing.assert_allclose(runs.end[e], kept[end], atol=2e-5)


def test_a_network_is_lost_where_numbers_overflow_and_leaves_the_others_their_bytes():
    """The flow itself can't diverge: a huge rate is a long time. What can't be followed is told as if it had."""
    wild = [Member(1, 0.8, 100.0), Member(2, 1e12, 0.01), Member(2, np.inf, 0.01)]
    runs, alone, turned = (run(members=m, record=[EVERY, END]) for m in (MEMBERS + wild, MEMBERS, MEMBERS[::-1]))
    assert runs.diverged_at.values.tolist() == [-1, -1, -1, -1, 1, 0] and runs.batch_loss[3, 1:].max() < 1e-6
    for name in ("distance", "output", "batch_loss", "end"):
        assert runs[name][:3].equals(alone[name]) and runs[name][:3].equals(turned[name][::-1]), name
        assert np.isnan(runs[name][5]).all() and np.isnan(runs.end[4]).all() and np.isnan(runs.output[4, 1:]).all()


@pytest.mark.parametrize("apart", [1e-1, 1e-3, 1e-5])
def test_a_network_is_not_lost_where_single_precision_cannot_tell_the_tolerance(apart):
    """Targets so close to the initial outputs that the error of a step is one of rounding."""
    shape, members = Shape(50, 5, "tanh"), [Member(0, 1.5, 0.01)]
    y = flow.FlowTrainer(ensemble("mlp", shape, members, "flow")).look(X)[1][0] + apart * np.array([[1.0], [-0.5]])
    runs = run(shape, members, data=(X, y), tolerance=1e-6)
    assert runs.diverged_at == -1 and runs.batch_loss[0, -1] < max(1e-6 * runs.batch_loss[0, 0], 1e-12)


def test_cut_off_it_goes_on_to_the_same_bytes(monkeypatch, tmp_path):
    """Also at the first moment, and again before anything was done; one network is lost, others stop, one goes on."""
    members, look = [*MEMBERS, Member(2, 1e12, 0.01), Member(0, 0.8, 0.001)], recorders.Look(END.what, EVERY.at[::10])
    options = {"members": members, "record": [EVERY, look], "stop": trace.Stop(1e-3, 10)}
    whole, found, offer, offers = run(**options), None, checkpoints.Part.offer, []

    def cut_off(part, step, state):
        offers.append(offer(part, step, state) or step)
        if len(offers) < 3 or len(offers) % 7 < 2:
            raise InterruptedError

    monkeypatch.setattr(checkpoints.Part, "offer", cut_off)
    for _ in range(20):
        with suppress(InterruptedError):
            found = found or run(**options, checkpoint=checkpoints.Checkpoint(tmp_path / "runs.nc", seconds=1e-9))
    assert offers[:3] == [0, 0, 0] and len(offers) > 35 and found.identical(whole)


def test_it_is_given_up_after_so_many_gradients(monkeypatch, caplog):
    monkeypatch.setattr(flow, "MOST_EVALUATIONS", 30)
    runs = run(tolerance=1e-5)
    assert runs.diverged_at.item() > 0 and not np.isfinite(runs.output.values[0, -1]).any()
    assert "flow given up" in caplog.text
