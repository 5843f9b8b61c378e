"""XOR: distance matrices of the four points before and after training, and as the theory predicts them."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from repdyn import artifacts
from repdyn.data import xor
from repdyn.plotting import style

COLUMNS = ["setting", "gain", "quantity", "pair", "dx2", "dy2", "value", "spread", "low", "high", "networks"]
MATRICES = {"measured_start": "before training", "measured_end": "after training", "predicted": "theory"}
NUMBERS = ["correlation", "structure_index", "explained"]
TASK, SAME = style.VERMILION, style.BLUE
ROW, HEADER, LEFT = 2.75, 1.35, 1.6  # inches
ORDER = [0, 3, 1, 2]  # points of one target beside each other, so the task is two blocks


def table(pairs: pd.DataFrame, summary: pd.DataFrame, gains: dict[str, float]) -> pd.DataFrame:
    """The numbers to draw: means and standard deviations over kept networks, of all where none was kept (networks 0).

    Of the quantities correlation, structure_index and explained the mean and its interval, no pair.
    """
    rows = []
    for setting, of_setting in pairs.groupby("setting", sort=False):
        kept = of_setting[of_setting.status == "kept"]
        networks = kept.seed.nunique()
        for quantity in MATRICES:
            for pair, values in (kept if networks else of_setting).groupby("pair", sort=False):
                dx2, dy2 = values.dx2.iloc[0], values.dy2.iloc[0]
                mean, spread = values[quantity].mean(), values[quantity].std()
                rows.append((setting, gains[setting], quantity, pair, dx2, dy2, mean, spread, None, None, networks))
        numbers = summary[summary.setting == setting].iloc[0]
        for quantity in NUMBERS:
            value, low, high = numbers[quantity], numbers[f"{quantity}_low"], numbers[f"{quantity}_high"]
            rows.append((setting, gains[setting], quantity, None, None, None, value, None, low, high, networks))
    return pd.DataFrame(rows, columns=COLUMNS).astype({"low": float, "high": float, "spread": float})


def figure(
    pairs: pd.DataFrame, summary: pd.DataFrame, gains: dict[str, float], confidence: float
) -> tuple[Figure, pd.DataFrame]:
    """One row of panels for each setting: three matrices, and prediction against measurement."""
    numbers = table(pairs, summary, gains)
    settings = list(dict.fromkeys(numbers.setting))
    width, height = 12.0, HEADER + len(settings) * ROW
    page = Figure(figsize=(width, height))
    networks = summary.networks.max()
    style.headline(
        page,
        "XOR: distances of the four points, experiment and theory, by initial scale",
        f"Squared distance |h_a - h_b|² of each pair of the four points, mean of {networks} networks (± standard "
        "deviation). Colour: from 0 to the largest of the matrix.",
    )
    page.text(
        0.012,
        1 - 0.68 / height,
        "Points x₁x₂: 00 and 11 have one target, 01 and 10 the other. Structure index: +1 distances of the task, "
        f"-1 initial distances; in brackets {100 * confidence:g} % bootstrap intervals.",
        va="top",
        fontsize=9.5,
        color=style.FAINT,
    )
    size, apart = 1.95, 0.7
    for i, setting in enumerate(settings):
        of_setting = numbers[numbers.setting == setting]
        top = height - HEADER - i * ROW
        page.text(0.012, (top - 0.35) / height, setting, fontsize=12, fontweight="bold", va="top")
        learned = of_setting.networks.iloc[0]
        told = f"gain {of_setting.gain.iloc[0]:g}\n{learned} of {networks}\nlearned"
        page.text(0.012, (top - 0.63) / height, told, va="top", color=style.FAINT if learned else TASK)
        for j, (quantity, title) in enumerate(MATRICES.items()):
            box = ((LEFT + j * (size + apart)) / width, (top - size - 0.1) / height, size / width, size / height)
            ax = page.add_axes(box)
            _matrix(ax, of_setting[of_setting.quantity == quantity], learned)
            if i == 0:
                ax.set_title(title, fontweight="bold", fontsize=10, pad=8)
            if quantity == "measured_end":
                ax.set_xlabel(_told(of_setting, "structure_index", "structure index", "+.2f"), labelpad=3, fontsize=8.5)
            if quantity == "predicted":
                ax.set_xlabel(_told(of_setting, "correlation", "with experiment r =", ".3f"), labelpad=3, fontsize=8.5)
        box = ((LEFT + 3 * (size + apart) + 0.1) / width, (top - size - 0.1) / height, size / width, size / height)
        _scatter(page.add_axes(box), of_setting, legend=i == 0)
    return page, numbers


def _told(of_setting, quantity, name, form) -> str:
    row = of_setting[of_setting.quantity == quantity].iloc[0]
    if row.value != row.value:
        return f"{name}: none"
    interval = f" [{row.low:{form}}, {row.high:{form}}]" if row.low == row.low else ""
    return f"{name} {row.value:{form}}{interval}"


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


def _scatter(ax, of_setting: pd.DataFrame, legend: bool) -> None:
    theory, experiment = (
        of_setting[of_setting.quantity == name].set_index("pair") for name in ("predicted", "measured_end")
    )
    for dy2, colour, marker, name in ((1, TASK, "o", "different targets"), (0, SAME, "s", "same target")):
        x, y = theory[theory.dy2 == dy2], experiment[experiment.dy2 == dy2]
        ax.errorbar(
            x.value,
            y.value,
            np.nan_to_num(y.spread),
            np.nan_to_num(x.spread),
            linestyle="none",
            marker=marker,
            markersize=5,
            color=colour,
            elinewidth=1,
            label=name,
        )
    both = np.concatenate([of.value + np.nan_to_num(of.spread) for of in (theory, experiment)])  # ends of error bars
    end = 1.05 * np.nanmax(both) if np.isfinite(both).any() and np.nanmax(both) > 0 else 1.0
    ax.plot([0, end], [0, end], color="black", linewidth=1.1, linestyle=style.DASHES, zorder=1, label="equal")
    ax.set_xlim(-0.05 * end, end)
    ax.set_ylim(-0.05 * end, end)
    ax.locator_params(nbins=3)
    ax.set_xlabel("theory")
    ax.set_ylabel("experiment", labelpad=2)
    if legend:
        ax.legend(
            loc="lower left",
            bbox_to_anchor=(-0.3, 1.02),
            borderaxespad=0,
            ncols=3,
            columnspacing=0.7,
            handletextpad=0.2,
            handlelength=1.3,
            fontsize=8,
        )


def main(pairs: str, summary: str, gains: dict[str, float], confidence: float) -> tuple[Figure, pd.DataFrame]:
    tables = map(artifacts.read_table, (pairs, summary))
    return figure(*tables, gains, confidence)
