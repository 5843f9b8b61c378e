"""The compiled parts of a step of gradient flow: gradients at stages whose weights are never formed, and the end of a
step.

The weights of a stage are W + sum over r of c_r x_r^T g_r, with what went into each layer (x) and the gradient that
came back (g) before; see `flow` for the method.
"""

import numpy as np

from repdyn.training.passes.blocks import parameters, view
from repdyn.training.passes.code import kept
from repdyn.training.passes.elementwise import NONE
from repdyn.training.passes.layer import multiply
from repdyn.training.passes.network import backward, error, forward, observe, workspace


@kept
def gradient(net, theta, X, G, factors, x, y, true_points):
    """Leave the gradient at these weights in X and G, as the next rows; returns the loss."""
    points, rows = x.shape[0], factors.size
    nothing, nobody = np.empty(0, np.float32), np.empty(1, np.float32)
    buffers = workspace(net, points)
    forward(net, theta, X, G, factors, rows, x, nothing, buffers)
    loss = error(net, buffers, points, true_points, y)
    one = np.float32(1)
    backward(net, theta, X, G, factors, rows, points, nothing, buffers, NONE, nobody, nobody, one, one, one)
    return loss


@kept
def gradient_and_kernel(net, theta, X, G, factors, x, y, true_points, output, kernel):
    """As `gradient`, and the outputs (point, unit) and the tangent kernel (n, n), n = points x units, point by point.

    The gradient is a sum of those of single outputs, of which the kernel is made as well:
    K_(p,k)(q,l) = sum over layers of (d_p^k . d_q^l) (x_p . x_q + 1).
    """
    widths, at, room = net[0], net[1], net[5]
    points, last = x.shape[0], widths.size - 1
    outs, rows = widths[last], factors.size
    nothing, nobody, one = np.empty(0, np.float32), np.empty(1, np.float32), np.float32(1)
    buffers = workspace(net, points)
    forward(net, theta, X, G, factors, rows, x, nothing, buffers)
    loss = error(net, buffers, points, true_points, y)
    of_error = view(buffers[4], at[last], points, outs).copy()
    output[:] = view(buffers[0], at[last], points, outs)[:true_points]
    size = points * (at[last] + outs)
    slopes = np.zeros((outs, size), np.float32)
    summed = np.zeros(size, np.float32)
    for k in range(outs):
        unit = view(buffers[4], at[last], points, outs)
        unit[:] = np.float32(0)
        unit[:true_points, k] = one
        backward(net, theta, X, G, factors, rows, points, nothing, buffers, NONE, nobody, nobody, one, one, one)
        for n in range(last):
            g = view(G, at[n + 1], room, widths[n + 1])[rows : rows + points]
            view(slopes[k], at[n + 1], points, widths[n + 1])[:] = g
            total = view(summed, at[n + 1], points, widths[n + 1])
            for p in range(points):
                total[p] += of_error[p, k] * g[p]
    kernel[:] = 0
    for n in range(last):
        h = view(X, at[n], room, widths[n])[rows : rows + points]
        inputs, outputs = np.zeros((points, points), np.float32), np.zeros((points, points), np.float32)
        multiply(h, False, h, True, one, np.float32(0), inputs)
        for k in range(outs):
            for m in range(outs):
                a = view(slopes[k], at[n + 1], points, widths[n + 1])
                b = view(slopes[m], at[n + 1], points, widths[n + 1])
                multiply(a, False, b, True, one, np.float32(0), outputs)
                for p in range(true_points):
                    for q in range(true_points):
                        kernel[p * outs + k, q * outs + m] += outputs[p, q] * (inputs[p, q] + one)
        view(G, at[n + 1], room, widths[n + 1])[rows : rows + points] = view(summed, at[n + 1], points, widths[n + 1])
    return loss


@kept
def seen(net, theta, X, G, factors, x, pairs, distances, output):
    """What is followed, at these weights: distances (layer, pair) and the outputs of x (point, unit)."""
    buffers = workspace(net, x.shape[0])
    forward(net, theta, X, G, factors, factors.size, x, np.empty(0, np.float32), buffers)
    observe(net, buffers, x.shape[0], pairs, distances, output)


@kept
def gone_in(net, X, row, pairs, distances):
    """Distances (layer, pair) of the points that a gradient was taken of, whose rows begin at `row`."""
    widths, at, room = net[0], net[1], net[5]
    for n in range(1, widths.size - 1):
        h = view(X, at[n], room, widths[n])
        for k in range(pairs.shape[0]):
            total = np.float32(0)
            for i in range(widths[n]):
                apart = h[row + pairs[k, 0], i] - h[row + pairs[k, 1], i]
                total += apart * apart
            distances[n - 1, k] = total


@kept
def fold(net, theta, X, G, factors, points):
    """theta moves to these weights, and the next rows, those of so many points, become the first ones."""
    widths, at, place, room = net[0], net[1], net[2], net[5]
    rows = factors.size
    for n in range(widths.size - 1):
        W, b = parameters(theta, place[n], widths[n], widths[n + 1])
        x, g = view(X, at[n], room, widths[n]), view(G, at[n + 1], room, widths[n + 1])
        moved = g[:rows].copy()
        for r in range(rows):
            moved[r] *= factors[r]
            b[0] += moved[r]
        multiply(x[:rows].copy(), True, moved, False, np.float32(1), np.float32(1), W)
        x[:points], g[:points] = x[rows : rows + points].copy(), g[rows : rows + points].copy()
