"""Error and scatter over widths: planted rates come back, and wide networks are more alike than narrow ones."""

import numpy as np
import pandas as pd
import pytest
from runs import figure_files
from width import analyse as analyse_width
from width import plot as plot_width

from repdyn import artifacts

WIDTHS = (50, 200, 800)
NETWORKS = 12


def row(width):
    return {"name": f"w_{width}", "activation": "tanh", "width": width, "depth": 4, "layer": 1, "networks": NETWORKS}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Fits whose rates scatter as width^(-1/2) and whose errors don't change; one network is discarded."""
    folder, draw = tmp_path_factory.mktemp("width"), np.random.default_rng(1)
    chance = draw.standard_normal((2, NETWORKS))
    for width in WIDTHS:
        eta_h, eta_y = 0.01 * np.exp(chance / np.sqrt(width))
        fits = pd.DataFrame({"setting": f"w_{width}", "seed": range(NETWORKS), "layer": 1, "eta_h": eta_h})
        fits = fits.assign(eta_y=eta_y, nrmse=0.05, kept=fits.seed > 0, converged=True, reason="")
        fits.loc[0, ["eta_h", "reason"]] = 1e3, "final loss 1 above 0.01"
        other = fits.assign(layer=2, eta_h=7.0)
        artifacts.write_table(pd.concat([fits, other]), folder / f"{width}.csv")
    paths, rows = [folder / f"{width}.csv" for width in WIDTHS], [row(width) for width in WIDTHS]
    analyse_width.main(paths, rows, 0.95, folder / "table.csv", folder / "summary.csv")
    return folder


def test_scatter_is_the_standard_deviation_of_logarithms(folder):
    table, summary = (artifacts.read_table(folder / f"{name}.csv") for name in ("table", "summary"))
    assert len(table) == 3 * NETWORKS and (table.layer == 1).all()
    for found in summary.itertuples():
        kept = table[(table.setting == found.setting) & table.kept]
        assert found.networks == NETWORKS and found.kept == len(kept) == NETWORKS - 1
        assert found.sd_eta_h == pytest.approx(np.log(kept.eta_h).std())
        assert np.sqrt((kept.scatter_eta_h**2).mean()) == pytest.approx(found.sd_eta_h)
        assert found.sd_clock_low < found.sd_clock < found.sd_clock_high
    np.testing.assert_allclose(summary.sd_eta_h[1:].to_numpy() / summary.sd_eta_h[:-1].to_numpy(), 0.5, rtol=1e-6)
    assert np.isnan(table.scatter_clock[~table.kept]).all()
    np.testing.assert_allclose(table.error_over_narrowest, 1)


def test_one_network_has_no_scatter_and_is_drawn(folder, tmp_path):
    fits = artifacts.read_table(folder / "50.csv").query("seed == 3")
    artifacts.write_table(fits, tmp_path / "50.csv")
    outputs = [tmp_path / f"{name}.csv" for name in ("table", "summary")]
    analyse_width.main([tmp_path / "50.csv"], [row(50)], 0.95, *outputs)
    assert np.isnan(artifacts.read_table(outputs[1]).sd_clock[0])
    assert figure_files(plot_width, tmp_path / "one", *outputs)[0].stat().st_size


def test_no_interval_of_few_networks(folder, tmp_path):
    fits = artifacts.read_table(folder / "50.csv").query("seed < 4")
    artifacts.write_table(fits, tmp_path / "50.csv")
    outputs = [tmp_path / f"{name}.csv" for name in ("table", "summary")]
    analyse_width.main([tmp_path / "50.csv"], [row(50)], 0.95, *outputs)
    summary = artifacts.read_table(outputs[1]).iloc[0]
    assert np.isfinite([summary.nrmse, summary.sd_clock]).all()
    assert np.isnan(summary[["nrmse_low", "sd_clock_low", "eta_h_high"]].astype(float)).all()
    assert figure_files(plot_width, tmp_path / "few", *outputs)[0].stat().st_size


def test_the_figure_has_fixed_bytes_and_says_what_was_found(folder, tmp_path):
    inputs = folder / "table.csv", folder / "summary.csv"
    first, second = (figure_files(plot_width, tmp_path / run, *inputs) for run in "ab")
    for a, b in zip(first, second, strict=True):
        assert a.read_bytes() == b.read_bytes()


def test_the_title_tells_ends_apart_by_their_intervals():
    ends = {
        "nrmse_low": [0.1, 0.01],
        "nrmse_high": [0.2, 0.05],
        "sd_clock_low": [0.1, 0.1],
        "sd_clock_high": [0.3, 0.2],
    }
    summary = pd.DataFrame({"activation": "tanh", "width": [50, 800], "nrmse": [0.15, 0.03], "sd_clock": 0.2, **ends})
    assert plot_width.title(summary) == (
        "16 times wider, the error of the theory is lower with 1 of 1 activations, the scatter between networks not "
        "told apart"
    )
    same = summary.assign(nrmse_low=0.1, nrmse_high=0.2)
    assert plot_width.title(same).endswith(
        "neither the error of the theory nor the scatter between networks is told apart"
    )
    few = summary.assign(**dict.fromkeys(ends, np.nan))
    assert plot_width.title(few).endswith("the error is 0.2 times what it was, the scatter 1 times (of few networks)")
