"""Hold the theory and its four alterations against every network of one setting, at the layer of the settings table.

One row a network, number of outputs and dynamics. No run is dropped: one that diverged or did not learn keeps its rows,
with `kept` false and the reason.
"""

import logging

import numpy as np
import pandas as pd

from repdyn import artifacts
from repdyn.fitting import falsification
from repdyn.theory import altered


def main(runs: str, layer: int, loss_above: float, output: str) -> None:
    runs = artifacts.read_dataset(runs).sel(layer=layer)
    rows = []
    for outputs in np.unique(runs.outputs.values):
        here = runs.isel(network=np.flatnonzero(runs.outputs.values == outputs))
        curves = [here[name].values.astype(float) for name in "HYw"]
        results = falsification.fit(runs.step.values, *curves, runs.dx2, runs.dy2, int(outputs))
        for n, (seed, dynamics) in enumerate(zip(here.seed.values, results, strict=True)):
            discarded = discard_reason(here.isel(network=n), int(outputs), loss_above)
            freedom = falsification.freedom(curves[1][n], curves[2][n], runs.dy2)
            known = {"setting": runs.setting, "outputs": outputs, "seed": seed, "layer": layer, "freedom": freedom}
            for name, one in dynamics.items():
                reason = "; ".join(filter(None, [discarded, one.reason, why_not(name, int(outputs))]))
                found = {**vars(one), "reason": reason}
                rows.append(
                    {**known, "dynamics": name, "kept": not discarded, **found, **falsification.behind(name, dynamics)}
                )
        logging.info("%d outputs: %d networks kept", outputs, sum(row["kept"] for row in rows) // len(altered.DYNAMICS))
    artifacts.write_table(pd.DataFrame(rows), output)


def discard_reason(run, outputs: int, loss_above: float) -> str:
    """Why a run says nothing about the theory, or an empty string; the loss of all outputs together counts."""
    if run.diverged_at.item() >= 0:
        return f"diverged at step {run.diverged_at.item()}"
    final = run.loss.values[-1] * outputs
    return "" if final <= loss_above else f"final loss {final:.3g} above {loss_above:g}"


def why_not(name: str, outputs: int) -> str:
    """What is not compared by the nature of the equations."""
    if altered.same_orbit(name) and name != "theory":
        return "its orbit is the theory's"
    return "" if outputs > 1 or altered.keeps_one_output(name) else "describes no pair of single outputs: orbit alone"
