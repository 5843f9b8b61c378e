"""All layers of a network: forward and backward passes, the loss, and what is observed of the last pass."""

import numpy as np

from repdyn.training.passes.blocks import add, block, copy, parameters, scale, view
from repdyn.training.passes.code import inner, once
from repdyn.training.passes.elementwise import DESCENT, NONE, activate, move, pull_activation
from repdyn.training.passes.layer import FEW, affine, multiply, pull, pull_and_descend
from repdyn.training.passes.vectors import LANES, load, tail, total
from repdyn.training.passes.windows import pull_windows, windows


@once
def workspace(net, points):
    """Buffers for so many points, flat, layer after layer: H, A, Z, U, D.

    H what each layer puts out, the input first; A the same before a skip connection is added; Z what goes into the
    activation; U what goes into the weights, after dropout; D gradients with respect to H.
    """
    size = points * (net[1][-1] + net[0][-1])
    return (
        np.zeros(size, np.float32),
        np.zeros(size, np.float32),
        np.zeros(size, np.float32),
        np.zeros(size, np.float32),
        np.zeros(size, np.float32),
    )


@once
def forward(net, theta, X, G, factors, rows, x, mask, buffers):
    """All layers. X, G: the rows of what is not folded into theta yet, `rows` of them with these factors.

    net: widths, units before each layer, place of its parameters in theta, activation, skip, room in X and G, shape of
    the weights, and channels of a convolution's input (0: a dense layer).
    mask: what dropout multiplies each unit by, or empty. buffers: see `workspace`; H begins with x.
    """
    widths, at, place, activations, skips, room, shapes, channels = net  # room is 0 where all is folded
    H, A, Z, U, _ = buffers
    points = x.shape[0]
    copy(x, view(H, 0, points, widths[0]))
    for n in range(widths.size - 1):
        inputs, outputs = widths[n], widths[n + 1]
        u = view(H, at[n], points, inputs)
        if mask.size:
            u = view(U, at[n], points, inputs)
            scale(view(H, at[n], points, inputs), view(mask, at[n], points, inputs), u)
        z, h = view(Z, at[n + 1], points, outputs), view(H, at[n + 1], points, outputs)
        W, b = parameters(theta, place[n], shapes[n, 0], shapes[n, 1])
        if channels[n]:
            u, z_rows = windows(u, shapes[n], channels[n]), block(Z, at[n + 1] * points, z.size // b.size, b.size)
            for q in range(z_rows.shape[0]):
                copy(b, z_rows[q : q + 1])
            multiply(u, False, W, False, np.float32(1), np.float32(1), z_rows)
        else:
            affine(u, W, b, view(X, at[n], room, inputs), view(G, at[n + 1], room, outputs), factors, rows, z)
        a = view(A, at[n + 1], points, outputs) if skips[n] else h
        activate(activations[n], z, a)
        if skips[n]:
            add(a, view(H, at[n + 1 - skips[n]], points, outputs), h)


@once
def backward(net, theta, X, G, factors, rows, points, mask, buffers, which, M, V, lr, c1, c2):
    """Pull the gradient of the output, the last block of D, back through the last forward pass.

    On the way the optimiser that has the place `which` in the registry moves theta by a step, with its memories M and
    V. With which = NONE nothing moves: what went into each layer and what came back is left in X and G, from row
    `rows` on.
    """
    widths, at, place, activations, skips, room, shapes, channels = net
    H, A, Z, U, D = buffers
    last = widths.size - 1
    skipping = skips.any()
    if skipping:
        D[: at[last] * points] = np.float32(0)
    spare = np.empty(points * widths.max() if skipping else 0, np.float32)
    for n in range(last - 1, -1, -1):
        inputs, outputs = widths[n], widths[n + 1]
        g = view(D, at[n + 1], points, outputs)
        if skips[n]:
            earlier = view(D, at[n + 1 - skips[n]], points, outputs)
            add(earlier, g, earlier)
        a = view(A if skips[n] else H, at[n + 1], points, outputs)
        pull_activation(activations[n], view(Z, at[n + 1], points, outputs), a, g)
        u = view(U if mask.size else H, at[n], points, inputs)
        W, b = parameters(theta, place[n], shapes[n, 0], shapes[n, 1])
        gx = view(spare, 0, points, inputs) if skipping else view(D, at[n], points, inputs)
        fused = which == DESCENT and points <= FEW and not channels[n]
        if channels[n]:
            u, g = windows(u, shapes[n], channels[n]), block(D, at[n + 1] * points, g.size // b.size, b.size)
            if n:
                pull_windows(g, W, channels[n], gx)
        elif fused:
            pull_and_descend(g, W, u, lr, gx)
        elif n:
            pull(g, W, view(X, at[n], room, inputs), view(G, at[n + 1], room, outputs), factors, rows, gx)
        if n and mask.size:
            scale(gx, view(mask, at[n], points, inputs), gx)
        if n and skipping:
            total = view(D, at[n], points, inputs)
            add(total, gx, total)
        if which == NONE:
            copy(u, view(X, at[n], room, inputs)[rows : rows + points])
            copy(g, view(G, at[n + 1], room, outputs)[rows : rows + points])
        elif which == DESCENT:
            for p in range(g.shape[0]):
                for o in range(g.shape[1]):
                    b[0, o] -= lr * g[p, o]
            if not fused:
                multiply(u, True, g, False, -lr, np.float32(1), W)
        else:
            W_m, b_m = parameters(M, place[n], shapes[n, 0], shapes[n, 1])
            W_v, b_v = parameters(V, place[n], shapes[n, 0], shapes[n, 1])
            move(which, W, W_m, W_v, u, g, lr, c1, c2)
            ones = np.ones((g.shape[0], 1), np.float32)
            move(which, b, b_m, b_v, ones, g, lr, c1, c2)


@once
def error(net, buffers, points, true_points, y):
    """The loss 1/2 MSE of the last forward pass; its gradient becomes the last block of D. y (true_points, output)."""
    widths, at = net[0], net[1]
    last = widths.size - 1
    output, g = view(buffers[0], at[last], points, widths[last]), view(buffers[4], at[last], points, widths[last])
    g[:] = np.float32(0)
    total = 0.0
    for p in range(true_points):
        for o in range(widths[last]):
            difference = output[p, o] - y[p, o]
            total += difference * difference
            g[p, o] = difference / np.float32(true_points * widths[last])
    return total / (2 * true_points * widths[last])


@inner
def _squared_distance(h, one, other):
    """The squared distance of two rows of h (point, unit)."""
    units = h.shape[1]
    summed = np.float32(0)
    if units < LANES:
        for i in range(units):
            apart = h[one, i] - h[other, i]
            summed += apart * apart
        return summed

    a, b, edge, over = one * units, other * units, units - LANES, units % LANES
    beyond = tail(over, load(h, a + edge) - load(h, b + edge))
    squares = beyond * beyond
    for i in range(0, units - over, LANES):
        aside = load(h, a + i) - load(h, b + i)
        squares += aside * aside
    return total(squares)


@once
def observe(net, buffers, points, pairs, distances, output):
    """Squared distances (layer, pair) of pairs of points in hidden layers, and the output (point, unit)."""
    widths, at = net[0], net[1]
    last = widths.size - 1
    for n in range(1, last):
        h = view(buffers[0], at[n], points, widths[n])
        for k in range(pairs.shape[0]):
            distances[n - 1, k] = _squared_distance(h, pairs[k, 0], pairs[k, 1])
    copy(view(buffers[0], at[last], points, widths[last]), output)
