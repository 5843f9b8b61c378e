"""The command `repdyn`: what it prints and writes, its exit status, and what it says of files that are wrong."""

import csv
import json
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr
from scipy.io import netcdf_file

import repdyn
from repdyn import theory
from repdyn.own import demo, files
from repdyn.own.command import main

T = np.arange(0, 1600.0, 4)
DX2, DY2 = 1.3, 0.5
H, Y, W = theory.exact(T, 0.02, 0.001, 0.001 - 0.8 * np.sqrt(0.5 * 0.001), 0.004, 0.02, DX2, DY2)
RUN = repdyn.Record.of_curves(T, H, Y, W, DX2, DY2)


@pytest.fixture
def run(tmp_path) -> Path:
    path = tmp_path / "run.csv"
    repdyn.write(RUN, path)
    return path


def test_a_file_says_what_its_record_says(tmp_path):
    """Two layers, three pairs, and a run whose |dx|^2 is not known."""
    record = demo.run(steps=60)
    draw = np.random.default_rng(0)
    hidden = {"one": draw.normal(size=(9, 3, 4)), "two": draw.normal(size=(9, 3, 2))}
    tokens = repdyn.Record.of_activations(
        range(9), hidden, draw.normal(size=(9, 3, 2)), draw.normal(size=(3, 2)), name="a, b"
    )
    for n, one in enumerate((record, tokens)):
        repdyn.write(one, tmp_path / f"{n}.csv")
        (back,) = repdyn.read(tmp_path / f"{n}.csv")
        for name in ("step", "H", "Y", "w", "dx2", "dy2", "mean_error", "loss"):
            np.testing.assert_allclose(getattr(back, name), getattr(one, name), rtol=1e-8, err_msg=name)
        assert (back.layers, back.pairs, back.name) == (one.layers, one.pairs, one.name)
    assert back.dx2_is.startswith("set to 1")


def test_fit_as_text_json_and_csv(run, tmp_path, capsys):
    assert main(["fit", str(run)]) == 0
    text = capsys.readouterr().out
    assert "layer hidden, points 0 and 1: the theory applies." in text and "eta_y = 0.02" in text
    assert main(["fit", str(run), "--format", "json"]) == 0
    (fit,) = json.loads(capsys.readouterr().out)["fits"]
    assert fit["verdict"] == "applies" and fit["eta_h"] == pytest.approx(0.004, rel=1e-5)
    assert main(["fit", str(run), "--format", "csv", "-o", str(tmp_path / "out.csv")]) == 0
    assert not capsys.readouterr().out
    with open(tmp_path / "out.csv", newline="") as file:
        (row,) = csv.DictReader(file)
    assert float(row["eta_y"]) == pytest.approx(fit["eta_y"]) and list(row) == list(fit)


def test_json_has_no_nan(run, capsys):
    short = run.with_name("short.csv")
    short.write_text("\n".join(run.read_text().splitlines()[:40]))
    assert main(["fit", str(short), "--format", "json"]) == 0
    text = capsys.readouterr().out
    (fit,) = json.loads(text, parse_constant=pytest.fail)["fits"]
    assert fit["verdict"] == "cannot be told" and fit["converged"] is False and fit["H_predicted"] is None


def test_strict_is_for_scripts(run, capsys):
    assert main(["fit", str(run), "--strict"]) == 0
    short = run.with_name("short.csv")
    short.write_text("\n".join(run.read_text().splitlines()[:40]))
    assert main(["fit", str(short)]) == 0
    assert main(["fit", str(run), str(short), "--strict"]) == 3
    assert "run: layer hidden" in capsys.readouterr().out


def test_distances_from_the_command_line_count(run, capsys):
    main(["fit", str(run), "--dx2", "2.6", "--format", "json"])
    (fit,) = json.loads(capsys.readouterr().out)["fits"]
    assert fit["eta_h"] == pytest.approx(0.002, rel=1e-5) and fit["dx2"] == 2.6


def test_a_layer_and_a_pair_alone(tmp_path, capsys):
    draw = np.random.default_rng(0)
    hidden = {"one": draw.normal(size=(9, 3, 4)), "two": draw.normal(size=(9, 3, 2))}
    record = repdyn.Record.of_activations(range(9), hidden, draw.normal(size=(9, 3, 2)), draw.normal(size=(3, 2)))
    repdyn.write(record, tmp_path / "run.csv")
    main(["fit", str(tmp_path / "run.csv"), "--layer", "two", "--pair", "0,2", "--format", "json"])
    (fit,) = json.loads(capsys.readouterr().out)["fits"]
    assert (fit["layer"], fit["a"], fit["b"]) == ("two", 0, 2)


def test_several_runs_have_intervals(tmp_path, capsys):
    for n in range(5):
        curves = theory.exact(T, 0.02, 0.001, -0.015, 0.004 * (1 + n / 10), 0.02, DX2, DY2)
        repdyn.write(repdyn.Record.of_curves(T, *curves, DX2, DY2), tmp_path / f"{n}.csv")
    main(["fit", *(str(tmp_path / f"{n}.csv") for n in range(5)), "--format", "json", "--confidence", "0.9"])
    (row,) = json.loads(capsys.readouterr().out)["summary"]
    assert row["runs"] == row["converged"] == 5 and row["eta_h_low"] < row["eta_h"] < row["eta_h_high"]
    assert row["interval"].startswith("t, 90%")


def test_plot_and_demo(run, tmp_path, capsys):
    assert main(["plot", str(run)]) == 0
    assert capsys.readouterr().out.split() == [str(run.with_suffix(".png"))]
    assert run.with_suffix(".png").read_bytes()[1:4] == b"PNG"
    assert main(["plot", str(run), "-o", str(tmp_path / "figure.svg")]) == 0
    assert main(["demo", "-o", str(tmp_path / "demo")]) == 0
    assert "10 fits of 5 runs" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "demo").iterdir()} == {
        "figure.png",
        "report.txt",
        *(f"run_{n}.csv" for n in range(5)),
    }


def of_numpy(path: Path, **arrays) -> Path:
    np.savez(path, **arrays)
    return path


def test_other_formats_say_the_same(tmp_path):
    """netCDF of both kinds, npz and tables of activations; dimensions by name, in any order."""
    two = np.stack([H, 2 * H])
    dataset = xr.Dataset(
        {
            "H": (("step", "layer", "seed"), two.T[:, :, None].repeat(3, 2)),
            "Y": (("seed", "step"), [Y] * 3),
            "w": ("step", W),
        },
        {"step": T, "layer": [4, 7], "seed": [0, 1, 2]},
        {"dx2": DX2, "dy2": DY2},
    )
    dataset["w"] = dataset.w.expand_dims(seed=3)
    dataset.to_netcdf(tmp_path / "four.nc", engine="h5netcdf")
    runs = repdyn.read(tmp_path / "four.nc")
    assert [run.name for run in runs] == ["0", "1", "2"] and runs[0].layers == ("4", "7")
    np.testing.assert_allclose(runs[2].H[1, 0], 2 * H)
    np.testing.assert_allclose([runs[0].dx2[0], runs[0].dy2[0]], [DX2, DY2])
    dataset.isel(seed=0).to_netcdf(tmp_path / "three.nc", engine="scipy")
    (run,) = repdyn.read(tmp_path / "three.nc")
    np.testing.assert_allclose(run.H, runs[0].H)
    (run,) = repdyn.read(of_numpy(tmp_path / "run.npz", step=T, H=two, Y=Y, w=W, dx2=DX2, dy2=DY2))
    np.testing.assert_allclose(run.H, runs[0].H)

    draw = np.random.default_rng(0)
    hidden, output, target, x = (draw.normal(size=shape) for shape in ((5, 3, 4), (5, 3, 2), (3, 2), (3, 6)))
    expected = repdyn.Record.of_activations(range(5), hidden, output, target, x)
    arrays = dict(step=np.arange(5), hidden=hidden, output=output, target=target, input=x)
    found = repdyn.read(of_numpy(tmp_path / "seen.npz", **arrays))
    with h5py.File(tmp_path / "seen.nc", "w") as file:
        for name, values in arrays.items():
            file[name] = values
    found += repdyn.read(tmp_path / "seen.nc")
    lines = [
        "\t".join(
            [
                "point",
                "step",
                *(f"{k}_{n}" for k, m in (("hidden", 4), ("output", 2), ("target", 2), ("input", 6)) for n in range(m)),
            ]
        )
    ]
    for step in (3, 0, 1, 2, 4):
        lines += [
            "\t".join(map(str, [p, step, *hidden[step, p], *output[step, p], *target[p], *x[p]])) for p in (2, 0, 1)
        ]
    (tmp_path / "seen.tsv").write_text("\n".join(lines))
    found += repdyn.read(tmp_path / "seen.tsv")
    for record in found:
        for name in ("step", "H", "Y", "w", "dx2", "dy2"):
            np.testing.assert_allclose(getattr(record, name), getattr(expected, name), rtol=1e-12)


# Each way in which a file can be wrong: how to make it, and what is said.

GOOD = "step,H,Y,w,dy2\n" + "".join(f"{t:g},{h:.6g},{y:.6g},{w:.6g},0.5\n" for t, h, y, w in zip(T[:12], H, Y, W))
SEEN = "step,point,hidden_0,output_0,target_0\n" + "".join(
    f"{t},{p},{p + t / 9},{p * t / 9},{p}\n" for t in range(4) for p in range(2)
)


def swapped(text: str, old: str, new: str, count=1) -> str:
    assert old in text
    return text.replace(old, new, count)


def line(n: int, text: str, of=GOOD) -> str:
    lines = of.splitlines()
    lines[n] = text
    return "\n".join(lines)


TABLES = {
    "empty": ("", "empty"),
    "blank": ("\n\n\n", "empty"),
    "header only": ("step,H,Y,w,dy2\n", "no row below the names"),
    "no step": (swapped(GOOD, "step", "time"), "no column step; there are: time, H, Y, w, dy2"),
    "no H": (swapped(GOOD, "H", "h"), "no column H"),
    "no w": (swapped(GOOD, ",w,", ",v,"), "no column w"),
    "no dy2": (swapped(GOOD, "dy2", "dy"), "|dy|^2 is missing: a column dy2, or --dy2"),
    "no header": (GOOD.partition("\n")[2], "no column step"),
    "a nameless column": (swapped(GOOD, ",w,", ",,"), "a column has no name"),
    "a column twice": (swapped(GOOD, ",w,", ",Y,"), "two columns are called Y"),
    "no number": (line(3, "8,0.02,low,-0.01,0.5"), "column Y, row 3: 'low' is no number"),
    "an empty cell": (line(3, "8,,0.001,-0.01,0.5"), "column H, row 3: empty"),
    "a cell too few": (line(3, "8,0.02,0.001,-0.01"), "line 4: 4 cells, the header has 5"),
    "a decimal comma": (line(3, "8,0,02,0.001,-0.01,0.5"), "line 4: 6 cells, the header has 5"),
    "step nan": (line(3, "nan,0.02,0.001,-0.01,0.5"), "column step, row 3: nan is not finite"),
    "a step again": (line(3, "4,0.02,0.001,-0.01,0.5"), "steps must increase, row 3 has 4 after 4"),
    "steps back": (line(3, "2,0.02,0.001,-0.01,0.5"), "steps must increase, row 3 has 2 after 4"),
    "H below 0": (line(3, "8,-0.02,0.001,-0.01,0.5"), "H is a squared distance, but below 0"),
    "Y below 0": (line(3, "8,0.02,-0.001,-0.01,0.5"), "Y is a squared distance, but below 0"),
    "another w": (line(3, "8,0.02,0.001,-0.9,0.5"), "no outputs have these Y, w and dy2: at step 8"),
    "dy2 changes": (line(3, "8,0.02,0.001,-0.01,0.6"), "dy2 changes from row to row"),
    "dy2 below 0": (GOOD.replace(",0.5\n", ",-0.5\n"), "dy2 must be at least 0, got -0.5"),
    "dy2 infinite": (GOOD.replace(",0.5\n", ",inf\n"), "column dy2, row 1: inf is not finite"),
    "dx2 0": (swapped(GOOD, "dy2\n", "dy2,dx2\n").replace(",0.5\n", ",0.5,0\n"), "dx2 must be above 0, got 0"),
    "a without b": (
        swapped(GOOD, "dy2\n", "dy2,a\n").replace(",0.5\n", ",0.5,0\n"),
        "a pair needs both columns, a and b",
    ),
    "a is b": (swapped(GOOD, "dy2\n", "dy2,a,b\n").replace(",0.5\n", ",0.5,1,1\n"), "a and b are both 1"),
    "half a point": (
        swapped(GOOD, "dy2\n", "dy2,a,b\n").replace(",0.5\n", ",0.5,0,1.5\n"),
        "column b: points are numbered 0, 1, ..., got 1.5",
    ),
    "layers at other steps": (
        swapped(GOOD, "dy2\n", "dy2,layer\n").replace(",0.5\n", ",0.5,one\n") + "99,0.02,0.001,-0.01,0.5,two\n",
        "layer two, points 0 and 1: recorded at other steps than the first",
    ),
    "other outputs at another layer": (
        swapped(GOOD, "dy2\n", "dy2,layer\n").replace(",0.5\n", ",0.5,one\n")
        + GOOD.partition("\n")[2].replace(",0.5\n", ",0.5,two\n").replace("0.001,", "0.0011,"),
        "Y is another one than at layer one",
    ),
    "a pair without a layer": (
        swapped(GOOD, "dy2\n", "dy2,layer,a,b\n").replace(",0.5\n", ",0.5,one,0,1\n")
        + GOOD.partition("\n")[2].replace(",0.5\n", ",0.5,two,1,2\n"),
        "not every pair is there at every layer",
    ),
    "no target": (swapped(SEEN, "target_0", "hidden_1"), "no column target_0"),
    "no output": (swapped(SEEN, "output_0", "hidden_1"), "no column output_0"),
    "no hidden": (swapped(SEEN, "hidden_0", "output_1"), "no column hidden_0"),
    "no point": (swapped(SEEN, "point", "input_0"), "no column point"),
    "an unknown column": (swapped(SEEN, "target_0", "wanted_0"), "column wanted_0 is none of step, point, hidden_0"),
    "numbers missing": (swapped(SEEN, "hidden_0", "hidden_2"), "columns hidden_0, hidden_1, ...: one is missing"),
    "one point": ("\n".join(row for row in SEEN.splitlines() if row[2:3] != "1"), "a pair needs two points"),
    "a point missing": (SEEN.rpartition("3,1,")[0].rstrip(), "4 steps of 2 points make 8 rows, there are 7"),
    "a point twice": (swapped(SEEN, "\n2,1,", "\n2,0,"), "not every point is there at every step"),
    "a target that moves": (line(5, "2,0,1,2,7", SEEN), "the target of a point changes from step to step"),
    "a target nan": (SEEN.replace(",0\n", ",nan\n"), "a target is not finite"),
    "outputs and targets": (
        swapped(SEEN, "target_0", "target_0,target_1").replace(",0\n", ",0,0\n").replace(",1\n", ",1,1\n"),
        "outputs (2, 1) and targets (2, 2) of the points differ in shape",
    ),
}


def complaint(arguments, capsys) -> str:
    """The one line that is printed."""
    assert main([str(argument) for argument in arguments]) == 1
    printed = capsys.readouterr()
    assert not printed.out and printed.err.startswith("repdyn: ") and printed.err.count("\n") == 1
    return printed.err


@pytest.mark.parametrize("case", TABLES)
@pytest.mark.parametrize("command", ["fit", "plot"])
def test_a_table_that_is_wrong(tmp_path, capsys, case, command):
    text, message = TABLES[case]
    path = tmp_path / "run.csv"
    path.write_text(text)
    said = complaint([command, path], capsys)
    assert message in said and str(path) in said
    assert not path.with_suffix(".png").exists()


def test_the_tables_that_were_made_wrong_are_right_as_they_are(tmp_path, capsys):
    for text in (GOOD, SEEN):
        (tmp_path / "run.csv").write_text(text)
        assert main(["fit", str(tmp_path / "run.csv")]) == 0


ARRAYS = {
    "no step": ({"step": None}, "no variable step"),
    "no H": ({"H": None}, "no variable H"),
    "no dy2": ({"dy2": None}, "|dy|^2 is missing"),
    "steps back": ({"step": T[::-1]}, "steps must increase"),
    "step nan": ({"step": np.where(T > 50, np.nan, T)}, "a step is not finite"),
    "a table of steps": ({"step": T.reshape(-1, 2)}, "step must be one axis"),
    "too few steps": ({"Y": Y[:-1]}, "Y has 399 steps, step 400"),
    "words": ({"Y": np.array(["a"] * len(T))}, "Y holds no numbers"),
    "a number alone": ({"H": np.float64(3)}, "H: axes (run, layer, pair, step) expected"),
    "too many axes": ({"w": np.zeros((1, 1, 1, 1, len(T)))}, "w: axes (run, pair, step) expected"),
    "runs differ": ({"H": np.stack([H] * 6).reshape(3, 1, 2, -1)}, "H is of 3 runs and 2 pairs"),
    "dy2 of three pairs": ({"dy2": np.ones(3)}, "dy2 must be one number, or one for each of 1 pairs"),
    "dx2 0": ({"dx2": 0.0}, "dx2 must be above 0, got 0"),
    "H below 0": ({"H": -H}, "H is a squared distance"),
    "objects": ({"H": np.array([None, 3])}, "it holds Python objects"),
    "outputs alone": ({"output": np.zeros((len(T), 2, 1)), "target": np.zeros((2, 1))}, "no variable hidden"),
    "no target": ({"output": np.zeros((len(T), 2, 1)), "hidden": np.zeros((len(T), 2, 1))}, "no variable target"),
    "moments differ": (
        {"output": np.zeros((3, 2, 1)), "hidden": np.zeros((3, 2, 1)), "target": np.zeros((2, 1))},
        "output has 3 moments, step 400",
    ),
}


@pytest.mark.parametrize("case", ARRAYS)
def test_arrays_that_are_wrong(tmp_path, capsys, case):
    changed, message = ARRAYS[case]
    arrays = {"step": T, "H": H, "Y": Y, "w": W, "dy2": DY2, **changed}
    path = of_numpy(tmp_path / "run.npz", **{name: one for name, one in arrays.items() if one is not None})
    assert message in complaint(["fit", path], capsys)


def test_netcdf_that_is_wrong(tmp_path, capsys):
    path = tmp_path / "run.nc"
    dataset = xr.Dataset({"H": ("step", H), "Y": ("step", Y), "w": ("step", W)}, {"step": T}, {"dy2": DY2})
    for wrong, message in (
        (dataset.drop_vars("w"), "no variable w"),
        (dataset.rename(step="epoch"), "no variable step"),
        (dataset.expand_dims(colour=2), "has an axis colour; expected run, layer, pair, step"),
    ):
        wrong.to_netcdf(path, engine="h5netcdf")
        assert message in complaint(["fit", path], capsys)
        path.unlink()
    dataset.to_netcdf(path, engine="h5netcdf")
    assert main(["fit", str(path)]) == 0
    capsys.readouterr()
    path.write_bytes(path.read_bytes()[:700])
    assert "netCDF" in complaint(["fit", path], capsys)
    with netcdf_file(path, "w") as file:
        file.createDimension("step", 3)
    assert "no variable step" in complaint(["fit", path], capsys)
    path.write_bytes(b"CDF\x01 and no more")
    assert "netCDF" in complaint(["fit", path], capsys)
    path.write_text("step,H,Y,w")
    assert "not a netCDF file" in complaint(["fit", path], capsys)


def test_what_is_no_file_of_numbers(tmp_path, capsys):
    for name, content, message in (
        ("run.npz", b"PK\x03\x04 and no more", "run.npz: "),
        ("run.npz", b"step,H", "not an npz file"),
        ("run.csv", "é,H".encode("latin-1"), "not a text in UTF-8"),
        ("run.csv", b"\x00\x01\x02", "not a text file"),
        ("run.xlsx", b"PK", "files end in .csv, .tsv, .nc, .npz, this one in .xlsx"),
        ("run", b"step", "this one in nothing"),
    ):
        (tmp_path / name).write_bytes(content)
        assert message in complaint(["fit", tmp_path / name], capsys)
    assert "no such file" in complaint(["fit", tmp_path / "nowhere.csv"], capsys)
    assert "a folder, expected a file" in complaint(["fit", tmp_path], capsys)


def test_what_is_asked_wrongly(run, tmp_path, capsys):
    for more, message in (
        (["--layer", "2"], "no layer 2; there are: hidden"),
        (["--pair", "0,3"], "no pair 0,3; there are: 0,1"),
        (["--pair", "0-1"], "--pair is two numbers, as 0,1; got 0-1"),
        (["--dx2", "-1"], "dx2 must be above 0, got -1"),
        (["--dx2", "nan"], "dx2 must be above 0, got nan"),
        (["--dy2", "-1"], "dy2 must be at least 0, got -1"),
        (["--confidence", "95"], "--confidence lies between 0 and 1, got 95"),
        (["-o", str(tmp_path / "nowhere" / "out.txt")], "No such file or directory"),
    ):
        assert message in complaint(["fit", run, *more], capsys)
    assert "figures end in .png, .svg, .pdf" in complaint(["plot", run, "-o", "figure.gif"], capsys)
    assert "No such file" in complaint(["plot", run, "-o", tmp_path / "nowhere" / "figure.png"], capsys)
    assert "File exists" in complaint(["demo", "-o", run], capsys)
    for wrong in ([], ["fit"], ["fit", str(run), "--format", "xml"], ["draw", str(run)]):
        with pytest.raises(SystemExit) as end:
            main(wrong)
        assert end.value.code == 2


def test_without_h5py_its_name_is_said(tmp_path, monkeypatch):
    path = tmp_path / "run.nc"
    xr.Dataset({"H": ("step", H)}, {"step": T}).to_netcdf(path, engine="h5netcdf")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(files.FileError, match=r"netCDF 4 needs h5py: pip install repdyn\[netcdf\]"):
        repdyn.read(path)
