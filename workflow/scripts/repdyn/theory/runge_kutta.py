"""Many small systems of differential equations at once, each with steps of its own.

The pair of Dormand and Prince (1980), orders 5 and 4, with its continuous extension of order 4 (Hairer, Norsett and
Wanner, Solving Ordinary Differential Equations I, section II.6). The coefficients are those that scipy publishes with
its `RK45`. All systems share the loop and the output times; each has its own time, step and error control, so a loop
costs as many passes as the slowest of them needs, and a pass hardly more for a hundred systems than for one.
"""

import numpy as np
from scipy.integrate import RK45

_A, _B, _E, _P = RK45.A, RK45.B, RK45.E, RK45.P
_SAFETY, _SLOWEST, _FASTEST = 0.9, 0.2, 8.0
_SETTLED = 0.1  # share of the tolerance that what is left of the movement may still change


def integrate(derivative, state, parameters, times, scale, rtol, most_steps):
    """Solve K autonomous systems y' = f(y; p) from times[0]; returns their states (d, K, n) at the `times` (n,).

    derivative(y, p)   f of any number k of the systems: (d, k), (q, k) -> (d, k)
    state, parameters  initial states (d, K) and parameters (q, K)
    scale(y)           size (d, k) that errors are measured by: a step's error in each component is kept below
                       rtol times it
    most_steps         steps, accepted or not, after which a system is given up

    From where a solution cannot be continued (it blows up, or needs too many steps), its states are nan. A system whose
    derivative cannot move it by a tenth of the tolerance in all the time left is at rest: it keeps its state.
    """
    times = np.asarray(times, float)
    out = np.full((*state.shape, times.size), np.nan)
    out[..., 0] = state
    who, y, p = np.arange(state.shape[1]), state.copy(), parameters
    t, shown = np.full(who.size, times[0]), np.ones(who.size, int)  # how many output times are behind
    stages = np.empty((7, *y.shape))
    with np.errstate(all="ignore"):  # what overflows is a rejected step
        stages[0] = derivative(y, p)
        h = np.minimum(0.01 / np.abs(stages[0] / scale(y)).max(axis=0), times[-1] - times[0])
        h = np.where(h > 0, h, (times[-1] - times[0]) * 1e-9)
        for _ in range(most_steps):
            h = np.minimum(h, times[-1] - t)
            flat = stages.reshape(7, -1)
            for i in range(1, 6):
                stages[i] = derivative(y + h * (_A[i, :i] @ flat[:i]).reshape(y.shape), p)
            after = y + h * (_B @ flat[:6]).reshape(y.shape)
            stages[6] = derivative(after, p)
            size = rtol * np.maximum(scale(y), scale(after))
            error = (np.abs(h * (_E @ flat).reshape(y.shape)) / size).max(axis=0)
            good = error <= 1  # not where it is nan
            reached = np.searchsorted(times, t + h * (1 + 1e-12), side="right")
            _emit(out, times, who, y, stages, t, h, np.where(good, shown, reached), reached)
            shown, t = np.where(good, reached, shown), np.where(good, t + h, t)
            y = np.where(good, after, y)
            stages[0] = np.where(good, stages[6], stages[0])
            h = h * np.nan_to_num(np.clip(_SAFETY * error**-0.2, _SLOWEST, np.where(good, _FASTEST, 1)), nan=_SLOWEST)
            left = times[-1] - t
            rest = good & ((np.abs(stages[0]) * left / size).max(axis=0) < _SETTLED)
            stay = ~rest & (shown < times.size) & (h > 1e-14 * times[-1])
            if not stay.all():
                for k in np.flatnonzero(rest):
                    out[:, who[k], shown[k] :] = y[:, k, None]
                if not stay.any():
                    break
                who, y, p, t, h, shown = who[stay], y[:, stay], p[:, stay], t[stay], h[stay], shown[stay]
                stages = stages[:, :, stay].copy()
    return out


def _emit(out, times, who, y, stages, t, h, first, end):
    """Write the continuous extension of a step at the output times first..end-1 of each system."""
    count = np.maximum(end - first, 0)
    if not count.any():
        return
    system = np.repeat(np.arange(who.size), count)
    time = np.arange(system.size) - np.repeat(np.cumsum(count) - count - first, count)
    fraction = np.minimum((times[time] - t[system]) / h[system], 1)
    weights = _P @ fraction ** np.arange(1, 5)[:, None]  # (7, outputs)
    moved = np.einsum("so,sdo->do", weights, stages[:, :, system])
    out[:, who[system], time] = y[:, system] + h[system] * moved
