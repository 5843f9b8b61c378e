"""The flow trainer against an integrator of the weights in double precision, and against the exact solution."""

import numpy as np
import pytest
import torch
from runs import X, Y, after, ensemble, hidden_layers, plain
from scipy.integrate import solve_ivp
from torch import nn

from repdyn import networks, tables, theory
from repdyn.networks import Shape, tangent_kernel
from repdyn.networks.activations import ACTIVATIONS
from repdyn.observables import output_observables
from repdyn.training import batches, checkpoints, flow, loop, recorders, stages
from repdyn.training.checkpoints import Checkpoint
from repdyn.training.ensemble import Member
from repdyn.training.flow import FlowTrainer
from repdyn.training.trace import Stop

SMOOTH = [name for name, entry in ACTIVATIONS.items() if entry.smooth]
TANH = Shape(width=20, depth=3, activation="tanh")
MEMBERS = [Member(3, 1.0, 0.05), Member(0, 0.8, 0.02), Member(7, 1.2, 0.1)]
STEPS = 300
EVERY = recorders.Pairs(recorders.every(1, STEPS))
END = recorders.AtEnd(lambda view: {"end": view.look(X)[1]})


def run(shape=TANH, members=MEMBERS[:1], record=(EVERY,), model="mlp", data=(X, Y), steps=STEPS, **options):
    tolerance = options.pop("tolerance", 1e-4)
    network = ensemble(model, shape, members, "flow", tolerance=tolerance)
    return loop.run(network, batches.Points(*data), steps, record, **options)


def truth(model, shape, member, data=(X, Y), seen=X):
    """|h_A - h_B|^2 (layer, moment) of the first two points of `seen`, and its outputs (moment, point, unit)."""
    module, names = plain(ensemble(model, shape, [member]), 0)
    parameters = list(module.double().parameters())
    x, y, seen = (torch.tensor(a, dtype=torch.float64) for a in (*data, seen))

    def velocity(_, theta):
        nn.utils.vector_to_parameters(torch.tensor(theta), parameters)
        gradient = torch.autograd.grad(0.5 * nn.functional.mse_loss(module(x), y), parameters)
        return -nn.utils.parameters_to_vector(gradient).numpy()

    start = nn.utils.parameters_to_vector(parameters).detach().numpy()
    t = float(np.float32(member.lr)) * np.arange(STEPS + 1)
    H, outputs = [], []
    for theta in solve_ivp(velocity, t[[0, -1]], start, "DOP853", t, rtol=1e-7, atol=1e-9).y.T:
        nn.utils.vector_to_parameters(torch.tensor(theta), parameters)
        hidden, output = hidden_layers(module, names, seen)
        H.append([((h[0] - h[1]) ** 2).sum().item() for h in hidden])
        outputs.append(output.detach().numpy())
    return np.array(H).T, np.array(outputs)


def errors(runs, H, outputs, scale):
    """Largest errors at any moment: of outputs as a share of their initial error, of distances of their largest."""
    apart = np.abs(runs.distance.values[0, :, 0] - H).max(1) / H.max(1)
    return np.abs(runs.output.values[0] - outputs).max() / scale, apart.max()


@pytest.mark.parametrize(("model", "activation"), [*(("mlp", a) for a in SMOOTH), ("resnet", "tanh")])
def test_errors_fall_with_the_tolerance_as_those_of_a_second_order_method(model, activation):
    """If that of a step, h^3, is as large as the tolerance, that of all steps is its power 2/3."""
    shape, member = Shape(20, 3 if model == "resnet" else 2, activation), MEMBERS[0]
    H, outputs = truth(model, shape, member)
    scale, losses = np.abs(outputs[0] - Y).max(), 0.5 * ((outputs[:-1] - Y) ** 2).mean((1, 2))
    found = []
    for tolerance in (1e-3, 1e-4, 1e-5):
        runs, unit = run(shape, model=model, tolerance=tolerance), tolerance ** (2 / 3)
        found.append(np.array(errors(runs, H, outputs, scale)) / unit)
        loss = runs.batch_loss.values[0]
        assert np.abs(loss - losses).max() < 0.2 * unit * losses[0] and loss.min() > 0
    assert (np.array(found) < [0.15, 0.5]).all(), found
    assert np.ptp(np.array(found)[:, 0]) < 0.1 * found[0][0], found  # outputs are what is controlled


@pytest.mark.parametrize(("points", "outs"), [(1, 3), (3, 2), (10, 1)])
def test_any_number_of_points_and_outputs_and_points_that_are_not_trained_on(points, outs):
    draw = np.random.default_rng(points)
    data, seen = (draw.normal(size=(points, 2)), draw.normal(size=(points, outs))), draw.normal(size=(5, 2))
    shape = Shape(20, 2, "elu", 2, outs)
    runs = run(shape, record=[recorders.Pairs(EVERY.at, points=seen)], data=data)
    assert max(errors(runs, *truth("mlp", shape, MEMBERS[0], data, seen), 1.0)) < 1e-3
    trainer = FlowTrainer(ensemble("mlp", shape, MEMBERS, "flow"))
    stable = tangent_kernel.stable_rate(tangent_kernel.of_networks(*trainer.modules(), data[0]))
    after(trainer, *data, 1)
    np.testing.assert_allclose([path.radius for path in trainer.paths], 1.05 * 2 / stable, rtol=1e-4)


def test_a_linear_network_with_one_hidden_unit_follows_the_exact_solution():
    """Nothing fitted: for inputs and targets symmetric about zero both effective rates are half the learning rate."""
    x, y = np.array([[0.7], [-0.7]]), np.array([[0.5], [-0.5]])
    rate, deviations = 0.05, []
    for tolerance in (1e-4, 1e-5):
        runs = run(Shape(1, 1, "none"), [Member(0, 0.5, 2 * rate)], data=(x, y), tolerance=tolerance)
        seen = output_observables(runs.output.values, y)
        H, Yd, w = runs.distance.values[0, 0, 0], seen["Y"][0], seen["w"][0]
        exact = theory.exact(EVERY.at, H[0], Yd[0], w[0], rate, rate, 1.4**2, 1.0)
        assert seen["loss"][0, -1] < 1e-3 * seen["loss"][0, 0]
        deviations.append(max(np.abs(a - b).max() / np.ptp(b) for a, b in zip((H, Yd, w), exact, strict=True)))
    assert deviations[1] < 5e-4 and deviations[1] == pytest.approx(deviations[0] / 10 ** (2 / 3), rel=0.15)


def test_gradient_descent_approaches_it_as_steps_become_smaller():
    """Moment t of the flow is that of t steps, of 8 t steps that are 8 times smaller, ..."""
    flow_of, steps = run(tolerance=1e-5), [8, 16]
    apart = []
    for n in steps:
        slower = ensemble("mlp", TANH, [Member(3, 1.0, 0.05 / n)])
        plain_steps = loop.run(slower, batches.Points(X, Y), n * STEPS, [recorders.Pairs(n * EVERY.at)])
        difference = plain_steps.distance.values - flow_of.distance.values
        apart.append(np.abs(difference / flow_of.distance.values).max())
    assert apart[0] < 0.02 and apart[1] == pytest.approx(apart[0] / 2, rel=0.05)


def test_twice_the_learning_rate_is_half_the_time():
    one, two = run(members=[Member(3, 1.0, 0.02)]), run(members=[Member(3, 1.0, 0.04)])
    for name in ("distance", "output"):
        halves = two[name].isel(step=slice(0, STEPS // 2 + 1)), one[name].isel(step=slice(0, None, 2))
        np.testing.assert_allclose(*halves, rtol=1e-6)


def test_what_is_recorded_does_not_depend_on_when():
    """All moments, few, or such that training goes in short pieces; weights that are looked at lie on the same curve."""
    at = recorders.log_spaced(STEPS, 20)
    look = recorders.Look(lambda view: {"seen": view.look(X)[1]}, at)
    every, few, pieces = (run(record=record) for record in ([EVERY], [recorders.Pairs(at)], [EVERY, look]))
    for name in ("distance", "output"):
        np.testing.assert_allclose(few[name], every[name].sel(step=at), rtol=1e-6)
        np.testing.assert_allclose(pieces[name], every[name], rtol=1e-6)
    np.testing.assert_allclose(pieces.seen, every.output.sel(step=at), atol=2e-5)


def test_few_gradients_are_computed(monkeypatch):
    """As many as are counted, about 10^(1/3) times more for a tolerance ten times smaller, and fewer than steps."""
    calls = []
    for name in ("gradient", "gradient_and_kernel"):
        compute = getattr(stages, name)
        monkeypatch.setattr(stages, name, lambda *a, compute=compute: (calls.append(1), compute(*a))[1])
    counts = []
    for tolerance in (1e-3, 1e-4, 1e-5):
        calls.clear()
        trainer = FlowTrainer(ensemble("mlp", TANH, [Member(3, 1.0, 0.01)], "flow", tolerance=tolerance))
        after(trainer, X, Y, 3000)
        counts.append(len(calls))
        assert trainer.paths[0].evaluations == counts[-1]
    assert counts[1] < 300 and counts[2] < 2.5 * counts[1] < 2.5**2 * counts[0]


@pytest.mark.parametrize("stages", [2, 3, 10, flow.MOST_STAGES])
def test_steps_of_these_lengths_are_stable_and_of_second_order(stages):
    """On y' = z y, from y = 1, a step of length 1 ends at e^z + O(z^3), and inside of [-1, 1] for all z that it takes."""

    def end(z):
        y = [np.ones_like(z)]
        for c in flow.chebyshev(stages):
            y.append(1 + z * sum(a * b for a, b in zip(c, y, strict=True)))
        return y[-1]

    assert (np.abs(end(np.linspace((1 - stages**2) / 1.54, -0.01, 5000))) < 1).all()
    assert np.abs(end(np.array([-0.01])) - np.exp(-0.01)) < 0.01**3 / 4


@pytest.mark.parametrize(
    ("model", "activation", "told"),
    [(m, "tanh", "dense layers without dropout only") for m in networks.architectures() if m not in ("mlp", "resnet")]
    + [("mlp", a, f"{a} has a kink, along which units slide") for a in ACTIVATIONS if a not in SMOOTH],
)
def test_what_has_no_flow_is_refused(model, activation, told):
    """In a table of settings, before any job starts, and by the trainer."""
    row = {"model": model, "width": 20, "depth": 2, "activation": activation, "layer": 0, "solver": "flow"}
    ((place, message),) = tables._row_faults(row, 1, 1)
    assert place == "column 'solver' = flow" and told in message
    with pytest.raises(ValueError, match=told):
        run(Shape(20, 2, activation), model=model)


def test_mini_batches_have_no_flow():
    with pytest.raises(ValueError, match="no mini-batches"):
        loop.run(ensemble("mlp", TANH, MEMBERS, "flow"), batches.Epochs(X, Y, 1), 10)


def test_a_network_has_the_same_bytes_whatever_else_is_in_the_ensemble():
    together, alone, turned = (run(members=m, record=[EVERY, END]) for m in (MEMBERS, MEMBERS[1:2], MEMBERS[::-1]))
    for name in ("distance", "output", "batch_loss", "end"):
        assert alone[name][0].equals(together[name][1]) and alone[name][0].equals(turned[name][1]), name
        assert not together[name][0].equals(together[name][1])


@pytest.mark.parametrize("every", [1, 10])
def test_it_stops_where_it_has_learned_and_its_weights_are_those_of_that_moment(every):
    whole, runs = run(members=MEMBERS), run(members=MEMBERS, record=[EVERY, END], stop=Stop(0.01, every))
    for e, end in enumerate(runs.ended_at.values):
        assert end == every * np.flatnonzero(whole.batch_loss[e, ::every] <= 0.01)[0] > 0
        np.testing.assert_array_equal(runs.distance[e, ..., : end + 1], whole.distance[e, ..., : end + 1])
        assert np.isnan(runs.output[e, end + 1 :]).all() and np.isfinite(runs.output[e, : end + 1]).all()
        np.testing.assert_allclose(runs.end[e], whole.output[e, end], atol=2e-5)


def test_at_rest_it_keeps_what_it_has():
    whole, runs = (run(members=MEMBERS, steps=1000, rest_loss=loss) for loss in (0, 1e-6))
    for e, end in enumerate(runs.ended_at.values):
        assert end % loop.LOOK == loop.LOOK - 1 and (whole.batch_loss[e, end - loop.LOOK + 1 : end + 1] < 1e-6).all()
        np.testing.assert_array_equal(runs.output[e, : end + 1], whole.output[e, : end + 1])
        assert (runs.output[e, end:] == runs.output[e, end]).all() and whole.batch_loss[e, 100] > 1e-6


def test_a_huge_rate_is_a_long_time_and_a_huge_gain_is_lost():
    """The flow itself can't diverge: what can't be followed, because numbers overflow, is recorded as if it did."""
    huge = [*MEMBERS, Member(1, 0.8, 100.0), Member(2, 1e12, 0.01), Member(2, np.inf, 0.01)]
    runs, alone = run(members=huge, record=[EVERY, END]), run(members=MEMBERS, record=[EVERY, END])
    assert runs.diverged_at.values.tolist() == [-1, -1, -1, -1, 1, 0]
    assert runs.batch_loss[3, 1:].max() < 1e-6
    for e, at in ((4, 1), (5, 0)):
        assert np.isfinite(runs.batch_loss[e, :at]).all() and np.isnan(runs.batch_loss[e, at:]).all()
        assert np.isnan(runs.distance[e, ..., at:]).all() and np.isnan(runs.end[e]).all()
    for name in ("distance", "output", "batch_loss", "end"):
        assert runs[name][:3].equals(alone[name])


@pytest.mark.parametrize("apart", [1e-1, 1e-3, 1e-5])
def test_an_error_that_is_rounding_is_not_taken_for_one_of_the_step(apart):
    """Targets so close to the initial outputs that single precision can't tell the tolerance."""
    shape, members = Shape(50, 5, "tanh"), [Member(0, 1.5, 0.01)]
    start = FlowTrainer(ensemble("mlp", shape, members, "flow")).look(X)[1][0]
    runs = run(shape, members, data=(X, start + apart * np.array([[1.0], [-0.5]])), tolerance=1e-6)
    assert runs.diverged_at == -1 and runs.batch_loss[0, -1] < max(1e-6 * runs.batch_loss[0, 0], 1e-12)


class CutOffError(Exception):
    pass


def test_cut_off_it_goes_on_to_the_same_bytes(monkeypatch, tmp_path):
    """Also at the first moment, and again before anything was done after it went on; one is lost, another stops."""
    look = recorders.Look(lambda view: {"seen": view.look(X)[1]}, recorders.every(10, STEPS))
    options = {"members": [*MEMBERS, Member(2, 1e12, 0.01)], "record": [EVERY, look, END], "stop": Stop(1e-3, 10)}
    whole, offer, offers = run(**options), checkpoints.Part.offer, []

    def cut_off(part, step, state):
        offer(part, step, state)
        offers.append(step)
        if len(offers) == 1 or len(offers) % 7 < 2:
            raise CutOffError

    monkeypatch.setattr(checkpoints.Part, "offer", cut_off)
    for _ in range(30):
        try:
            found = run(**options, checkpoint=Checkpoint(tmp_path / "runs.nc", seconds=1e-9))
            break
        except CutOffError:
            pass
    assert offers[:2] == [0, 0] and len(offers) > 30 and found.identical(whole)
