"""Steps of training of many networks, one after another, and a look at their layers."""

import numpy as np

from repdyn.training.passes.blocks import copy
from repdyn.training.passes.code import kept
from repdyn.training.passes.network import backward, error, forward, observe, workspace


@kept
def train(net, state, optimiser, data, first, steps, updates, stop, follow, recorded):
    """Train networks one after another, each for `steps` steps from the step `first` on; see `compiled` for
    arguments.
    """
    theta, M, V = state
    which, lr, corrections = optimiser
    x, y, order, sizes, masks = data
    stop_loss, stop_every = stop
    slots, seen, pairs = follow
    distances, outputs, losses, reached = recorded
    widths = net[0]
    most = order.shape[2] if order.size else x.shape[1]
    most += most % 2
    buffers = workspace(net, most)
    beside = workspace(net, seen.shape[1]) if seen.size else buffers
    batch_x, batch_y = np.zeros((most, widths[0]), np.float32), np.zeros((most, widths[-1]), np.float32)
    nothing = np.empty(0, np.float32)
    for e in range(theta.shape[0]):
        here_x, here_y = x[e % x.shape[0]], y[e % y.shape[0]]
        batch_x[:] = np.float32(0)
        if not order.size:
            copy(here_x, batch_x[: here_x.shape[0]])
            copy(here_y, batch_y[: here_y.shape[0]])
        reached[e] = first + steps
        for k in range(steps):
            true_points = sizes[k] if order.size else here_x.shape[0]
            if order.size:
                for p in range(true_points):
                    q = order[e, k, p]
                    copy(here_x[q : q + 1], batch_x[p : p + 1])
                    copy(here_y[q : q + 1], batch_y[p : p + 1])
            points = true_points + true_points % 2  # a point too many has no error, so it changes nothing
            looked_at = seen[e % seen.shape[0]] if seen.size else batch_x[:points]
            if slots[k] >= 0 and (seen.size or masks.size):
                forward(net, theta[e], nothing, nothing, nothing, 0, looked_at, nothing, beside)
                observe(net, beside, looked_at.shape[0], pairs, distances[e, slots[k]], outputs[e, slots[k]])
            judged = stop_every and (first + k) % stop_every == 0
            loss = 0.0
            if judged and masks.size:
                forward(net, theta[e], nothing, nothing, nothing, 0, batch_x[:points], nothing, buffers)
                loss = error(net, buffers, points, true_points, batch_y)
            mask = masks[e, k] if masks.size else nothing
            forward(net, theta[e], nothing, nothing, nothing, 0, batch_x[:points], mask, buffers)
            if slots[k] >= 0 and not (seen.size or masks.size):
                observe(net, buffers, points, pairs, distances[e, slots[k]], outputs[e, slots[k]])
            losses[e, k] = error(net, buffers, points, true_points, batch_y)
            if judged and not (loss if masks.size else losses[e, k]) > stop_loss:
                reached[e] = first + k
                break
            if k < updates:
                args = (theta[e], nothing, nothing, nothing, 0, points, mask, buffers, which)
                backward(net, *args, M[e], V[e], lr[e], corrections[k, 0], corrections[k, 1])


@kept
def look(net, theta, x, hidden):
    """A forward pass on x (1 or network, point, input), an even number of points; fills hidden (network, all
    layers).
    """
    buffers = workspace(net, x.shape[1])
    nothing = np.empty(0, np.float32)
    for e in range(theta.shape[0]):
        forward(net, theta[e], nothing, nothing, nothing, 0, x[e % x.shape[0]], nothing, buffers)
        hidden[e] = buffers[0]
