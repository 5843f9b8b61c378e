"""The shipped configurations are sound, documented, and turned into rows that decide their own training."""

import functools
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config

from repdyn import networks
from repdyn.networks import architectures, known_architectures
from repdyn.networks.activations import ACTIVATIONS
from repdyn.pipeline import manual, options
from repdyn.pipeline import study as studies
from repdyn.pipeline.checking import ConfigurationError, leaves
from repdyn.pipeline.options import CONFIGURATION, TABLES, Group, kind
from repdyn.pipeline.study import load_study
from repdyn.pipeline.tables import hidden_layers, read_table
from repdyn.training.optimisers import SOLVERS

ROOT = Path(__file__).resolve().parents[1]

BASE, SMOKE, PAPER = "config/config.yaml", "config/smoke.yaml", "config/paper.yaml"


def merged(*files):
    """Files merged as Snakemake does it, the base first: its own function."""
    config = {}
    for file in files:
        update_config(config, yaml.safe_load((ROOT / file).read_text()))
    return config


def study(*overlays):
    return load_study(merged(BASE, *overlays), [*overlays, BASE], ROOT)


def rows(experiment, *overlays):
    return study(*overlays)[experiment]["rows"]


def at(config, path):
    return functools.reduce(lambda group, key: group[key], path, config)


PAPER_ROWS = """
default   mlp     leaky_relu 1.0  0.01     500 20 3000 10 sgd
shallow   mlp     leaky_relu 0.35 0.02     500 2  3000 1  sgd
narrow    mlp     leaky_relu 1.05 0.01     50  20 3000 10 sgd
linear    mlp     none       0.85 0.0025   500 20 3000 10 sgd
elu       mlp     elu        0.95 0.0009   500 20 3000 10 sgd
tanh      mlp     tanh       0.85 0.0025   500 20 3000 10 sgd
relu      mlp     relu       1.0  0.01     500 20 3000 10 sgd
swish     mlp     silu       1.7  0.005    500 20 3000 10 sgd
skip      resnet  leaky_relu 0.1  0.02     500 20 3000 10 sgd
cnn       cnn     leaky_relu 0.95 0.004    500 10 3000 5  sgd
dropout   dropout leaky_relu 1.0  0.01     500 10 3000 5  sgd
gain_0.9  mlp     leaky_relu 0.9  0.03     500 20 3000 10 sgd
gain_1.1  mlp     leaky_relu 1.1  0.005    500 20 3000 10 sgd
gain_1.2  mlp     leaky_relu 1.2  0.0025   500 20 3000 10 sgd
gain_1.3  mlp     leaky_relu 1.3  0.0015   500 20 3000 10 sgd
gain_1.4  mlp     leaky_relu 1.4  0.0005   500 20 3000 10 sgd
gain_1.6  mlp     leaky_relu 1.6  0.000003 500 20 3000 10 sgd
adam      mlp     leaky_relu 1.0  0.000001 500 20 3000 10 adam
two_layer mlp     none       0.1  0.01     500 1  3000 0  sgd
"""


def test_the_table_is_the_papers():
    columns = list(TABLES["two_points"])
    wanted = [line.split() for line in PAPER_ROWS.strip().splitlines()]
    found = rows("two_points")
    names = [cells[0] for cells in wanted]
    assert [name for name in found if name in names] == names  # others may be added
    for cells in wanted:
        for column, cell in zip(columns, cells, strict=True):
            value = found[cells[0]][column]
            assert value == type(value)(cell), (cells[0], column)


def test_the_table_of_xor_is_the_papers():
    wanted = {
        "rich": (0.85, 0.015, 500, 20, 3000, 10),
        "intermediate": (1.25, 0.002, 500, 20, 1000, 10),
        "lazy": (2.0, 3e-9, 500, 20, 1000, 10),
        "shallow": (0.0015, 0.03, 500, 1, 2000, 0),
    }
    columns = ("gain", "lr", "width", "depth", "steps", "layer")
    found = rows("xor")
    assert {name: tuple(row[column] for column in columns) for name, row in found.items()} == wanted
    assert {(row["model"], row["activation"], row["solver"]) for row in found.values()} == {
        ("mlp", "leaky_relu", "sgd")
    }


def test_the_table_of_blobs_is_the_papers():
    wanted = {"large": (2.0, 0.0015, 750), "medium": (0.5, 0.015, 1500), "small": (0.275, 0.05, 2000)}
    found = rows("blobs")
    assert {name: tuple(row[column] for column in ("gain", "lr", "epochs")) for name, row in found.items()} == wanted
    for row in found.values():
        shape = row["model"], row["activation"], row["width"], row["depth"], row["layer"], row["solver"]
        assert shape == ("mlp", "tanh", 100, 4, 2, "sgd") and row["batch_seed"] == 3


def test_the_second_system_has_every_activation_on_both_shapes_and_a_lazy_row():
    found = rows("response")
    wanted = {(a, s) for a in ("relu", "leaky_relu", "tanh", "sigmoid", "silu") for s in ("circle", "line")}
    assert {(row["activation"], row["shape"]) for row in found.values()} == wanted
    assert found["relu_lazy"] == {
        "name": "relu_lazy", "shape": "circle", "activation": "relu", "gain": 4.0, "width": 64, "lr": 0.006,
        "adam_lr": 0.003, "steps": 10000, "networks": 5, "init_seed": found["relu_lazy"]["init_seed"], "batch_seed": 3,
    }  # fmt: skip
    paper = rows("response", PAPER)
    assert paper.keys() == found.keys() and all(row["networks"] == 50 and row["width"] > 64 for row in paper.values())


def test_a_row_holds_what_decides_its_training():
    found = rows("two_points")
    assert found["dropout"] == {
        "name": "dropout", "model": "dropout", "activation": "leaky_relu", "gain": 1.0, "lr": 0.01, "width": 500,
        "depth": 10, "steps": 3000, "layer": 5, "solver": "sgd", "networks": 1, "finer": 1,
        "rest_loss": 1e-8, "dx2": 1.0, "dy2": 0.5, "in_dim": 1, "out_dim": 1, "dropout_seed": 1,
        "init_seed": found["dropout"]["init_seed"],
    }  # fmt: skip
    assert found["default"]["dropout_seed"] is None
    assert found["tanh_flow"]["tolerance"] == 1e-4 and "tolerance" not in found["tanh"]
    for row in found.values():
        assert {type(row[key]) for key in ("gain", "lr")} == {float}
        assert {type(row[key]) for key in ("width", "depth", "steps", "layer", "networks", "finer")} == {int}


def test_a_row_of_the_phase_diagram_holds_what_decides_its_training():
    row = rows("phase_diagram")["depth_8"]
    assert row == {
        "name": "depth_8", "depth": 8, "width": 100, "activation": "leaky_relu", "lowest_gain": 0.8,
        "highest_gain": 1.8, "gains": 21, "steps": 3000, "networks": 5, "fraction": 0.05, "rest_loss": 1e-8,
        "dx2": 1.0, "dy2": 0.5, "in_dim": 1, "out_dim": 1, "init_seed": row["init_seed"],
    }  # fmt: skip


def test_settings_have_networks_of_their_own_but_for_those_that_are_compared_on_purpose():
    seeds = {name: row["init_seed"] for name, row in rows("two_points").items()}
    gains = {"gain_0.9", "default", "gain_1.1", "gain_1.2", "gain_1.3", "gain_1.4", "gain_1.6"}
    assert len({seeds[name] for name in gains}) == 1
    others = [seeds[name] for name in seeds.keys() - gains]
    everywhere = [row["init_seed"] for table in TABLES if table != "two_points" for row in rows(table).values()]
    assert len({*others, *everywhere, seeds["default"]}) == len(others) + len(everywhere) + 1


def test_the_study_keeps_the_configuration_and_leaves_the_callers_alone():
    config = merged(BASE)
    loaded = load_study(config, [BASE], ROOT)
    assert config == merged(BASE)
    assert loaded.keys() - config.keys() == {"faults"} and loaded["faults"] == {}
    filled = {(experiment, "rows") for experiment in TABLES}
    kept = [path for path in leaves(CONFIGURATION) if path not in filled]
    assert {path: at(loaded, path) for path in kept} == {path: at(config, path) for path in kept}


@pytest.mark.parametrize("overlay, results, networks", [(SMOKE, "results/smoke", 2), (PAPER, "results/paper", 50)])
def test_overlays(overlay, results, networks):
    loaded = study(overlay)
    assert loaded["results"] == results
    assert loaded["faults"] == {}
    for experiment in ("two_points", "xor", "blobs"):
        assert {row["networks"] for row in loaded[experiment]["rows"].values()} == {networks}


def test_paper_trains_the_whole_table_as_the_paper_does():
    loaded = study(PAPER)
    trained = loaded["two_points"]["rows"]
    assert trained.keys() == rows("two_points").keys()
    assert {row["finer"] for row in trained.values()} == {2}
    grid = loaded["final_distance"]
    assert grid["rows"] == list(trained) and len(grid["dx"]) == len(grid["dy"]) == 5
    assert (grid["finer"], grid["steps"], grid["stop_loss"], grid["drop_loss"]) == (5, 40000, 1e-4, 1e-3)


def test_smoke_tries_every_shipped_architecture_and_optimiser():
    found = rows("two_points", SMOKE).values()
    tried = {row["model"] for row in (*found, *rows("modern", SMOKE).values())}
    assert tried == set(known_architectures())
    assert {row["solver"] for row in found} == set(SOLVERS)
    assert all(row["width"] <= 50 and row["depth"] <= 6 and row["steps"] <= 400 for row in found)


def test_selection_keeps_the_order_of_the_table():
    config = merged(BASE)
    config["two_points"]["rows"] = ["gain_1.1", "tanh", "default"]
    config["final_distance"]["rows"] = ["gain_1.1", "default"]
    config["falsification"]["rows"] = "all"
    found = load_study(config, [BASE], ROOT)
    assert list(found["two_points"]["rows"]) == found["falsification"]["rows"] == ["default", "tanh", "gain_1.1"]
    assert found["final_distance"]["rows"] == ["default", "gain_1.1"]
    config["final_distance"]["rows"] = "all"
    assert load_study(config, [BASE], ROOT)["final_distance"]["rows"] == ["default", "tanh", "gain_1.1"]


def test_lists_of_numbers_from_the_command_line():
    """Snakemake hands them over as text."""
    config = merged(BASE)
    config["final_distance"]["dx"] = ["1", "2.5"]
    assert load_study(config, [BASE], ROOT)["final_distance"]["dx"] == [1.0, 2.5]


def test_edges_that_are_allowed():
    config = merged(BASE)
    config["two_points"]["task"].update(dx2=1, dy2=0)
    config["results"] = "/scratch/me/study"
    assert load_study(config, [BASE], ROOT)["two_points"]["rows"]["default"]["dy2"] == 0


def test_numbers_are_floats_however_they_are_written(tmp_path):
    config = merged(BASE)
    config["two_points"]["task"].update(dx2=1, dy2=2)
    config["runs"]["discard_loss_above"] = 1
    text = (ROOT / "config/settings/two_points.tsv").read_text()
    assert "default\tmlp\tleaky_relu\t1.0\t" in text
    (tmp_path / "whole.tsv").write_text(
        text.replace("default\tmlp\tleaky_relu\t1.0\t", "default\tmlp\tleaky_relu\t1\t")
    )
    config["two_points"]["table"] = str(tmp_path / "whole.tsv")
    loaded = load_study(config, [BASE], ROOT)
    kinds = {path: option.kind for path, option in leaves(CONFIGURATION).items()}
    for start, wanted in (("a finite number", float), ("a whole number", int)):
        paths = [path for path, allowed in kinds.items() if allowed.words.startswith(start)]
        assert paths and {type(at(loaded, path)) for path in paths} == {wanted}
    point_nought = merged(BASE)
    point_nought["two_points"]["task"]["dy2"] = 2.0
    assert repr(loaded["two_points"]["rows"]) == repr(load_study(point_nought, [BASE], ROOT)["two_points"]["rows"])
    assert type(config["two_points"]["task"]["dx2"]) is int  # the caller's is left alone


def test_comments_blank_lines_and_spreadsheet_habits_in_a_table(tmp_path):
    text = (ROOT / "config/settings/two_points_smoke.tsv").read_text()
    odd = "\ufeff# one\r\n\r\n" + text.replace("\n", "\r\n") + "# the end\r\n\r\n"
    (tmp_path / "odd.tsv").write_bytes(odd.encode())
    found, names, problems = read_table(tmp_path / "odd.tsv", "odd.tsv", TABLES["two_points"])
    assert problems == [] and list(found) == names
    assert found == read_table(ROOT / "config/settings/two_points_smoke.tsv", "", TABLES["two_points"])[0]


def keys(config, path=()):
    """Paths of all values of a configuration."""
    found = []
    for key, value in config.items():
        found += keys(value, (*path, key)) if isinstance(value, dict) else [(*path, key)]
    return found


def groups(group):
    yield group
    for inner in group.keys.values():
        if isinstance(inner, Group):
            yield from groups(inner)


def test_config_yaml_and_the_manual_are_those_that_are_written_from_the_options():
    told = "run: PYTHONPATH=workflow/scripts python -m repdyn.pipeline.manual write"
    text = (ROOT / "config/README.md").read_text()
    assert (ROOT / BASE).read_text() == manual.config_yaml(), told
    assert text == manual.readme(text), told
    assert (ROOT / ".test" / BASE).read_text() == manual.example((ROOT / SMOKE).read_text()), told
    for name in manual.tables():
        assert text.count(f"<!-- {name}: begin") == text.count(f"<!-- {name}: end -->") == 1


def test_writing_renews_config_yaml_and_the_tables_of_the_manual(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    (tmp_path / ".test/config").mkdir(parents=True)
    shutil.copy(ROOT / SMOKE, tmp_path / SMOKE)
    text = (ROOT / "config/README.md").read_text()
    key = "| `training.finer` | `1` |"
    assert text.count(key) == 1
    (tmp_path / "config/README.md").write_text(text.replace(key, "| `training.finer` | `3` |"))
    assert manual.main([]) == 2 and "manual write" in capsys.readouterr().err
    assert manual.main(["write"]) == 0
    for file in (BASE, "config/README.md", f".test/{BASE}"):
        assert (tmp_path / file).read_text() == (ROOT / file).read_text()


def test_config_yaml_holds_every_key_and_no_other_with_its_laptop_value():
    config = merged(BASE)
    assert keys(config) == list(leaves(CONFIGURATION))
    for path, option in leaves(CONFIGURATION).items():
        assert repr(at(config, path)) == repr(option.laptop), path


def test_laptop_values_are_allowed():
    for path, option in leaves(CONFIGURATION).items():
        assert option.kind.fault(option.laptop) is None, path


def test_every_key_and_column_is_described():
    for group in groups(CONFIGURATION):
        assert group is CONFIGURATION or group.about.rstrip().endswith("."), list(group.keys)
    described = {**leaves(CONFIGURATION)}
    for experiment, columns in TABLES.items():
        described |= {(experiment, column): option for column, option in columns.items()}
    for place, option in described.items():
        assert option.description.endswith("."), place


@pytest.mark.parametrize(
    "words",
    [
        "a number",
        "a whole number at least 1",
        "a whole number => 1",
        "a finite number > nought",
        "a finite number > 0 or < 1",
        "a list of wonders, each once",
        "a list of finite numbers > 0",
        "an actvation",
        "",
    ],
)
def test_words_that_say_nothing_known_are_refused_with_the_files_name(words):
    with pytest.raises(ValueError, match=re.compile(r"^options\.yaml: .* says nothing that is known$")):
        kind(words)


@pytest.mark.parametrize(
    "words, good, bad",
    [
        ("a whole number >= 1 and <= 3", [1, 3], [0, 4, 1.0, True, "1", None]),
        ("a finite number > 0 and < 1", [0.5, 1e-300], [0, 1, 1.0, float("nan"), float("inf"), "0.5", True]),
        ("a finite number >= 1e-06 and <= 0.01", [1e-6, 0.01], [9e-7, 0.011]),
        ("a finite number", [-1, 2.5, 0], [float("-inf"), [1.0]]),
        ("one of mnist, synthetic", ["mnist"], ["Mnist", "mnist, synthetic", 1]),
        ("an activation", list(ACTIVATIONS), ["none ", "Relu"]),
        ("a list of finite numbers > 0, each once", [[1], [1, 2.5]], [[], [0], [1, 1.0], 1, ["1"]]),
        ("a list of at least 2 names of selected rows, each once", [["a", "b"]], [["a"], ["a", "a"], ["a", "B"]]),
        ("a list of names among x, y, each once", [["y", "x"]], [["z"], ["x", "x"], []]),
        ("the word all, or a list of names of selected rows, each once", ["all", ["a"]], ["a", [], ["a", "a"], [1]]),
    ],
)
def test_words_are_the_type(words, good, bad):
    assert [value for value in good if kind(words).fault(value)] == []
    assert [value for value in bad if not kind(words).fault(value)] == []
    assert kind(words).words == words or kind(words).choices


@pytest.mark.parametrize("overlay", [SMOKE, PAPER])
def test_overlays_hold_only_what_differs(overlay):
    over, base = yaml.safe_load((ROOT / overlay).read_text()), merged(BASE)
    same = [path for path in keys(over) if at(over, path) == at(base, path)]
    assert same == []


def test_what_is_registered_can_be_chosen():
    for experiment in ("two_points", "xor", "blobs"):
        choices = {column: set(option.kind.choices) for column, option in TABLES[experiment].items()}
        assert choices["model"] == set(known_architectures())
        assert choices["activation"] == set(ACTIVATIONS)
        assert choices["solver"] == set(SOLVERS)


def test_hidden_layers():
    found = rows("two_points")
    counts = {"default": 20, "skip": 20, "cnn": 12, "dropout": 10, "two_layer": 1}
    assert {name: hidden_layers(found[name]) for name in counts} == counts


def add_architecture(monkeypatch, folder, name, layers):
    """A file beside the shipped ones, in a copy of their folder."""
    for file in networks.ARCHITECTURES.glob("[!_]*.py"):
        shutil.copy(file, folder)
    source = f"from repdyn.networks import Dense, Layer, chain\n\n\ndef build(shape):\n    return {layers}\n"
    (folder / f"{name}.py").write_text(source)
    monkeypatch.setattr(networks, "ARCHITECTURES", folder)
    monkeypatch.setattr(architectures, "__path__", [*architectures.__path__, str(folder)])
    monkeypatch.setitem(options.REGISTERED, "an architecture", known_architectures())
    kind.cache_clear()
    column = options.Option(kind("an architecture"), TABLES["two_points"]["model"].description)
    monkeypatch.setitem(TABLES["two_points"], "model", column)


@pytest.fixture
def with_architecture(monkeypatch, tmp_path):
    """A function: the configuration of a study whose row `default` has another architecture, of the given layers."""
    names = []

    def made(name, layers):
        names.append(name)
        add_architecture(monkeypatch, tmp_path, name, layers)
        text = (ROOT / "config/settings/two_points.tsv").read_text()
        (tmp_path / "mine.tsv").write_text(text.replace("default\tmlp\t", f"default\t{name}\t"))
        config = merged(BASE)
        config["two_points"]["table"] = str(tmp_path / "mine.tsv")
        config["gains"]["rows"] = ["gain_1.1", "gain_1.2"]
        return config

    yield made
    for name in names:
        sys.modules.pop(f"repdyn.networks.architectures.{name}", None)
    kind.cache_clear()


@pytest.mark.parametrize(
    "layers, seed", [("[*chain(shape)[:-1], *chain(shape, dropout=0.2)[-1:]]", 1), ("chain(shape)", None)]
)
def test_whatever_drops_units_has_a_seed_for_it(with_architecture, layers, seed):
    config = with_architecture("noisy", layers)
    config["repeatability"]["rows"] = ["tanh"]  # units that drop out can't be reordered
    found = load_study(config, [BASE], ROOT)["two_points"]["rows"]
    assert found["default"]["model"] == "noisy" and found["default"]["dropout_seed"] == seed
    assert found["dropout"]["dropout_seed"] == 1 and found["tanh"]["dropout_seed"] is None


def test_layers_are_checked_with_the_ends_that_the_task_gives(with_architecture):
    config = with_architecture(
        "stiff", "[Layer(Dense(3, 7)), Layer(Dense(7, 7)), *[Layer(Dense(7, 7))] * 10, Layer(Dense(7, 2))]"
    )
    with pytest.raises(ConfigurationError) as raised:
        load_study(config, [BASE], ROOT)
    (problem,) = raised.value.problems
    assert "(default), columns 'width', 'depth' = 500, 20: expected a shape that can be built: " in problem
    config["two_points"]["task"].update(in_dim=3, out_dim=2)
    assert load_study(config, [BASE], ROOT)["two_points"]["rows"]["default"]["model"] == "stiff"


def test_a_new_architecture_needs_no_change_of_the_options(tmp_path):
    shutil.copytree(ROOT / "workflow", tmp_path / "workflow", ignore=shutil.ignore_patterns("__pycache__"))
    folder = tmp_path / "workflow/scripts/repdyn/networks/architectures"
    shutil.copy(folder / "mlp.py", folder / "bottleneck.py")
    (folder / "_private.py").touch()
    code = "from repdyn.pipeline.options import TABLES; print(*TABLES['two_points']['model'].kind.choices)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path / "workflow/scripts", capture_output=True, text=True, check=True)
    assert done.stdout.split() == sorted([*known_architectures(), "bottleneck"])


@pytest.mark.parametrize("fault", [ValueError("too narrow for this"), ZeroDivisionError("by zero")])
def test_an_architecture_that_refuses_a_row_or_fails_is_named(monkeypatch, fault):
    def refuse(model, shape):
        raise fault

    monkeypatch.setattr(networks, "layers", refuse)
    table = ROOT / "config/settings/two_points_smoke.tsv"
    _, names, problems = read_table(table, "smoke.tsv", TABLES["two_points"])
    assert len(problems) == len(names)
    assert all(str(fault) in problem for problem in problems)
    if isinstance(fault, ZeroDivisionError):
        assert "architectures/mlp.py raised ZeroDivisionError" in problems[0]


def test_nothing_heavy_is_imported():
    heavy = ("torch", "numpy", "pandas", "matplotlib", "scipy", "xarray")
    light = "repdyn.pipeline.study, repdyn.networks, repdyn.pipeline.sources"
    code = f"import sys, {light}; print([name for name in {heavy} if name in sys.modules])"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT / "workflow/scripts", capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_check_from_the_command_line(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    mine = tmp_path / "mine.yaml"
    assert studies.main([SMOKE]) == 0
    assert f"{len(rows('two_points', SMOKE))} rows, 2 networks of each" in capsys.readouterr().out
    mine.write_text("training: {finer: 0}\n")
    assert studies.main([str(mine)]) == 1
    assert "mine.yaml:1: training.finer = 0: expected a whole number >= 1" in capsys.readouterr().err
    mine.write_text("training:\n finer: 0\n  x: 1\n")
    assert studies.main([str(mine)]) == 1
    assert "mine.yaml:3: not valid YAML" in capsys.readouterr().err
    mine.write_text("two_points: {rows: [default, tanh, narrow]}\ndepth: {row: skip}\n")
    assert studies.main([str(mine)]) == 0
    told = capsys.readouterr().out
    assert "depth can't be made:\n  " in told and "mine.yaml:2: depth.row = 'skip': not selected" in told
    assert "gains can't be made:" in told and "sound: 3 rows" in told
