"""Names and looks that the figures of the training response share."""

from typing import Any

import pandas as pd
from matplotlib.lines import Line2D

from repdyn.plotting import style

METHODS = {
    "single": "single-sample SGD",
    "minibatch": "mini-batch SGD",
    "full": "full batch",
    "adam": "Adam, full batch",
}
COLOURS = (style.BLUE, style.VERMILION, style.GREEN, style.ORANGE, "#7a5195", "#8c564b", "#e377c2", "#17becf")
DASHES = ("-", ":")


class Looks:
    """A colour for each activation and a dash for each shape; a setting that shares both with another one is black."""

    def __init__(self, table: pd.DataFrame):
        settings = table.drop_duplicates("setting")
        activations = list(dict.fromkeys(settings.activation))
        self.shapes = list(dict.fromkeys(settings["shape"]))
        self.first = dict(zip(activations, [COLOURS[i % len(COLOURS)] for i in range(len(activations))]))
        self.others = list(settings.setting[settings.duplicated(["activation", "shape"])])
        self.colour = {s: self.first[a] for s, a in zip(settings.setting, settings.activation)}
        self.colour |= dict.fromkeys(self.others, "#222222")
        self.dash = {s: self._dash(shape) for s, shape in zip(settings.setting, settings["shape"])}

    def _dash(self, shape: str) -> Any:
        return DASHES[self.shapes.index(shape) % len(DASHES)]

    def line(self, setting: str) -> dict:
        """How the line of a setting is drawn."""
        return {"color": self.colour[setting], "linestyle": self.dash[setting], "linewidth": 1.5, "alpha": 0.85}

    def handles(self) -> list[Line2D]:
        """Entries of the legend."""
        handles = [Line2D([], [], color=colour, linewidth=2, label=name) for name, colour in self.first.items()]
        handles += [Line2D([], [], color=self.colour[name], linewidth=2, label=name) for name in self.others]
        return handles + [
            Line2D([], [], color=style.FAINT, linestyle=self._dash(shape), label=shape) for shape in self.shapes
        ]
