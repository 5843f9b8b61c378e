"""Curves of one setting in a figure: what its networks did, beside their own fitted theory.

`draw` takes nothing but the tables that scripts/two_points/curves.py makes, so the CSV beside a figure is what it
shows.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from repdyn import artifacts
from repdyn.networks.activations import ACTIVATIONS
from repdyn.plotting import style
from repdyn.statistics.curves import MANY
from repdyn.training.optimisers import OPTIMISERS

MODELS = {
    "mlp": "MLP",
    "resnet": "MLP with skips",
    "cnn": "convolutional",
    "dropout": "MLP with dropout",
    "layernorm": "MLP with LayerNorm",
    "attention": "self-attention",
    "recurrent": "recurrent",
}


@dataclass(frozen=True)
class Setting:
    """All networks of a row of the settings table, at its layer."""

    row: dict
    curves: pd.DataFrame
    fits: pd.DataFrame  # index: seed

    @property
    def kept(self) -> pd.DataFrame:
        return self.fits[self.fits.kept]

    @property
    def networks(self) -> int:
        return len(self.fits)

    def mean(self, quantity: str) -> float:
        """The mean of a number of the fits over the kept networks, as the table says; nan where there is none."""
        rows = self.curves[(self.curves.quantity == quantity) & (self.curves.series == "mean")]
        return float(rows.value.iloc[0]) if len(rows) else np.nan

    def of(self, quantities) -> pd.DataFrame:
        """The curves of these quantities."""
        return self.curves[self.curves.quantity.isin(list(quantities))]


def read(curves: str, fits: str, row: dict) -> Setting:
    """One setting, observed at its row's hidden layer, from its two tables."""
    fits = artifacts.read_table(fits).query(f"layer == {row['layer']}").set_index("seed")
    return Setting(row, artifacts.read_table(curves).astype({"seed": "Int64"}), fits)


def band_name(settings) -> str:
    """What `spread` shows, for a legend."""
    networks = max(setting.networks for setting in settings)
    return f"{'lowest to highest' if networks < MANY else 'central 80 %'} of {networks} networks a setting"


def draw(ax, numbers: pd.DataFrame) -> None:
    """Draw the curves of one panel: solid with a band, dashed upon it, or grey single runs."""
    for (quantity, series), curve in numbers.groupby(["quantity", "series"], sort=False):
        colour = style.COLOUR[quantity]
        if series == "experiment":
            ax.fill_between(curve.step, curve.low, curve.high, color=colour, alpha=0.25, linewidth=0, zorder=1)
            ax.plot(curve.step, curve.value, color=colour, linewidth=2.6, alpha=0.75, zorder=2)
        elif series == "theory":
            ax.plot(curve.step, curve.value, color=style.dark(colour), linewidth=1.3, linestyle=style.DASHES, zorder=3)
        else:
            for _, run in curve.groupby("seed"):
                form = ":" if quantity == "w" else "-"
                ax.plot(run.step, run.value, form, color=style.GREY, linewidth=1, zorder=2)
    discarded = numbers[numbers.series == "discarded"].value.abs()
    discarded = discarded[np.isfinite(discarded)]
    if len(discarded) and ax.get_yscale() == "linear" and discarded.max() > (reach := 4 * discarded.quantile(0.8)) > 0:
        low, high = ax.get_ylim()  # a run that diverges leaves the panel
        ax.set_ylim(max(low, -reach), min(high, reach))
    ax.set_xlim(numbers.step.min(), numbers.step.max() + 1)
    style.few_steps(ax)


def describe(row: dict) -> str:
    """A row of the settings table in plain words."""
    words = [MODELS.get(row["model"], row["model"]), ACTIVATIONS[row["activation"]].label]
    words.append(f"gain {row['gain']:g}")
    if row["solver"] != "sgd":
        words.append(OPTIMISERS[row["solver"]].label if row["solver"] in OPTIMISERS else "gradient flow")
    return ", ".join(words)


def counted(setting: Setting) -> str:
    """How many networks were kept."""
    return f"{len(setting.kept)} of {setting.networks} networks kept"


def why_discarded(setting: Setting) -> str:
    """Why networks were not kept: the reason of the first one, and how many more there are."""
    reasons = setting.fits[~setting.fits.kept].reason.str.split(";").str[0]
    if not len(reasons):
        return ""
    return reasons.iloc[0] + (f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else "")


def caption(ax, setting: Setting, result: str, count: str) -> None:
    """Four lines above a panel: name, description, a result, and how many networks count (or why none does)."""
    colours = [style.FAINT, style.FAINT if len(setting.kept) == setting.networks else style.VERMILION]
    if not len(setting.kept):
        result, count, colours = counted(setting), why_discarded(setting), [style.VERMILION] * 2
    for height, line, form in (
        (40, setting.row["name"], {"fontweight": "bold", "fontsize": 10}),
        (28, describe(setting.row), {"fontsize": 8}),
        (17, result, {"fontsize": 8, "color": colours[0]}),
        (6, count, {"fontsize": 8, "color": colours[1]}),
    ):
        ax.annotate(line, (0, 1), (0, height), xycoords="axes fraction", textcoords="offset points", **form)
