"""XOR: distances of the four points before training, after it and as the theory predicts them, and what correlates."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from repdyn import artifacts
from repdyn.data import xor
from repdyn.plotting import pages, style

MATRICES = {"measured_start": "before training", "measured_end": "after training", "predicted": "theory"}
PREDICTORS = {  # colour, marker, label
    "r_targets": (style.ORANGE, "s", "targets alone"),
    "r_initial": (style.GREEN, "^", "distances before training alone"),
    "r_theory": (style.BLUE, "o", "theory"),
}
ROW, LEFT, SIZE = 1.12, 1.55, 0.92  # inches
ORDER = [0, 3, 1, 2]  # points of one target beside each other, so the task is two blocks


def main(
    matrices: str, table: str, summary: str, gains: dict[str, float], confidence: float
) -> tuple[Figure, pd.DataFrame]:
    """A row a setting: three matrices of distances, and what correlates with the final one; and the numbers drawn."""
    matrices, networks, summary = map(artifacts.read_table, (matrices, table, summary))
    numbers = numbers_of(matrices, networks, summary, gains)
    body = 0.4 + len(summary) * ROW + 0.55
    handles = [style.mark(marker, label, colour) for colour, marker, label in PREDICTORS.values()]
    page, _ = pages.page(
        title(summary),
        "Left: squared distances |h_a - h_b|² of the four points x₁x₂ (00 and 11 have one target, 01 and 10 the "
        "other), mean "
        "of the networks that learned, from 0 (dark) to the largest of the matrix. Right: correlation over the six "
        "pairs "
        f"with the distances after training; mean and {100 * confidence:g} % t interval (from 5 networks on), dots: "
        "single "
        "networks.",
        body,
        [*handles, style.mark(".", "single networks", alpha=0.5)],
    )
    width, height = page.get_size_inches()
    for i, row in enumerate(summary.itertuples()):
        of_setting = numbers[numbers.setting == row.setting]
        middle = body - 0.4 - (i + 0.5) * ROW
        told = f"gain {gains[row.setting]:g}\n{row.kept} of {row.networks} learned"
        page.text(pages.MARGIN / width, (middle + 0.2) / height, row.setting, fontsize=10, fontweight="bold")
        colour = style.FAINT if row.kept == row.networks else style.VERMILION
        page.text(pages.MARGIN / width, (middle + 0.12) / height, told, va="top", fontsize=8.5, color=colour)
        for j, (quantity, name) in enumerate(MATRICES.items()):
            box = (LEFT + j * (SIZE + 0.45), middle - SIZE / 2, SIZE, SIZE)
            ax = page.add_axes((box[0] / width, box[1] / height, box[2] / width, box[3] / height))
            _matrix(ax, of_setting[of_setting.quantity == quantity], row.kept)
            ax.tick_params(labelleft=not j)
            if i == 0:
                ax.set_title(name, fontweight="bold", fontsize=9.5, pad=6)
    left = LEFT + 3 * (SIZE + 0.45) + 0.25
    box = (left / width, 0.55 / height, (width - left - 0.25) / width, len(summary) * ROW / height)
    _correlations(page.add_axes(box), numbers, list(summary.setting))
    return page, numbers


def numbers_of(
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


def title(summary: pd.DataFrame) -> str:
    """In how many settings the theory says more of the final arrangement than the better of two simple predictors."""
    learned = summary[summary.over_better.notna()]
    if not len(learned):
        return "What distances of XOR show cannot be told: no network learned it"
    certain = learned.over_better_low.notna().any()
    more, less = (learned.over_better_low > 0, learned.over_better_high < 0) if certain else (
        learned.over_better > 0, learned.over_better < 0
    )  # fmt: skip
    how = "" if certain else " on average"
    return (
        f"XOR: the theory tells final distances better than targets or initial distances alone{how} in {more.sum()} of "
        f"{len(learned)} settings, worse in {less.sum()}"
    )


def _matrix(ax, of_quantity: pd.DataFrame, learned: int) -> None:
    """Mean distances of all pairs, as colours from 0 to the largest."""
    means = xor.matrix(of_quantity.set_index("pair").loc[xor.PAIR_NAMES].value.to_numpy())[np.ix_(ORDER, ORDER)]
    largest = np.nanmax(means) if np.isfinite(means).any() else 0.0
    image = ax.imshow(means, cmap="viridis", vmin=0, vmax=largest if largest > 0 else 1.0)
    image.set_alpha(1.0 if learned else 0.4)
    ticks, names = range(len(ORDER)), [xor.NAMES[point] for point in ORDER]
    ax.set_xticks(ticks, names, fontsize=7)
    ax.set_yticks(ticks, names, fontsize=7)
    ax.tick_params(length=0, pad=2)
    for spine in ax.spines.values():
        spine.set_visible(False)


def _correlations(ax, numbers: pd.DataFrame, settings: list[str]) -> None:
    """Correlations of single networks, and their mean with its interval where there is one."""
    for y in range(0, len(settings), 2):
        ax.axhspan(y - 0.5, y + 0.5, color="#f4f4f4", linewidth=0, zorder=0)
    ax.axvline(0, color=style.GREY, linewidth=0.8, zorder=1)
    for n, (name, (colour, marker, _)) in enumerate(PREDICTORS.items()):
        mine = numbers[numbers.quantity == name]
        for place, setting in enumerate(settings):
            here, y = mine[mine.setting == setting], place + 0.22 * (n - 1)
            single, (mean,) = here[here.seed.notna()], here[here.seed.isna()].itertuples()
            ax.plot(single.value, [y] * len(single), ".", color=colour, markersize=5, alpha=0.45, markeredgewidth=0)
            ax.hlines(y, mean.low, mean.high, color=colour, linewidth=1.6)
            ax.plot(mean.value, y, marker, color=colour, markersize=6.5, zorder=4, clip_on=False)
    ax.set_xlim(-1.03, 1.03)
    ax.set_ylim(len(settings) - 0.5, -0.5)
    ax.set_yticks([])
    ax.set_xlabel("correlation r with the distances after training")
