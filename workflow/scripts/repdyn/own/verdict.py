"""Does the theory apply to a pair of points in a run, and if not, which of its assumptions fails?

A verdict is one of four:

    applies          two constants describe H, Y and w within ERROR of their ranges
    orbit only       they do not, but the path Y(H), which has no clock in it, is the theory's within ORBIT: rates are
                     averages of what changes during training
    does not apply   an assumption fails, or the path is another one
    cannot be told   the run does not hold what a verdict needs

Errors are those of the active part of a run: up to the last moment at which |w| is above REST of |dy|^2.
"""

from dataclasses import dataclass

import numpy as np

ERROR = 0.10  # error of the curves, of their range, up to which two constants describe them
ORBIT = 0.05  # error of the path Y(H), of Y's range, up to which it is the theory's
REST = 0.01  # |w| / |dy|^2 below which a pair is at rest
LEARNED = 0.1  # |dyh - dy|^2 / |dy|^2 below which a pair has been learned
RETREAT = 0.25  # share of its range by which H may go against what w tells it
BEYOND = 0.1  # share by which Y may exceed |dy|^2
FEWEST = 10  # moments that the active part must have
QUIET = 0.5  # share of moments at rest from which on a run has a quiet end worth a word

APPLIES, ORBIT_ONLY, NOT, UNKNOWN = "applies", "orbit only", "does not apply", "cannot be told"


@dataclass(frozen=True)
class Failure:
    """An assumption that fails: its name, a sentence, and the verdict that follows from it."""

    name: str
    sentence: str
    verdict: str = NOT


def active(w: np.ndarray, dy2: float) -> int:
    """How many moments the active part has."""
    moving = np.flatnonzero(np.abs(w) > REST * dy2)
    return int(moving[-1]) + 2 if len(moving) and moving[-1] + 2 <= len(w) else len(w)


def difference(Y: np.ndarray, w: np.ndarray, dy2: float) -> np.ndarray:
    """|dyh - dy|^2 / |dy|^2 = (2 w - Y + |dy|^2) / |dy|^2: what is left to learn of a pair."""
    return (2 * w - Y + dy2) / dy2


def of_data(step, H, Y, w, dx2: float, dy2: float) -> list[Failure]:
    """Which assumptions fail on the curves themselves, (moment,) each, whatever rates are fitted."""
    curves = np.array([H, Y, w], float)
    sound = np.isfinite(curves).all(0)
    if not sound.all():
        return [
            Failure(
                "not finite", f"a curve is not finite at step {step[np.argmin(sound)]:g}: training diverged", UNKNOWN
            )
        ]
    if dx2 == 0:
        return [Failure("same inputs", "the two inputs are the same", UNKNOWN)]
    if dy2 <= 1e-12 * max(1.0, np.abs(Y).max()):
        sentence = (
            "the two targets are the same, so there is no difference to learn: w = Y, and no rate follows from it"
        )
        return [Failure("same targets", sentence, UNKNOWN)]
    if H[0] <= 0:
        return [
            Failure("no difference", "H is 0 at the first moment: the layer does not tell the points apart", UNKNOWN)
        ]
    if len(step) < 4 or not np.ptp(curves, axis=1).any():
        what = "nothing moves" if len(step) >= 4 else f"only {len(step)} moments were recorded"
        return [Failure("too few moments", what, UNKNOWN)]
    failures = []
    left = difference(Y, w, dy2)
    n = active(w, dy2)
    if left[0] < LEARNED:
        failures.append(Failure("nothing to learn", "the pair was learned before the first moment", UNKNOWN))
    elif left[-1] > LEARNED:
        sentence = f"the pair was not learned: {left[-1]:.0%} of its squared difference are left at the end"
        failures.append(Failure("not learned", sentence, UNKNOWN))
    if n < FEWEST:
        sentence = f"only {n} moments were recorded before the pair was at rest, {FEWEST} are needed: record more often"
        failures.append(Failure("too few moments", sentence, UNKNOWN))
    failures += _against(H[:n], w[:n])
    highest = Y.max()
    if highest > (1 + BEYOND) * max(dy2, Y[0]):
        sentence = f"Y goes beyond its target: up to {highest / dy2:.2f} |dy|^2, where the theory ends at |dy|^2"
        failures.append(Failure("Y beyond its target", sentence))
    return failures


def _against(H: np.ndarray, w: np.ndarray) -> list[Failure]:
    """dH/dt = -eta_h |dx|^2 w: H rises where w < 0 and falls where w > 0. Does it go the other way?"""
    rises = w.sum() < 0
    there = H[(w < 0) == rises]
    if len(there) < 2 or not np.ptp(H):
        return []
    towards = there if rises else -there
    retreat = (np.maximum.accumulate(towards) - towards).max() / np.ptp(H)
    if retreat <= RETREAT:
        return []
    does, can = ("falls", "raise") if rises else ("rises", "lower")
    sentence = (
        f"H {does} by {retreat:.0%} of its range while w {'<' if rises else '>'} 0: the theory can only {can} it there"
    )
    return [Failure(f"H {does}", sentence)]


def of_fit(r2: dict[str, float], reason: str) -> list[Failure]:
    """Which assumptions fail on the fit: R^2 of each curve, and why no optimum lies within the bounds, if so."""
    failures = [Failure("no rates", reason)] if reason else []
    worst = min(r2, key=lambda name: np.nan_to_num(r2[name], nan=np.inf))
    if r2[worst] < 0:
        sentence = f"R^2 of {worst} is {r2[worst]:.2f}: its mean alone describes {worst} better than the theory does"
        failures.append(Failure("R^2 < 0", sentence))
    return failures


def judged(failures: list[Failure], error: float, orbit_error: float) -> str:
    """The verdict."""
    if failures:
        return UNKNOWN if any(one.verdict == UNKNOWN for one in failures) else NOT
    if error <= ERROR:
        return APPLIES
    return ORBIT_ONLY if orbit_error <= ORBIT else NOT


def notes(n: int, moments: int, norms, dx2_is: str, judged: str, orbit_error: float) -> list[str]:
    """What does not decide the verdict but has to be known with it. n: moments of the active part."""
    said = []
    if judged == APPLIES and orbit_error > ERROR:
        said.append(
            f"the path Y(H) between the two ends that were measured is off by {orbit_error:.0%} of Y's range, though "
            "the curves are the theory's: look at the figure before the rates are believed"
        )
    if 1 - n / moments > QUIET:
        said.append(
            f"{1 - n / moments:.0%} of the moments are a quiet end; errors are those of the {n} moments before it, and "
            "the fit takes as many of it again"
        )
    if norms is not None and norms.min() <= 1e-12 * max(norms.max(), 1e-300):
        said.append(
            "one of the points has the representation 0 at first, where units of a ReLU sit at their kink: "
            "H(0) is the size of the other one, not a distance"
        )
    if dx2_is.startswith("set"):
        said.append(f"|dx|^2 is {dx2_is}; eta_h stands for eta_h |dx|^2")
    return said
