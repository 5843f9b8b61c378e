"""Curves of one setting for a figure: what its networks did at the table's layer, beside their own fitted theory.

The numbers that are drawn are made here as a tidy table (`table`); `draw` takes nothing but that table, so the CSV
beside a figure is what the figure shows. Its columns:

    setting, gain, layer     which networks
    quantity                 H, Y, w or loss
    series                   experiment, theory, or discarded (single runs, only if none was kept)
    seed                     of a single run, else empty
    step                     optimiser step
    value, low, high         mean over networks and its band
    networks                 how many went into the mean
"""

import json
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from repdyn import artifacts, fitting, theory
from repdyn.figures import style
from repdyn.networks.activations import ACTIVATIONS
from repdyn.training.optimisers import OPTIMISERS

COLUMNS = ["setting", "gain", "layer", "quantity", "series", "seed", "step", "value", "low", "high", "networks"]
MOST_POINTS = 240
MANY = 10  # networks from which on a band leaves out the tails

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
    """All networks of a row of the settings table, at its layer and at few enough steps to draw."""

    row: dict
    runs: xr.Dataset  # H, Y, w, loss (seed, step), initial values among them; mean_error (seed) at step 0
    fits: pd.DataFrame  # index: seed

    @property
    def kept(self) -> pd.DataFrame:
        return self.fits[self.fits.kept]

    @property
    def networks(self) -> int:
        return len(self.fits)


def read(trajectories: str, fits: str, layer: int) -> Setting:
    """One setting, observed at one of its hidden layers, from its two artifacts."""
    runs = artifacts.read_dataset(trajectories)
    row = {**json.loads(runs.row), "layer": layer}
    fits = artifacts.read_table(fits).query("layer == @layer").set_index("seed").loc[runs["seed"].values]
    runs = runs.sel(layer=layer).isel(step=thin(runs.sizes["step"]))
    return Setting(row, runs, fits)


def thin(steps: int) -> np.ndarray:
    """Indices of at most MOST_POINTS of `steps` steps: even, denser at the beginning, both ends among them."""
    if steps <= MOST_POINTS:
        return np.arange(steps)
    early = np.geomspace(1, steps - 1, MOST_POINTS // 4)
    even = np.linspace(0, steps - 1, MOST_POINTS - early.size)
    return np.unique(np.concatenate([early, even]).astype(int))


def fitted(setting: Setting) -> dict[str, np.ndarray]:
    """The theory's H, Y, w and loss at each kept network's rates, (networks, steps); nan where there is no fit."""
    runs, rates = setting.runs.sel(seed=setting.kept.index.values), setting.kept
    t = runs["step"].values.astype(float)
    curves = {name: np.full((len(rates), t.size), np.nan) for name in ("H", "Y", "w", "loss")}
    there = np.isfinite(rates[["eta_h", "eta_y"]].to_numpy()).all(axis=1)
    if there.any():
        start = [runs[name].values[there, 0].astype(float) for name in "HYw"]
        eta_h, eta_y, eta_m = (rates[name].to_numpy()[there] for name in ("eta_h", "eta_y", "eta_m"))
        H, Y, w = theory.exact(t, *start, eta_h, eta_y, runs.dx2, runs.dy2)
        loss = theory.loss_curve(t, Y, w, runs.mean_error.values[there, 0], eta_m, runs.dy2, int(runs.out_dim))
        for name, curve in {"H": H, "Y": Y, "w": w, "loss": loss}.items():
            curves[name][there] = curve
    return curves


def table(setting: Setting, quantities, floor: float | None = None) -> pd.DataFrame:
    """The numbers to draw, in the columns above.

    With a `floor`, values below it are raised to it and means are geometric: for a logarithmic axis.
    """
    steps = setting.runs["step"].values
    parts = []

    def add(quantity, series, values, band, seed=None):
        present = values[np.isfinite(values).all(axis=1)] if series != "discarded" else values
        if not len(present):
            return
        if floor is not None:
            present = np.log(np.maximum(present, floor))
        low, high = spread(present, setting.networks) if band else (np.nan, np.nan)
        part = {"value": present.mean(axis=0), "low": low, "high": high}
        if floor is not None:
            part = {name: np.exp(column) for name, column in part.items()}
        parts.append(
            pd.DataFrame(
                {
                    "setting": setting.row["name"],
                    "gain": setting.row["gain"],
                    "layer": setting.row["layer"],
                    "quantity": quantity,
                    "series": series,
                    "seed": pd.array([seed] * steps.size, dtype="Int64"),
                    "step": steps,
                    **part,
                    "networks": len(present),
                }
            )
        )

    theoretical = fitted(setting) if len(setting.kept) else {}
    for quantity in quantities:
        observed = setting.runs[quantity].values.astype(float)
        if len(setting.kept):
            add(quantity, "experiment", observed[setting.fits.kept.to_numpy()], band=True)
            add(quantity, "theory", theoretical[quantity], band=False)
        else:
            for seed, run in zip(setting.fits.index, observed, strict=True):
                add(quantity, "discarded", np.where(np.isfinite(run), run, np.nan)[None], band=False, seed=seed)
    return pd.concat(parts, ignore_index=True)[COLUMNS]


def spread(values: np.ndarray, networks: int) -> tuple[np.ndarray, np.ndarray]:
    """Band over the first axis: the full range of few networks, the central 80 % of many."""
    if networks < MANY:
        return values.min(axis=0), values.max(axis=0)
    low, high = np.quantile(values, [0.1, 0.9], axis=0)
    return low, high


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


def at_bound(fits: pd.DataFrame, rate: str) -> pd.Series:
    """Which fits ended on a lower bound of a rate: the theory fits best with that half of the network frozen."""
    return fits[rate] <= fitting.LOWEST_RATE * (1 + 1e-6)
