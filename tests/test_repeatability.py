"""The same networks again: reordered units compute the same, and differences are what was put in."""

import numpy as np
import pandas as pd
import pytest
from repeatability import compare as compare_repeatability
from repeatability import plot as plot_repeatability
from repeatability import train as train_repeatability
from runs import X, Y, after, ensemble, figure_files
from two_points import data as make_two_points

from repdyn import artifacts, fitting
from repdyn.networks import Shape
from repdyn.statistics import differences
from repdyn.training.compiled import CompiledTrainer
from repdyn.training.ensemble import Member
from repdyn.training.reordered import reordered_trainer

MEMBERS = [Member(seed, 1.0, 0.02) for seed in (0, 1, 4)]
TASK = {"dx2": 1.0, "dy2": 0.5, "in_dim": 1, "out_dim": 1}
ROW = {
    **{"name": "smooth", "model": "mlp", "activation": "tanh", "gain": 1.0, "lr": 0.02, "width": 20, "depth": 4},
    **{"steps": 400, "solver": "sgd", "networks": 5, "finer": 1, "rest_loss": 0.0, "init_seed": 0},
    **{"dropout_seed": None, **TASK},
}


@pytest.mark.parametrize("model", ["mlp", "resnet"])
def test_reordered_units_are_the_same_units_and_stay_so(model):
    networks = ensemble(model, Shape(30, 4, "tanh"), MEMBERS)
    for steps in (0, 50):
        plain, reordered = (kind(networks) for kind in (CompiledTrainer, reordered_trainer))
        for trainer in (plain, reordered):
            after(trainer, X, Y, steps) if steps else None
        (hidden, output), (others, same) = plain.look(X), reordered.look(X)
        np.testing.assert_allclose(same, output, atol=1e-5)
        for h, other in zip(hidden, others, strict=True):
            for n, member in enumerate(MEMBERS):
                order = np.random.default_rng(member.seed).permutation(30)
                np.testing.assert_allclose(other[n], h[n][:, order], atol=1e-5)
                assert np.abs(other[n] - h[n]).max() > 1e-2  # they did change places
    assert (same != output).any()  # and numbers are added in another order


def test_layers_that_cannot_be_reordered_are_refused():
    with pytest.raises(ValueError, match="dense hidden layers of one width"):
        reordered_trainer(ensemble("cnn", Shape(60, 2, "tanh"), MEMBERS))


def test_differences_of_known_curves():
    curve = np.linspace(0, 2, 101)
    assert differences.of_curves(curve, curve + 0.1) == pytest.approx(0.05)
    assert differences.of_curves(curve, curve) == differences.SMALLEST
    assert np.isnan(differences.of_curves(np.ones(5), curve[:5]))
    one, other = fitting.Fit(eta_h=1.0, converged=True), fitting.Fit(eta_h=0.8, converged=True)
    assert compare_repeatability.factor(one, other, "eta_h") == pytest.approx(0.25)
    assert compare_repeatability.factor(other, one, "eta_h") == pytest.approx(0.25)
    assert np.isnan(compare_repeatability.factor(one, fitting.Fit(), "eta_h"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("repeatability")
    make_two_points.main(TASK, folder / "points.nc")
    train_repeatability.main(folder / "points.nc", ROW, [2, 4], "cpu", folder / "smooth.nc")
    kinked = {**ROW, "name": "kinked", "activation": "relu", "steps": 300}
    train_repeatability.main(folder / "points.nc", kinked, [2, 4], "cpu", folder / "kinked.nc")
    compare(folder, folder)
    return folder


def compare(folder, output):
    tables = (output / "table.csv", output / "summary.csv")
    compare_repeatability.main([folder / f"{name}.nc" for name in ("smooth", "kinked")], [2, 2], 0.02, 0.95, *tables)


def test_smooth_networks_repeat_and_steps_are_of_first_order(folder):
    table = artifacts.read_table(folder / "table.csv")
    assert len(table) == 2 * 5 * 3 * (4 + 2 + 2 * 3)  # networks, kinds, H of 4 layers, Y and w, rates of 3 layers
    summary = artifacts.read_table(folder / "summary.csv").query("setting == 'smooth'")
    of = summary.set_index(["quantity", "layer", "kind"]).difference
    for quantity in ("H", "eta_h", "eta_y"):
        assert of[quantity, "worst layer", "order of additions"] < 1e-4
        assert of[quantity, "table's layer", "lr/2"] <= of[quantity, "worst layer", "lr/2"]
    # errors of steps h are ~ h: between h and h/4 half as much again as between h and h/2
    assert of["H", "worst layer", "lr/4"] / of["H", "worst layer", "lr/2"] == pytest.approx(1.5, rel=0.05)
    assert of["Y", "output", "lr/4"] / of["Y", "output", "lr/2"] == pytest.approx(1.5, rel=0.05)


def test_tolerances_are_of_the_single_networks(folder):
    table = artifacts.read_table(folder / "table.csv").query(
        "setting == 'smooth' and kind == 'lr/2' and quantity == 'H'"
    )
    row = artifacts.read_table(folder / "summary.csv").query(
        "setting == 'smooth' and kind == 'lr/2' and quantity == 'H' and layer == 'worst layer'"
    )
    worst = table.groupby("seed").difference.max()
    assert row.largest.item() == pytest.approx(worst.max()) and row.difference_n.item() == 5
    assert row.difference.item() == pytest.approx(np.exp(np.log(worst).mean()))
    assert row.tolerance.item() > row.difference_high.item() > row.difference.item()
    at = table[table.at_table_layer.astype(bool)]
    assert set(at.layer) == {2} and len(at) == 5


def test_what_did_not_learn_is_named_and_counts_in_no_mean(folder, tmp_path):
    runs = artifacts.read_dataset(folder / "smooth.nc")
    runs["loss"][dict(kind=2, seed=3, step=-1)] = 1.0
    runs["diverged"][dict(kind=1, seed=1)] = 7
    artifacts.write_dataset(runs, tmp_path / "smooth.nc")
    (tmp_path / "kinked.nc").write_bytes((folder / "kinked.nc").read_bytes())
    compare(tmp_path, tmp_path)
    summary = artifacts.read_table(tmp_path / "summary.csv").query("setting == 'smooth'").set_index("kind")
    assert set(summary.reason["lr/2"]) == {"seed 3: lr/2: final loss 1 above 0.02"}
    assert set(summary.reason["order of additions"]) == {"seed 1: order of additions: diverged at step 7"}
    assert (summary.difference_n["lr/2"] == 4).all() and summary.tolerance["lr/2"].isna().all()
    figure_files(plot_repeatability, tmp_path, tmp_path / "summary.csv", ROW, 0.95)


def test_the_figure_has_fixed_bytes_and_a_table_of_what_it_draws(folder, tmp_path):
    paths = figure_files(plot_repeatability, tmp_path, folder / "summary.csv", ROW, 0.95)
    again = figure_files(plot_repeatability, tmp_path / "again", folder / "summary.csv", ROW, 0.95)
    assert [p.read_bytes() for p in paths] == [p.read_bytes() for p in again]
    assert set(pd.read_csv(tmp_path / "figure.csv").kind) == {"order of additions", "lr/2", "lr/4"}
