"""The key figure: the theory's curves of known networks, what its title says, and no crash where none learned."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from key_figure import analyse, plot
from runs import figure_files

from repdyn import artifacts
from repdyn.theory import clock

DX2, DY2, T = 1.0, 0.5, np.arange(1500)
INITIAL, RATES, K = (0.05, 0.001, 0.001 - np.sqrt(DY2 * 0.001)), (0.004, 0.02), 5.0


@pytest.fixture
def curves(tmp_path):
    """Four networks on the theory's path whose clock drifts, of which the first is explored and the third not kept."""
    H, Y, w = clock.drifting(T, *INITIAL, *RATES, K, DX2, DY2)
    runs = xr.Dataset(
        {"H": (("seed", "layer", "step"), np.tile(H, (4, 2, 1)))}
        | {name: (("seed", "step"), np.tile(curve, (4, 1))) for name, curve in (("Y", Y), ("w", w))},
        coords={"seed": range(4), "layer": range(2), "step": T},
        attrs={"dx2": DX2, "dy2": DY2, "setting": "tanh"},
    )
    artifacts.write_dataset(runs, tmp_path / "tanh.nc")
    fits = pd.DataFrame({"seed": np.repeat(range(4), 2), "layer": [0, 1] * 4, "eta_h": 0.01, "eta_y": 0.04})
    artifacts.write_table(fits.assign(kept=fits.seed != 2, orbit_error=0.01), tmp_path / "tanh.csv")

    def made(explore):
        analyse.main(str(tmp_path / "tanh.nc"), str(tmp_path / "tanh.csv"), 1, explore, str(tmp_path / "curves.csv"))
        return tmp_path / "curves.csv"

    return made


def summary(folder, errors, kept=5):
    """Means of two settings, the second with kinks; errors of trajectory, clock and path of both."""
    names = ("error_active", "error_clock", "orbit_error")
    about = {"smooth": [True, False], "activation": ["tanh", "leaky_relu"], "depth": 20, "layer": 1, "side": "held out"}
    numbers = {f"{name}{end}": error for name, error in zip(names, errors) for end in ("", "_low", "_high")}
    table = pd.DataFrame({"setting": ["tanh", "leaky"], **about, "networks": 5, "kept": kept, **numbers})
    artifacts.write_table(table.assign(**{f"{name}_n": kept for name in names}), folder / "summary.csv")
    return folder / "summary.csv"


def test_the_path_lies_on_the_network_and_the_trajectory_does_not(curves):
    table = artifacts.read_table(curves(1))
    assert list(table.seed.unique()) == [1, 3]  # not the explored one, not the one that did not learn
    one = {name: of.set_index("step") for name, of in table[table.seed == 1].groupby("series")}
    assert set(one) == {"experiment", "trajectory", "path"}
    assert np.abs(one["path"].Y - one["experiment"].Y).max() < 1e-4 * DY2
    assert np.abs(one["trajectory"].Y - one["experiment"].Y).max() > 0.1 * DY2
    assert list(artifacts.read_table(curves(9)).seed.unique()) == [0, 1, 3]  # all are explored: these are shown


@pytest.mark.parametrize(
    "errors, told",
    [
        ((0.15, 0.04, 0.01), "take the theory's path, but not at its pace"),
        ((0.02, 0.02, 0.01), "take the theory's path, at its pace"),
        ((0.02, 0.02, 0.2), "keep the theory's pace, but not its path"),
        ((0.15, 0.04, 0.2), "leave the theory's path and its pace"),
    ],
)
def test_the_title_says_what_the_numbers_say(curves, tmp_path, errors, told):
    figure, numbers = plot.main(str(curves(1)), str(summary(tmp_path, errors)), "tanh", 0.95)
    assert figure.texts[0].get_text() == f"Networks of 20 tanh layers {told}"
    assert set(numbers.series) == {"experiment", "trajectory", "path", "errors"}
    assert list(numbers[numbers.series == "errors"].orbit_error) == [errors[2]] * 2


def test_it_has_the_same_bytes_again_and_is_drawn_of_networks_none_of_which_learned(curves, tmp_path):
    table, means = str(curves(1)), str(summary(tmp_path, (0.15, 0.04, 0.01)))
    first, second = (figure_files(plot, tmp_path / name, table, means, "tanh", 0.95) for name in ("a", "b"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    artifacts.write_table(artifacts.read_table(table).iloc[:0], table)
    figure, _ = plot.main(table, str(summary(tmp_path, [np.nan] * 3, kept=0)), "tanh", 0.95)
    assert figure.texts[0].get_text() == "Networks of 20 tanh layers did not learn"
