"""Figures of small synthetic networks: fixed bytes, a CSV of what is drawn, and no crash on runs that failed."""

import ast
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from depth import analyse as analyse_depth
from depth import plot as plot_depth
from gains import analyse as analyse_gains
from gains import plot as plot_gains
from losses import plot as plot_losses
from runs import figure_files
from two_points import curves as average_two_points
from two_points import plot as plot_two_points

from repdyn import artifacts, theory
from repdyn.pipeline import sources
from repdyn.plotting import curves
from repdyn.statistics.curves import spread, thin
from repdyn.theory import bounds

SCRIPTS = Path(__file__).resolve().parents[1] / "workflow" / "scripts"
PLOTS = sorted(SCRIPTS.glob("*/plot.py"))

NETWORKS, LAYERS, STEPS, LAYER = 3, 4, 600, 1
FACTOR, DX2, DY2, M0, ETA_M = 0.5, 1.0, 0.5, 0.9, 0.02
LEVEL_OF_INTERVALS = 0.95
FIGURES = {"two_points": plot_two_points, "losses": plot_losses, "depth": plot_depth, "gains": plot_gains}


def make_setting(folder, name, gain=1.0, failed=(), unfitted=False):
    """Row, runs, fits and curves of networks that obey the theory but for a little noise; `failed` turn to nan."""
    noise = np.random.default_rng(5)
    t = np.arange(STEPS)
    eta_h = 0.002 * (1 + np.arange(LAYERS)) * (1 + 0.1 * np.arange(NETWORKS)[:, None])
    eta_y = np.full((NETWORKS, LAYERS), 0.06)
    H0 = np.tile(0.4 * FACTOR ** np.arange(LAYERS), (NETWORKS, 1))
    H, Y, w = theory.exact(t, H0, 0.01, 0.0, eta_h, eta_y, DX2, DY2)
    Y, w = Y[:, LAYER], w[:, LAYER]
    m0 = np.full(NETWORKS, M0)
    loss = theory.loss_curve(t, Y, w, m0, np.full(NETWORKS, ETA_M), DY2)
    H = H * (1 + 0.01 * noise.standard_normal(H.shape) * (t > 0))
    diverged_at = np.full(NETWORKS, -1)
    for seed in failed:
        diverged_at[seed] = 200
        for curve in (H, Y, w, loss):
            curve[seed, ..., 190:200] *= np.geomspace(10, 1e12, 10)
            curve[seed, ..., 200:] = np.nan
    row = {
        "name": name,
        "model": "mlp",
        "activation": "leaky_relu",
        "gain": gain,
        "lr": 0.1,
        "width": 50,
        "depth": LAYERS,
        "layer": LAYER,
        "solver": "sgd",
        "networks": NETWORKS,
        "in_dim": 1,
        "out_dim": 1,
        "dx2": DX2,
        "dy2": DY2,
    }
    runs = xr.Dataset(
        {
            "H": (("seed", "layer", "step"), H.astype("float32")),
            "mean_error": (("seed", "step"), theory.mean_error(t, m0, np.full(NETWORKS, ETA_M))),
            **{key: (("seed", "step"), curve) for key, curve in {"Y": Y, "w": w, "loss": loss}.items()},
            "diverged_at": ("seed", diverged_at),
        },
        coords={"seed": np.arange(NETWORKS), "layer": np.arange(LAYERS), "step": t},
        attrs={"dx2": DX2, "dy2": DY2, "in_dim": 1, "out_dim": 1, "setting": name, "row": json.dumps(row)},
    )
    rows = []
    for seed in range(NETWORKS):
        for layer in range(LAYERS):
            known = seed not in failed and not unfitted
            rates = (eta_h[seed, layer], eta_y[seed, layer], ETA_M, 0.1, 0.02 + 0.01 * seed, 0.99)
            fit = dict(
                zip(("eta_h", "eta_y", "eta_m", "sse", "nrmse", "r2"), rates if known else [np.nan] * 6, strict=True)
            )
            reason = "diverged at step 200; H is not finite" if seed in failed else "only nonsense" if unfitted else ""
            rows.append(
                {
                    "setting": name,
                    "seed": seed,
                    "layer": layer,
                    **fit,
                    "converged": known,
                    "reason": reason,
                    "kept": seed not in failed,
                    "nrmse_h": fit["nrmse"],
                    "nrmse_y": fit["nrmse"],
                    "nrmse_w": fit["nrmse"],
                    "error_active": fit["nrmse"],
                    "h_start": H0[seed, layer],
                    "h_end": H[seed, layer, -1],
                    "final_loss": loss[seed, -1],
                }
            )
    made = SimpleNamespace(row=row, runs=folder / f"{name}.nc", fits=folder / f"{name}.csv")
    made.curves = folder / f"{name}_curves.csv"
    artifacts.write_dataset(runs, made.runs)
    artifacts.write_table(pd.DataFrame(rows), made.fits)
    average_two_points.main(made.runs, made.fits, LAYER, LEVEL_OF_INTERVALS, made.curves)
    return made


def plot(name, settings, folder):
    """Run one figure's scripts on settings made above; returns the paths of svg, png and csv."""
    drawn, fits, rows = ([getattr(setting, of) for setting in settings] for of in ("curves", "fits", "row"))
    table, level = folder.parent / f"{folder.name}_{name}.csv", LEVEL_OF_INTERVALS
    if name == "depth":
        networks = table.with_name(f"{table.stem}_networks.csv")
        analyse_depth.main(fits[0], rows[0], level, table, networks)
        arguments = table, networks, rows[0], level
    elif name == "gains":
        analyse_gains.main(fits, rows, level, table)
        arguments = table, LAYER, level
    else:
        arguments = drawn, fits, rows
    return figure_files(FIGURES[name], folder, *arguments, name=name)


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("settings")
    return [make_setting(folder, "wide", gain=1.2, failed=[2]), make_setting(folder, "default")]


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_has_the_same_bytes_again(name, settings, tmp_path):
    first, second = (plot(name, settings, tmp_path / run) for run in ("first", "second"))
    for a, b in zip(first, second, strict=True):
        assert a.read_bytes() == b.read_bytes()
        assert 1000 < a.stat().st_size < 2_000_000
    assert b"<dc:date>" not in first[0].read_bytes()
    assert b"Matplotlib" not in first[1].read_bytes()
    assert sorted(path.name for path in (tmp_path / "first").iterdir()) == sorted(path.name for path in first)


@pytest.mark.parametrize("name, quantities", [("two_points", "HYw"), ("losses", ["loss"])])
def test_the_csv_holds_what_is_drawn(name, quantities, settings, tmp_path):
    numbers = pd.read_csv(plot(name, settings, tmp_path)[2])
    assert set(numbers.quantity) == set(quantities) and set(numbers.series) == {"experiment", "theory"}
    for setting in settings:
        runs = artifacts.read_dataset(setting.runs).sel(layer=LAYER)
        kept = runs.sel(seed=runs.diverged_at < 0)
        for quantity in quantities:
            mine = numbers[(numbers.setting == setting.row["name"]) & (numbers.quantity == quantity)]
            drawn, fitted = (mine[mine.series == series] for series in ("experiment", "theory"))
            assert len(drawn) <= 250 and drawn.step.iloc[[0, -1]].tolist() == [0, STEPS - 1]
            assert (mine.networks == kept.sizes["seed"]).all()
            observed = kept[quantity].sel(step=drawn.step.values).values.astype(float)
            mean = np.exp(np.log(observed).mean(axis=0)) if quantity == "loss" else observed.mean(axis=0)
            np.testing.assert_allclose(drawn.value, mean, rtol=1e-6, atol=1e-9)
            np.testing.assert_allclose(drawn.low, observed.min(axis=0), rtol=1e-6, atol=1e-9)
            np.testing.assert_allclose(drawn.high, observed.max(axis=0), rtol=1e-6, atol=1e-9)
            np.testing.assert_allclose(fitted.value, mean, rtol=0.03, atol=1e-6)  # the planted rates; H has noise


def test_thinning_keeps_the_ends_and_short_runs():
    assert thin(7).tolist() == list(range(7))
    index = thin(100_000)
    assert len(index) <= 250 and index[0] == 0 and index[-1] == 99_999 and (np.diff(index) > 0).all()


def test_many_networks_get_a_band_without_tails():
    values = np.arange(101.0)[:, None]
    assert [edge.item() for edge in spread(values, 3)] == [0, 100]
    assert [edge.item() for edge in spread(values, 101)] == [10, 90]


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("how", [{"failed": range(NETWORKS)}, {"unfitted": True}], ids=["all discarded", "no fit"])
def test_failed_settings_are_drawn(name, how, settings, tmp_path):
    failed = make_setting(tmp_path, "failed", gain=1.6, **how)
    numbers = pd.read_csv(plot(name, [failed, settings[1]], tmp_path / "out")[2])
    if name in ("two_points", "losses"):
        series = set(numbers[(numbers.setting == "failed") & numbers.step.notna()].series)
        assert series == ({"discarded"} if "failed" in how else {"experiment"})
    alone = plot(name, [failed], tmp_path / "alone")
    assert all(path.stat().st_size for path in alone)


def test_a_discarded_setting_says_why(tmp_path):
    failed = make_setting(tmp_path, "failed", failed=range(NETWORKS))
    setting = curves.read(failed.curves, failed.fits, failed.row)
    assert curves.counted(setting) == "0 of 3 networks kept"
    assert curves.why_discarded(setting) == "diverged at step 200 (and 2 more)"


def test_depth_finds_the_planted_factor(settings, tmp_path):
    numbers = pd.read_csv(plot("depth", settings[1:], tmp_path)[2])
    factor = numbers[(numbers.quantity == "G2") & (numbers.series == "fitted")].iloc[0]
    assert factor.value == pytest.approx(FACTOR) and np.isnan([factor.low, factor.high]).all()  # of 3 networks
    line = numbers[(numbers.quantity == "h_start") & (numbers.series == "fitted")]
    assert line.layer.tolist() == list(range(1, LAYERS))
    np.testing.assert_allclose(line.value, 0.4 * FACTOR**line.layer)
    rates = numbers[(numbers.quantity == "eta_h") & (numbers.series == "mean")]
    between = (1.0 * 1.1 * 1.2) ** (1 / 3)  # of the networks: geometric
    np.testing.assert_allclose(rates.value, 0.002 * between * (1 + rates.layer), rtol=1e-8)
    assert rates[["low", "high"]].isna().all(axis=None)


def test_mean_field_factor():
    row = {"model": "mlp", "activation": "relu", "gain": 1.2}
    assert analyse_depth.mean_field_factor(row) == pytest.approx(0.72)
    assert analyse_depth.mean_field_factor({**row, "activation": "leaky_relu"}) == pytest.approx(0.72 * 1.0001)
    assert np.isnan(analyse_depth.mean_field_factor({**row, "activation": "tanh"}))
    assert np.isnan(analyse_depth.mean_field_factor({**row, "model": "resnet"}))


def test_mean_field_factor_of_a_wide_random_network():
    generator = np.random.default_rng(0)
    width, gain = 1500, 1.1
    h = generator.standard_normal(width)
    before = h @ h
    h = gain * generator.standard_normal((width, width)) @ h / np.sqrt(width)  # Xavier normal of a square layer
    h = np.where(h > 0, h, 0.01 * h)
    expected = analyse_depth.mean_field_factor({"model": "mlp", "activation": "leaky_relu", "gain": gain})
    assert h @ h / before == pytest.approx(expected, rel=0.1)


def test_gains_marks_frozen_fits(settings, tmp_path):
    large = make_setting(tmp_path, "large", gain=1.4)
    table = artifacts.read_table(large.fits)
    table.loc[table.seed < 2, ["eta_h", "converged"]] = [bounds.LOWEST_RATE, False]
    table.loc[table.seed == 0, "h_end"] = table.h_start / 2
    artifacts.write_table(table, large.fits)
    numbers = pd.read_csv(plot("gains", [large, *settings], tmp_path / "out")[2])
    errors = numbers[(numbers.quantity == "error_active") & (numbers.gain == 1.4)].set_index("series")
    assert errors.loc["network_falling"].seed == 0 and errors.loc["network_at_bound"].seed == 1
    assert (errors.index == "network").sum() == 1
    assert errors.loc["experiment"].value == pytest.approx((0.02 * 0.03 * 0.04) ** (1 / 3))
    assert (numbers.query("setting == 'wide'").series == "discarded_network").sum() == 1  # h_start; no more is finite


def imported(module: Path) -> set[str]:
    """The full names of all that a module imports."""
    found = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def test_figures_import_no_torch_and_only_themselves():
    scripts = [f"{script.parent.name}.plot" for script in PLOTS]
    assert len(scripts) >= 15
    loaded = f"import sys, {', '.join(scripts)}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", loaded], cwd=SCRIPTS).returncode == 0
    experiments = {path.name for path in SCRIPTS.iterdir()} - {"repdyn"}
    for script in PLOTS:
        assert not {name.split(".")[0] for name in imported(script)} & experiments, script
        assert SCRIPTS / "repdyn" / "plotting" / "style.py" in sources.dependencies(script)


def test_a_figure_draws_and_an_analysis_computes():
    """No figure fits, solves or resamples: of these rooms it knows names, columns and bounds only."""
    library, rooms = SCRIPTS / "repdyn", ("theory", "fitting", "statistics")
    known = {"theory.altered.DYNAMICS", "theory.bounds.at_bound", "statistics.curves.COLUMNS", "statistics.curves.MANY"}
    for module in (*PLOTS, *(library / "plotting").glob("*.py")):
        names = {name.removeprefix("repdyn.") for name in imported(module) if name.startswith("repdyn.")}
        assert {name for name in names if name.split(".")[0] in rooms} <= known, module
        assert not {name for name in imported(module) if name.split(".")[0] in ("scipy", "sklearn")}, module
    for script in PLOTS:
        used = sources.dependencies(script)
        assert library / "statistics" / "intervals.py" not in used
        assert not [path for path in used if path.parent == library / "fitting"]
