"""repdyn on a network of one's own: what is observed, that training stays as it was, what is fitted, what is said."""

import gc
import json
import re
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from torch import nn

import repdyn
from repdyn import fitting, theory
from repdyn.networks.measured_rates import measured_rates
from repdyn.own import command, fits, verdict
from repdyn.pipeline import sources
from repdyn.statistics import intervals


class Blocks(nn.Module):
    """Batch normalisation and dropout; layers that write into their input."""

    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Linear(3, 12), nn.BatchNorm1d(12), nn.SiLU(inplace=True), nn.Dropout(0.3))
        self.second, self.out = nn.Linear(12, 12), nn.Linear(12, 2)
        self.frozen = nn.BatchNorm1d(12)
        self.frozen.eval()  # one of its parts is not in training while the whole is

    def forward(self, x):
        return self.out(torch.tanh(self.second(self.frozen(self.first(x)))))


class Tokens(nn.Module):
    """Whole numbers in, a dictionary out; attention with dropout; a recurrent layer that puts out a tuple."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(5, 8)
        self.block = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.2, batch_first=True)
        self.read = nn.LSTM(8, 6, batch_first=True)
        self.out = nn.Linear(6, 2)

    def forward(self, x):
        hidden, _ = self.read(self.block(self.embed(x)))
        return {"loss": None, "logits": self.out(hidden[:, -1])}


class Twice(nn.Module):
    """One layer, called twice, on two inputs."""

    def __init__(self):
        super().__init__()
        self.cell, self.out = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, left, right):
        return self.out(torch.tanh(self.cell(torch.tanh(self.cell(left)) + right)))


MODELS = {
    "blocks": (Blocks, lambda: torch.randn(4, 3), ["first", "second"]),
    "tokens": (Tokens, lambda: torch.randint(0, 5, (4, 6)), ["embed", "block", "read"]),
    "twice": (Twice, lambda: (torch.randn(4, 4), torch.randn(4, 4)), ["cell", "cell"]),
}


def made(name):
    """A model, its points, targets, hidden layers; always the same."""
    torch.manual_seed(3)
    build, points, layers = MODELS[name]
    return build(), points(), torch.randn(4, 2), layers


def predicted(model, x):
    output = model(*x) if isinstance(x, tuple) else model(x)
    return output["logits"] if isinstance(output, dict) else output


def trained(name, steps=12, observed=True, **options):
    """What training comes to, with an observer or without: everything that may not differ, and the observer."""
    model, x, y, layers = made(name)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    torch.manual_seed(4)

    def train():
        for _ in range(steps):
            optimiser.zero_grad()
            (0.5 * (predicted(model, x) - y).square().mean()).backward()
            optimiser.step()

    seen = None
    if observed:
        with repdyn.observe(model, x, y, layers, **options) as seen:
            train()
    else:
        train()
    left = {
        "state": model.state_dict(),
        "gradients": {n: p.grad for n, p in model.named_parameters()},
        "optimiser": {f"{n}.{k}": v for n, s in optimiser.state_dict()["state"].items() for k, v in s.items()},
        "random": {"torch": torch.get_rng_state()},
    }
    modes = [module.training for module in model.modules()]
    hooks = [len(module._forward_hooks) for module in model.modules()]
    return left, modes, hooks, seen


@pytest.mark.parametrize("name", MODELS)
def test_training_is_the_same_bit_by_bit_with_and_without(name):
    (without, modes, hooks, _), (observed, *after, seen) = (
        trained(name, observed=False),
        trained(name, every=3, rates=2 if name == "blocks" else 0),
    )
    assert after == [modes, hooks] and not any(hooks)
    for kind, tensors in without.items():
        for key, value in tensors.items():
            assert torch.equal(value, observed[kind][key]), f"{kind} {key}"
    assert list(seen.record.step) == [0, 3, 6, 9, 12]


@pytest.mark.parametrize("name", MODELS)
def test_what_is_recorded_is_what_a_forward_pass_gives(name):
    model, x, y, layers = made(name)
    seen = repdyn.Observer(model, x, y, layers)
    seen.look()
    found = []
    modules = [model.get_submodule(one) for one in dict.fromkeys(layers)]
    for module in modules:
        module.register_forward_hook(lambda _m, _i, o: found.append((o[0] if isinstance(o, tuple) else o).clone()))
    model.eval()
    with torch.no_grad():
        output = predicted(model, x)
    record = seen.record
    assert record.layers == (("cell", "cell[1]") if name == "twice" else tuple(layers))
    assert record.pairs == ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))
    for m, (a, b) in enumerate(record.pairs):
        for n, h in enumerate(found):
            assert record.H[n, m, 0] == pytest.approx(float((h[a] - h[b]).square().sum()), rel=1e-5)
            assert record.norms[n, m, 1] == pytest.approx(float(h[b].square().sum()), rel=1e-5)
        dyh, dy = output[a] - output[b], y[a] - y[b]
        assert record.Y[m, 0] == pytest.approx(float(dyh @ dyh), rel=1e-5)
        assert record.w[m, 0] == pytest.approx(float(dyh @ dyh - dyh @ dy), rel=1e-4, abs=1e-6)
        assert record.dy2[m] == pytest.approx(float(dy @ dy), rel=1e-6)
        middle = ((output - y)[a] + (output - y)[b]) / 2
        assert record.mean_error[m, 0] == pytest.approx(float(middle @ middle), rel=1e-5)
    assert record.loss[0] == pytest.approx(float(0.5 * (output - y).square().mean()), rel=1e-5)


def test_distances_of_inputs():
    """All numbers of a point in one vector; whole numbers have none; what is given counts."""
    model, x, y, layers = made("blocks")
    seen = repdyn.Observer(model, x, y, layers)
    seen.look()
    np.testing.assert_allclose(seen.record.dx2[:2], [float((x[0] - x[b]).square().sum()) for b in (1, 2)], rtol=1e-6)
    assert seen.record.dx2_is == "squared distance of the inputs"
    model, x, y, layers = made("twice")
    seen = repdyn.Observer(model, x, y, layers, pairs=[(3, 1)])
    seen.look()
    assert seen.record.dx2[0] == pytest.approx(float(sum((one[3] - one[1]).square().sum() for one in x)), rel=1e-6)
    model, x, y, layers = made("tokens")
    for given, expected in ((None, 1), (2.5, 2.5)):
        seen = repdyn.Observer(model, x, y, layers, dx2=given)
        seen.look()
        assert (seen.record.dx2 == expected).all() and seen.record.dx2_is.startswith(
            "set" if given is None else "given"
        )


def test_a_dictionary_of_inputs_a_choice_of_output_and_names_of_ones_own():
    model, x, y, _ = made("twice")
    named = {"right": x[1], "left": x[0]}
    plain, other = (
        repdyn.Observer(model, points, y[:, :1], layers, output=lambda o: o[:, :1])
        for points, layers in ((x, ["cell"]), (named, {"half of it": ("cell", lambda h: h[:, :2])}))
    )
    plain.look(), other.look()
    assert other.record.layers == ("half of it",)
    np.testing.assert_array_equal(plain.record.Y, other.record.Y)
    assert (other.record.H < plain.record.H).all()


def test_classes_are_one_hot_vectors():
    model, x, _, layers = made("blocks")
    classes = torch.tensor([0, 1, 1, 0])
    seen, same = (repdyn.Observer(model, x, y, layers) for y in (classes, torch.eye(2)[classes]))
    seen.look(), same.look()
    np.testing.assert_array_equal(seen.record.w, same.record.w)
    np.testing.assert_array_equal(seen.record.dy2, [2, 2, 0, 0, 2, 2])


def network(width=30, seed=0):
    torch.manual_seed(seed)
    layers = [nn.Linear(2, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1)]
    return nn.Sequential(*layers), torch.tensor([[1.0, 0.2], [-0.3, 0.8]]), torch.tensor([[0.5], [1.3]])


def descend(model, x, y, optimiser, steps):
    for _ in range(steps):
        optimiser.zero_grad()
        (0.5 * (model(x) - y).square().mean()).backward()
        optimiser.step()


def test_steps_are_those_of_the_models_own_optimiser():
    (model, x, y), (other, *_) = network(), network()
    encoder, decoder = (torch.optim.SGD(model[part].parameters(), lr=0.1) for part in (slice(0, 2), slice(2, 5)))
    foreign = torch.optim.SGD(other.parameters(), lr=0.1)
    with repdyn.observe(model, x, y, ["1"], every=2) as seen:
        for _ in range(5):
            foreign.step()
            descend(model, x, y, encoder, 1)
            decoder.step()
        with pytest.raises(RuntimeError, match="counted from the optimiser"):
            seen.step()
    assert list(seen.record.step) == [0, 2, 4, 5]  # and the end
    encoder.step()
    assert seen.steps == 5


def test_steps_by_hand_and_in_what_rhythm():
    model, x, y = network()
    seen = repdyn.Observer(model, x, y, ["1"], at=[1, 4])
    with pytest.raises(RuntimeError, match="call look"):
        seen.step()
    seen.look()
    for _ in range(6):
        seen.step()
    assert list(seen.record.step) == [0, 1, 4]
    seen.look(step=9)
    with pytest.raises(ValueError, match="step 3 comes after step 9"):
        seen.look(step=3)
    with repdyn.observe(model, x, y, ["1"], every="log") as seen:
        for _ in range(400):
            seen.step()
    step = seen.record.step
    assert (step[:20] == np.arange(20)).all() and step[-1] == 400 and len(step) < 110
    assert (np.diff(step)[60:-1] <= 0.05 * step[60:-2]).all() and np.diff(step).max() > 10


def test_an_error_in_training_leaves_no_hook_and_what_was_recorded():
    model, x, y = network()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(KeyError), repdyn.observe(model, x, y, ["1"]) as seen:
        descend(model, x, y, optimiser, 3)
        raise KeyError
    optimiser.step()
    assert list(seen.record.step) == [0, 1, 2, 3] and seen.steps == 3


def test_a_callback_in_the_style_of_lightning():
    model, x, y = network()
    seen = repdyn.Observer(model, x, y, ["1"], every=4)
    callback, trainer = seen.callback(), SimpleNamespace()
    callback.on_train_start(trainer, model)
    descend(model, x, y, torch.optim.SGD(model.parameters(), lr=0.1), 10)
    callback.on_train_end(trainer, model)
    assert list(seen.record.step) == [0, 4, 8, 10]


def test_observing_keeps_no_tensors():
    model, x, y = network()
    seen = repdyn.Observer(model, x, y, ["1", "3"], rates=1)
    seen.look()

    def alive():
        gc.collect()
        return sum(torch.is_tensor(one) for one in gc.get_objects())

    before = alive()
    for step in range(1, 20):
        seen.look(step)
    assert alive() == before


def test_rates_are_measured_on_the_pair():
    model, x, y = network()
    seen = repdyn.Observer(model, x, y, ["1", "3"], rates=2)
    for step in range(5):
        seen.look(step)
    rates = seen.record.rates
    assert list(rates.step) == [0, 2, 4] and rates.eta_y.shape == (2, 1, 3)
    for n, one in enumerate(measured_rates(model, x, y, ["1", "3"])):
        np.testing.assert_allclose(
            [rates.eta_h[n, 0], rates.eta_y[n, 0]], [[one.eta_h] * 3, [one.eta_y] * 3], rtol=1e-6
        )


class Sequence(nn.Module):
    """Time in the first axis, points in the second."""

    def __init__(self):
        super().__init__()
        self.cell, self.out = nn.GRU(2, 5), nn.Linear(5, 1)

    def forward(self, x):
        return self.out(self.cell(x.transpose(0, 1))[0][-1])


WRONG = [
    (dict(layers=[]), "no layer"),
    (dict(layers="1"), "list of names"),
    (dict(layers=["nowhere"]), "no submodule 'nowhere'; there are: 0, 1, 2"),
    (dict(layers=["1", "1"]), "called 1 time in a forward pass, call 2 is wanted"),
    (dict(every=0), "every must be"),
    (dict(every="day"), "every must be"),
    (dict(pairs=[]), "no pair"),
    (dict(pairs=[(0, 0)]), r"\(0, 0\) is no pair"),
    (dict(pairs=[(0, 2)]), r"\(0, 2\) is no pair of the points 0 to 1"),
    (dict(dx2=-1), "dx2 must be a positive number"),
    (dict(x=torch.zeros(1, 2), y=torch.zeros(1, 1)), "two points"),
    (dict(x=torch.zeros(3, 2)), "same points"),
    (dict(y=torch.zeros(2, 3)), "targets .2, 3. and outputs .2, 1. differ"),
    (dict(y=torch.tensor([0, 1])), "classes of y go from 0 to 1, the output has 1"),
    (dict(output=lambda o: o.sum()), "the output: expected a tensor of 2 points"),
    (dict(output=lambda o: [3]), "the output: expected a tensor of 2 points in its first axis, got list"),
    (dict(layers=[("1", lambda h: h[0])]), "layer '1': expected a tensor of 2 points"),
]


@pytest.mark.parametrize(("options", "message"), WRONG, ids=[str(n) for n in range(len(WRONG))])
def test_what_cannot_be_observed_is_said(options, message):
    model, x, y = network()
    with pytest.raises(ValueError, match=message):
        repdyn.Observer(**{"model": model, "x": x, "y": y, "layers": ["1"], **options}).look()
    assert model.training and not any(len(module._forward_hooks) for module in model.modules())


def test_a_layer_that_is_no_tensor_of_points_is_named_and_can_be_chosen():
    x, y = torch.randn(3, 4, 2), torch.randn(3, 1)
    with pytest.raises(
        ValueError, match=r"layer 'cell': expected a tensor of 3 points in its first axis, got \(4, 3, 5\)"
    ):
        repdyn.Observer(Sequence(), x, y, ["cell"]).look()
    repdyn.Observer(Sequence(), x, y, [("cell", lambda found: found[0].transpose(0, 1))]).look()
    model, tokens, y, _ = made("tokens")
    with model.register_forward_hook(lambda _module, _inputs, out: {**out, "more": y}):
        message = (
            r"the model puts out a dictionary of loss, logits, more: .* as in output=lambda made: made\['logits'\]"
        )
        with pytest.raises(ValueError, match=message):
            repdyn.Observer(model, tokens, y, ["embed"]).look()
    with pytest.raises(ValueError, match="nothing has been recorded"):
        _ = repdyn.Observer(model, tokens, y, ["embed"]).record


# Fits


T = np.arange(0, 1600.0, 2)
RATES = {"eta_h": 0.004, "eta_y": 0.02}
DX2, DY2 = 1.3, 0.5
START = (0.02, 0.001, 0.001 - 0.8 * np.sqrt(0.5 * 0.001))


def curves(start=START, t=T, **rates):
    return np.array(theory.exact(t, *start, *{**RATES, **rates}.values(), DX2, DY2))


def one_fit(H, Y, w, t=T, **given):
    (found,) = repdyn.fit(step=t, H=H, Y=Y, w=w, **{"dx2": DX2, "dy2": DY2, **given}).fits
    return found


def test_the_theory_itself_is_recognised():
    found = one_fit(*curves())
    assert found.verdict == "applies" and found.converged and not found.reason
    np.testing.assert_allclose([found.eta_h, found.eta_y], list(RATES.values()), rtol=1e-8)
    assert found.eta_h_dx2 == pytest.approx(RATES["eta_h"] * DX2) and max(found.error, found.orbit_error) < 1e-6
    end = float(theory.fixed_point(*START[:2], *RATES.values(), DX2, DY2)[0])
    assert (found.H_predicted, found.H_end) == (pytest.approx(end), pytest.approx(end, rel=1e-3))
    assert found.regime == "rich" and abs(found.k) < 1e-3
    assert abs(one_fit(*curves()[:, ::4], t=T[::4]).k) < 1e-6  # so few moments that none are averaged


def test_what_one_pair_cannot_tell():
    """|dx|^2 changes eta_h and nothing else; a rescaled layer changes both rates, not their product."""
    noise = 0.003 * np.random.default_rng(0).normal(size=(3, len(T))) * (T > 0)
    H, Y, w = curves() + noise
    plain, doubled, scaled = one_fit(H, Y, w), one_fit(H, Y, w, dx2=2 * DX2), one_fit(9 * H, Y, w)
    assert doubled.eta_h == pytest.approx(plain.eta_h / 2, rel=1e-6)
    for name in ("eta_h_dx2", "eta_h_dx2_se", "eta_y", "error", "product"):
        assert getattr(doubled, name) == pytest.approx(getattr(plain, name), rel=1e-5)
    clean, larger = one_fit(*curves()), one_fit(*(curves() * [[9], [1], [1]]))
    assert (
        scaled.converged
        and larger.eta_h == pytest.approx(9 * clean.eta_h)
        and larger.eta_y == pytest.approx(clean.eta_y / 9)
    )
    assert larger.product == pytest.approx(clean.product)


@pytest.mark.parametrize("correlation", [0.0, 0.9])
def test_standard_errors_cover_what_they_say(correlation):
    """Noise that is correlated in time, the same in Y and w as in outputs of one component; 95 % within t intervals."""
    draw, truth, covered, sizes = np.random.default_rng(1), curves(), [], []
    for _ in range(120):
        noise = draw.normal(size=(2, len(T)))
        for n in range(1, len(T)):
            noise[:, n] = correlation * noise[:, n - 1] + np.sqrt(1 - correlation**2) * noise[:, n]
        observed = truth.copy()
        observed[:, 1:] += 0.01 * noise[[0, 1, 1], 1:] * [[0.5], [1], [1]]
        found = fitting.fit_trajectory(T, *observed, DX2, DY2)
        errors = fits.standard_errors(T, observed, found.eta_h, found.eta_y, DX2, DY2)
        off = np.log([found.eta_h, found.eta_y]) - np.log(list(RATES.values()))
        covered.append(np.abs(off) < 2 * np.array(errors))
        sizes.append(np.array(errors) / np.abs(off).clip(1e-12))
    share = np.mean(covered, axis=0)
    assert (share > 0.88).all() and np.median(sizes) < 4, (share, np.median(sizes))


def test_a_run_with_another_clock_keeps_its_path():
    """Against an integrator: both rates times (1 + 4 Y/|dy|^2)."""
    t = np.arange(0, 4000.0, 5)

    def slope(_, state):
        return theory.right_hand_side(0, state, 0.001, 0.005, DX2, DY2) * (1 + 4 * state[1] / DY2)

    observed = solve_ivp(slope, (0, t[-1]), START, t_eval=t, rtol=1e-10, atol=1e-12).y
    found = one_fit(*observed, t=t)
    assert found.verdict == "orbit only" and found.converged and "rates change" in found.reason
    assert found.k == pytest.approx(4, rel=0.02) and found.error_drift < 1e-3 < 0.1 < found.error
    assert found.orbit_error < 1e-6


def test_a_quiet_end_changes_neither_errors_nor_rates():
    noise = 0.01 * np.random.default_rng(2).normal(size=(3, 1)) * np.sin(T / 90)
    H, Y, w = curves() + noise * np.exp(-T / 500)
    n = verdict.active(w, DY2)
    longer = [np.r_[curve, np.full(6000, curve[-1])] for curve in (H, Y, w)]
    short, long = one_fit(H, Y, w), one_fit(*longer, t=np.arange(len(longer[0])) * 2.0)
    assert long.active == short.active == n
    assert long.error == pytest.approx(short.error, rel=0.15) and long.eta_y == pytest.approx(short.eta_y, rel=0.03)
    assert any("quiet end" in note for note in long.notes)


def test_a_path_that_is_far_off_is_noted_where_the_curves_are_not():
    """As where the last moment of the active part is an outlier."""
    H, Y, w = curves()
    assert not one_fit(H, Y, w).notes
    H[verdict.active(w, DY2) - 1] += 0.5 * np.ptp(H)
    found = one_fit(H, Y, w)
    assert found.verdict == "applies" and found.orbit_error > verdict.ERROR
    assert any(f"off by {found.orbit_error:.0%} of Y's range" in note for note in found.notes)


def test_no_run_that_breaks_an_assumption_converges():
    H, Y, w = curves()
    falling = H[0] + 0.9 * (H[0] - H) * H[0] / np.ptp(H)
    over = 1 + 0.5 * np.exp(-(((T - 1100) / 200) ** 2))
    along = np.sqrt(Y) * np.sqrt(DY2)
    noise = np.random.default_rng(3).normal(size=(3, len(T)))
    cases = {
        "not finite": (np.where(T > 300, np.nan, H), Y, w, {}, verdict.UNKNOWN),
        "same targets": (H, Y[::-1], Y[::-1], {"dy2": 0.0}, verdict.UNKNOWN),
        "same inputs": (H, Y, w, {"dx2": 0.0}, verdict.UNKNOWN),
        "no difference": (H - H[0], Y, w, {}, verdict.UNKNOWN),
        "nothing to learn": (H, np.full_like(H, DY2), np.zeros_like(H), {}, verdict.UNKNOWN),
        "not learned": (*curves()[:, : np.argmax(Y > 0.2)], {"t": T[: np.argmax(Y > 0.2)]}, verdict.UNKNOWN),
        "too few moments": (*curves()[:, ::100], {"t": T[::100]}, verdict.UNKNOWN),
        "H falls": (falling, Y, w, {}, verdict.NOT),
        "Y beyond its target": (H, Y * over, Y * over - along * np.sqrt(over), {}, verdict.NOT),
        "R^2 < 0": (np.abs(H[0] * (1 + 0.1 * noise[0])), Y, w, {}, verdict.NOT),
    }
    for name, (h, y, ww, given, expected) in cases.items():
        found = one_fit(h, y, ww, **given)
        assert name in found.failures and not found.converged, (name, found.failures)
        assert found.verdict == (verdict.UNKNOWN if found.verdict == verdict.UNKNOWN else expected), name
        assert found.reason in str(found) and found.reason in found.line() and "nan" not in str(found), name
        assert found.eta_h_dx2_se != found.eta_h_dx2_se or not found.converged


def test_a_run_that_is_learned_only_a_little_way_is_not_learned():
    still = np.full_like(T, 0.02)
    found = one_fit(still, np.full_like(T, 0.01), 0.01 - np.sqrt(0.01 * DY2) * np.ones_like(T))
    assert not found.converged and found.verdict == verdict.UNKNOWN


def test_a_point_that_all_units_answer_with_0_is_noted():
    record = repdyn.Record.of_curves(T, *curves(), DX2, DY2, norms=np.array([[[START[0], 0.0]]]))
    assert any("kink" in note for note in repdyn.fit(record).fits[0].notes)
    record = repdyn.Record.of_curves(T, *curves(), DX2, DY2, norms=np.array([[[1.0, 0.9]]]))
    assert not repdyn.fit(record).fits[0].notes


def test_intervals_over_runs():
    runs = [
        repdyn.Record.of_curves(T, *curves(eta_h=0.004 * (1 + 0.1 * n)), DX2, DY2, name=f"network {n}")
        for n in range(6)
    ]
    broken = repdyn.Record.of_curves(T[:150], *curves()[:, :150], DX2, DY2, name="stopped early")
    found = repdyn.fit(runs, broken)
    (row,) = found.summary_rows()
    expected = intervals.mean([0.004 * DX2 * (1 + 0.1 * n) for n in range(6)], scale="log")
    assert (row["runs"], row["converged"], row["eta_h_dx2_n"]) == (7, 6, 6)
    np.testing.assert_allclose(
        [row["eta_h_dx2"], row["eta_h_dx2_low"], row["eta_h_dx2_high"]],
        [expected.value, expected.low, expected.high],
        rtol=1e-6,
    )
    few = repdyn.fit(runs[:4])
    assert np.isnan(few.summary_rows()[0]["eta_h_dx2_low"]) and "no interval below 5 runs" in str(few)
    assert len(found.table) == 7 and list(found.summary.unit) == ["run"]
    assert found.of(run="network 2").fits[0].eta_h == pytest.approx(0.0048)
    with pytest.raises(ValueError, match="no such fit; layers: hidden"):
        found.of(layer="another")


def test_many_points_are_fitted_pair_by_pair():
    draw = np.random.default_rng(5)
    hidden, output = draw.normal(size=(12, 5, 3, 2)), draw.normal(size=(12, 5, 2))
    record = repdyn.Record.of_activations(range(12), hidden, output, draw.normal(size=(5, 2)), draw.normal(size=(5, 4)))
    found = repdyn.fit(record)
    assert len(found.fits) == 10 and {(one.a, one.b) for one in found.fits} == set(record.pairs)
    h = hidden[7].reshape(5, -1)
    assert record.H[0, record.pairs.index((1, 3)), 7] == pytest.approx(((h[1] - h[3]) ** 2).sum())


def test_what_cannot_be_fitted_is_refused():
    for wrong, message in (((), "nothing to fit"), ((3,), "expected a record or an observer, got int")):
        with pytest.raises(ValueError, match=message):
            repdyn.fit(*wrong)
    with pytest.raises(ValueError, match="Y has the shape"):
        repdyn.fit(step=T, H=curves()[0], Y=T[:5], w=T, dx2=1, dy2=1)
    for hidden, message in ((np.zeros((2, 3, 4)), "2 moments and points|moments and points"), (np.zeros(4), "points")):
        with pytest.raises(ValueError, match=message):
            repdyn.Record.of_activations(range(5), hidden, np.zeros((5, 3, 1)), np.zeros((3, 1)))


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_a_figure_in_one_call(tmp_path, suffix):
    model, x, y = network()
    with repdyn.observe(model, x, y, ["1", "3"], every=2, rates=20) as seen:
        descend(model, x, y, torch.optim.SGD(model.parameters(), lr=0.1), 200)
    paths = [tmp_path / f"{n}.{suffix}" for n in (1, 2)]
    for path in paths:
        figure = repdyn.plot(seen, path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert len(figure.axes) == 2 * 4  # with measured rates
    words = " ".join(text.get_text() for text in figure.findobj(lambda one: hasattr(one, "get_text")))
    found = repdyn.fit(seen)
    assert ("layer 1, points 0 and 1" in words and f"k = {found.fits[0].k:.2g}" in words) or not found.fits[0].converged
    assert len(repdyn.plot(found, layer="3").axes) == 4


def test_what_has_no_curves_is_drawn_with_its_reason():
    H, Y, w = curves()
    found = repdyn.fit(step=T, H=H, Y=Y, w=w, dx2=DX2, dy2=0.0)
    figure = repdyn.plot(found)
    assert any("targets are the same" in text.get_text() for text in figure.texts)


# The package


def test_importing_takes_nothing_along():
    """No torch, no xarray, no pandas; fitting and drawing need numpy, scipy, pandas, matplotlib alone."""
    allowed = "numpy|scipy|pandas|matplotlib|repdyn"
    code = f"""
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in ('torch', 'xarray', 'seaborn', 'sklearn', 'numba', 'h5py', 'snakemake', 'yaml'):
            raise ImportError(name + ' is not among {allowed}')
sys.meta_path.insert(0, Refuse())
import repdyn
assert not [name for name in sys.modules if name.split('.')[0] in ('numpy', 'pandas')]
from repdyn.own import demo
report = repdyn.fit([demo.run(seed, steps=200) for seed in range(2)])
str(report), report.table, report.summary, repdyn.plot(report)
"""
    environment = {"PYTHONPATH": str(Path("workflow/scripts").resolve()), "PATH": "/usr/bin"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_the_public_names_are_there_and_typed():
    stub = Path("workflow/scripts/repdyn/__init__.pyi").read_text()
    assert set(repdyn.__all__) == {line.split(" as ")[1] for line in stub.splitlines() if " as " in line}
    for name in repdyn.__all__:
        assert getattr(repdyn, name).__doc__, name
    assert set(repdyn.__all__) <= set(dir(repdyn))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = repdyn.nothing


def test_the_workflow_does_not_depend_on_it():
    """The package's names are no imports, so nothing is trained again when they change. What judges networks of one's
    own judges those of modern, too."""
    for script in Path("workflow/scripts").glob("*/*.py"):
        if script.parent.name not in ("repdyn", "modern") or script.name == "train.py":
            assert not [path for path in sources.dependencies(script) if path.parent.name == "own"], script


def test_installed_from_the_repository(tmp_path):
    """What pip installs runs without the repository: the command, and the modules."""
    copy, target = tmp_path / "copy", tmp_path / "site"
    shutil.copytree(
        "workflow/scripts/repdyn", copy / "workflow/scripts/repdyn", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(name, copy)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", str(target), str(copy)], check=True)
    environment = {"PYTHONPATH": str(target), "PATH": "/usr/bin"}
    command = [sys.executable, str(target / "bin/repdyn"), "demo", "-o", str(tmp_path / "demo")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert "10 fits of 5 runs" in done.stdout and (tmp_path / "demo/figure.png").stat().st_size > 10_000
    assert (target / "repdyn/py.typed").exists()


PAGE = Path("docs/own_network.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def test_the_examples_of_the_page(tmp_path, monkeypatch, capsys):
    """In order, in one folder; the command line's as well."""
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in blocks("python"):
        exec(block, names)
    said = capsys.readouterr().out
    assert "layer 1, points 0 and 1: the theory" in said and "5 of 5 runs" in said and Path("figure.png").stat().st_size
    commands = [line.split("#")[0].split() for line in "".join(blocks("sh")).splitlines() if line.startswith("repdyn")]
    assert len(commands) == 4
    for _, *arguments in commands:
        given = [name for one in arguments for name in (sorted(map(str, Path().glob(one))) if "*" in one else [one])]
        assert command.main(given) in ((3,) if "--strict" in given else (0,))
    assert "10 fits of 5 runs" in capsys.readouterr().out and Path("figure.svg").stat().st_size


def test_the_page_names_every_verdict_failure_and_column():
    source = Path(verdict.__file__).read_text("utf-8")
    failures = set(re.findall(r'Failure\("([^"]+)"', source))
    assert len(failures) >= 9
    for name in (*failures, "H falls", "H rises", verdict.APPLIES, verdict.ORBIT_ONLY, verdict.NOT, verdict.UNKNOWN):
        assert name in PAGE, name
    columns = {one.name for one in fields(repdyn.PairFit)}
    described = {name for line in PAGE.splitlines() if line.startswith("| `") for name in re.findall(r"`(\w+)`", line)}
    assert described - {"_Y", "_w"} <= columns | {"eta_h_dx2"}


def test_the_worked_example(tmp_path):
    """At most six lines of it are about repdyn."""
    path = Path("examples/own_network.py").resolve()
    source = path.read_text("utf-8")
    assert source.count("# <--") <= 6 and source.count("repdyn.") <= 6
    environment = {"PYTHONPATH": str(Path("workflow/scripts").resolve()), "PATH": "/usr/bin", "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, path], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert "10 fits of 5 runs" in done.stdout and (tmp_path / "own_network.png").stat().st_size > 10_000


def test_the_notebook_is_the_example():
    """Its cells are the script, which the test above runs."""
    cells = json.loads(Path("examples/own_network.ipynb").read_text("utf-8"))["cells"]
    source = Path("examples/own_network.py").read_text("utf-8").split('"""')
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    assert code.split() == '"""'.join(source[2:]).split()
    assert "".join(cells[0]["source"]).split() == source[1].split()
