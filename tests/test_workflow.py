"""The workflow as a user runs it, on the smoke study: what is made, what is made again, and that it is the same."""

import hashlib
import os
import shutil
import signal
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_environments import rules

from repdyn import networks
from repdyn.pipeline import manifest

EXPERIMENTS = ("two_points", "architectures", "losses", "depth", "gains", "phase_diagram", "falsification")
EXPERIMENTS += ("clock", "clock_orbit", "clock_drift", "key_figure")
EXPERIMENTS += ("final_distance", "out_of_sample", "xor", "blobs", "mnist_pairs", "mnist_structure")
EXPERIMENTS += ("response_law", "response_rank", "response_splitting", "response_plasticity", "repeatability")
EXPERIMENTS += ("measured_rates", "width", "coupled", "modern")
FIGURES = {f"{name}_plot" for name in EXPERIMENTS}
# rows of the smoke study
XOR, BLOBS, RESPONSE, PHASES = ("rich", "lazy"), ("large", "small"), ("relu", "tanh"), ("depth_2", "depth_5")
FALSIFIED, GRID, MEASURED, REPEATED = ("default", "skip"), ("default",), ("default", "cnn", "flow"), ("default",)
WIDTHS = ("leaky_relu_20", "leaky_relu_40", "tanh_20", "tanh_40")
CLOCKED = ("tanh", "leaky")
ON_CIRCLE = ("relu",)
MODERN = ("recurrent", "mlp_mnist", "mlp_fashion", "resnet_cifar", "vit_cifar")
STRUCTURE = ("mnist_structure", "mnist_structure_adam", "mnist_structure_steps_0.5", "mnist_structure_steps_1")
MNIST = ("mnist_pairs", *STRUCTURE)
TABLES = (
    *("two_points", "two_points_summary", "depth", "depth_networks", "gains", "falsification"),
    *("falsification_summary", "measured_rates", "measured_rates_networks", "measured_rates_summary"),
    *("clock", "clock_networks", "clock_summary", "width", "width_summary"),
    *("phase_diagram", "phase_diagram_cells", "phase_diagram_crossover", "phase_diagram_networks"),
    *("final_distance", "final_distance_networks", "final_distance_summary", "out_of_sample_networks"),
    *("out_of_sample_summary", "out_of_sample", "xor", "xor_pairs", "xor_summary"),
    *("blobs", "blobs_summary", "mnist_pairs", "mnist_pairs_summary", "mnist_structure"),
    *("mnist_structure_correlations", "mnist_structure_steps", "mnist_structure_steps_summary"),
    *("response_law", "response_law_verdicts", "response_rank", "response_rank_effects", "response_rank_combined"),
    "response_rank_correlations",
    *("repeatability", "repeatability_summary", "response_plasticity", "response_plasticity_summary"),
    *("response_splitting", "response_splitting_summary"),
    *("coupled", "coupled_summary", "modern", "modern_networks", "modern_summary"),
)
# what follows from any change of a table
CLAIMS = {"claims_evaluate", "claims_compare", "overview_write"}
# whose scripts know nothing of the theory
WITHOUT_THEORY = ("two_points_data", "mnist_fetch", "blobs_measure", "blobs_plot", "response_rank_compare")
WITHOUT_THEORY += ("response_rank_plot", "response_plasticity_compare", "response_plasticity_plot")
WITHOUT_THEORY += ("response_splitting_compare", "response_splitting_plot", "modern_fetch")


@pytest.fixture(scope="module")
def settings(smoke) -> list[str]:
    lines = (smoke.folder / "config/settings/two_points_smoke.tsv").read_text().splitlines()
    return [line.split("\t")[0] for line in lines if not line.startswith(("#", "name"))]


def names(planned: set[tuple[str, str]]) -> set[str]:
    return {rule for rule, _ in planned}


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
    """Every file below a folder but the logs and the manifest, which hold times."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "logs" not in path.parts and path.name != "manifest.json"
    }


def test_everything_is_made(smoke, settings):
    made = set(digests(smoke.folder / "results/smoke"))
    expected = {"two_points/data/points.nc", "mnist/images.nc", *(f"{experiment}/runs.nc" for experiment in MNIST)}
    for name in settings:
        expected |= {f"two_points/{name}.nc", f"two_points/{name}.csv", f"two_points/curves/{name}.csv"}
    expected |= {f"falsification/{name}.{kind}" for name in FALSIFIED for kind in ("nc", "csv")}
    expected |= {f"phase_diagram/{name}.{kind}" for name in PHASES for kind in ("nc", "csv")}
    expected |= {f"final_distance/{name}.{kind}" for name in GRID for kind in ("nc", "csv")}
    expected |= {f"clock/{name}.{kind}" for name in CLOCKED for kind in ("nc", "csv")}
    for name in XOR:
        expected |= {f"xor/{name}.nc", f"xor/two_points/{name}.nc", f"xor/two_points/{name}.csv"}
    expected |= {f"blobs/{name}.nc" for name in BLOBS} | {"blobs/maps.csv", "mnist_pairs/curves.csv"}
    expected |= {"xor/matrices.csv", "mnist_structure/pairs.csv", *(f"{name}/rates.csv" for name in STRUCTURE)}
    expected |= {f"response/{name}.nc" for name in RESPONSE} | {f"response_plasticity/{name}.nc" for name in ON_CIRCLE}
    expected |= {f"repeatability/{name}.nc" for name in REPEATED}
    expected |= {f"measured_rates/{name}.nc" for name in MEASURED} | {"measured_rates/curves.csv"}
    expected |= {f"width/{name}.{kind}" for name in WIDTHS for kind in ("nc", "csv")}
    expected |= {f"modern/{name}.{kind}" for name in MODERN for kind in ("nc", "csv")}
    expected |= {f"modern/data/{name}.nc" for name in ("fashion_mnist", "cifar10")}
    expected |= {f"tables/{name}.csv" for name in TABLES}
    expected |= {f"figures/{name}.{kind}" for name in EXPERIMENTS for kind in ("svg", "png", "csv")}
    words = {"claims.csv", "claims.md", "found.csv", "compared.md", "overview.html"}
    assert made == expected | words | {"key_figure/curves.csv"}
    listed = set(manifest.read(smoke.folder / "results/smoke")["files"])
    assert listed >= made and not any((smoke.folder / "results/smoke" / name).exists() for name in listed - made)


def test_a_digit_changed_by_hand_is_said_at_the_start_with_its_cure(smoke):
    path = "results/smoke/tables/depth.csv"
    file = smoke.folder / path
    before, status = file.read_bytes(), file.stat()
    file.write_bytes(before[:-2] + bytes([before[-2] ^ 1]) + before[-1:])
    try:
        printed = smoke.snakemake("depth", "--dry-run")
    finally:
        file.write_bytes(before)
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    cure = f"snakemake --force {path} --configfile config/smoke.yaml"
    assert printed.count("was changed after it was made") == 1
    assert f"{path} was changed after it was made. Make it again: {cure}\n" in printed


def test_tables_hold_every_network_and_layer(smoke, settings):
    fits = pd.read_csv(smoke.folder / "results/smoke/tables/two_points.csv")
    columns = "setting seed layer eta_h eta_y eta_m sse nrmse r2 converged reason"
    assert list(fits.columns)[:11] == columns.split()
    assert list(fits.setting.unique()) == settings
    table = pd.read_csv(smoke.folder / "config/settings/two_points_smoke.tsv", sep="\t", comment="#", index_col="name")
    for setting, rows in fits.groupby("setting"):
        model, *shape = table.loc[setting, ["model", "width", "depth", "activation"]]
        layers = networks.hidden_layers(model, networks.Shape(*shape))
        pairs = set(zip(rows.seed, rows.layer, strict=True))
        assert pairs == {(seed, layer) for seed in (0, 1) for layer in range(layers)}, setting
        assert len(rows) == len(pairs)
    summary = pd.read_csv(smoke.folder / "results/smoke/tables/two_points_summary.csv")
    assert list(summary.setting) == settings
    default = fits.query("setting == 'default' and layer == 2 and kept")
    row = summary.set_index("setting").loc["default"]
    assert row.eta_h == pytest.approx(default.eta_h.prod() ** (1 / len(default)), rel=1e-6)
    assert row.eta_h_n == len(default) < 5 and np.isnan(row.eta_h_low)


def test_a_second_run_does_nothing_nor_does_one_after_a_touch_or_checkout(smoke):
    """git checkout writes files anew: another time, the same content."""
    for path in smoke.folder.rglob("*"):
        if path.is_file() and not {"results", ".snakemake", "__pycache__"} & set(path.parts):
            path.write_bytes(path.read_bytes())
    assert "Nothing to be done" in smoke.snakemake()


def without_claims(planned: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """What is planned beside holding the claims against the tables, which follows whenever a table changes."""
    return {job for job in planned if job[0] not in CLAIMS}


def planned_after_an_edit(smoke, script: str) -> set[tuple[str, str]]:
    with edited(smoke.folder / "workflow/scripts" / script, "\n\n", "\n\nEDITED = True\n"):
        return smoke.planned()


def test_an_edit_of_a_figure_re_runs_that_figure_alone(smoke):
    """All figures are edited at once: each is made again for its own code and no other."""
    scripts = {
        name: f"workflow/scripts/{'two_points' if name == 'architectures' else name}/plot.py" for name in EXPERIMENTS
    }
    with ExitStack() as edits:
        for script in set(scripts.values()):
            edits.enter_context(edited(smoke.folder / script, "\n\n", "\n\nEDITED = True\n"))
        reasons = smoke.reasons()
    assert reasons.pop(("overview_write", "")) is not None  # it shows them all
    assert reasons == {(f"{name}_plot", ""): {script} for name, script in scripts.items()}


def test_an_edit_of_how_figures_look_re_runs_figures_alone(smoke):
    assert planned_after_an_edit(smoke, "repdyn/plotting/style.py") == {
        (name, "") for name in (*FIGURES, "overview_write")
    }


def test_an_edit_of_the_theory_re_runs_fits_but_no_training(smoke, settings):
    planned = planned_after_an_edit(smoke, "repdyn/theory/effective.py")
    fits = {(rule, name) for rule in ("two_points_fit", "two_points_curves") for name in settings}
    fits |= {("final_distance_fit", name) for name in GRID} | {("falsification_fit", name) for name in FALSIFIED}
    fits |= {("clock_fit", name) for name in CLOCKED}
    fits |= {("xor_rates_fit", name) for name in XOR} | {("phase_diagram_fit", name) for name in PHASES}
    fits |= {("width_fit", name) for name in WIDTHS} | {("modern_fit", name) for name in MODERN}
    fits |= {("mnist_structure_fit", name) for name in STRUCTURE}
    assert {job for job in planned if job[1]} == fits
    assert names(planned) == {name for name in rules() if not name.endswith("_train")} - set(WITHOUT_THEORY)


def test_an_edit_of_the_altered_equations_re_runs_what_they_are_in(smoke):
    planned = planned_after_an_edit(smoke, "repdyn/theory/altered.py")
    after = {(f"falsification_{step}", "") for step in ("analyse", "collect", "plot")}
    after |= {(f"{name}_{step}", "") for name in ("final_distance", "out_of_sample") for step in ("predict", "plot")}
    fits = {("falsification_fit", name) for name in FALSIFIED} | {("final_distance_fit", name) for name in GRID}
    assert without_claims(planned) == fits | after


def test_an_edit_of_the_training_re_runs_everything_but_the_data(smoke, settings):
    planned = planned_after_an_edit(smoke, "repdyn/training/ensemble.py")
    steps = ("train", "fit", "curves")
    jobs = {(f"two_points_{step}", name) for step in steps for name in settings}
    jobs |= {(rule, name) for rule in ("xor_train", "xor_rates_train", "xor_rates_fit") for name in XOR}
    jobs |= {(f"final_distance_{step}", name) for step in ("train", "fit") for name in GRID}
    jobs |= {(f"clock_{step}", name) for step in ("train", "fit") for name in CLOCKED}
    jobs |= {(f"phase_diagram_{step}", name) for step in ("train", "fit") for name in PHASES}
    jobs |= {("blobs_train", name) for name in BLOBS} | {("mnist_train", name) for name in MNIST}
    jobs |= {("mnist_structure_fit", name) for name in STRUCTURE}
    jobs |= {("response_train", name) for name in RESPONSE} | {("measured_rates_train", name) for name in MEASURED}
    jobs |= {(f"width_{step}", name) for step in ("train", "fit") for name in WIDTHS}
    jobs |= {(f"modern_{step}", name) for step in ("train", "fit") for name in MODERN}
    jobs |= {(f"falsification_{step}", name) for step in ("train", "fit") for name in FALSIFIED}
    jobs |= {("repeatability_train", name) for name in REPEATED}
    jobs |= {("response_plasticity_train", name) for name in ON_CIRCLE}
    assert {job for job in planned if job[1]} == jobs
    assert names(planned) == set(rules()) - {"two_points_data", "mnist_fetch", "modern_fetch"}


def test_a_changed_setting_re_runs_that_setting_only(smoke):
    table = smoke.folder / "config/settings/two_points_smoke.tsv"
    (line,) = [line for line in table.read_text().splitlines() if line.startswith("skip\t")]
    cells = line.split("\t")
    cells[4] = str(float(cells[4]) * 0.5)
    with edited(table, line, "\t".join(cells)):
        planned = smoke.planned()
    steps = ("two_points_train", "two_points_fit", "two_points_curves", "falsification_train", "falsification_fit")
    assert {job for job in planned if job[1]} == {(step, "skip") for step in steps}
    assert not names(planned) & {"depth_analyse", "depth_plot", "gains_analyse", "gains_plot"}


def test_another_observed_layer_trains_and_fits_nothing(smoke):
    table = smoke.folder / "config/settings/two_points_smoke.tsv"
    (line,) = [line for line in table.read_text().splitlines() if line.startswith("skip\t")]
    cells = line.split("\t")
    cells[8] = "3"
    with edited(table, line, "\t".join(cells)):
        planned = smoke.planned()
    made = {"two_points_summarise", "two_points_plot", "losses_plot", "architectures_plot"}
    made |= {f"falsification_{step}" for step in ("collect", "analyse", "plot")}
    again = {(step, "skip") for step in ("two_points_curves", "falsification_fit")}
    assert without_claims(planned) == again | {(name, "") for name in made}


def test_the_grid_is_trained_again_for_what_decides_its_training_alone(smoke):
    """Not for the observed layer or the threshold, nor for how the two-point study trains."""
    table = smoke.folder / "config/settings/two_points_smoke.tsv"
    before = table.read_text()
    with edited(table, before, before.replace("\t400\t2\t", "\t400\t3\t")):  # of all: the rows of gains share it
        planned = smoke.planned("final_distance")
    assert planned == {
        ("final_distance_fit", "default"),
        *((f"final_distance_{step}", "") for step in ("predict", "plot")),
    }
    planned = smoke.planned("final_distance", "--config", "two_points={networks: 3}", "final_distance={drop_loss: 0.5}")
    assert {name for rule, name in planned if rule == "final_distance_fit"} == set(GRID)
    assert "final_distance_train" not in names(planned)
    planned = smoke.planned("--config", "final_distance={dx: [0.5, 2.0]}")
    steps = ("final_distance_train", "final_distance_fit")
    assert {job for job in planned if job[1]} == {(rule, name) for rule in steps for name in GRID}


def test_mnist_is_trained_again_only_for_what_decides_it(smoke):
    def planned(change):
        return without_claims(smoke.planned("--config", change))

    pairs = {("mnist_pairs_fit", ""), ("mnist_pairs_analyse", ""), ("mnist_pairs_plot", "")}
    pairs |= {("coupled_analyse", ""), ("coupled_plot", "")}
    structure = {(f"mnist_structure_{step}", "") for step in ("compare", "steps", "plot")}
    fits = {("mnist_structure_fit", name) for name in STRUCTURE}
    assert planned("mnist={network: {layer: 1}}") == pairs | structure | fits
    adam = {(rule, "mnist_structure_adam") for rule in ("mnist_train", "mnist_structure_fit")}
    assert planned("mnist_structure={adam: {lr: 0.01}}") == adam | structure - {("mnist_structure_steps", "")}
    assert planned("mnist_pairs={lr: 0.1}") == pairs | {("mnist_train", "mnist_pairs")}
    trained = {*MNIST} - {*STRUCTURE[2:]}
    fits = {("mnist_structure_fit", name) for name in STRUCTURE[:2]}
    planned_for_more = pairs | structure - {("mnist_structure_steps", "")} | fits
    assert planned("mnist={networks: 3}") == planned_for_more | {("mnist_train", name) for name in trained}


def test_the_second_system_is_trained_again_only_for_what_decides_it(smoke):
    def planned(change):
        return names(without_claims(smoke.planned("--config", change)))

    law, rank = {"response_law_fit", "response_law_plot"}, {"response_rank_compare", "response_rank_plot"}
    assert planned("response_rank={levels: [0.25]}") == rank
    assert planned("response_law={late: 0.1}") == law
    plasticity = {f"response_plasticity_{step}" for step in ("compare", "plot")}
    assert planned("response_plasticity={level: 0.25}") == plasticity
    assert planned("response_plasticity={ages: [0.5]}") == plasticity | {"response_plasticity_train"}
    splitting = {f"response_splitting_{step}" for step in ("compare", "plot")}
    assert planned("response={radius: 0.2}") == law | rank | splitting | {"response_train"}


def test_a_changed_threshold_trains_nothing(smoke):
    planned = smoke.planned("--config", "runs={discard_loss_above: 0.5}")
    assert ("two_points_fit", "default") in planned and not any(name.endswith("_train") for name in names(planned))


def test_one_figure_needs_only_its_own_settings(smoke, tmp_path):
    """From nothing, the depth figure trains one setting."""
    planned = smoke.planned("depth", "--config", f"results={tmp_path}/elsewhere")
    assert {job for job in planned if job[1]} == {(f"two_points_{step}", "default") for step in ("train", "fit")}


def rebuilt(smoke, first: list[str], *targets: str) -> tuple[dict[str, str], dict[str, str]]:
    """Digests of all results, and of what is made from nothing by a run that is killed once one of `first` is there."""
    results = smoke.folder / "results/smoke"
    before = digests(results)
    kept = results.with_name("kept")
    shutil.move(results, kept)
    try:
        process = smoke.start(*targets, new_session=True)
        while not any((results / name).exists() for name in first):  # some are done, others under way
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert set(digests(results)) != set(before)
        smoke.snakemake("--unlock")
        smoke.ended(smoke.start(*targets))  # in processes of their own
        return before, digests(results)
    finally:
        shutil.rmtree(results, ignore_errors=True)
        shutil.move(kept, results)


def test_a_figure_from_nothing_has_the_same_bytes_even_if_it_is_killed_midway(smoke):
    before, after = rebuilt(smoke, [f"clock/{name}.nc" for name in CLOCKED], "clock")
    assert {"figures/clock.svg", "figures/clock.png", "tables/clock.csv", "clock/tanh.nc", "clock/leaky.csv"} <= set(
        after
    )
    assert [name for name in after if before[name] != after[name]] == []


@pytest.mark.rebuild
def test_everything_from_nothing_has_the_same_bytes_even_if_it_is_killed_midway(smoke, settings):
    before, after = rebuilt(smoke, [f"two_points/{name}.nc" for name in settings])
    assert set(after) == set(before)
    assert [name for name in before if before[name] != after[name]] == []


def test_a_failing_job_is_named_with_its_reason_and_leaves_nothing(smoke, tmp_path):
    """Asking for a GPU where none can be seen."""
    process = smoke.start("depth", "--config", f"results={tmp_path}/none", "training={device: cuda}", gpus="")
    printed, _ = process.communicate()
    assert process.returncode != 0
    assert "training.device is 'cuda', but torch finds no GPU here" in printed
    why = "two_points_train failed: RuntimeError: training.device is 'cuda', but torch finds no GPU here; "
    assert why in printed and "/default.log). Alone: snakemake " in printed
    assert not list((tmp_path / "none").rglob("default.nc"))
