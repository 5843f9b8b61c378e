"""Convolutions along a line: what their windows see, as rows of a matrix product, and the way back."""

import numpy as np

from repdyn.training.passes.code import once
from repdyn.training.passes.layer import multiply


@once
def windows(x, shape, channels):
    """What a convolution's window sees at each position of every point: (point x position, kernel x channels).

    Units are ordered position first, so those that a window covers lie next to each other.
    """
    span = shape[0]
    positions = (x.shape[1] - span) // channels + 1
    rows = np.empty((x.shape[0] * positions, span), np.float32)
    for p in range(x.shape[0]):
        for q in range(positions):
            for i in range(span):
                rows[p * positions + q, i] = x[p, q * channels + i]
    return rows


@once
def pull_windows(g, W, channels, gx):
    """The gradient with respect to a convolution's input, gx (point, units), from that of what it computes."""
    rows = np.empty((g.shape[0], W.shape[0]), np.float32)
    multiply(g, False, W, True, np.float32(1), np.float32(0), rows)
    positions = g.shape[0] // gx.shape[0]
    gx[:] = np.float32(0)
    for p in range(gx.shape[0]):
        for q in range(positions):
            for i in range(W.shape[0]):
                gx[p, q * channels + i] += rows[p * positions + q, i]
