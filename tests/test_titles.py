"""What figures say: a title follows from its table, whichever way it came out; and all of a page is on the page."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from blobs import plot as plot_blobs
from clock import plot as plot_clock
from clock_drift import plot as plot_drift
from coupled import plot as plot_coupled
from depth import plot as plot_depth
from falsification import plot as plot_falsification
from final_distance import plot as plot_final_distance
from gains import plot as plot_gains
from losses import plot as plot_losses
from matplotlib.backends.backend_agg import FigureCanvasAgg
from mnist_pairs import plot as plot_pairs
from mnist_structure import plot as plot_structure
from out_of_sample import plot as plot_out_of_sample
from phase_diagram import plot as plot_phase_diagram
from repeatability import plot as plot_repeatability
from response_law import plot as plot_law
from response_plasticity import plot as plot_plasticity
from response_rank import plot as plot_rank
from response_splitting import plot as plot_splitting
from width import plot as plot_width
from xor import plot as plot_xor

from repdyn.plotting import pages, style

RECORD = Path(__file__).resolve().parents[1] / "docs" / "record" / "tables"
ROW = {"name": "default", "width": 500, "depth": 20}
DRAWN = {  # figure: its script, its tables, what else it is told
    "clock": (plot_clock, ["clock_networks", "clock_summary"], [0.95]),
    "clock_drift": (plot_drift, ["clock_networks", "clock_summary"], [0.95]),
    "coupled": (plot_coupled, ["coupled", "coupled_summary"], []),
    "depth": (plot_depth, ["depth", "depth_networks"], [ROW, 0.95]),
    "falsification": (plot_falsification, ["falsification_summary"], []),
    "final_distance": (plot_final_distance, ["final_distance_networks", "final_distance_summary"], []),
    "gains": (plot_gains, ["gains"], [10, 0.95]),
    "out_of_sample": (plot_out_of_sample, ["out_of_sample_networks", "out_of_sample_summary"], []),
    "phase_diagram": (plot_phase_diagram, [f"phase_diagram_{of}" for of in ("cells", "networks", "crossover")], []),
    "repeatability": (plot_repeatability, ["repeatability_summary"], [{"width": 100}, 0.95]),
    "response_plasticity": (plot_plasticity, ["response_plasticity", "response_plasticity_summary"], [0.05, 0.95]),
    "response_splitting": (plot_splitting, ["response_splitting", "response_splitting_summary"], [0.95]),
    "width": (plot_width, ["width", "width_summary"], []),
}


@pytest.mark.parametrize("name", DRAWN)
def test_all_of_a_page_of_the_record_is_on_it(name):
    plot, tables, more = DRAWN[name]
    with style.applied():
        figure, numbers = plot.main(*(RECORD / f"{table}.csv" for table in tables), *more)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        width, height = figure.bbox.size
        for artist in figure.get_children():
            box = artist.get_tightbbox(canvas.get_renderer()) if artist is not figure.patch else None
            if box is not None and box.width:
                assert box.x0 > -1 and box.y0 > -1 and box.x1 < width + 1 and box.y1 < height + 1, (artist, box)
    assert len(numbers) and len(figure.texts[0].get_text().splitlines()) <= 2


def test_lines_fit_and_formulas_stay_whole():
    text = r"two words $\eta_h \to 0$ and" + " more" * 60
    lines = pages.wrapped(text, 4, 10)
    assert " ".join(lines) == text and len(lines) > 3
    assert all(pages.text_width(line, 10) <= 4 for line in lines)
    assert sum(r"$\eta_h \to 0$" in line for line in lines) == 1


def test_an_interval_lies_on_a_side_or_on_none():
    assert style.side([0.1, -2, -1, np.nan], [0.2, -1, 1, np.nan]).tolist() == [1, -1, 0, 0]
    assert style.side(1.1, 1.2, 1) == 1


def found(**columns) -> pd.DataFrame:
    return pd.DataFrame(columns)


def test_the_response():
    kernel = found(factor=[2, 3, 0.5], factor_p=0.01, factor_discovery=True)
    response = found(power_lead=[2, -3, -4], power_lead_p=0.01, power_lead_discovery=[False, True, True])
    said = "The kernel ages in {} of 3 cases and grows in {}; a power law describes the response best in {}"
    assert plot_law.title(kernel, response) == said.format(1, 2, 0)
    swapped = kernel.assign(factor=1 / kernel.factor), response.assign(power_lead=-response.power_lead)
    assert plot_law.title(*swapped) == said.format(2, 1, 2)
    assert plot_law.title(kernel.assign(factor_p=np.nan), response).startswith("Too few networks")

    ratio = found(method=["single", "minibatch"], ratio=[0.5, 2], p=0.01, discovery=True)
    assert plot_rank.title(ratio, ratio.assign(ratio=2)) == (
        "Stochastic training leaves fewer dimensions in 1 of 2 cases and more in 1; fragility is higher in 2 and lower "
        "in 0"
    )
    assert plot_rank.title(ratio.assign(p=np.nan), ratio).startswith("Too few networks")

    steps = found(ratio=[0.5, 2, 3], ratio_p=0.01, ratio_discovery=True)
    assert plot_plasticity.title(steps).endswith("more slowly than fresh ones in 2 of 3 cases, faster in 1")
    assert plot_plasticity.title(steps.assign(ratio_p=np.nan)).startswith("Too few networks")
    parts = found(parts_ratio=[0.5, 2, 3], parts_ratio_p=0.01, parts_ratio_discovery=[True, True, False])
    assert plot_splitting.title(parts).endswith("more parts in 1 of 3 cases, into fewer in 1")


def test_rich_and_lazy():
    last = found(depth=[4, 40], place="last", value=[1.2, 1.41], low=[1.1, 1.38], high=[1.3, 1.44], mean_field=1.414)
    said = "In the last of 40 layers rich turns lazy at gain 1.41"
    assert plot_phase_diagram.title(last) == f"{said}, not told from mean field: 1.41"
    assert plot_phase_diagram.title(last.assign(high=1.4)) == f"{said}, below mean field: 1.41"
    assert plot_phase_diagram.title(last.assign(low=1.42, high=1.43)) == f"{said}, above mean field: 1.41"
    assert plot_phase_diagram.title(last.assign(low=np.nan, high=np.nan)) == f"{said}; by mean field: 1.41"
    assert plot_phase_diagram.title(last.assign(value=np.nan)).endswith("no crossover was seen")

    of = {"series": "experiment", "gain": [0.9, 1.4] * 2, "quantity": ["h_growth"] * 2 + ["error_active"] * 2}
    gains = found(**of, value=[830, 0.54, 0.12, 0.45])
    assert plot_gains.title(gains) == (
        "Learning multiplies H by 830 at gain 0.9 and by 0.54 at 1.4; the theory's error goes from 12 % to 45 %"
    )
    assert "cannot be told" in plot_gains.title(gains[gains.gain == 0.9])

    ratio = found(quantity="ratio", series="mean", layer=[5, 10, 15], value=[9, 1.04, 0.98])
    assert plot_depth.title(ratio, {"depth": 20}).endswith("restates the final distance, within 4 %")
    assert plot_depth.title(ratio.assign(value=2.0), {"depth": 20}).endswith(
        "is 2.00 to 2.00 of what the final distance says"
    )
    assert "cannot be told" in plot_depth.title(ratio[:1], {"depth": 20})


def test_one_trained_twice():
    layers = {"layer": ["worst layer", "worst layer"], "quantity": ["H", "eta_h"]}
    moved = found(setting="relu", kind="lr/2", **layers, difference=[0.29, 0.25])
    still = found(setting="tanh", kind="lr/2", **layers, difference=[0.01, 0.02])
    assert plot_repeatability.title(pd.concat([moved, still])) == (
        "Steps of lr/2 move H and rates of relu by 29 % and 25 %, of tanh by 1.0 % and 2.0 % (worst layers)"
    )
    assert plot_repeatability.title(moved.assign(difference=np.nan)) == "No network was trained twice to the end"


def test_what_representations_show():
    xor = found(over_better=[0.5, -0.5, 0.1], over_better_low=[0.4, -0.6, -1], over_better_high=[0.6, -0.4, 1])
    assert plot_xor.title(xor).endswith("alone in 1 of 3 settings, worse in 1")
    few = xor.assign(over_better_low=np.nan, over_better_high=np.nan)
    assert plot_xor.title(few).endswith("alone on average in 2 of 3 settings, worse in 1")
    assert plot_xor.title(xor.assign(over_better=np.nan)).endswith("no network learned it")

    change = found(feature="selectivity", time="change", seed=np.nan, gain=[2, 0.5], value=[0.05, -0.3])
    assert (
        plot_blobs.title(change)
        == "Training changes selectivity for what matters by -0.30 at gain 0.5, +0.05 at gain 2"
    )
    assert plot_blobs.title(change.assign(value=np.nan)).endswith("no network learned")

    rows = found(pairs="all", predictor=["theory", "class and input distance"], correlation=[0.64, 0.65])
    for ends, words in (
        ((-0.1, 0.1), "no better or worse than"),
        ((0.1, 0.2), "better than"),
        ((-0.2, -0.1), "worse than"),
    ):
        adds = rows.assign(theory_adds_low=[np.nan, ends[0]], theory_adds_high=[np.nan, ends[1]])
        assert plot_structure.title(adds).endswith(f"(r = 0.64) {words} class and input distance (r = 0.65)")
    assert plot_structure.title(adds.assign(correlation=[np.nan, 0.65])).startswith("no fit converged")

    pairs = found(kept=2, fits=4, error=0.3, error_h=[0.04, 0.5], error_y=[0.2, 0.5], error_w=[0.3, 0.5])
    pairs.index = ["two digits", "one digit"]
    assert plot_pairs.title(pairs).startswith(
        "two rates describe H of two digits within 10 % (off by H 4.0 %, Y 20 %, w 30 %"
    )
    assert plot_pairs.title(pairs.assign(error_h=0.2)).startswith(
        "two rates describe no curve of two digits within 10 %"
    )
    assert plot_pairs.title(pairs.assign(kept=0)) == "no network was kept"


@pytest.mark.parametrize("factor, followed", [(1.5, 1), (3.0, 0)])
def test_the_loss(factor, followed):
    loss = np.geomspace(1, 1e-3, 5)
    curves = [found(step=range(5), series=series, value=value) for series, value in
              (("experiment", loss), ("theory", loss * factor))]  # fmt: skip
    discarded = found(step=range(5), series="discarded", value=1.0)
    title = plot_losses.title([pd.concat(curves), discarded])
    assert title == f"With one more rate the theory follows the loss in {followed} of 2 settings, within a factor of 2"
