"""Time and quality of a fit of the effective rates, against the usual way of making one.

The usual way: integrate the differential equations at every step with an implicit solver, sum the squares, look for
a start among 200 scales of the rates with their ratio tied to the final distance (the grid of the paper's reference
code), and go on from there with BFGS on the raw rates. The trajectories are those of networks of the two-point table,
so the theory is close to them and not exact.

    python benchmarks/fitting.py
"""

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import sys
import time
import warnings
from pathlib import Path
from statistics import median

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import minimize

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "workflow" / "scripts"))

import torch

from repdyn import fitting, theory
from repdyn.networks import Shape
from repdyn.networks.observables import output_observables
from repdyn.training import loop, recorders
from repdyn.training.batches import Points
from repdyn.training.ensemble import Ensemble, Member

# model, activation, gain, learning rate, width, depth: rows of the two-point table, trained as the paper's figures are
# (half the learning rate, 6000 steps); and the hidden layers whose trajectories are fitted.
CASES = {
    "default": (("mlp", "leaky_relu", 1.0, 0.005, 500, 20), (2, 6, 10, 13, 17)),
    "narrow": (("mlp", "leaky_relu", 1.05, 0.005, 50, 20), (10,)),
    "tanh, 100 wide": (("mlp", "tanh", 0.85, 0.00125, 100, 20), (10,)),
}


def trajectories(cases=CASES, steps=6000, dx2=1.0, dy2=0.5):
    """Train each network (one initialisation) and yield (name, (t, H, Y, w, dx2, dy2)) for its layers."""
    x, y = np.array([[-1.0], [-1.0 + dx2**0.5]]), np.array([[0.6], [0.6 + dy2**0.5]])
    for name, ((model, activation, gain, lr, width, depth), observed) in cases.items():
        of = Ensemble(model, Shape(width, depth, activation), (Member(0, gain, lr),))
        run = loop.run(of, Points(x, y), steps, [recorders.Pairs(recorders.every(1, steps - 1))])
        outputs = output_observables(run.output.values, y)
        for layer in observed:
            H = run.distance.values[0, layer, 0].astype(float)
            yield (
                f"{name}, layer {layer}",
                (np.arange(steps, dtype=float), H, outputs["Y"][0], outputs["w"][0], dx2, dy2),
            )


def baseline(t, H, Y, w, dx2, dy2):
    """The usual fit; returns (eta_h, eta_y, sse)."""
    observed = np.array([H, Y, w])

    def sse(rates):
        if not np.all(np.asarray(rates) > 0):
            return 1e10
        solved = solve_ivp(
            theory.right_hand_side, (t[0], t[-1]), observed[:, 0], method="Radau", t_eval=t, args=(*rates, dx2, dy2)
        )
        return float(((solved.y - observed) ** 2).sum()) if solved.success else 1e10

    ratio = H[-1] ** 2 / (dx2 * dy2)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        starts = [scale * np.array([ratio, 1.0]) for scale in np.geomspace(1e-6, 1e2, 200)]
        found = minimize(sse, min(starts, key=sse), method="BFGS")
    return *found.x, float(found.fun)


def sum_of_squares(rates, t, H, Y, w, dx2, dy2):
    """The exact sum of squares of a pair of rates, so that both fits are judged by one measure."""
    curves = theory.exact(t, H[0], Y[0], w[0], *rates, dx2, dy2)
    return float(sum(((a - b) ** 2).sum() for a, b in zip(curves, (H, Y, w))))


def compare(cases, repeats=15):
    """Fit each {name: (t, H, Y, w, dx2, dy2)} both ways; a list of dicts of seconds and sums of squares."""
    rows = []
    for name, data in cases.items():
        start = time.perf_counter()
        eta_h, eta_y, _ = baseline(*data)
        usual = time.perf_counter() - start
        seconds = []
        for _ in range(repeats):
            start = time.perf_counter()
            fit = fitting.fit_trajectory(*data)
            seconds.append(time.perf_counter() - start)
        rows.append(
            dict(
                case=name,
                baseline_seconds=usual,
                seconds=median(seconds),
                ratio=usual / median(seconds),
                baseline_sse=sum_of_squares((eta_h, eta_y), *data),
                sse=fit.sse,
            )
        )
    return rows


def main(cases=CASES):
    torch.set_num_threads(1)
    print("fitting: one thread; median of 15 fits against one fit of the usual way, 6000 steps")
    print(f"  {'case':24}{'usual (s)':>11}{'repdyn (s)':>12}{'ratio':>8}{'SSE usual':>13}{'SSE repdyn':>13}")
    rows = []
    for name, data in trajectories(cases):
        (row,) = compare({name: data})
        rows.append(row)
        print(
            f"  {name:24}{row['baseline_seconds']:11.2f}{row['seconds']:12.4f}{row['ratio']:8.0f}"
            f"{row['baseline_sse']:13.6g}{row['sse']:13.6g}",
            flush=True,
        )
    never_worse = all(row["sse"] <= row["baseline_sse"] * (1 + 1e-6) for row in rows)
    ratios = [row["ratio"] for row in rows]
    print(f"  usual / repdyn: median {median(ratios):.0f}, lowest {min(ratios):.0f}")
    print(f"  SSE never higher than the usual fit's: {'yes' if never_worse else 'NO'}")
    return rows


if __name__ == "__main__":
    main()
