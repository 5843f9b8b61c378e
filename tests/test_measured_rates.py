"""Measured effective rates: against a closed form by hand, against real steps of many networks, and what they touch."""

import numpy as np
import pandas as pd
import pytest
import torch
from measured_rates import analyse as analyse_measured_rates
from measured_rates import plot as plot_measured_rates
from measured_rates import train as train_measured_rates
from runs import figure_files
from torch import nn
from two_points import data as make_two_points

from repdyn import artifacts
from repdyn.fitting import drift
from repdyn.networks import measured_rates

rates_of = measured_rates.measured_rates


class Residual(nn.Module):
    """A connection skips the second layer, which is observed before it is added."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.out = nn.Linear(3, 12), nn.Linear(12, 12), nn.Linear(12, 2)

    def forward(self, x):
        h = torch.tanh(self.first(x))
        return self.out(h + torch.tanh(self.second(h)))


class Attention(nn.Module):
    """The three coordinates of a point are three tokens; the mean over them is read out."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(1, 8)
        self.block = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, activation="gelu", batch_first=True)
        self.out = nn.Linear(8, 2)

    def forward(self, x):
        return self.out(self.block(self.embed(x[..., None])).mean(1))


class Recurrent(nn.Module):
    """One cell reads the coordinates one after the other."""

    def __init__(self):
        super().__init__()
        self.cell, self.out = nn.GRUCell(1, 10), nn.Linear(10, 2)

    def forward(self, x):
        h = x.new_zeros(len(x), 10)
        for n in range(x.shape[1]):
            h = self.cell(x[:, n : n + 1], h)
        return self.out(h)


class Convolution(nn.Module):
    """Batch normalisation as in training: the two points see each other, and buffers are written."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv1d(1, 4, 2), nn.BatchNorm1d(4), nn.SiLU(inplace=True), nn.Flatten())
        self.out = nn.Linear(8, 2)

    def forward(self, x):
        return self.out(self.body(x[:, None]))


def mlp(*between):
    layers = [nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 16), *between, nn.Tanh(), nn.Linear(16, 2)]
    return nn.Sequential(*layers)


# How to make each network, and its hidden layers; the recurrent cell's three calls are three layers.
NETWORKS = {
    "tanh": (mlp, ["1", "3"]),
    "layer_norm": (lambda: mlp(nn.LayerNorm(16)), ["0", "3"]),
    "residual": (Residual, ["first", "second"]),
    "attention": (Attention, ["embed", "block.linear1", "block"]),
    "recurrent": (Recurrent, ["cell", "cell", "cell"]),
    "convolution": (Convolution, ["body.0", "body.1", "body"]),
}


def make(name, dtype=torch.float64):
    """A network, its hidden layers, two points, their targets: the same numbers in any precision."""
    torch.manual_seed(2)
    build, hidden = NETWORKS[name]
    return build().to(dtype), hidden, torch.randn(2, 3).to(dtype), torch.randn(2, 2).to(dtype)


def forward(module, parameters, x, hidden, replace=None, by=None):
    """Hidden layers and output in an ordinary forward pass; `replace` is a hidden layer's number, `by` its value."""
    seen = {name: [] for name in hidden}

    def look(name):
        def hook(_module, _inputs, output):
            seen[name].append(output.clone())
            if replace is not None and (name, len(seen[name]) - 1) == layers[replace]:
                return by.clone()

        return hook

    layers = [(name, hidden[:n].count(name)) for n, name in enumerate(hidden)]
    hooks = [module.get_submodule(name).register_forward_hook(look(name)) for name in seen]
    with torch.no_grad():
        output = torch.func.functional_call(module, parameters, (x,))
    for hook in hooks:
        hook.remove()
    return [seen[name][n] for name, n in layers], output


def squared(points):
    return float((points[0] - points[1]).square().sum())


@pytest.mark.parametrize("name", NETWORKS)
def test_rates_are_those_of_a_real_step(name):
    """Small steps along torch's own gradient, forwards and backwards: central differences of distances.

    The encoder's part: the layer takes its value after the step, parameters stay. The decoder's: the other way round.
    """
    module, hidden, x, y = make(name)
    rates = rates_of(module, x, y, hidden)
    (0.5 * (module(x) - y).square().mean()).backward()
    lr = 1e-5
    here = {n: p.detach() for n, p in module.named_parameters()}
    back, there = ({n: p.detach() - lr * s * p.grad for n, p in module.named_parameters()} for s in (-1, 1))
    still, _ = forward(module, here, x, hidden)
    (before, output_before), (after, output_after) = (forward(module, p, x, hidden) for p in (back, there))

    def derivative(a, b):
        return pytest.approx((squared(b) - squared(a)) / (2 * lr), rel=1e-6)

    for n, rate in enumerate(rates):
        assert rate.dH == derivative(before[n], after[n])
        assert rate.dY_encoder + rate.dY_decoder == derivative(output_before, output_after)
        assert rate.dY_encoder == derivative(*(forward(module, here, x, hidden, n, h[n])[1] for h in (before, after)))
        assert rate.dY_decoder == derivative(*(forward(module, p, x, hidden, n, still[n])[1] for p in (back, there)))


def test_what_bypasses_a_layer_counts_to_the_decoder():
    """With a second layer of weights 0 that layer's output is 0 and moves, as the encoder; all else is the decoder."""
    module, _, x, y = make("residual")
    with torch.no_grad():
        module.second.weight.zero_()
        module.second.bias.zero_()
    frozen = {name: p for name, p in module.named_parameters() if not name.startswith("second")}
    still, moving = rates_of(module, x, y, ["second"], frozen)[0], rates_of(module, x, y, ["second"])[0]
    assert still.dY_encoder == 0 and still.dH == 0 and np.isnan(still.eta_y)  # H = 0
    assert still.dY_decoder == moving.dY_decoder != 0
    assert moving.dY_encoder != 0


def test_an_encoder_that_does_not_move_has_rate_0():
    module, hidden, x, y = make("tanh")
    only = {name: p for name, p in module.named_parameters() if name.startswith("4")}
    given = rates_of(module, x, y, hidden, only)
    for rates in given:
        assert rates.eta_h == rates.eta_h_from_output == 0 != rates.eta_y
    module[:-1].requires_grad_(False)
    assert rates_of(module, x, y, hidden) == given


@pytest.mark.parametrize("out_dim", [1, 3])
def test_a_linear_network_in_closed_form(out_dim):
    """yh = U W x: dW = -U^T G, dU = -G (W x)^T with G = e x^T / n summed over points, n = 2 out_dim."""
    rng = np.random.default_rng(out_dim)
    W, U = rng.normal(size=(7, 4)), rng.normal(size=(out_dim, 7))
    x, y = rng.normal(size=(2, 4)), rng.normal(size=(2, out_dim))
    error = (x @ W.T @ U.T - y) / (2 * out_dim)
    dW, dU = -(error @ U).T @ x, -error.T @ (x @ W.T)
    dx, dy = x[0] - x[1], y[0] - y[1]
    dh, dyh = W @ dx, U @ W @ dx
    H, Y, dx2 = dh @ dh, dyh @ dyh, dx @ dx
    w = Y - dy @ dyh
    dH, dY_encoder, dY_decoder = 2 * dh @ dW @ dx, 2 * dyh @ U @ dW @ dx, 2 * dyh @ dU @ dh
    pulled = U.T @ dyh
    alignment = (pulled @ dh) ** 2 / (pulled @ pulled * H)
    expected = -dH / (dx2 * w), -dY_encoder * H / (w * Y * dx2), -dY_decoder / (w * H)

    module = nn.Sequential(nn.Linear(4, 7, bias=False), nn.Linear(7, out_dim, bias=False)).double()
    parameters = {"0.weight": torch.tensor(W), "1.weight": torch.tensor(U)}
    (found,) = rates_of(module, torch.tensor(x), torch.tensor(y), ["0"], parameters)
    np.testing.assert_allclose([found.eta_h, found.eta_h_from_output, found.eta_y], expected, rtol=1e-11)
    np.testing.assert_allclose([found.dH, found.dY_encoder, found.dY_decoder], [dH, dY_encoder, dY_decoder], rtol=1e-11)
    assert found.alignment == pytest.approx(alignment, rel=1e-11)
    if out_dim == 1:
        assert found.alignment == pytest.approx(found.eta_h / found.eta_h_from_output, rel=1e-11)
    assert not any(p.requires_grad for p in parameters.values())
    (halved,) = rates_of(module, torch.tensor(x), torch.tensor(y), ["0"], parameters, dx2=2 * dx2)
    assert (halved.eta_h, halved.eta_y) == (pytest.approx(found.eta_h / 2), found.eta_y)


def test_one_hidden_unit_with_symmetric_points_is_the_theory():
    """All three are 1/2 per unit of learning rate (and lr / 2 per step) at any weights."""
    x, y = torch.tensor([[0.7], [-0.7]], dtype=torch.float64), torch.tensor([[0.5], [-0.5]], dtype=torch.float64)
    for seed in range(3):
        torch.manual_seed(seed)
        module = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)).double()
        (rates,) = rates_of(module, x, y, ["0"])
        np.testing.assert_allclose([rates.eta_h, rates.eta_h_from_output, rates.eta_y], 0.5, rtol=1e-12)
        assert rates.alignment == pytest.approx(1)


def test_single_precision_says_the_same():
    for name in NETWORKS:
        double, single = (rates_of(module, x, y, h) for module, h, x, y in (make(name), make(name, torch.float32)))
        for a, b in zip(double, single, strict=True):
            np.testing.assert_allclose([*vars(a).values()], [*vars(b).values()], rtol=1e-3, err_msg=name)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_module_is_left_as_it_was(name):
    """Bits, identities, gradients, modes, hooks and random numbers; also with dropout, and where no graph is kept."""
    module, hidden, x, y = make(name)
    module.append(nn.Dropout(0.3)) if isinstance(module, nn.Sequential) else None
    next(module.parameters()).requires_grad_(False)
    submodules = list(module.modules())

    def state():
        hooks = [len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks) for m in submodules]
        weights = [(id(p), p.requires_grad, p.grad is None) for p in module.parameters()]
        return hooks, weights, [m.training for m in submodules], torch.get_rng_state().tolist()

    tensors, before = {key: value.clone() for key, value in module.state_dict().items()}, state()
    with torch.no_grad():
        first = rates_of(module, x, y, hidden)
    with pytest.raises(ValueError, match="expected output and target"):
        rates_of(module, x, y[:, :1], hidden)
    assert state() == before
    assert all(torch.equal(value, tensors[key]) for key, value in module.state_dict().items())
    assert rates_of(module, x, y, hidden) == first


def test_a_denominator_of_zero_is_not_a_number():
    module, hidden, x, y = make("tanh")
    for rates in rates_of(module, x[:1].repeat(2, 1), y, hidden):
        assert np.isnan([rates.eta_h, rates.eta_h_from_output, rates.eta_y, rates.alignment]).all()
        assert (rates.dH, rates.dY_encoder, rates.dY_decoder) == (0, 0, 0)


def test_errors_say_what_is_wrong():
    module, _, x, y = make("recurrent")
    with pytest.raises(ValueError, match="no submodule 'celll'; there are: cell, out"):
        rates_of(module, x, y, ["celll"])
    with pytest.raises(ValueError, match="'cell' is named more often than it is called: 3 times"):
        rates_of(module, x, y, ["cell"] * 4)
    with pytest.raises(ValueError, match=r"\(3, out_dim\), got \(3, 2\) and \(2, 2\)"):
        rates_of(nn.Sequential(nn.Linear(3, 2).double()), torch.randn(3, 3).double(), y, [])
    with pytest.raises(ValueError, match=r"\(2, out_dim\), got \(2, 2\) and \(2,\)"):
        rates_of(module, x, y[:, 0], ["cell"])
    with pytest.raises(ValueError, match="hidden layer 'block.self_attn': expected one tensor"):
        rates_of(make("attention")[0], x, y, ["block.self_attn"])
    with pytest.raises(ValueError, match="no parameter moves"):
        rates_of(module.requires_grad_(False), x, y, ["cell"])


def test_among_names_the_layers_that_are_measured():
    for name in ("tanh", "recurrent"):
        module, hidden, x, y = make(name)
        every = rates_of(module, x, y, hidden)
        assert rates_of(module, x, y, hidden, among=[1]) == [every[1]]


# The experiment: networks that are trained, measured, compared with constants, and drawn.

TASK = {"dx2": 1.0, "dy2": 0.5, "in_dim": 1, "out_dim": 1}
ROW = {"model": "mlp", "width": 40, "depth": 4, "solver": "sgd", "networks": 5, "finer": 1, "rest_loss": 0.0}
ROW |= {"init_seed": 0, "dropout_seed": None, **TASK}
ROWS = {
    "smooth": {**ROW, "activation": "tanh", "gain": 0.9, "lr": 0.01, "steps": 3000, "layer": 2},
    "two_layer": {**ROW, "activation": "none", "gain": 0.1, "lr": 0.05, "steps": 3000, "depth": 1, "layer": 0},
    "kinks": {**ROW, "activation": "relu", "gain": 1.0, "lr": 0.03, "steps": 3000, "depth": 8, "layer": 4},
    "cell": {**ROW, "model": "recurrent", "activation": "tanh", "gain": 0.8, "lr": 0.01, "steps": 1500, "layer": 2},
    "still": {**ROW, "activation": "tanh", "gain": 0.9, "lr": 1e-5, "steps": 100, "layer": 2},
}
ROWS["cell"] |= {"width": 20, "networks": 2}
ROWS = {name: {"name": name, **row} for name, row in ROWS.items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("measured")
    make_two_points.main(TASK, folder / "points.nc")
    points = artifacts.read_dataset(folder / "points.nc")
    artifacts.write_dataset((points - points.mean("point")).assign_attrs(points.attrs), folder / "centred.nc")
    for name, row in ROWS.items():
        layers = [row["layer"], row["layer"] + 1] if name == "smooth" else [row["layer"]]
        points = folder / ("centred.nc" if name == "two_layer" else "points.nc")
        train_measured_rates.main(points, row, layers, 12, "cpu", folder / f"{name}.nc")
    shown = {name: row["layer"] for name, row in ROWS.items()}
    outputs = [folder / f"{name}.csv" for name in ("table", "networks", "summary", "curves")]
    analyse_measured_rates.main([folder / f"{name}.nc" for name in ROWS], shown, 0.95, *outputs)
    return folder


@pytest.fixture(scope="module")
def numbers(folder):
    networks = artifacts.read_table(folder / "networks.csv")
    return networks[networks.shown].set_index(["setting", "seed"])


def test_rates_of_two_linear_layers_are_constants_that_agree(numbers):
    """The positive control, with points on both sides of 0: small weights align, and it is the theory at rates 1/2."""
    control = numbers.loc["two_layer"]
    assert control.kept.all()
    for number in (
        "agreement",
        "drift_h",
        "drift_y",
        "one_clock",
        "fitted_h",
        "fitted_y",
        "real_step_h",
        "real_step_y",
    ):
        np.testing.assert_allclose(control[number], 1, atol=0.1, err_msg=number)
    assert (control.alignment > 0.9).all() and (control.line_error_h < 0.05).all()


def test_a_real_step_follows_the_gradient_but_at_kinks(numbers):
    """In a recurrent network too, whose hidden layers are calls of one cell."""
    for name in ("smooth", "cell"):
        np.testing.assert_allclose(numbers.loc[name][["real_step_h", "real_step_y"]], 1, atol=0.1)
    assert (numbers.loc["kinks"].real_step_y < 0.8).all()


def test_moments_are_spread_over_what_is_learned(folder):
    table = artifacts.read_table(folder / "table.csv")
    smooth = table[(table.setting == "smooth") & table.shown]
    assert (smooth.groupby("seed").size() > 9).all()
    assert np.abs(np.diff(np.sqrt(smooth[smooth.seed == 0].learned))).max() < 0.12
    assert set(table[table.setting == "smooth"].layer) == {2, 3}
    runs = artifacts.read_dataset(folder / "smooth.nc").sel(seed=3, layer=2)
    one = smooth[(smooth.seed == 3)].iloc[4]
    H, step = runs.H.values.astype(float), int(one.step)
    assert one.change_h == pytest.approx(H[step + 1] - H[step], rel=1e-6)
    w = float(runs.w[step])
    assert one.eta_h == pytest.approx(-one.gradient_change_h / runs.learning_rate / w, rel=1e-5)


def test_networks_that_do_not_learn_are_counted_with_a_reason(numbers, folder):
    assert not numbers.loc["still"].kept.any()
    assert (numbers.loc["still"].reason == "0 moments of learning seen, fewer than 4").all()
    summary = artifacts.read_table(folder / "summary.csv").set_index(["setting", "number"])
    assert summary.networks["still", "agreement"] == 0 and summary.of["still", "agreement"] == 5
    assert np.isnan(summary.low["cell", "drift_h"])  # of two networks
    shown = summary[summary.shown].loc["smooth"]
    assert (shown.low < shown.value).all() and (shown.value < shown.high).all()


def test_a_line_and_an_average_of_known_rates():
    learned = np.linspace(0.03, 1, 9)
    found = drift.line(learned, 2.0 * (1 + 3 * learned))
    assert found.k == pytest.approx(3) and found.drift == pytest.approx(4 / 1.09) and not found.error > 1e-12
    assert np.isnan(drift.line(learned, 1 - 2 * learned).drift)
    # a clock s(t) with s' = eta(t): the constant that is as far at the end is the average of eta over time
    t = np.linspace(0, 5, 200)
    assert drift.time_average(t, 2 + np.cos(t)) == pytest.approx((2 * 5 + np.sin(5)) / 5, rel=1e-4)


def test_the_figure_has_fixed_bytes_and_says_what_was_found(folder, tmp_path):
    inputs = folder / "curves.csv", folder / "summary.csv", folder / "networks.csv"
    first, second = (figure_files(plot_measured_rates, tmp_path / run, *inputs) for run in "ab")
    for a, b in zip(first, second, strict=True):
        assert a.read_bytes() == b.read_bytes()
    summary = artifacts.read_table(folder / "summary.csv")
    shown = summary[summary.shown]
    said = "{}: while networks learn, η_h changes by a factor of {} to {} and η_y of "
    drifts = {"drift_h": 1.2, "drift_y": 0.8, "real_step_y": 1.0}
    for highest, words in ((1.4, "Rates are constants"), (1.6, "Rates are no constants")):
        made = [("a", drifts), ("b", drifts | {"drift_h": highest})]
        rows = [(name, number, value) for name, numbers in made for number, value in numbers.items()]
        title = plot_measured_rates.title(pd.DataFrame(rows, columns=["setting", "number", "value"]))
        assert title.startswith(said.format(words, 1.2, highest))
    assert plot_measured_rates.title(shown[shown.setting == "two_layer"]).startswith("Rates are constants: ")
    assert plot_measured_rates.title(shown[shown.setting == "still"]).startswith("In no setting does a real step ")
