"""The flow trainer: gradient flow, the limit of infinitely small steps of gradient descent, with error control.

    d theta/d tau = -grad L(theta),       tau = learning rate x steps, so that rates compare with those of descent.

For smooth activations the flow is stiff in the mean output alone, and is followed by the Runge-Kutta-Chebyshev method of
second order (Sommeijer, Shampine & Verwer 1998, J. Comput. Appl. Math. 88, 315): explicit, with as many stages as the
spectral radius asks for. That of the flow is the largest eigenvalue of K/n, K the tangent kernel of the n outputs of all
points, which comes with a gradient. Every stage's weights are those of the beginning of the step and gradients of the stages
before, each of low rank, which are never added up (`stages`).

The error of a step is measured where it matters, in the outputs o: |o1 - o0 - h/2 (o0' + o1')| by the initial error of the
outputs, with o' = -K (o - y)/n. What is recorded within a step are cubics through its two ends and two moments between
them, of weights by Hermite's formula.

Units of (leaky) ReLU networks slide along their kinks, so that there is no flow that could be followed: they are refused.
"""

import numpy as np

from repdyn.networks.activations import ACTIVATIONS
from repdyn.training import stages
from repdyn.training.compiled import DenseNetworks, _even, compiles
from repdyn.training.ensemble import Ensemble, described
from repdyn.training.trace import Batch, Follow, Stop, Trace

MOST_STAGES = 60
NODES = np.array([0, 1 / 3, 2 / 3, 1])  # moments of a step at which what is recorded is computed
DAMPING = 2 / 13


def why_not(layers) -> str | None:
    """Why such a network has no flow that can be followed, or None."""
    if not compiles(layers) or any(layer.dropout for layer in layers):
        return "the flow is followed through dense layers without dropout only"
    rough = sorted({layer.activation for layer in layers if not ACTIVATIONS[layer.activation].smooth})
    if rough:
        return f"{rough[0]} has a kink, along which units slide: its networks have no gradient flow that can be followed"
    return None


class FlowTrainer(DenseNetworks):
    """Gradient flow of dense networks on a few points; it follows the protocol that `loop` describes."""

    def __init__(self, ensemble: Ensemble, device: str = "cpu"):
        if reason := why_not(described(ensemble)):
            raise ValueError(reason)
        super().__init__(ensemble)
        self.paths: list[Path] = []
        self.saved: dict[str, np.ndarray] = {}

    @property
    def bytes_each(self) -> int:
        return 2 * super().bytes_each

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
            np.zeros((self.networks, steps)),
            np.full(self.networks, first + steps),
        )
        moments = np.arange(first, first + steps)
        recorded = follow.slots >= 0
        for e, (path, lr) in enumerate(zip(self.paths, self.ensemble.rates.astype(float), strict=True)):
            distances, outputs, trace.losses[e] = path.at(lr * moments)
            trace.distances[e, follow.slots[recorded]] = distances[recorded]
            trace.outputs[e, follow.slots[recorded]] = outputs[recorded]
            if stop.every:
                ends = moments[(moments % stop.every == 0) & ~(trace.losses[e] > stop.loss)]
                trace.reached[e] = min([*ends, first + steps])
            path.now = lr * min(trace.reached[e], first + updates)
        return trace

    def _begin(self, batch: Batch, follow: Follow) -> None:
        x, seen = _even(batch.x), batch.x if follow.points is None else np.asarray(follow.points, np.float32)
        self.paths = [
            Path(
                *(self.net, theta, x[e % len(x)], batch.y[e % len(batch.y)]),
                *(seen[e % len(seen)], np.asarray(follow.pairs, np.int64), self.ensemble.tolerance),
            )
            for e, theta in enumerate(self.theta)
        ]
        for e, path in enumerate(self.paths) if self.saved else ():
            path.restore({name.removeprefix(f"{e}."): v for name, v in self.saved.items() if name.startswith(f"{e}.")})

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
        of_paths = {f"{e}.{name}": value for e, path in enumerate(self.paths) for name, value in path.state().items()}
        return super().state() | of_paths

    def restore(self, state: dict[str, np.ndarray]) -> None:
        super().restore(state)
        self.saved = state


class Path:
    """The flow of one network: the last step that was made, from tau = start to start + length, and where it began.

    theta: its own copy of the weights at the beginning of the step. x (points, input), an even number, of which y has the
    true ones; seen: the points that are followed, pairs of them. evaluations: gradients that were computed.
    """

    MARKS = ("start", "length", "stages", "proposed", "radius", "scale", "now", "evaluations", "lost")
    ARRAYS = ("theta", "X", "G", "coefficients", "outputs", "velocity", "losses", "distances", "followed")

    def __init__(self, net, theta, x, y, seen, pairs, tolerance: float):
        points, layers = len(x), net[0].size - 2
        room = (MOST_STAGES + 1) * points
        self.net, self.x, self.y, self.pairs, self.tolerance = (*net[:5], room), x, y, pairs, tolerance
        self.seen, self.shown = _even(seen[None])[0], len(seen)
        self.theta = theta.copy()
        self.X, self.G = (np.zeros(room * net[0].sum(), np.float32) for _ in range(2))
        self.start = self.length = self.now = self.lost = 0.0
        self.stages, self.coefficients = 0, np.zeros(1)
        self.distances = np.zeros((len(NODES), layers, len(pairs)), np.float32)
        self.followed = np.zeros((len(NODES), self.shown, y.shape[1]), np.float32)
        self.losses = np.zeros(len(NODES))
        self.evaluations = 0
        self.outputs, self.velocity, self.radius, self.losses[:] = self._end(self.coefficients, 0)
        self.scale = max(np.abs(self.outputs - y).max(), 1e-12)
        self._node(0, self.coefficients)
        self.distances[:], self.followed[:] = self.distances[0], self.followed[0]
        self.proposed = 0.01 * self.scale / max(np.abs(self.velocity).max(), 1e-300)

    def at(self, tau: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Distances (moment, layer, pair), followed outputs (moment, point, unit) and losses (moment,); tau increases."""
        parts, first = [], 0
        while first < tau.size:
            if tau[first] > self.start + self.length:
                self._step()
            last = max(first + 1, np.searchsorted(tau, self.start + self.length, "right"))
            if tau[first] > self.start + self.length:
                continue
            weights = _lagrange((tau[first:last] - self.start) / max(self.length, 1e-300))
            kinds = self.distances, self.followed, self.losses
            parts.append([np.tensordot(weights, values, 1) for values in kinds])
            first = last
        distances, outputs, losses = (np.concatenate(kind) for kind in zip(*parts))
        return distances, outputs, np.maximum(losses, 0) if not self.lost else losses

    def weights(self, tau: float) -> np.ndarray:
        """The weights at this moment, which lies within the last step or a little behind it."""
        while tau > self.start + self.length:
            self._step()
        theta, X, G = self.theta.copy(), self.X.copy(), self.G.copy()
        if self.length:
            coefficients = self._hermite((tau - self.start) / self.length)
            stages.fold(self.net, theta, X, G, self._factors(coefficients), coefficients.size * len(self.x), 0)
        return theta

    def _step(self) -> None:
        """One step further, as long as the tolerance allows."""
        points = len(self.x)
        if self.stages:
            rows = self.stages * points
            stages.fold(self.net, self.theta, self.X, self.G, self._factors(self.coefficients), rows, points)
        self.start += self.length
        length = self.proposed
        while True:
            if self.lost or not length > 1e-12 * max(self.start, 1e-6) or not np.isfinite(length):
                self._lose()
                return
            count = int(np.sqrt(1.54 * length * self.radius + 1)) + 1
            if count > MOST_STAGES:
                count, length = MOST_STAGES, (((MOST_STAGES - 1) ** 2) - 1) / 1.54 / self.radius
            count = max(count, 2)
            for stage, coefficients in enumerate(chebyshev(count, length), 1):
                if stage < count:
                    self._gradient(coefficients, stage)
            outputs, velocity, radius, loss = self._end(coefficients, count)
            error = np.abs(outputs - self.outputs - length / 2 * (velocity + self.velocity)).max() / self.scale
            ratio = error / self.tolerance
            change = 0.8 * max(ratio, 1e-6) ** (-1 / 3) if np.isfinite(ratio) else 0.1
            if ratio <= 1:
                break
            length *= max(0.1, change)
        self.length, self.stages, self.coefficients = length, count, coefficients
        self.proposed = length * min(3.0, max(0.3, change))
        before = self.outputs, self.velocity
        self.outputs, self.velocity, self.radius = outputs, velocity, radius
        self.distances[0], self.followed[0], self.losses[0] = self.distances[-1], self.followed[-1], self.losses[-1]
        for node in (1, 2, 3):
            self._node(node, self._hermite(NODES[node]))
            u = NODES[node]
            here = _hermite_weights(u)
            between = here[0] * before[0] + here[1] * length * before[1] + here[2] * outputs + here[3] * length * velocity
            self.losses[node] = 0.5 * ((between - self.y) ** 2).mean()
        self.losses[-1] = loss

    def _lose(self) -> None:
        """No step is possible any more: what comes is not finite."""
        self.lost, self.length = 1.0, 1e300
        self.losses[:] = self.distances[:] = self.followed[:] = np.nan

    def _factors(self, coefficients: np.ndarray) -> np.ndarray:
        """Of the rows of X and G: the flow goes against the gradient."""
        return np.repeat(-coefficients, len(self.x)).astype(np.float32)

    def _gradient(self, coefficients: np.ndarray, stage: int) -> None:
        self.evaluations += 1
        weights = self.net, self.theta, self.X, self.G, self._factors(coefficients), stage
        stages.gradient(*weights, self.x, self.y, len(self.y))

    def _end(self, coefficients: np.ndarray, stage: int):
        """Outputs (point, unit), their velocity, the spectral radius of the flow and the loss at these weights."""
        self.evaluations += 1
        n = self.y.size
        outputs, kernel = np.zeros(self.y.shape, np.float32), np.zeros((n, n), np.float32)
        weights = self.net, self.theta, self.X, self.G, self._factors(coefficients), stage
        loss = stages.gradient_and_kernel(*weights, self.x, self.y, len(self.y), outputs, kernel)
        kernel, outputs = kernel.astype(float) / n, outputs.astype(float)
        if not np.isfinite(kernel).all():
            return outputs, np.full_like(outputs, np.nan), np.nan, loss
        velocity = -(kernel @ (outputs - self.y).ravel()).reshape(outputs.shape)
        return outputs, velocity, max(np.linalg.eigvalsh(kernel)[-1] * 1.05, 1e-300), loss

    def _node(self, node: int, coefficients: np.ndarray) -> None:
        rows = coefficients.size * len(self.x) if self.length else 0
        weights = self.net, self.theta, self.X, self.G, self._factors(coefficients), rows
        stages.seen(*weights, self.seen, self.pairs, self.distances[node], self.followed[node])

    def _hermite(self, u: float) -> np.ndarray:
        """Coefficients of the gradients of all stages and of the step's end for the weights at the part u of the step."""
        begin, begin_slope, end, end_slope = _hermite_weights(u)
        between = np.r_[end * self.coefficients, end_slope * self.length]
        between[0] += begin_slope * self.length
        return between

    def state(self) -> dict[str, np.ndarray]:
        """All that decides what comes next, under names."""
        return {name: np.asarray(getattr(self, name)) for name in (*self.MARKS, *self.ARRAYS)}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go on as the one whose `state` this is."""
        for name in self.MARKS:
            setattr(self, name, state[name].item())
        for name in self.ARRAYS:
            setattr(self, name, state[name])


def chebyshev(stages: int, length: float):
    """For each stage from 1 to the last, the end of the step: coefficients (stage,) of the slopes F of the stages before.

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
    c[1, 0] = b[1] * w1 * length
    yield c[1, :1]
    for j in range(2, stages + 1):
        mu, nu, slope = 2 * b[j] * w0 / b[j - 1], -b[j] / b[j - 2], 2 * b[j] * w1 / b[j - 1] * length
        c[j] = mu * c[j - 1] + nu * c[j - 2]
        c[j, j - 1] += slope
        c[j, 0] -= a[j - 1] * slope
        yield c[j, :j]


def _hermite_weights(u: float) -> tuple[float, float, float, float]:
    """Of the cubic at u: value and slope at the beginning, value and slope at the end."""
    return (1 + 2 * u) * (1 - u) ** 2, u * (1 - u) ** 2, u * u * (3 - 2 * u), u * u * (u - 1)


def _lagrange(u: np.ndarray) -> np.ndarray:
    """Weights (moment, node) of the cubic through the nodes, at u."""
    others = [[m for m in NODES if m != n] for n in NODES]
    return np.stack([np.prod([(u - m) / (n - m) for m in rest], 0) for n, rest in zip(NODES, others)], -1)
