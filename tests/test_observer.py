"""A network of one's own, observed: what is recorded, and that its training stays as it was bit by bit."""

import gc
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

import repdyn
from repdyn.networks.measured_rates import measured_rates


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
