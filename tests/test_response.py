"""The second system: what is known in closed form first, then small networks through every script."""

import numpy as np
import pandas as pd
import pytest
import torch
from response import train as train_response
from response_law import fit as fit_response_law
from response_law import plot as plot_response_law
from response_rank import compare as compare_response_rank
from response_rank import plot as plot_response_rank
from runs import after, ensemble, figure_files

from repdyn import artifacts
from repdyn.data import encoding
from repdyn.fitting import response_laws
from repdyn.networks import Shape, response
from repdyn.networks.activations import ACTIVATIONS
from repdyn.networks.tangent_kernel import of_networks
from repdyn.statistics import effective_dimension, group_correlations
from repdyn.training import batches, loop, recorders
from repdyn.training.compiled import CompiledTrainer
from repdyn.training.ensemble import BATCHES, Member, generator

TASK = encoding.make("circle", 3, 4)
GRID, POINTS, TARGETS = (torch.tensor(a) for a in (TASK.grid, TASK.points, TASK.targets))
ROW = {
    **{"name": "10", "shape": "circle", "activation": "tanh", "gain": 1.0, "width": 24, "lr": 0.1, "adam_lr": 0.01},
    **{"steps": 400, "networks": 3, "init_seed": 0, "batch_seed": 3},
}
METHODS = ["single", "minibatch", "full", "adam"]


def shallow(activation="tanh", width=20, rates=(0.1, 0.1, 0.1), solver="sgd"):
    members = [Member(seed, 1.0, lr) for seed, lr in enumerate(rates)]
    return ensemble("mlp", Shape(width, 1, activation, 2, 3), members, solver)


def initial(activation="tanh"):
    return response.parameters(CompiledTrainer(shallow(activation)))


def with_biases(activation="tanh"):
    """The same networks with biases that are not zero, in double precision."""
    draw = torch.Generator().manual_seed(1)
    w, b, v, c = initial(activation)
    return w, torch.randn(b.shape, generator=draw).double(), v, torch.randn(c.shape, generator=draw).double()


# ---- the task


def test_gray_codes_differ_in_one_bit_between_neighbours_also_around_the_circle():
    for bits in (2, 3, 5):
        codes = encoding.gray_codes(bits)
        assert codes.shape == (2**bits, bits) and len(np.unique(codes, axis=0)) == 2**bits
        assert (np.abs(codes - np.roll(codes, 1, axis=0)).sum(1) == 2).all()


@pytest.mark.parametrize("shape", encoding.SHAPES)
def test_distances_are_those_of_the_points(shape):
    task = encoding.make(shape, 3, 5)
    apart = np.linalg.norm(task.grid[:, None] - task.points, axis=-1)
    np.testing.assert_allclose(task.distance[task.steps], apart, atol=1e-12)
    assert set(task.steps.ravel()) == set(range(len(task.distance)))
    assert {tuple(point) for point in task.points.round(9)} <= {tuple(place) for place in task.grid.round(9)}


def test_an_unknown_shape_is_named():
    with pytest.raises(ValueError, match="no such shape: 'square'; expected one of line, circle"):
        encoding.make("square", 3, 5)


# ---- kernel and response


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_kernel_is_that_of_automatic_differentiation(activation):
    found = with_biases(activation)
    kernel = response.tangent_kernel(found, GRID, POINTS, activation)
    for n in range(3):
        one = tuple(p[n] for p in found)
        at, to = (torch.func.jacrev(lambda p, x=x: response.output(p, x, activation))(one) for x in (GRID, POINTS))
        expected = sum(torch.einsum("xkp,ylp->xykl", a.flatten(2), b.flatten(2)) for a, b in zip(at, to, strict=True))
        torch.testing.assert_close(kernel[n], expected, rtol=1e-9, atol=1e-10)


def test_the_kernel_is_the_one_that_the_first_study_takes_of_deep_networks():
    kernel = response.tangent_kernel(initial("leaky_relu"), POINTS, POINTS, "leaky_relu")
    other = of_networks(*CompiledTrainer(shallow("leaky_relu")).modules(), TASK.points).reshape(3, 8, 3, 8, 3)
    np.testing.assert_allclose(kernel, other.transpose(0, 1, 3, 2, 4), rtol=1e-4, atol=1e-5)


def test_the_response_of_a_linear_network_is_its_closed_form():
    """f = (x w + b) v + c after one step of size s at x0 with g = e / n, to all orders of s."""
    found, size = with_biases("none"), 0.3
    df = response.change(found, GRID, POINTS, TARGETS, size, "none")
    for n in range(3):
        w, b, v, c = (p[n].numpy() for p in found)
        for i, (x0, y0) in enumerate(zip(TASK.points, TASK.targets, strict=True)):
            g = ((x0 @ w + b) @ v + c - y0) / 3
            back = g @ v.T
            w1, b1 = w - size * np.outer(x0, back), b - size * back
            v1, c1 = v - size * np.outer(x0 @ w + b, g), c - size * g
            expected = ((TASK.grid @ w1 + b1) @ v1 + c1) - ((TASK.grid @ w + b) @ v + c)
            np.testing.assert_allclose(df[n, :, i], expected, atol=1e-12)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "silu", "relu"])
def test_the_measured_response_is_the_kernel_as_steps_become_small(activation):
    found = with_biases(activation)
    outputs = [response.output(tuple(p[n] for p in found), POINTS, activation) for n in range(3)]
    residual = torch.stack(outputs) - TARGETS
    kernel = response.along(response.tangent_kernel(found, GRID, POINTS, activation), residual)
    errors = []
    for size in (1e-3, 1e-4, 1e-5):
        df = response.change(found, GRID, POINTS, TARGETS, size, activation)
        errors.append((response.response(df, residual, size) - kernel).abs().max().item())
    assert errors[2] < 1e-3 * kernel.abs().max()
    assert errors[0] / errors[1] == pytest.approx(10, rel=0.3) and errors[1] / errors[2] == pytest.approx(10, rel=0.3)


def test_contractions():
    kernel = torch.randn(2, 5, 4, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    residual = torch.zeros(2, 4, 3, dtype=torch.float64)
    residual[..., 1] = -7
    torch.testing.assert_close(response.along(kernel, residual), kernel[..., 1, 1])
    torch.testing.assert_close(
        response.contracted(kernel), (kernel[..., 0, 0] + kernel[..., 1, 1] + kernel[..., 2, 2]) / 3
    )


def test_the_jacobian_is_that_of_finite_differences():
    found = with_biases("tanh")
    jacobian, h = response.input_jacobian(found, POINTS, "tanh"), 1e-6
    for i, step in enumerate(h * torch.eye(2, dtype=torch.float64)):
        for n in range(3):
            one = tuple(p[n] for p in found)
            rise = response.output(one, POINTS + step, "tanh") - response.output(one, POINTS - step, "tanh")
            torch.testing.assert_close(jacobian[n, :, :, i], rise / (2 * h), rtol=1e-6, atol=1e-8)


# ---- training


def measured(at, batch=8, steps=60, radius=0.1, activation="tanh", **changes):
    """Measured before the updates `at`, with steps on `batch` of the 8 points."""
    measure = response.Measurement(TASK, activation, 0.1, radius)
    data = batches.Points(TASK.points, TASK.targets)
    if batch < 8:
        data = batches.Subsets(TASK.points, TASK.targets, batch, seed=3)
    look = recorders.Look(lambda view: measure(response.parameters(view.trainer)), np.array(at))
    return loop.run(shallow(activation, **changes), data, steps, [look])


@pytest.mark.parametrize(("batch", "solver"), [(1, "sgd"), (2, "sgd"), (3, "sgd"), (8, "sgd"), (8, "adam")])
def test_training_does_not_notice_that_it_is_measured(batch, solver):
    often, once = (measured(at, batch, solver=solver) for at in (range(61), [60]))
    for name in ("loss", "kernel", "response", "jacobian"):
        np.testing.assert_array_equal(often[name][:, -1], once[name][:, 0])
    assert len(np.unique(often.loss[0])) == 61


def test_single_sample_sgd_is_torchs():
    """A plain module and its optimiser on the same draws."""
    runs = measured([0, 60], batch=1)
    draw = generator(BATCHES, 3, 1)
    chosen = torch.rand(1000, 8, generator=draw).argsort(1)[:60, 0]
    net = torch.nn.Sequential(torch.nn.Linear(2, 20), torch.nn.Tanh(), torch.nn.Linear(20, 3))
    w, b, v, c = (p[1].float() for p in initial())
    assert not b.any() and not c.any()
    for parameter, start in zip(net.parameters(), (w.T, b, v.T, c), strict=True):
        parameter.data = start.clone()
    stepper = torch.optim.SGD(net.parameters(), lr=0.1)
    for i in chosen:
        stepper.zero_grad()
        (0.5 * torch.nn.functional.mse_loss(net(POINTS[i].float()), TARGETS[i].float())).backward()
        stepper.step()
    final = 0.5 * torch.nn.functional.mse_loss(net(POINTS.float()), TARGETS.float()).item()
    assert runs.loss[1, -1] == pytest.approx(final, rel=1e-4) and runs.loss[1, 0] != pytest.approx(final, rel=0.1)


def test_a_network_is_the_same_whatever_it_is_stacked_with():
    three, one = measured([0, 60], batch=1), measured([0, 60], batch=1, rates=[0.1])
    np.testing.assert_array_equal(three.kernel[:1], one.kernel)


def test_a_wide_network_in_the_lazy_limit_has_a_constant_kernel():
    """NTK scaling: weights of order 1 and 1/sqrt(width), learning rate ~ 1/width. K moves by ~ 1/sqrt(width)."""
    moved = []
    for width in (32, 256, 2048):
        trainer = CompiledTrainer(shallow("tanh", width, [3.0 / width] * 4))
        trainer.parameters()[0][0][:] *= ((width + 2) / 2) ** 0.5
        found = [response.parameters(trainer), response.parameters(after(trainer, TASK.points, TASK.targets, 300))]
        kernels = [response.contracted(response.tangent_kernel(one, GRID, POINTS, "tanh")) for one in found]
        assert 0.5 * np.square(trainer.look(TASK.points)[1] - TASK.targets).mean() < 0.3  # it has learned something
        change = (kernels[1] - kernels[0]).flatten(1).norm(dim=1) / kernels[0].flatten(1).norm(dim=1)
        moved.append(change.mean().item())
    assert moved[0] / moved[1] > 2 and moved[1] / moved[2] > 2 and moved[2] < 0.05, moved


def test_divergence_stays_with_its_network():
    runs = measured([0, 200], steps=200, activation="relu", rates=[0.1, 1e3])
    found = [values for values in runs.values() if "time" in values.dims]
    assert len(found) == 8
    for values in found:
        assert np.isfinite(values[0]).all() and np.isfinite(values[1, 0]).all() and np.isnan(values[1, 1]).all()


def test_times_are_logarithmic_and_begin_at_the_start():
    at = recorders.log_spaced(10000, 48)
    assert at[0] == 0 and at[1] == 1 and at[-1] == 10000 and len(at) <= 48
    assert np.ptp(np.diff(np.log(at[at > 100]))) < 0.01


# ---- ranks and fragility


def test_ranks_of_known_spectra():
    for n in (1, 3, 10):
        flat = np.r_[np.full(n, 0.7), np.zeros(5)]
        assert effective_dimension.participation_ratio(flat) == pytest.approx(n)
        assert effective_dimension.entropy_rank(flat) == pytest.approx(n)
    assert effective_dimension.participation_ratio(np.array([3.0, 1.0])) == pytest.approx(16 / 10)
    assert effective_dimension.entropy_rank(np.array([3.0, 1.0])) == pytest.approx(4 / 3**0.75)
    assert np.isnan(effective_dimension.participation_ratio(np.zeros(3))) and np.isnan(
        effective_dimension.entropy_rank(np.zeros(3))
    )


def test_variances_are_those_of_the_hidden_layer():
    runs = measured([0])
    one = tuple(p[1] for p in initial())
    hidden = response.hidden(one, GRID, "tanh").numpy()
    expected = np.linalg.eigvalsh(np.cov(hidden.T, bias=True))[::-1]
    np.testing.assert_allclose(runs.variances[1, 0], expected[: runs.variances.shape[-1]], atol=1e-9)


def test_the_worst_case_of_a_linear_map_is_its_largest_singular_value():
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(5, 3, 2))
    angle = np.linspace(0, 2 * np.pi, 20001)
    ball = 0.2 * np.stack([np.cos(angle), np.sin(angle)])
    largest = np.linalg.norm(maps @ ball, axis=1).max(-1)
    np.testing.assert_allclose(effective_dimension.worst_case(maps, 0.2), largest, rtol=1e-6)
    maps[2] = np.nan
    assert np.isnan(effective_dimension.worst_case(maps, 0.2)).tolist() == [False, False, True, False, False]


def test_perturbations_in_all_directions_are_those_of_the_jacobian_in_a_small_ball():
    """Root mean square over directions: radius |J|_F / sqrt(2); none beyond the worst case."""
    radius = 1e-4
    runs = measured([0], steps=1, radius=radius)
    rms = np.sqrt((runs.perturbed.values**2).mean(-1))
    np.testing.assert_allclose(rms, radius * np.linalg.norm(runs.jacobian.values, axis=(-2, -1)) / 2**0.5, rtol=1e-3)
    assert (runs.perturbed.values.max(-1) <= 1.001 * effective_dimension.worst_case(runs.jacobian.values, radius)).all()


def test_values_at_the_first_time_that_a_loss_is_reached():
    loss, value = np.array([1.0, 0.1, 0.5, 0.01]), np.arange(4.0)
    assert effective_dimension.at_loss(loss, 10**-0.5, value) == pytest.approx((0.5,))
    assert effective_dimension.at_loss(loss, 0.1, value, 2 * value) == pytest.approx((1.0, 2.0))
    assert effective_dimension.at_loss(loss, 2.0, value) == (0.0,)
    assert np.isnan(effective_dimension.at_loss(loss, 1e-3, value)[0])
    assert np.isnan(effective_dimension.at_loss(np.array([1, np.nan, 0.1]), 0.1, value)[0])


def test_correlations_within_groups_of_known_data():
    rng = np.random.default_rng(1)
    inside, names = 0, 0
    for _ in range(2000):
        x = rng.normal(size=5)
        y = 0.6 * x + 0.8 * rng.normal(size=5)
        r, p = group_correlations.within(x, y)
        inside += r.low <= 0.6 <= r.high
        names += group_correlations.within(x, rng.normal(size=5))[1] < 0.05
    assert inside / 2000 == pytest.approx(0.95, abs=0.015) and names / 2000 == pytest.approx(0.05, abs=0.015)
    r, p = group_correlations.within([1.0, 2, 3, np.nan, 7], [2.0, 4, 7, 1, np.nan])
    assert r.n == 3 and r.value > 0.99 and np.isnan([r.low, r.high, p]).all()
    assert np.isnan(group_correlations.within(np.ones(9), np.arange(9))[0].value)


def test_heterogeneity_is_that_of_the_groups():
    """With one correlation in all groups Q is chi^2; with opposite ones it is not, and I^2 says so."""
    rng = np.random.default_rng(2)

    def drawn(correlations, n=20):
        x = rng.normal(size=(len(correlations), n))
        y = np.array(correlations)[:, None] * x + rng.normal(size=x.shape)
        r = [group_correlations.within(*pair)[0].value for pair in zip(x, y, strict=True)]
        return group_correlations.heterogeneity(r, np.full(len(r), n))

    same = [drawn([0.5] * 12) for _ in range(300)]
    assert np.mean([one["Q_p"] < 0.05 for one in same]) == pytest.approx(0.05, abs=0.04)
    assert np.mean([one["Q"] for one in same]) == pytest.approx(11, rel=0.08)
    opposite = drawn([0.7] * 6 + [-0.7] * 6)
    assert opposite["Q_p"] < 1e-6 and opposite["I2"] > 0.6
    assert np.isnan(group_correlations.heterogeneity([0.5], [9])["Q"])


# ---- through every script


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("response")
    for name, changes in {"10": {}, "line": {"shape": "line", "activation": "relu"}}.items():
        row = {**ROW, "name": name, **changes}
        train_response.main(row, {"bits": 3, "finer": 3}, METHODS, 2, 30, 0.1, "cpu", folder / f"{name}.nc")
    analyse([folder / "10.nc", folder / "line.nc"], folder)
    return folder


RANK_TABLES = ("rank", "effects", "correlations", "combined")


def analyse(runs, folder):
    fit_response_law.main(runs, {"early": 0.5, "late": 0.2}, 0.95, *(folder / f"{n}.csv" for n in ("law", "verdicts")))
    compare_response_rank.main(runs, [0.3, 0.2, 1e-9], 0.95, *(folder / f"{name}.csv" for name in RANK_TABLES))


def test_every_network_method_and_stage_has_its_row(folder):
    law = artifacts.read_table(folder / "law.csv")
    assert len(law) == 2 * 4 * 3 * 2 * 4
    assert set(law.setting) == {"10", "line"} and set(law.stage) == {"whole", "early", "middle", "late"}
    fitted = law[law.best_law.notna()]
    assert len(fitted) and (fitted.rank1_share.between(0, 1)).all() and (fitted.low <= fitted.high).all()
    assert (law.reason[law.best_law.isna()].str.startswith("only ")).all()
    whole = fitted[(fitted.stage == "whole") & (fitted.quantity == "kernel")]
    assert len(whole) == 24 and (whole.rank1_share > 0.9).all()


def test_the_law_is_that_of_the_measured_kernel(folder):
    run = artifacts.read_dataset(folder / "10.nc").isel(method=2, seed=1)
    law = artifacts.read_table(folder / "law.csv").astype({"setting": str})
    one = law.query("setting == '10' and method == 'full' and seed == 1 and quantity == 'kernel' and stage == 'whole'")
    matrix = np.stack([
        [run.kernel.values[t][run.steps_apart.values == d].mean() for d in range(len(run.distance))]
        for t in range(len(run.time))
    ])  # fmt: skip
    u, s, _ = np.linalg.svd(matrix)
    assert one.rank1_share.item() == pytest.approx(s[0] ** 2 / (s**2).sum(), rel=1e-5)
    assert one.factor.item() == pytest.approx(u[-1, 0] / u[0, 0], rel=1e-4)
    # the two ways to the response agree at the row's own step, to its first order
    assert np.abs(run.response - run.along).max() < 0.15 * np.abs(run.along).max()


def test_a_verdict_needs_five_networks_and_a_clear_lead():
    """Made-up criteria of six networks: a law with a lead is named, one without is not, nor one of four networks."""

    def verdict(leads):
        rows = pd.DataFrame({f"criterion_{law}": 30.0 for law in response_laws.LAWS}, index=range(len(leads)))
        rows = rows.assign(criterion_power=0.0, criterion_relaxation=leads, best_law="power", factor=0.1, reason="")
        rows = rows.assign(rank1_share=1, explained=1, half_width=1.0, exponent=1, r2=1, power_lead=leads)
        return fit_response_law.verdict(rows, 0.95)

    clear = verdict([5.0, 6, 7, 6, 5, 6])
    assert clear["verdict"] == "power, decays" and clear["rival"] == "relaxation" and clear["lead_low"] > 2
    assert clear["power_lead_p"] < 0.001 and clear["unit"] == "network"
    assert verdict([5.0, -3, 7, 1, 0, 6])["verdict"] == "undecided, power or relaxation, decays"
    few = verdict([5.0, 6, 7, 6])
    assert few["verdict"].startswith("undecided") and np.isnan(few["lead_low"]) and np.isnan(few["power_lead_p"])


def test_ranks_are_compared_at_the_same_loss_and_missing_ones_have_their_reason(folder):
    ranks = artifacts.read_table(folder / "rank.csv")
    assert len(ranks) == 2 * 4 * 3 * 3
    never = ranks[ranks.loss == 1e-9]
    assert never.participation_ratio.isna().all() and never.reason.str.startswith("lowest loss").all()
    some = ranks[(ranks.loss == 0.3) & ranks.participation_ratio.notna()]
    assert len(some) > 12 and some.participation_ratio.between(1, 24).all() and (some.reason == "").all()
    effects = artifacts.read_table(folder / "effects.csv")
    assert set(effects.method) == {"single", "minibatch", "adam"}
    pair = some[(some.setting == "10")].pivot(index="seed", columns="method", values="participation_ratio")
    one = effects.query("setting == '10' and loss == 0.3 and method == 'adam' and measure == 'participation_ratio'")
    assert np.log(one.ratio.item()) == pytest.approx(np.log(pair.adam / pair.full).mean(), abs=1e-7)
    assert np.isnan(one.ratio_low.item()) and one.ratio_n.item() == 3 and not one.discovery.item()
    own = some.query("setting == '10' and method == 'adam'").set_index("seed").participation_ratio_ratio
    np.testing.assert_allclose(own, (pair.adam / pair.full)[own.index], rtol=1e-6)
    correlations = artifacts.read_table(folder / "correlations.csv")
    assert set(correlations.setting) == {"10", "line"}  # of no other group, pooled ones have a table of their own
    here = correlations.query("setting == '10' and loss == 0.3 and method == 'adam' and fragility == 'worst'")
    of = some.query("setting == '10' and method == 'adam'")
    expected = np.corrcoef(np.log(of.participation_ratio), np.log(of.worst))[0, 1]
    assert here.set_index("rank").correlation["participation_ratio"] == pytest.approx(expected, abs=1e-6)
    combined = artifacts.read_table(folder / "combined.csv")
    assert len(combined) == 3 * 4 and (combined.correlation_n <= 2).all() and combined.correlation_low.isna().all()


def test_networks_that_diverged_are_listed(folder, tmp_path):
    runs = artifacts.read_dataset(folder / "10.nc")
    for name in ("loss", "residual", "kernel", "along", "response", "variances", "jacobian", "perturbed"):
        runs[name][dict(method=0, seed=2, time=slice(5, None))] = np.nan
    artifacts.write_dataset(runs, tmp_path / "10.nc")
    analyse([tmp_path / "10.nc"], tmp_path)
    law = artifacts.read_table(tmp_path / "law.csv").query("method == 'single' and seed == 2")
    assert set(law[law.stage == "whole"].reason) == {"only 5 times"}
    verdict = artifacts.read_table(tmp_path / "verdicts.csv").query("method == 'single' and stage == 'whole'")
    assert set(verdict.fitted) == {2} and set(verdict.networks) == {3}
    assert verdict.reason.str.startswith("1 of 3: only 5 times").all()
    ranks = artifacts.read_table(tmp_path / "rank.csv").query("method == 'single' and seed == 2 and loss == 0.2")
    assert ranks.reason.item() == "diverged"
    draw(tmp_path, tmp_path)


@pytest.mark.parametrize("all_diverged", [False, True])
def test_one_method_is_enough_and_so_is_none_that_learned(folder, tmp_path, all_diverged):
    runs = artifacts.read_dataset(folder / "10.nc").isel(method=[2])
    if all_diverged:
        for name in ("loss", "residual", "kernel", "along", "response", "variances", "jacobian", "perturbed"):
            runs[name][dict(time=slice(1, None))] = np.nan
    artifacts.write_dataset(runs, tmp_path / "10.nc")
    analyse([tmp_path / "10.nc"], tmp_path)
    assert len(artifacts.read_table(tmp_path / "effects.csv")) == 0
    verdicts = artifacts.read_table(tmp_path / "verdicts.csv")
    assert (verdicts.verdict == "not fitted").all() == all_diverged
    draw(tmp_path, tmp_path)


def test_a_rebuild_gives_the_same_bytes(folder, tmp_path):
    row = {**ROW, "name": "10"}
    train_response.main(row, {"bits": 3, "finer": 3}, METHODS, 2, 30, 0.1, "cpu", tmp_path / "10.nc")
    assert (tmp_path / "10.nc").read_bytes() == (folder / "10.nc").read_bytes()


def draw(folder, output):
    tables = [folder / f"{name}.csv" for name in ("law", "verdicts")]
    law = figure_files(plot_response_law, output, *tables, 0.95, name="law_figure")
    rank = figure_files(
        plot_response_rank,
        output,
        *(folder / f"{name}.csv" for name in ("rank", "effects", "combined")),
        0.95,
        name="rank_figure",
    )
    return [path.read_bytes() for path in (*law, *rank)]


def test_the_figures_have_fixed_bytes_and_tables_of_what_they_draw(folder, tmp_path):
    assert draw(folder, tmp_path) == draw(folder, tmp_path / "again")
    drawn = pd.read_csv(tmp_path / "law_figure.csv", dtype={"setting": str})
    law = artifacts.read_table(folder / "law.csv").astype({"setting": str})
    of = law.query("setting == 'line' and method == 'adam' and quantity == 'kernel' and stage == 'whole'")
    here = drawn.query("setting == 'line' and method == 'adam' and shown == 'factor'")
    assert here.value.item() == pytest.approx(np.exp(np.log(of.factor).mean()), rel=1e-6)
    rank = pd.read_csv(tmp_path / "rank_figure.csv", dtype={"setting": str})
    assert {"participation_ratio", "worst"} <= set(rank.measure)
