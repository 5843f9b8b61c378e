"""The workflow as a user runs it, on the smoke study: what is made, what is made again, and that it is the same."""

import hashlib
import os
import shutil
import signal
import time
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

from repdyn import networks

FIGURES = ("architectures", "trajectories", "losses", "depth", "gains")
FIGURES += (
    "depth_gain",
    "final_distance",
    "out_of_sample",
    "alternatives",
    "xor",
    "blobs",
    "mnist_pairs",
    "mnist_structure",
    "response_law",
    "response_rank",
    "response_bridge",
)
PREDICTIONS = {
    (name, "") for name in ("predict_final_distance", "predict_trajectories", "final_distance", "out_of_sample")
}
TABLES = ("collect_fits", "summarise_settings", "collect_alternatives", "compare_xor", "measure_blobs")
TABLES += ("fit_mnist_pairs", "fit_mnist_structure", "compare_mnist", "compare_response_bridge")
RESPONSE_TABLES = ("fit_response_law", "compare_response_rank")
RESPONSE = ("relu", "tanh")  # rows of config/settings/response_smoke.tsv
TABLES_AND_FIGURES = {(name, "") for name in (*TABLES, *FIGURES)} | PREDICTIONS
GRID = ("default",)
ALTERNATIVES = {("fit_alternatives", name) for name in ("default", "skip")}  # alternatives.rows of the smoke study
BLOBS = ("large", "small")  # rows of config/settings/blobs_smoke.tsv
MNIST_TABLES = ("mnist_pairs", "mnist_rates", "mnist_structure", "mnist_correlations")


@pytest.fixture(scope="module")
def settings(smoke) -> list[str]:
    lines = (smoke.folder / "config/settings/smoke.tsv").read_text().splitlines()
    return [line.split("\t")[0] for line in lines if not line.startswith(("#", "name"))]


@pytest.fixture(scope="module")
def xor_settings(smoke) -> list[str]:
    lines = (smoke.folder / "config/settings/xor_smoke.tsv").read_text().splitlines()
    return [line.split("\t")[0] for line in lines if not line.startswith(("#", "name"))]


@contextmanager
def edited(path: Path, old: str, new: str):
    """The file with one place changed, for a while; put back with the same content but a new time."""
    before = path.read_text()
    assert before.count(old) >= 1, f"{old!r} is not in {path}"
    path.write_text(before.replace(old, new, 1))
    try:
        yield
    finally:
        path.write_text(before)


def digests(folder: Path) -> dict[str, str]:
    """Every file below a folder but the logs, which hold times."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "logs" not in path.parts
    }


def test_everything_is_made(smoke, settings, xor_settings):
    made = set(digests(smoke.folder / "results/smoke"))
    expected = {"data/two_points.nc", "tables/fits.csv", "tables/settings.csv", "tables/alternatives.csv"}
    expected |= {f"alternatives/{name}.csv" for _, name in ALTERNATIVES}
    expected |= {f"depth_gain/depth_{depth}.{kind}" for depth in (2, 5) for kind in ("nc", "csv")}
    expected |= {f"tables/depth_gain{kind}.csv" for kind in ("", "_crossover", "_exponents")}
    expected |= {f"trajectories/{name}.nc" for name in settings} | {f"fits/{name}.csv" for name in settings}
    expected |= {f"tables/{name}.csv" for name in ("final_distance", "final_distance_explained", "out_of_sample")}
    expected |= {f"final_distance/{name}.{kind}" for name in GRID for kind in ("nc", "csv")}
    expected |= {"tables/xor.csv", "tables/xor_summary.csv"}
    for name in xor_settings:
        expected |= {f"xor/{name}.nc", f"xor/two_points/{name}.nc", f"xor/two_points/{name}.csv"}
    expected |= {"tables/blobs.csv", "tables/blobs_summary.csv", "blobs/maps.csv"}
    expected |= {f"blobs/{name}.nc" for name in BLOBS}
    expected |= {"data/mnist.nc", "mnist/pairs.nc", "mnist/structure.nc"} | {
        f"tables/{name}.csv" for name in MNIST_TABLES
    }
    law, rank = ("response_law", "response_verdicts"), ("response_rank", "response_effects", "fragility")
    bridge = ("fragility_correlation", "response_bridge", "response_bridge_summary")
    expected |= {f"tables/{name}.csv" for name in (*law, *rank, *bridge)}
    expected |= {f"response/{name}.nc" for name in (*RESPONSE, "bridge/default")}
    expected |= {f"response/{name}_curves.csv" for name in ("law", "rank", "bridge")}
    expected |= {f"figures/{name}.{kind}" for name in FIGURES for kind in ("svg", "png", "csv")}
    assert made == expected


def test_tables_hold_every_network_and_layer(smoke, settings):
    fits = pd.read_csv(smoke.folder / "results/smoke/tables/fits.csv")
    columns = "setting seed layer eta_h eta_y eta_m sse nrmse r2 converged reason"
    assert list(fits.columns)[:11] == columns.split()
    assert list(fits.setting.unique()) == settings
    table = pd.read_csv(smoke.folder / "config/settings/smoke.tsv", sep="\t", comment="#", index_col="name")
    for setting, rows in fits.groupby("setting"):
        model, *shape = table.loc[setting, ["model", "width", "depth", "activation"]]
        layers = networks.hidden_layers(model, networks.Shape(*shape))
        pairs = set(zip(rows.seed, rows.layer, strict=True))
        assert pairs == {(seed, layer) for seed in (0, 1) for layer in range(layers)}, setting
        assert len(rows) == len(pairs)
    summary = pd.read_csv(smoke.folder / "results/smoke/tables/settings.csv")
    assert list(summary.setting) == settings
    default = fits.query("setting == 'default' and layer == 2 and kept")
    row = summary.set_index("setting").loc["default"]
    assert row.eta_h == pytest.approx(default.eta_h.mean(), rel=1e-6)
    assert row.eta_h_low <= row.eta_h <= row.eta_h_high


def test_a_second_run_does_nothing(smoke):
    assert "Nothing to be done" in smoke.snakemake()


def test_a_touch_or_checkout_re_runs_nothing(smoke):
    """git checkout writes files anew: another time, the same content."""
    for path in smoke.folder.rglob("*"):
        if path.is_file() and not {"results", ".snakemake", "__pycache__"} & set(path.parts):
            path.write_bytes(path.read_bytes())
    assert smoke.planned() == set()


def test_an_edit_of_a_figure_re_runs_that_figure_alone(smoke):
    code = {"trajectories": {"architectures", "trajectories"}} | {name: {name} for name in FIGURES[2:]}
    for module, figures in code.items():
        with edited(smoke.folder / f"workflow/scripts/repdyn/figures/{module}.py", "\n\n", "\n\nEDITED = True\n"):
            assert smoke.planned() == {(name, "") for name in figures}
    assert smoke.planned() == set()


def test_an_edit_of_the_theory_re_runs_fits_but_no_training(smoke, settings, xor_settings):
    with edited(smoke.folder / "workflow/scripts/repdyn/theory.py", "\n\n", "\n\nEDITED = True\n"):
        planned = smoke.planned()
    fits = {("fit", name) for name in settings} | {("fit_grid", name) for name in GRID} | ALTERNATIVES
    fits |= {("fit_xor_rates", name) for name in xor_settings}
    assert fits | TABLES_AND_FIGURES <= planned
    assert not [job for job in planned if job[0].startswith(("train", "prepare"))]


@pytest.mark.parametrize("module", ["alternatives", "falsification", "runge_kutta"])
def test_an_edit_of_the_altered_equations_re_runs_their_fits_alone(smoke, module):
    with edited(smoke.folder / f"workflow/scripts/repdyn/{module}.py", "\n\n", "\n\nEDITED = True\n"):
        planned = smoke.planned()
    assert planned == ALTERNATIVES | {("collect_alternatives", ""), ("alternatives", "")}


def test_an_edit_of_the_training_re_runs_everything_but_the_data(smoke, settings, xor_settings):
    with edited(smoke.folder / "workflow/scripts/repdyn/training/ensemble.py", "\n\n", "\n\nEDITED = True\n"):
        planned = smoke.planned()
    jobs = {(rule, name) for rule in ("train", "fit") for name in settings}
    jobs |= {(rule, name) for rule in ("train_xor", "train_xor_rates", "fit_xor_rates") for name in xor_settings}
    jobs |= {(rule, name) for rule in ("train_grid", "fit_grid") for name in GRID}
    jobs |= {("train_blobs", name) for name in BLOBS}
    jobs |= {("train_mnist", "pairs"), ("train_mnist", "structure"), ("train_response_bridge", "default")}
    jobs |= {("train_response", name) for name in RESPONSE} | {(name, "") for name in RESPONSE_TABLES}
    assert jobs | ALTERNATIVES | TABLES_AND_FIGURES <= planned
    assert not {("prepare_two_points", ""), ("fetch_mnist", "")} & planned


def test_a_changed_setting_re_runs_that_setting_only(smoke):
    table = smoke.folder / "config/settings/smoke.tsv"
    (line,) = [line for line in table.read_text().splitlines() if line.startswith("skip\t")]
    cells = line.split("\t")
    cells[4] = str(float(cells[4]) * 0.5)
    with edited(table, line, "\t".join(cells)):
        planned = smoke.planned()
    jobs = {(rule, "skip") for rule in ("train", "fit", "fit_alternatives")}
    assert {job for job in planned if job[1]} == jobs
    assert ("depth", "") not in planned and ("gains", "") not in planned


def test_another_observed_layer_trains_and_fits_nothing(smoke):
    table = smoke.folder / "config/settings/smoke.tsv"
    (line,) = [line for line in table.read_text().splitlines() if line.startswith("skip\t")]
    cells = line.split("\t")
    cells[8] = "3"
    with edited(table, line, "\t".join(cells)):
        planned = smoke.planned()
    made = {"summarise_settings", "trajectories", "losses", "architectures", "collect_alternatives", "alternatives"}
    assert planned == {("fit_alternatives", "skip")} | {(name, "") for name in made}


def test_the_grid_is_trained_again_for_what_decides_its_training_alone(smoke):
    """Not for the observed layer or the threshold, nor for how the two-point study trains."""
    table = smoke.folder / "config/settings/smoke.tsv"
    before = table.read_text()
    with edited(table, before, before.replace("\t400\t2\t", "\t400\t3\t")):  # of all: rows of figures.gains share it
        planned = smoke.planned("final_distance")
    assert planned == {("fit_grid", "default"), ("predict_final_distance", ""), ("final_distance", "")}
    planned = smoke.planned("--config", "two_points={networks: 3}", "final_distance={drop_loss: 0.5}")
    assert {name for rule, name in planned if rule == "fit_grid"} == set(GRID)
    assert not any(rule == "train_grid" for rule, _ in planned)
    planned = smoke.planned("--config", "final_distance={dx: [0.5, 2.0]}")
    assert {job for job in planned if job[1]} == {(rule, name) for rule in ("train_grid", "fit_grid") for name in GRID}


def test_mnist_is_trained_again_only_for_what_decides_it(smoke):
    def planned(change):
        return {rule for rule, _ in smoke.planned("--config", f"mnist={{{change}}}")}

    read_again = {"fit_mnist_pairs", "fit_mnist_structure", "compare_mnist", "mnist_pairs", "mnist_structure"}
    assert planned("network: {layer: 1}") == read_again
    assert planned("structure: {shuffles: 60}") == {"compare_mnist", "mnist_structure"}
    assert planned("pairs: {lr: 0.1}") == {"train_mnist", "fit_mnist_pairs", "mnist_pairs"}
    assert planned("networks: 3") == read_again | {"train_mnist"}


def test_the_second_system_is_trained_again_only_for_what_decides_it(smoke):
    def planned(change):
        return {rule for rule, _ in smoke.planned("--config", f"response={{{change}}}")}

    assert planned("levels: [0.25]") == {"compare_response_rank", "response_rank"}
    assert planned("stages: {late: 0.1}") == {"fit_response_law", "response_law"}
    assert planned("bridge: {windows: 3}") == {"compare_response_bridge", "response_bridge"}
    law_and_rank = {"fit_response_law", "response_law", "compare_response_rank", "response_rank"}
    assert planned("radius: 0.2") == law_and_rank | {"train_response"}


def test_a_changed_threshold_trains_nothing(smoke, settings):
    planned = smoke.planned("--config", "runs={discard_loss_above: 0.5}")
    assert ("fit", "default") in planned and not any(rule == "train" for rule, _ in planned)


def test_one_figure_needs_only_its_own_settings(smoke, tmp_path):
    """From nothing, the depth figure trains one setting."""
    planned = smoke.planned("depth", "--config", f"results={tmp_path}/elsewhere")
    assert {job for job in planned if job[1]} == {("train", "default"), ("fit", "default")}


def test_a_rebuild_from_nothing_gives_the_same_bytes_even_if_it_is_killed_midway(smoke):
    results = smoke.folder / "results/smoke"
    before = digests(results)
    kept = results.with_name("kept")
    shutil.move(results, kept)
    try:
        process = smoke.start(new_session=True)
        while not list(results.glob("trajectories/*.nc")):  # some are done, others under way
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert set(digests(results)) != set(before)
        smoke.snakemake("--unlock")
        smoke.snakemake()
        after = digests(results)
        assert set(after) == set(before)
        assert [name for name in before if before[name] != after[name]] == []
    finally:
        shutil.rmtree(results, ignore_errors=True)
        shutil.move(kept, results)


def test_a_failing_job_is_named_with_its_reason_and_leaves_nothing(smoke, tmp_path):
    """Asking for a GPU where none can be seen."""
    process = smoke.start("depth", "--config", f"results={tmp_path}/none", "training={device: cuda}", gpus="")
    printed, _ = process.communicate()
    assert process.returncode != 0
    assert "training.device is 'cuda', but torch finds no GPU here" in printed
    assert not list((tmp_path / "none").rglob("default.nc"))
