"""Time and quality of a fit of the effective rates, against the usual way of making one.

The usual way: integrate the differential equations at every step with an implicit solver, sum the
squares, look for a start along the scale of the rates with their ratio tied to the final distance,
and go on from there with BFGS on the raw rates. Here, the trajectories are those of small networks
really trained by gradient descent, so that the theory is close to them and not exact.

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

from repdyn import fitting, theory  # noqa: E402

ACTIVATIONS = {
    "linear": (lambda z: z, np.ones_like),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "leaky_relu": (lambda z: np.where(z > 0, z, 0.01 * z), lambda z: np.where(z > 0, 1.0, 0.01)),
}

# activation, width, depth, gain, learning rate, steps, observed hidden layer, seed
CASES = {
    "linear 2 x 50, layer 1": ("linear", 50, 2, 0.6, 0.005, 3000, 1, 0),
    "tanh 6 x 50, layer 2": ("tanh", 50, 6, 1.0, 0.005, 3000, 2, 1),
    "leaky_relu 8 x 50, layer 4": ("leaky_relu", 50, 8, 1.2, 0.005, 3000, 4, 2),
    "leaky_relu 12 x 50, layer 10": ("leaky_relu", 50, 12, 1.0, 0.01, 6000, 10, 3),
    "leaky_relu 8 x 50, gain 2": ("leaky_relu", 50, 8, 2.0, 0.0001, 3000, 4, 2),
}


def train(activation, width, depth, gain, lr, steps, layer, seed, dx2=1.0, dy2=0.5):
    """Train a network with `depth` hidden layers on two points; returns (t, H, Y, w, dx2, dy2)."""
    f, slope = ACTIVATIONS[activation]
    generator = np.random.default_rng(seed)
    sizes = [1] + [width] * depth + [1]
    weights = [generator.normal(0, gain * np.sqrt(2 / (m + n)), (m, n)) for m, n in zip(sizes, sizes[1:])]
    biases = [np.zeros(n) for n in sizes[1:]]
    x = np.array([[-1.0], [-1.0 + np.sqrt(dx2)]])
    y = np.array([[0.6], [0.6 + np.sqrt(dy2)]])
    curves = np.empty((3, steps))
    for step in range(steps):
        inputs, sums = [x], []
        for W, c in zip(weights[:-1], biases):
            sums.append(inputs[-1] @ W + c)
            inputs.append(f(sums[-1]))
        output = inputs[-1] @ weights[-1] + biases[-1]
        dh, dyh = np.diff(inputs[layer + 1], axis=0), np.diff(output, axis=0)
        Y = np.sum(dyh**2)
        curves[:, step] = np.sum(dh**2), Y, Y - np.sum(dyh * np.diff(y, axis=0))
        delta = (output - y) / y.size  # of the loss MSE/2
        for i in range(depth, -1, -1):
            back = delta @ weights[i].T
            weights[i] -= lr * inputs[i].T @ delta
            biases[i] -= lr * delta.sum(0)
            if i:
                delta = back * slope(sums[i - 1])
    return np.arange(steps, dtype=float), *curves, dx2, dy2


def baseline(t, H, Y, w, dx2, dy2):
    """The usual fit; returns (eta_h, eta_y, sse)."""
    observed = np.array([H, Y, w])

    def sse(rates):
        if not np.all(np.asarray(rates) > 0):
            return 1e10
        solved = solve_ivp(theory.right_hand_side, (t[0], t[-1]), observed[:, 0], method="Radau", t_eval=t,
                           args=(*rates, dx2, dy2))
        return float(((solved.y - observed) ** 2).sum()) if solved.success else 1e10

    ratio = H[-1] ** 2 / (dx2 * dy2)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        starts = [scale * np.array([np.sqrt(ratio), 1 / np.sqrt(ratio)]) for scale in np.geomspace(1e-6, 1e2, 25)]
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
        rows.append(dict(case=name, baseline_seconds=usual, seconds=median(seconds), ratio=usual / median(seconds),
                         baseline_sse=sum_of_squares((eta_h, eta_y), *data), sse=fit.sse))
    return rows


def main(cases=CASES):
    print("one thread; median of 15 fits against one fit of the usual way, at all steps")
    print(f"{'case':28}{'usual (s)':>11}{'here (s)':>11}{'ratio':>9}{'SSE usual':>13}{'SSE here':>13}")
    rows = []
    for name, case in cases.items():
        (row,) = compare({name: train(*case)})
        rows.append(row)
        print(f"{name:28}{row['baseline_seconds']:11.2f}{row['seconds']:11.4f}{row['ratio']:9.0f}"
              f"{row['baseline_sse']:13.6g}{row['sse']:13.6g}", flush=True)
    never_worse = all(row["sse"] <= row["baseline_sse"] * (1 + 1e-6) for row in rows)
    print(f"median ratio {median(row['ratio'] for row in rows):.0f}; SSE never higher than the usual fit's: {never_worse}")
    return rows


if __name__ == "__main__":
    main()
