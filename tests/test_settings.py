"""The shipped configurations are sound, documented, and turned into rows that decide their own training."""

import functools
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from repdyn import settings
from repdyn.networks import architectures
from repdyn.tables import hidden_layers
from repdyn.training.optimisers import SOLVERS
from repdyn.validation import leaves

ROOT = Path(__file__).resolve().parents[1]

BASE, SMOKE, PAPER = "config/config.yaml", "config/smoke.yaml", "config/paper.yaml"


def merged(*files):
    """Files merged as Snakemake does it, the base first: its own function."""
    from snakemake.utils import update_config

    config = {}
    for file in files:
        update_config(config, yaml.safe_load((ROOT / file).read_text()))
    return config


def study(*overlays):
    return settings.load_study(merged(BASE, *overlays), [*overlays, BASE], ROOT)


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
    columns = list(settings.schema("two_points")["properties"])
    wanted = [line.split() for line in PAPER_ROWS.strip().splitlines()]
    found = study()["rows"]
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
    rows = study()["xor_rows"]
    assert {name: tuple(row[column] for column in columns) for name, row in rows.items()} == wanted
    assert {(row["model"], row["activation"], row["solver"]) for row in rows.values()} == {("mlp", "leaky_relu", "sgd")}


def test_the_table_of_blobs_is_the_papers():
    wanted = {"large": (2.0, 0.0015, 750), "medium": (0.5, 0.015, 1500), "small": (0.275, 0.05, 2000)}
    rows = study()["blobs_rows"]
    assert {name: tuple(row[column] for column in ("gain", "lr", "epochs")) for name, row in rows.items()} == wanted
    for row in rows.values():
        shape = row["model"], row["activation"], row["width"], row["depth"], row["layer"], row["solver"]
        assert shape == ("mlp", "tanh", 100, 4, 2, "sgd") and row["batch_seed"] == 3


def test_the_second_system_has_every_activation_on_both_shapes_and_a_lazy_row():
    rows = study()["response_rows"]
    wanted = {(a, s) for a in ("relu", "leaky_relu", "tanh", "sigmoid", "silu") for s in ("circle", "line")}
    assert {(row["activation"], row["shape"]) for row in rows.values()} == wanted
    assert rows["relu_lazy"] == {
        "name": "relu_lazy", "shape": "circle", "activation": "relu", "gain": 4.0, "width": 64, "lr": 0.006,
        "adam_lr": 0.003, "steps": 10000, "networks": 8, "init_seed": 0, "batch_seed": 3,
    }  # fmt: skip
    paper = study(PAPER)["response_rows"]
    assert paper.keys() == rows.keys() and all(row["networks"] == 50 and row["width"] > 64 for row in paper.values())


def test_a_row_holds_what_decides_its_training():
    rows = study()["rows"]
    assert rows["dropout"] == {
        "name": "dropout", "model": "dropout", "activation": "leaky_relu", "gain": 1.0, "lr": 0.01, "width": 500,
        "depth": 10, "steps": 3000, "layer": 5, "solver": "sgd", "networks": 4, "refine": 2,
        "rest_loss": 1e-8, "dx2": 1.0, "dy2": 0.5, "in_dim": 1, "out_dim": 1, "init_seed": 0, "dropout_seed": 1,
    }  # fmt: skip
    assert rows["default"]["dropout_seed"] is None
    for row in rows.values():
        assert {type(row[key]) for key in ("gain", "lr")} == {float}
        assert {type(row[key]) for key in ("width", "depth", "steps", "layer", "networks", "refine")} == {int}


def test_the_study_keeps_the_configuration_and_leaves_the_callers_alone():
    config = merged(BASE)
    loaded = settings.load_study(config, [BASE], ROOT)
    added = ("rows", "depths", "xor_rows", "blobs_rows", "response_rows")
    assert {key: value for key, value in loaded.items() if key not in added} == config == merged(BASE)


@pytest.mark.parametrize("overlay, results, networks", [(SMOKE, "results/smoke", 2), (PAPER, "results/paper", 50)])
def test_overlays(overlay, results, networks):
    loaded = study(overlay)
    assert loaded["results"] == results
    for rows in (loaded["rows"], loaded["xor_rows"], loaded["blobs_rows"]):
        assert {row["networks"] for row in rows.values()} == {networks}


def test_paper_trains_the_whole_table_as_the_paper_does():
    loaded = study(PAPER)
    assert loaded["rows"].keys() == study()["rows"].keys()
    assert {row["refine"] for row in loaded["rows"].values()} == {2}
    grid = loaded["final_distance"]
    assert grid["rows"] == list(loaded["rows"]) and len(grid["dx"]) == len(grid["dy"]) == 5
    assert (grid["slower"], grid["steps"], grid["stop_loss"], grid["drop_loss"]) == (5, 40000, 1e-4, 1e-3)


def test_smoke_tries_every_shipped_architecture_and_optimiser():
    rows = study(SMOKE)["rows"].values()
    assert {row["model"] for row in rows} == set(architectures())
    assert {row["solver"] for row in rows} == set(SOLVERS)
    assert all(row["width"] <= 50 and row["depth"] <= 6 and row["steps"] <= 400 for row in rows)


def test_selection_keeps_the_order_of_the_table():
    config = merged(BASE)
    config["two_points"]["rows"] = ["gain_1.1", "tanh", "default"]
    config["figures"]["gains"] = ["gain_1.1", "default"]
    config["final_distance"]["rows"] = ["gain_1.1", "default"]
    config["response"]["bridge"]["rows"] = ["tanh"]
    study = settings.load_study(config, [BASE], ROOT)
    assert list(study["rows"]) == ["default", "tanh", "gain_1.1"]
    assert study["final_distance"]["rows"] == ["default", "gain_1.1"]
    config["final_distance"]["rows"] = "all"
    assert settings.load_study(config, [BASE], ROOT)["final_distance"]["rows"] == list(study["rows"])


def test_lists_of_numbers_from_the_command_line():
    """Snakemake hands them over as text."""
    config = merged(BASE)
    config["final_distance"]["dx"] = ["1", "2.5"]
    assert settings.load_study(config, [BASE], ROOT)["final_distance"]["dx"] == [1.0, 2.5]


def test_edges_that_are_allowed():
    config = merged(BASE)
    config["two_points"]["task"].update(dx2=1, dy2=0)
    config["results"] = "/scratch/me/study"
    assert settings.load_study(config, [BASE], ROOT)["rows"]["default"]["dy2"] == 0


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
    loaded = settings.load_study(config, [BASE], ROOT)
    for path, sub in leaves(settings.schema("config")).items():
        value = functools.reduce(lambda group, key: group[key], path, loaded)
        if sub.get("type") in ("number", "integer"):
            assert type(value) is {"number": float, "integer": int}[sub["type"]], path
    point_nought = merged(BASE)
    point_nought["two_points"]["task"]["dy2"] = 2.0
    assert repr(loaded["rows"]) == repr(settings.load_study(point_nought, [BASE], ROOT)["rows"])
    assert type(config["two_points"]["task"]["dx2"]) is int  # the caller's is left alone


def test_comments_blank_lines_and_spreadsheet_habits_in_a_table(tmp_path):
    text = (ROOT / "config/settings/smoke.tsv").read_text()
    odd = "\ufeff# one\r\n\r\n" + text.replace("\n", "\r\n") + "# the end\r\n\r\n"
    (tmp_path / "odd.tsv").write_bytes(odd.encode())
    rows, names, problems = settings.read_table(tmp_path / "odd.tsv", "odd.tsv", settings.schema("two_points"))
    assert problems == [] and list(rows) == names
    assert rows == settings.read_table(ROOT / "config/settings/smoke.tsv", "", settings.schema("two_points"))[0]


def keys(config, path=()):
    """Paths of all values of a configuration."""
    found = []
    for key, value in config.items():
        found += keys(value, (*path, key)) if isinstance(value, dict) else [(*path, key)]
    return found


def groups(schema):
    yield schema
    for sub in schema["properties"].values():
        if "properties" in sub:
            yield from groups(sub)


def test_config_yaml_holds_every_key_and_no_other():
    assert keys(merged(BASE)) == list(leaves(settings.schema("config")))


def test_every_key_of_config_yaml_has_a_comment():
    lines = (ROOT / BASE).read_text().splitlines()
    above_each = zip(["", *lines[:-1]], lines, strict=True)
    bare = [at for above, at in above_each if re.match(r"\s*\w+:", at) and not above.strip().startswith("#")]
    assert bare == []


@pytest.mark.parametrize("overlay", [SMOKE, PAPER])
def test_overlays_hold_only_what_differs(overlay):
    over, base = yaml.safe_load((ROOT / overlay).read_text()), merged(BASE)

    def at(config, path):
        for key in path:
            config = config[key]
        return config

    same = [path for path in keys(over) if at(over, path) == at(base, path)]
    assert same == []


@pytest.mark.parametrize("name", sorted(path.name.split(".")[0] for path in settings.SCHEMAS.glob("*.schema.yaml")))
def test_schemas_are_strict_and_described(name):
    from jsonschema import Draft202012Validator

    schema = settings.schema(name)
    Draft202012Validator.check_schema(schema)
    for group in groups(schema):
        assert group["additionalProperties"] is False
        assert group["required"] == list(group["properties"])
        for key, sub in group["properties"].items():
            assert sub["description"].endswith("."), key


@pytest.mark.parametrize("name", ["config", "two_points", "depth_gain", "response"])
def test_the_manuals_tables_are_those_of_the_schemas(name):
    manual = (ROOT / "config/README.md").read_text()
    table = re.search(rf"<!-- {name}: begin.*?-->\n(.*?)\n<!-- {name}: end -->", manual, re.DOTALL).group(1)
    assert table == settings.describe(ROOT)[name], "run: python -m repdyn.settings describe"


def test_activations_are_those_that_can_be_built():
    pytest.importorskip("torch")
    from repdyn.networks.activations import ACTIVATIONS

    assert set(settings.schema("two_points")["properties"]["activation"]["enum"]) == set(ACTIVATIONS)


def test_hidden_layers():
    rows = study()["rows"]
    counts = {"default": 20, "skip": 20, "cnn": 12, "dropout": 10, "two_layer": 1}
    assert {name: hidden_layers(rows[name]) for name in counts} == counts


def add_architecture(monkeypatch, folder, name, layers):
    """A file beside the shipped ones, in a copy of their folder."""
    from repdyn import architectures, networks

    for file in [*networks.ARCHITECTURES.glob("[!_]*.py")]:
        shutil.copy(file, folder)
    source = f"from repdyn.networks import Dense, Layer, chain\n\n\ndef build(shape):\n    return {layers}\n"
    (folder / f"{name}.py").write_text(source)
    monkeypatch.setattr(networks, "ARCHITECTURES", folder)
    monkeypatch.setattr(architectures, "__path__", [*architectures.__path__, str(folder)])
    settings.schema.cache_clear()


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
        config["figures"]["gains"] = ["gain_1.1", "gain_1.2"]
        return config

    yield made
    for name in names:
        sys.modules.pop(f"repdyn.architectures.{name}", None)
    settings.schema.cache_clear()


@pytest.mark.parametrize(
    "layers, seed", [("[*chain(shape)[:-1], *chain(shape, dropout=0.2)[-1:]]", 1), ("chain(shape)", None)]
)
def test_whatever_drops_units_has_a_seed_for_it(with_architecture, layers, seed):
    rows = settings.load_study(with_architecture("noisy", layers), [BASE], ROOT)["rows"]
    assert rows["default"]["model"] == "noisy" and rows["default"]["dropout_seed"] == seed
    assert rows["dropout"]["dropout_seed"] == 1 and rows["tanh"]["dropout_seed"] is None


def test_layers_are_checked_with_the_ends_that_the_task_gives(with_architecture):
    config = with_architecture(
        "stiff", "[Layer(Dense(3, 7)), Layer(Dense(7, 7)), *[Layer(Dense(7, 7))] * 10, Layer(Dense(7, 2))]"
    )
    with pytest.raises(settings.ConfigurationError) as raised:
        settings.load_study(config, [BASE], ROOT)
    (problem,) = raised.value.problems
    assert "(default), columns 'width', 'depth' = 500, 20: expected a shape that can be built: " in problem
    config["two_points"]["task"].update(in_dim=3, out_dim=2)
    assert settings.load_study(config, [BASE], ROOT)["rows"]["default"]["model"] == "stiff"


def test_a_new_architecture_needs_no_change_of_a_schema(monkeypatch, tmp_path):
    from repdyn import networks

    monkeypatch.setattr(networks, "ARCHITECTURES", tmp_path)
    (tmp_path / "mlp.py").touch()
    (tmp_path / "_private.py").touch()
    (tmp_path / "bottleneck.py").touch()
    settings.schema.cache_clear()
    try:
        assert settings.schema("two_points")["properties"]["model"]["enum"] == ["bottleneck", "mlp"]
    finally:
        settings.schema.cache_clear()


@pytest.mark.parametrize("fault", [ValueError("too narrow for this"), ZeroDivisionError("by zero")])
def test_an_architecture_that_refuses_a_row_or_fails_is_named(monkeypatch, fault):
    from repdyn import networks

    def refuse(model, shape):
        raise fault

    monkeypatch.setattr(networks, "layers", refuse)
    table = ROOT / "config/settings/smoke.tsv"
    _, names, problems = settings.read_table(table, "smoke.tsv", settings.schema("two_points"))
    assert len(problems) == len(names)
    assert all(str(fault) in problem for problem in problems)
    if isinstance(fault, ZeroDivisionError):
        assert "architectures/mlp.py raised ZeroDivisionError" in problems[0]


def test_nothing_heavy_is_imported():
    heavy = ("torch", "numpy", "pandas", "matplotlib", "scipy", "xarray")
    light = "repdyn.settings, repdyn.networks, repdyn.sources"
    code = f"import sys, {light}; print([name for name in {heavy} if name in sys.modules])"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT / "workflow/scripts", capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_check_from_the_command_line(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    assert settings.main(["check", SMOKE]) == 0
    assert f"{len(study(SMOKE)['rows'])} rows, 2 networks of each" in capsys.readouterr().out
    (tmp_path / "mine.yaml").write_text("training: {refine: 0}\n")
    assert settings.main(["check", str(tmp_path / "mine.yaml")]) == 1
    assert "mine.yaml:1: training.refine = 0: expected a whole number >= 1" in capsys.readouterr().err
    (tmp_path / "mine.yaml").write_text("training:\n refine: 0\n  x: 1\n")
    assert settings.main(["check", str(tmp_path / "mine.yaml")]) == 1
    assert "mine.yaml:3: not valid YAML" in capsys.readouterr().err
