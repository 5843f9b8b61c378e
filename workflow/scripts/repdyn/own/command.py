"""The command `repdyn`: fit, plot, demo.

Exit status: 0 when done, whatever the verdict; 1 when a file or what is asked of it is wrong (one line says why);
2 for a wrong command line; 3 with --strict where the theory does not apply to every fit.
"""

import argparse
import csv
import io
import json
import sys
from pathlib import Path

from repdyn.own import files

_FIGURES = (".png", ".svg", ".pdf")


def main(arguments: list[str] | None = None) -> int:
    """Run the command with these arguments, or with those of the process; returns the exit status."""
    given = _parser().parse_args(arguments)
    try:
        return given.run(given)
    except (files.FileError, _Refused) as error:
        print(f"repdyn: {error}", file=sys.stderr)
        return 1


class _Refused(Exception):
    """What is asked cannot be done; the message says why."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="repdyn", description="The effective theory of representation learning, on recorded runs."
    )
    commands = parser.add_subparsers(required=True, metavar="{fit,plot,demo}")
    reads = argparse.ArgumentParser(add_help=False)
    reads.add_argument(
        "files", nargs="+", metavar="FILE", help="CSV, TSV, netCDF or npz: H, Y, w over steps, or activations"
    )
    reads.add_argument("--dx2", type=float, help="squared distance of the inputs, of every pair")
    reads.add_argument("--dy2", type=float, help="squared distance of the targets, of every pair")
    reads.add_argument("--layer", help="this layer alone")
    reads.add_argument("--pair", help="this pair of points alone, as 0,1")
    reads.add_argument("--confidence", type=float, default=0.95, help="of intervals over runs (0.95)")
    fit = commands.add_parser("fit", parents=[reads], help="rates with errors, and a verdict")
    fit.add_argument("--format", choices=("text", "json", "csv"), default="text")
    fit.add_argument("-o", "--output", help="a file to write to, instead of printing")
    fit.add_argument("--strict", action="store_true", help="exit status 3 where the theory does not apply to every fit")
    fit.set_defaults(run=_fit)
    plot = commands.add_parser("plot", parents=[reads], help="a figure of the fits")
    plot.add_argument("-o", "--output", help="png, svg or pdf (the file's name with .png)")
    plot.set_defaults(run=_plot)
    demo = commands.add_parser("demo", help="train five small networks, fit and draw them")
    demo.add_argument("-o", "--output", default="repdyn-demo", help="folder to write to (repdyn-demo)")
    demo.set_defaults(run=_demo)
    return parser


def _report(given):
    from dataclasses import replace

    from repdyn.own import fits

    if not 0 < given.confidence < 1:
        raise _Refused(f"--confidence lies between 0 and 1, got {given.confidence:g}")
    pair = None
    if given.pair is not None:
        try:
            a, b = map(int, given.pair.split(","))
            pair = (a, b)
        except ValueError:
            raise _Refused(f"--pair is two numbers, as 0,1; got {given.pair}") from None
    runs = []
    for path in given.files:
        for run in files.read(path, given.dx2, given.dy2):
            inside = f" {run.name}" * bool(run.name)
            runs.append(replace(run, name=f"{Path(path).stem}{inside}") if len(given.files) > 1 else run)
    runs = [_only(run, given.layer, pair) for run in runs]
    return fits.fit(runs, confidence=given.confidence)


def _only(run, layer, pair):
    """A record of one layer or pair alone."""
    from dataclasses import replace

    if layer is not None:
        if layer not in run.layers:
            raise _Refused(f"no layer {layer}; there are: {', '.join(run.layers)}")
        n = run.layers.index(layer)
        norms = None if run.norms is None else run.norms[n : n + 1]
        run = replace(run, layers=(layer,), H=run.H[n : n + 1], norms=norms)
    if pair is not None:
        if pair not in run.pairs:
            raise _Refused(f"no pair {pair[0]},{pair[1]}; there are: {' '.join(f'{a},{b}' for a, b in run.pairs[:20])}")
        m = run.pairs.index(pair)
        one = {name: getattr(run, name)[m : m + 1] for name in ("Y", "w", "dx2", "dy2")}
        mean_error = None if run.mean_error is None else run.mean_error[m : m + 1]
        norms = None if run.norms is None else run.norms[:, m : m + 1]
        run = replace(run, pairs=(pair,), H=run.H[:, m : m + 1], norms=norms, mean_error=mean_error, **one)
    return run


def _fit(given) -> int:
    report = _report(given)
    if given.format == "json":
        summary = report.summary_rows() if len(report.runs) > 1 else []
        said = json.dumps({"verdict": report.verdict, "fits": report.rows(), "summary": summary})
        text = json.dumps(json.loads(said, parse_constant=lambda _: None), indent=1)  # JSON has no nan
    elif given.format == "csv":
        rows = report.rows()
        file = io.StringIO()
        table = csv.DictWriter(file, rows[0], lineterminator="\n")
        table.writeheader()
        table.writerows({name: f"{v:.9g}" if isinstance(v, float) else v for name, v in row.items()} for row in rows)
        text = file.getvalue().rstrip("\n")
    else:
        text = str(report)
    if given.output:
        _write(Path(given.output), text + "\n")
    else:
        print(text)
    return 3 if given.strict and any(one.verdict != "applies" for one in report.fits) else 0


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise _Refused(f"{path}: {error.strerror}") from None


def _plot(given) -> int:
    output = Path(given.output) if given.output else Path(given.files[0]).with_suffix(".png")
    if output.suffix.lower() not in _FIGURES:
        raise _Refused(f"{output}: figures end in {', '.join(_FIGURES)}")
    report = _report(given)
    _draw(report, output)
    print(output)
    return 0


def _draw(report, path: Path, **chosen) -> None:
    from repdyn.own.figure import plot

    try:
        plot(report, path, **chosen)
    except OSError as error:
        raise _Refused(f"{path}: {error.strerror}") from None


def _demo(given) -> int:
    from repdyn.own import demo, fits

    folder = Path(given.output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _Refused(f"{folder}: {error.strerror}") from None
    runs = [demo.run(seed) for seed in range(5)]
    for n, run in enumerate(runs):
        files.write(run, folder / f"run_{n}.csv")
    found = fits.fit(runs)
    _write(folder / "report.txt", f"{found}\n")
    _draw(found, folder / "figure.png", run=runs[0].name)
    print(found)
    print(f"\nFive tanh networks of four layers on two points. {folder} holds their curves (run_0.csv ... run_4.csv),")
    print("this report and a figure. The same from the files:")
    print(f"    repdyn fit {folder}/run_*.csv\n    repdyn plot {folder}/run_0.csv")
    return 0


if __name__ == "__main__":
    sys.exit(main())
