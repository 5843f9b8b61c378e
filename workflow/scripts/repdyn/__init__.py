"""repdyn: how the representations of deep networks move, measured and explained.

The library behind the workflow, in rooms that build on each other from top to bottom; no room knows one below it.

    files         files written whole or not at all, and their checksums
    artifacts     reading and writing results: labelled arrays and tables
    theory        the effective theory: exact solution, fixed point, loss; altered equations; regimes
    data          what networks learn, as arrays, and where files are had
    networks      what networks are made of: layers, activations, torch modules; kernels and rates measured on them
    training      one loop for all experiments, and three trainers: compiled steps, gradient flow, any torch module
    statistics    what numbers over networks and images say: intervals, dimensions, correlations. Nothing is fitted
    fitting       the theory's rates from recorded curves, altered equations, laws of decay, predictions
    plotting      how figures look. No statistics, no equations: tables hold the numbers
    own           a network of one's own: observed, fitted, judged, drawn; the command `repdyn`
    pipeline      configuration, code as inputs, jobs, the cache. No torch

An experiment is a folder beside this package, scripts/EXPERIMENT/: each script there holds one `main`, which run.py
calls.

For a network of one's own the names below are all that is needed:

    with repdyn.observe(model, x, y, layers=["blocks.0"], every=10) as seen:
        train(model)
    report = repdyn.fit(seen)
    print(report)
    repdyn.plot(report, "figure.png")

Each is imported when it is first asked for: `import repdyn` takes no time, and only `observe` needs torch.
"""

from importlib import import_module

# Names, not imports: whoever imports a part of the library depends on that part alone (`pipeline.sources`). Type
# checkers read `__init__.pyi`.
_PLACES = {
    "observe": "observer",
    "Observer": "observer",
    "Record": "record",
    "MeasuredRates": "record",
    "fit": "fits",
    "Report": "report",
    "PairFit": "report",
    "plot": "figure",
    "read": "files",
    "write": "files",
    "FileError": "content",
}

__all__ = sorted(_PLACES)


def __getattr__(name: str):
    if name not in _PLACES:
        raise AttributeError(f"module 'repdyn' has no attribute {name!r}")
    value = getattr(import_module(f"repdyn.own.{_PLACES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
