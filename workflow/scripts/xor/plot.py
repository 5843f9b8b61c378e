"""XOR: distance matrices of the four points before and after training and as the theory predicts them, and which of
the predictors correlate with the final one."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from repdyn import artifacts
from repdyn.data import xor
from repdyn.plotting import style

MATRICES = {"measured_start": "before training", "measured_end": "after training", "predicted": "theory"}
PREDICTORS = {"r_targets": "targets\nalone", "r_initial": "before\ntraining", "r_theory": "theory"}
COLOURS = {"r_targets": style.ORANGE, "r_initial": style.GREEN, "r_theory": style.BLUE}
ROW, HEADER, LEFT = 2.75, 1.35, 1.6  # inches
HIGH = 0.9  # a correlation that the title names
ORDER = [0, 3, 1, 2]  # points of one target beside each other, so the task is two blocks


def figure(
    matrices: pd.DataFrame, networks: pd.DataFrame, summary: pd.DataFrame, gains: dict[str, float], confidence: float
) -> tuple[Figure, pd.DataFrame]:
    """One row of panels for each setting: three matrices, and correlations of the final distances."""
    numbers = table(matrices, networks, summary, gains)
    width, height = 12.0, HEADER + len(summary) * ROW + 0.25
    page = Figure(figsize=(width, height))
    style.headline(
        page,
        _verdict(summary),
        "Squared distance |h_a - h_b|² of each pair of the four points, mean of the networks that learned (± standard "
        "deviation). Colour: from 0 to the largest of the matrix.",
    )
    interval = f"; bars: {100 * confidence:g} % t intervals of the mean" if summary.r_theory_low.notna().any() else ""
    page.text(
        0.012,
        1 - 0.68 / height,
        "Points x₁x₂: 00 and 11 have one target, 01 and 10 the other. Right: correlation over the six pairs of the "
        f"distances after training, dots: single networks{interval}.",
        va="top",
        fontsize=9.5,
        color=style.FAINT,
    )
    size, apart = 1.95, 0.7
    for i, row in enumerate(summary.itertuples()):
        of_setting = numbers[numbers.setting == row.setting]
        top = height - HEADER - i * ROW
        page.text(0.012, (top - 0.35) / height, row.setting, fontsize=11, fontweight="bold", va="top")
        told = f"gain {gains[row.setting]:g}\n{row.kept} of {row.networks}\nlearned"
        page.text(0.012, (top - 0.63) / height, told, va="top", color=style.FAINT if row.kept else style.VERMILION)
        for j, (quantity, title) in enumerate(MATRICES.items()):
            box = ((LEFT + j * (size + apart)) / width, (top - size - 0.1) / height, size / width, size / height)
            ax = page.add_axes(box)
            _matrix(ax, of_setting[of_setting.quantity == quantity], row.kept)
            if i == 0:
                ax.set_title(title, fontweight="bold", fontsize=10, pad=8)
            if quantity == "predicted" and row.scale == row.scale:
                ax.set_xlabel(f"{row.scale:.2f} times as far apart", labelpad=3, fontsize=8.5)
        box = ((LEFT + 3 * (size + apart) + 0.1) / width, (top - size - 0.1) / height, size / width, size / height)
        ax = page.add_axes(box)
        _correlations(ax, of_setting)
        if i == 0:
            ax.set_title("correlation with after", fontweight="bold", fontsize=10, pad=18)
    return page, numbers


def table(
    matrices: pd.DataFrame, networks: pd.DataFrame, summary: pd.DataFrame, gains: dict[str, float]
) -> pd.DataFrame:
    """What is drawn: means and deviations of matrices, correlations of single networks, and their means."""
    single = networks[networks.kept].melt(["setting", "seed"], list(PREDICTORS), "quantity", "value")
    means = [
        pd.DataFrame(
            {
                "setting": summary.setting,
                "quantity": name,
                "value": summary[name],
                "low": summary[f"{name}_low"],
                "high": summary[f"{name}_high"],
                "networks": summary[f"{name}_n"],
            }
        )
        for name in PREDICTORS
    ]
    numbers = pd.concat([matrices, single, *means], ignore_index=True)
    return numbers.assign(gain=numbers.setting.map(gains)).astype({"seed": "Int64"})


def _verdict(summary: pd.DataFrame) -> str:
    """In which settings the theory is right about the arrangement, and in which one of two simpler predictors is."""
    simple = summary[["r_targets", "r_initial"]].max(axis=1)
    theory, alone = (", ".join(summary.setting[r > HIGH]) or "none" for r in (summary.r_theory, simple))
    return f"XOR, r > {HIGH:g}: theory in {theory}; targets or initial distances alone in {alone}"


def _matrix(ax, of_quantity: pd.DataFrame, learned: int) -> None:
    """Means below the diagonal, standard deviations above it, in units of a power of ten that is told above."""
    order = of_quantity.set_index("pair").loc[xor.PAIR_NAMES]
    means, spreads = (xor.matrix(order[c].to_numpy())[np.ix_(ORDER, ORDER)] for c in ("value", "spread"))
    largest = np.nanmax(means) if np.isfinite(means).any() else 0.0
    power = int(np.floor(np.log10(largest))) if largest > 0 else 0
    power = 0 if -2 <= power <= 1 else power
    image = ax.imshow(means, cmap="viridis", vmin=0, vmax=largest if largest > 0 else 1.0)
    image.set_alpha(1.0 if learned else 0.4)
    for row in range(len(ORDER)):
        for column in range(row):
            mean, spread = means[row, column], spreads[row, column]
            colour = "white" if learned and not mean > 0.6 * largest else "black"
            ax.text(column, row, f"{mean / 10**power:.2f}", ha="center", va="center", color=colour, fontsize=8)
            if spread == spread:
                text = f"±{spread / 10**power:.2f}"
                ax.text(row, column, text, ha="center", va="center", color=colour, fontsize=7)
    if power:
        ax.text(1, 1.01, rf"$\times10^{{{power}}}$", transform=ax.transAxes, ha="right", va="bottom", fontsize=8)
    ticks, names = range(len(ORDER)), [xor.NAMES[point] for point in ORDER]
    ax.set_xticks(ticks, names)
    ax.set_yticks(ticks, names)
    ax.tick_params(length=0, pad=2)
    for spine in ax.spines.values():
        spine.set_visible(False)


def _correlations(ax, of_setting: pd.DataFrame) -> None:
    """Correlations of single networks, and their mean with its interval where there is one."""
    ax.axhline(0, color=style.GREY, linewidth=0.6, zorder=0)
    for place, (name, colour) in enumerate(COLOURS.items()):
        mine = of_setting[of_setting.quantity == name]
        single, (mean,) = mine[mine.seed.notna()], mine[mine.seed.isna()].itertuples()
        ax.plot([place - 0.15] * len(single), single.value, "o", color=colour, markersize=4, alpha=0.6, linewidth=0)
        if mean.value == mean.value:
            ax.plot([place + 0.02, place + 0.28], [mean.value] * 2, color=colour, linewidth=2)
            ax.annotate(
                f"{mean.value:.2f}", (place, 1.09), ha="center", fontsize=8, annotation_clip=False, color="black"
            )
        if mean.low == mean.low:
            ax.plot([place + 0.15] * 2, [mean.low, mean.high], color=colour, linewidth=1.2)
    ax.set_xlim(-0.5, len(COLOURS) - 0.5)
    ax.set_ylim(-1.05, 1.05)
    ax.set_xticks(range(len(PREDICTORS)), PREDICTORS.values())
    ax.set_yticks([-1, 0, 1])
    ax.tick_params(axis="x", length=0)


def main(
    matrices: str, table: str, summary: str, gains: dict[str, float], confidence: float
) -> tuple[Figure, pd.DataFrame]:
    tables = map(artifacts.read_table, (matrices, table, summary))
    return figure(*tables, gains, confidence)
