"""The flow trainer: gradient flow, the limit of infinitely small steps of gradient descent, with error control.

    d theta/d tau = -grad L(theta),       tau = learning rate x steps, so that rates compare with those of descent.

For smooth activations the flow is stiff in the mean output alone, and is followed by the Runge-Kutta-Chebyshev method
of second order (Sommeijer, Shampine & Verwer 1998, J. Comput. Appl. Math. 88, 315): explicit, with as many stages as
the spectral radius asks for. That of the flow is the largest eigenvalue of K/n, K the tangent kernel of the n outputs
of all points, which comes with a gradient. Every stage's weights are those of the beginning of the step and gradients
of the stages before, each of low rank, which are never added up (`stages`).

The error of a step is measured where it matters, in the outputs o: |o1 - o0 - h/2 (o0' + o1')| by the initial error of
the outputs, with o' = -K (o - y)/n. Within a step outputs are read off Hermite's cubic, distances off the parabola
through the step's two ends and the end before.

Units of (leaky) ReLU networks slide along their kinks, so that there is no flow that could be followed: they are
refused.
"""

import logging
from functools import cache

import numpy as np

from repdyn.networks import why_no_flow
from repdyn.training.compiled import LayeredNetworks, even
from repdyn.training.ensemble import Ensemble, described
from repdyn.training.passes import stages
from repdyn.training.trace import Batch, Follow, Stop, Trace

MOST_STAGES = 60
MOST_EVALUATIONS = 100_000  # gradients of a network; the study's take 150 to 300. Beyond, it is given up as lost
MOST_ROWS = 32  # of gradients of earlier steps, before they are added up with the weights
DAMPING = 2 / 13


class FlowTrainer(LayeredNetworks):
    """Gradient flow of dense networks on a few points; it follows the protocol that `loop` describes."""

    def __init__(self, ensemble: Ensemble, device: str = "cpu"):
        if reason := why_no_flow(described(ensemble)):
            raise ValueError(reason)
        super().__init__(ensemble)
        self.paths: list[Path] = []
        self.saved: dict[str, np.ndarray] = {}

    @property
    def bytes_each(self) -> int:
        rows = MOST_ROWS + (2 * MOST_STAGES + 1) * 2  # of activations and gradients, for two points
        return 2 * super().bytes_each + 2 * rows * int(self.net[0].sum()) * np.float32().nbytes

    def train(self, batch: Batch, first: int, steps: int, updates: int, stop: Stop, follow: Follow) -> Trace:
        """Follow the flow from moment `first` on, `updates` steps of the learning rate far; see `loop`."""
        if batch.order is not None:
            raise ValueError("the flow needs all points at every step: it knows no mini-batches")
        if not self.paths:
            self._begin(batch, follow)
        points = batch.x.shape[1] if follow.points is None else follow.points.shape[1]
        trace = Trace(
            np.zeros((self.networks, follow.count, self.hidden_layers, len(follow.pairs)), np.float32),
            np.zeros((self.networks, follow.count, points, self.net[0][-1]), np.float32),
            np.full((self.networks, steps), np.nan),
            np.full(self.networks, first + steps),
        )
        moments = np.arange(first, first + steps)
        ends = np.flatnonzero(moments % stop.every == 0) + 1 if stop.every else []
        for e, (path, lr) in enumerate(zip(self.paths, self.ensemble.rates.astype(float), strict=True)):
            for part in filter(len, np.split(np.arange(steps), ends)):  # no further than to where it may stop
                distances, outputs, trace.losses[e, part] = path.at(lr * moments[part])
                slots = follow.slots[part]
                trace.distances[e, slots[slots >= 0]] = distances[slots >= 0]
                trace.outputs[e, slots[slots >= 0]] = outputs[slots >= 0]
                end = part[-1]
                if end + 1 in ends and not trace.losses[e, end] > stop.loss:
                    trace.reached[e] = moments[end]
                    break
            path.now = lr * min(trace.reached[e], first + updates)
        return trace

    def _begin(self, batch: Batch, follow: Follow) -> None:
        x, seen = even(batch.x), batch.x if follow.points is None else np.asarray(follow.points, np.float32)
        self.paths = [
            Path(
                *(self.net, theta, x[e % len(x)], batch.y[e % len(batch.y)]),
                *(seen[e % len(seen)], np.asarray(follow.pairs, np.int64), self.ensemble.tolerance),
            )
            for e, theta in enumerate(self.theta)
        ]
        for e, path in enumerate(self.paths) if self.saved else ():
            path.restore({name.removeprefix(f"{e}."): v for name, v in self.saved.items() if name.startswith(f"{e}.")})
        self.saved = {}

    def keep(self, index) -> None:
        super().keep(index)
        self.paths = [self.paths[i] for i in index] if self.paths else []

    def look(self, x):
        self._settle()
        return super().look(x)

    def parameters(self):
        self._settle()
        return super().parameters()

    def _settle(self) -> None:
        for theta, path in zip(self.theta, self.paths):
            theta[:] = path.weights(path.now)

    def state(self) -> dict[str, np.ndarray]:
        self._settle()
        of_paths = {f"{e}.{name}": value for e, path in enumerate(self.paths) for name, value in path.state().items()}
        return super().state() | (of_paths or self.saved)

    def restore(self, state: dict[str, np.ndarray]) -> None:
        super().restore(state)
        self.saved = {name: value for name, value in state.items() if name[0].isdigit()}


class Path:
    """The flow of one network: the last step that was made, from tau = start to start + length, and where it began.

    The weights at the beginning of the step are theta and the gradients in the first rows of X and G, with the factors
    `before`; then come those of the stages, with `coefficients` for the step's end, and that of the end. x (points,
    input), an even number, of which y has the true ones; seen: the points that are followed, pairs of them. nodes: the
    last three ends of steps, of which distances and followed are known; trained: outputs and their change at both ends.
    evaluations: gradients that were computed; rounding: how much of an error is that of single precision.
    """

    MARKS = ("start", "length", "proposed", "radius", "scale", "now", "evaluations", "lost", "rounding")
    ARRAYS = (
        *("theta", "X", "G", "before", "coefficients"),
        *("outputs", "velocity", "trained", "nodes", "distances", "followed"),
    )

    def __init__(self, net, theta, x, y, seen, pairs, tolerance: float):
        points, layers = len(x), net[0].size - 2
        room = MOST_ROWS + (2 * MOST_STAGES + 1) * points
        self.net, self.x, self.y, self.pairs, self.tolerance = (*net[:5], room, *net[6:]), x, y, pairs, tolerance
        self.seen, self.shown, self.same = even(seen[None])[0], len(seen), np.array_equal(seen, x[: len(seen)])
        self.theta = theta.copy()
        self.X, self.G = (np.zeros(room * net[0].sum(), np.float32) for _ in range(2))
        self.start = self.length = self.now = self.lost = self.rounding = 0.0
        self.before, self.coefficients = np.zeros(0, np.float32), np.zeros(0)
        self.nodes = np.array([-3.0, -2.0, -1.0])
        self.distances = np.zeros((3, layers, len(pairs)), np.float32)
        self.followed = np.zeros((3, self.shown, y.shape[1]), np.float32)
        self.evaluations = 0
        self.outputs, self.velocity, self.radius = self._end(self.coefficients)
        self.trained = np.stack([self.outputs, 0 * self.outputs] * 2)
        self.scale = max(np.abs(self.outputs - y).max(), 1e-12)
        self._see(0)
        self.proposed = 0.01 * self.scale / max(np.abs(self.velocity).max(), 1e-300)

    def at(self, tau: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Distances (moment, layer, pair), followed outputs (moment, point, unit) and losses (moment,); tau
        increases.
        """
        parts, first = [], 0
        while first < tau.size:
            if tau[first] > self.start + self.length:
                self._step()
            last = max(first + 1, np.searchsorted(tau, self.start + self.length, "right"))
            if tau[first] > self.start + self.length:
                continue
            parabola = _lagrange(tau[first:last], self.nodes)
            cubic = np.stack(_hermite((tau[first:last] - self.start) / max(self.length, 1e-300)), -1)
            with np.errstate(invalid="ignore"):  # where it is lost
                trained = np.tensordot(cubic, self.trained, 1)
                followed = trained[:, : self.shown] if self.same else np.tensordot(parabola, self.followed, 1)
                parts.append((np.tensordot(parabola, self.distances, 1), followed, trained))
            first = last
        distances, outputs, trained = (np.concatenate(kind) for kind in zip(*parts))
        return distances, outputs, 0.5 * ((trained - self.y) ** 2).mean((1, 2))

    def weights(self, tau: float) -> np.ndarray:
        """The weights at this moment, which doesn't lie before the last step; NaN where the flow can't be followed."""
        while tau > self.start + self.length:
            self._step()
        if self.lost:
            return np.full_like(self.theta, np.nan)
        theta, X, G = self.theta.copy(), self.X.copy(), self.G.copy()
        if self.length:
            _, begin, end, end_slope = _hermite((tau - self.start) / self.length)
            between = np.r_[end * self.coefficients, end_slope * self.length]
            between[0] += begin * self.length
            stages.fold(self.net, theta, X, G, self._factors(between), 0)
        return theta

    def _step(self) -> None:
        """One step further, as long as the tolerance allows."""
        points = len(self.x)
        if self.length:
            self.before = self._factors(self.coefficients)
            if self.before.size > MOST_ROWS:
                stages.fold(self.net, self.theta, self.X, self.G, self.before, points)
                self.before = self.before[:0]
        self.start += self.length
        length = self.proposed
        while True:
            possible = np.isfinite(length) and length > 1e-12 * max(self.start, 1e-6)
            if self.lost or not possible or self.evaluations > MOST_EVALUATIONS:
                self._lose()
                return
            count = int(np.sqrt(1.54 * length * self.radius + 1)) + 1
            if count > MOST_STAGES:
                count, length = MOST_STAGES, (((MOST_STAGES - 1) ** 2) - 1) / 1.54 / self.radius
            count = max(count, 2)
            *between, coefficients = (length * c for c in chebyshev(count))
            for each in between:
                self.evaluations += 1
                stages.gradient(*self._weights(each), self.x, self.y, len(self.y))
            outputs, velocity, radius = self._end(coefficients)
            error = np.abs(outputs - self.outputs - length / 2 * (velocity + self.velocity)).max()
            limit = max(self.tolerance * self.scale, np.finfo(np.float32).eps * np.abs(outputs).max())
            if error > limit > length * max(np.abs(velocity).max(), np.abs(self.velocity).max()):
                self.rounding = max(self.rounding, 2 * error)  # so short a step can't be that wrong
            ratio = max(error - self.rounding, 0) / limit
            change = 0.8 * max(ratio, 1e-6) ** (-1 / 3) if np.isfinite(ratio) else 0.1
            if ratio <= 1:
                break
            length *= max(0.1, change)
        self.length, self.coefficients = length, coefficients
        self.proposed = length * min(3.0, max(0.3, change))
        self.trained[:] = self.outputs, length * self.velocity, outputs, length * velocity
        self.outputs, self.velocity, self.radius = outputs, velocity, radius
        self._see(count)

    def _lose(self) -> None:
        """No step is possible any more: what comes is not finite."""
        if self.evaluations > MOST_EVALUATIONS and not self.lost:
            logging.warning("flow given up at learning rate x steps = %g: %d gradients", self.start, self.evaluations)
        self.lost, self.length = 1.0, 1e300
        self.trained[:] = self.distances[:] = self.followed[:] = np.nan

    def _factors(self, coefficients: np.ndarray) -> np.ndarray:
        """Of the rows of X and G: the flow goes against the gradient."""
        return np.r_[self.before, np.repeat(-coefficients, len(self.x))].astype(np.float32)

    def _weights(self, coefficients: np.ndarray) -> tuple:
        """The weights that are the beginning of the step and so much of the slopes of its stages, for `stages`."""
        return self.net, self.theta, self.X, self.G, self._factors(coefficients)

    def _end(self, coefficients: np.ndarray):
        """Outputs (point, unit), their velocity and the spectral radius of the flow at these weights."""
        self.evaluations += 1
        n = self.y.size
        outputs, kernel = np.zeros(self.y.shape, np.float32), np.zeros((n, n), np.float32)
        weights = self._weights(coefficients)
        stages.gradient_and_kernel(*weights, self.x, self.y, len(self.y), outputs, kernel)
        kernel, outputs = kernel.astype(float) / n, outputs.astype(float)
        if not np.isfinite(kernel).all():
            return outputs, np.full_like(outputs, np.nan), np.nan
        velocity = -(kernel @ (outputs - self.y).ravel()).reshape(outputs.shape)
        return outputs, velocity, max(np.linalg.eigvalsh(kernel)[-1] * 1.05, 1e-300)

    def _see(self, count: int) -> None:
        """The end of the last step, of so many stages, becomes the last node."""
        kinds = self.nodes, self.distances, self.followed
        for nodes in kinds:
            nodes[:-1] = nodes[1:].copy()
        self.nodes[-1] = self.start + self.length
        if self.same:
            row = self.before.size + count * len(self.x)
            stages.gone_in(self.net, self.X, row, self.pairs, self.distances[-1])
        else:
            weights = self._weights(self.coefficients)
            stages.seen(*weights, self.seen, self.pairs, self.distances[-1], self.followed[-1])
        if self.start == 0:  # no end lies before the first step: the parabola is a line
            for nodes in kinds:
                nodes[0] = 2 * nodes[1] - nodes[2]

    def state(self) -> dict[str, np.ndarray]:
        """All that decides what comes next, under names."""
        return {name: np.asarray(getattr(self, name)) for name in (*self.MARKS, *self.ARRAYS)}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go on as the one whose `state` this is."""
        for name in self.MARKS:
            setattr(self, name, state[name].item())
        for name in self.ARRAYS:
            setattr(self, name, state[name])


@cache
def chebyshev(stages: int) -> list[np.ndarray]:
    """For each stage from 1 to the last, the end of a step of length 1: coefficients of the slopes of the stages
    before.

    Y_j = Y_0 + sum over i < j of c_i F(Y_i) (Sommeijer, Shampine & Verwer 1998, equations 2.1 and 2.2).
    """
    w0 = 1 + DAMPING / stages**2
    polynomials = [np.polynomial.chebyshev.Chebyshev.basis(j) for j in range(stages + 1)]
    T, first, second = (np.array([t.deriv(d)(w0) if d else t(w0) for t in polynomials]) for d in (0, 1, 2))
    w1 = first[-1] / second[-1]
    b = np.r_[0, 0, second[2:] / first[2:] ** 2]
    b[:2] = b[2]
    a = 1 - b * T
    c = np.zeros((stages + 1, stages))
    c[1, 0] = b[1] * w1
    for j in range(2, stages + 1):
        slope = 2 * b[j] * w1 / b[j - 1]
        c[j] = 2 * b[j] * w0 / b[j - 1] * c[j - 1] - b[j] / b[j - 2] * c[j - 2]
        c[j, j - 1] += slope
        c[j, 0] -= a[j - 1] * slope
    return [c[j, :j] for j in range(1, stages + 1)]


def _hermite(u):
    """Weights of the cubic at u: of value and slope at the beginning, value and slope at the end."""
    return (1 + 2 * u) * (1 - u) ** 2, u * (1 - u) ** 2, u * u * (3 - 2 * u), u * u * (u - 1)


def _lagrange(tau: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """Weights (moment, node) of the parabola through the nodes, at tau."""
    others = [[m for m in nodes if m != n] for n in nodes]
    return np.stack([np.prod([(tau - m) / (n - m) for m in rest], 0) for n, rest in zip(nodes, others)], -1)
