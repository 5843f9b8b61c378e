"""A report drawn: curves with the theory, the path Y(H), and how the rates change."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from repdyn.own import report as reports
from repdyn.own import verdict
from repdyn.own.fits import fit
from repdyn.plotting import pages, style

MOST = 6  # fits in one figure
_SAID = {
    verdict.APPLIES: "the theory applies",
    verdict.ORBIT_ONLY: "the path is the theory's, the clock is not",
    verdict.NOT: "the theory does not apply",
    verdict.UNKNOWN: "it can't be told whether the theory applies",
}
_ROW, _ABOVE, _LEFT, _WIDTH = 2.05, 0.62, 0.75, 11.0
_CHARACTERS = 150  # of a line as long as the page is wide


def plot(
    report, path=None, *, layer: str | None = None, pair: tuple[int, int] | None = None, run: str | None = None
) -> Figure:
    """Draw a report (or what can be fitted: a record, an observer); `path` is where to, by its suffix png, svg or pdf.

    One row a fit, at most MOST of them: those of a layer, a pair, a run, where these are named; else of the first run
    and pair at every layer. From left to right: H; Y and w; the path Y(H) with the theory's between its ends; where
    rates were measured, how they change.
    """
    if not isinstance(report, reports.Report):
        report = fit(report)
    first = report.fits[0]
    fits = report.of(layer, pair or (None if layer else (first.a, first.b)), run or (None if layer else first.run)).fits
    with style.applied():
        figure = _drawn(fits[:MOST], len(report.fits))
        if path is not None:
            kind = str(path).rpartition(".")[2].lower()
            dates = {"svg": {"Date": None, "Creator": None}, "pdf": {"CreationDate": None}}
            figure.savefig(path, metadata=dates.get(kind, {"Software": None} if kind == "png" else None))
    return figure


def _drawn(fits, total: int) -> Figure:
    measured = any("eta_h" in one.curves.relative for one in fits)
    columns = 4 if measured else 3
    colours = [Line2D([], [], color=style.COLOUR[name], linewidth=2.4, label=name) for name in "HYw"]
    lines = [
        Line2D([], [], color=style.FAINT, linewidth=2.4, alpha=0.6, label="network"),
        Line2D([], [], color="black", linewidth=1.3, linestyle=style.DASHES, label="theory"),
        Line2D([], [], color="black", linewidth=1.3, linestyle=":", label="theory with a clock"),
    ]
    rates = [
        Line2D([], [], color=colour, marker="o", markersize=3, linewidth=1, label=f"measured {name}")
        for name, colour in _RATES.items()
    ]
    shown = f"{len(fits)} of {total} fits are shown. " if len(fits) < total else ""
    figure, header = pages.page(
        _headline(fits),
        f"{shown}Solid: network. Dashed: theory, two constants a row. Dotted: with a clock, one more.",
        len(fits) * (_ROW + _ABOVE) + 0.15,
        colours + lines + rates * measured,
        _WIDTH,
    )
    height = figure.get_size_inches()[1]
    gap, width = 0.72, (_WIDTH - _LEFT - 0.25 - 0.72 * (columns - 1)) / columns
    for n, one in enumerate(fits):
        bottom = height - header - n * (_ROW + _ABOVE) - _ABOVE - _ROW + 0.55
        boxes = [(_LEFT + c * (width + gap), bottom, width, _ROW - 0.55) for c in range(columns)]
        axes = [figure.add_axes((x / _WIDTH, y / height, w / _WIDTH, h / height)) for x, y, w, h in boxes]
        _row(axes, one)
        top = (bottom + _ROW - 0.55) / height
        figure.text(0.012, top + 0.34 / height, _title(one), fontsize=9.5, fontweight="bold", va="bottom")
        figure.text(0.012, top + 0.12 / height, _detail(one), fontsize=8, color=style.FAINT, va="bottom")
    return figure


_RATES = {"eta_h": style.VERMILION, "eta_y": style.BLUE}


def _headline(fits) -> str:
    kinds = {one.verdict for one in fits}
    if len(kinds) == 1:
        (only,) = kinds
        return _SAID[only][0].upper() + _SAID[only][1:] + (f" in all {len(fits)} fits" if len(fits) > 1 else "")
    return f"The theory applies in {sum(one.verdict == verdict.APPLIES for one in fits)} of {len(fits)} fits"


def _title(one) -> str:
    return f"{one.run + ', ' * bool(one.run)}layer {one.layer}, points {one.a} and {one.b}: {_SAID[one.verdict]}"


def _detail(one) -> str:
    if not one.converged:
        return one.reason if len(one.reason) < _CHARACTERS else one.reason[: _CHARACTERS - 4] + " ..."
    return (
        rf"$\eta_h|\Delta x|^2$ = {style.number(one.eta_h_dx2)}, $\eta_y$ = {style.number(one.eta_y)} a step; error "
        f"{style.percent(one.error)}, path {style.percent(one.orbit_error)}, with a clock "
        f"{style.percent(one.error_drift)} (k = {one.k:.2g}); {one.regime}"
    )


def _row(axes, one) -> None:
    curves, (above, outputs, orbit, *more) = one.curves, axes
    for ax, names in ((above, (0,)), (outputs, (1, 2))):
        for c in names:
            colour = style.COLOUR["HYw"[c]]
            ax.plot(curves.step, curves.observed[c], color=colour, linewidth=2.4, alpha=0.6)
            ax.plot(curves.step, curves.theory[c], color=style.dark(colour), linewidth=1.3, linestyle=style.DASHES)
            ax.plot(curves.step, curves.drift[c], color=style.dark(colour), linewidth=1.3, linestyle=":")
        ax.set_xlabel("optimiser step")
        ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    above.set_ylabel(r"H = $|h_a - h_b|^2$")
    outputs.set_ylabel("Y, w")
    outputs.axhline(0, color=style.GREY, linewidth=0.6, zorder=0)
    if 0 <= 2 * np.nanmin(curves.observed[0], initial=np.inf) < np.nanmax(curves.observed[0], initial=-np.inf):
        above.set_ylim(0, above.get_ylim()[1])
    n = len(curves.path)
    orbit.plot(*curves.observed[:2, :n], color=style.ORANGE, linewidth=2.4, alpha=0.6)
    orbit.plot(
        curves.observed[0, :n], curves.path, color=style.dark(style.ORANGE), linewidth=1.3, linestyle=style.DASHES
    )
    orbit.set_xlabel("H")
    orbit.set_ylabel("Y")
    orbit.xaxis.set_major_locator(MaxNLocator(4))
    for ax in more:
        for name, colour in _RATES.items():
            if name in curves.relative:
                ax.plot(curves.rate_step, curves.relative[name], color=colour, marker="o", markersize=3, linewidth=1)
        if "drift" in curves.relative:
            ax.plot(curves.rate_step, curves.relative["drift"], color="black", linewidth=1.3, linestyle=":")
        ax.axhline(1, color="black", linewidth=1, linestyle=style.DASHES)
        ax.set_ylabel("rate / its mean")
        ax.set_xlabel("optimiser step")
        ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
