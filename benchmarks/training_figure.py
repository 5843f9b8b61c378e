"""The compiled trainer beside all its peers over width, depth and number of networks (`peers`, `rounds`).

python benchmarks/training_figure.py     writes docs/benchmark.svg, .png and .csv, in a quarter of an hour
"""

import sys
from datetime import date
from itertools import product
from pathlib import Path
from statistics import median

import pandas as pd
from peers import OURS, ROOT, has_jax, peers
from rounds import alternating, made, on_one_core, where
from training import ENSEMBLES

from repdyn.plotting import pages, style

FIGURE = {"width": (50, 100, 200, 500), "depth": (5, 20, 40), "networks": (1, 4, 20)}
FAMILIES = {  # of the figure: what belongs to each, how it is drawn
    "repdyn": ((OURS,), style.BLUE, "o"),
    "JAX, the best way": (("JAX, step", "JAX, scan", "JAX, scan, vmap"), style.ORANGE, "s"),
    "torch, the best way": (("torch, lean", "torch.compile", "torch.func"), style.GREEN, "^"),
    "torch, the usual loop": (("torch, usual",), style.FAINT, "v"),
}


def measured_over_shapes(rounds: int = 3, seconds: float = 0.5) -> pd.DataFrame:
    """Rates of everything at every shape; what trains one network at a time has rows for one network alone."""
    rows = []
    for width, depth in product(FIGURE["width"], FIGURE["depth"]):
        cases = [(OURS, count) for count in FIGURE["networks"]]
        for name in peers():
            cases += [(name, count) for count in (FIGURE["networks"] if name in ENSEMBLES else (1,))]
        rates = alternating(made(cases, width, depth), rounds, seconds)
        for (name, count), values in rates.items():
            rows.append((width, depth, count, name, median(values), min(values), max(values)))
        print(f"{depth} x {width}: repdyn {median(rates[OURS, 1]):.0f} steps/s", flush=True)
    columns = ["width", "depth", "networks", "trainer", "network_steps_per_s", "lowest", "highest"]
    return pd.DataFrame(rows, columns=columns)


def draw(table: pd.DataFrame):
    """Small multiples: a row a depth, a column a number of networks."""
    widths, depths, counts = FIGURE.values()
    figure, header = pages.page(
        "Training on one core, everything recorded at every step",
        "Leaky ReLU, SGD, two points. Numbers: repdyn against the best of all others. Each of these trains the "
        "networks at once, in groups or one by one, whichever is fastest for it; medians of alternating rounds.",
        8.1,
        [style.mark(marker, name, colour) for name, (_, colour, marker) in FAMILIES.items()],
        10,
    )
    top = 1 - (header + 0.35) / figure.get_size_inches()[1]
    axes = figure.subplots(len(depths), len(counts), sharex=True, sharey=True)
    figure.subplots_adjust(left=0.08, right=0.985, top=top, bottom=0.06, hspace=0.24, wspace=0.07)
    for (row, depth), (column, count) in product(enumerate(depths), enumerate(counts)):
        ax = axes[row, column]
        # any number of them at once, group after group, has the rate of a group
        here = table[(table.depth == depth) & (table.networks <= count)]
        lines = {}
        for family, (names, colour, marker) in FAMILIES.items():
            own = here[here.trainer.isin(names) & ((here.networks == count) | (family != OURS))]
            lines[family] = own.groupby("width").network_steps_per_s.max().reindex(widths)
            look = dict(color=colour, marker=marker, markersize=5, linewidth=2 if family == OURS else 1.2)
            ax.plot(widths, lines[family], label=family, zorder=4 if family == OURS else 3, **look)
        peer = pd.concat([rates for family, rates in lines.items() if family != OURS], axis=1).max(axis=1)
        for width in widths:
            ax.annotate(
                f"{lines[OURS][width] / peer[width]:.1f} x",
                (width, max(lines[OURS][width], peer[width])),
                xytext=(0, 6),
                textcoords="offset points",
                ha="center",
                fontsize=8,
                color=style.BLUE,
            )
        ax.set(xscale="log", yscale="log", title=f"{depth} layers, {count} network{'s' if count > 1 else ''}")
        ax.set_xticks(widths, [str(width) for width in widths])
        ax.minorticks_off()
        ax.grid(axis="y", color="#e5e5e5", linewidth=0.6)
        ax.margins(x=0.12)
        if row == len(depths) - 1:
            ax.set_xlabel("width (units a layer)")
        if not column:
            ax.set_ylabel("steps/s of one network")
    top = table.network_steps_per_s.max()
    axes[0, 0].set_ylim(table.network_steps_per_s.min() / 1.6, top * 2.5)
    return figure


def write_figure(folder: Path = ROOT / "docs") -> None:
    """Measure, draw and write benchmark.svg, .png and .csv."""
    on_one_core()
    print(where())
    if not has_jax():
        sys.exit("the figure needs JAX: make bench installs it")
    table = measured_over_shapes().assign(measured_with=where(), date=date.today().isoformat())
    with style.applied():
        style.save(draw(table), table, *(folder / f"benchmark.{kind}" for kind in ("svg", "png", "csv")))


if __name__ == "__main__":
    write_figure()
