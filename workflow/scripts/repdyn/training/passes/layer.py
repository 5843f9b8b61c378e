"""One layer on a few points: what it puts out, what it pulls back, and how its weights move meanwhile.

With a few points a step is bound by memory traffic over the weights, not by arithmetic. A general matrix product reads
them at a fraction of the memory's speed when one side has only two rows, and a gradient that is stored first costs two
more passes. Here each weight is read once on the way forward; on the way back it is read once more, used, moved by the
gradient of rank two while it is at hand, and written. Weights that a near cache holds are bound by arithmetic instead,
and go through `vectors`. More points than `FEW` go through the products of the BLAS.

Both ways can also go through weights that are never formed, W + sum over r of c_r x_r^T g_r: what went into a layer
(x) and the gradient that came back (g) at other times, as the stages of `flow` need.
"""

import numpy as np
from numba import types
from numba.cpython.unsafe.tuple import tuple_setitem as put

from repdyn.training.passes.blocks import prefetch
from repdyn.training.passes.code import inner
from repdyn.training.passes.vectors import LANES, REGISTERS, load, repeated, store, tail, total

FEW = 8  # points up to which the loops here serve better than a matrix product of the BLAS
NEAR = 2**17  # weights of a layer that a near cache holds
LINE = 16  # float32 in a cache line


@inner
def _is_near(W):
    """Whether weights come from a near cache, in rows of at least one vector."""
    return W.size <= NEAR and W.shape[1] >= LANES


@inner
def _ask_for(W, first, count):
    """Ask for the next rows of weights: by itself a processor foresees one row, not four."""
    for i in range(first, first + count, LINE):
        prefetch(W, i)


_pointer = types.CPointer(types.float32)
_gemm = types.ExternalFunction(  # what numba calls for np.dot, which can't add to what is there
    "numba_xxgemm",
    types.intc(
        *[types.char] * 3,
        *[types.intp] * 3,
        *[_pointer, _pointer, types.intp, _pointer, types.intp, _pointer, _pointer, types.intp],
    ),
)
SINGLE, NORMAL, TURNED = ord("s"), ord("n"), ord("t")


@inner
def multiply(a, turn_a, b, turn_b, factor, keep, c):
    """c = factor a b + keep c by the BLAS, a or b transposed where `turn` says so; all C-contiguous, two dimensions."""
    rows, columns = c.shape
    between = a.shape[0] if turn_a else a.shape[1]
    one, two = np.full(1, factor), np.full(1, keep)
    kind_a, kind_b = (TURNED if turn_a else NORMAL), (TURNED if turn_b else NORMAL)
    # the BLAS counts columns first, so it is given the transposed problem, c^T = b^T a^T
    sizes = columns, rows, between
    lengths = b.shape[1], a.shape[1], columns
    _gemm(
        *(SINGLE, kind_b, kind_a, sizes[0], sizes[1], sizes[2], one.ctypes, b.ctypes, lengths[0]),
        *(a.ctypes, lengths[1], two.ctypes, c.ctypes, lengths[2]),
    )


@inner
def _dots(x, X, r):
    """Products of two points' rows with two others: x[0] X[r], x[0] X[r + 1], x[1] X[r], x[1] X[r + 1]."""
    a = b = c = d = np.float32(0)
    for i in range(x.shape[1]):
        a += x[0, i] * X[r, i]
        b += x[0, i] * X[r + 1, i]
        c += x[1, i] * X[r, i]
        d += x[1, i] * X[r + 1, i]
    return a, b, c, d


@inner
def _add_rank(x, X, G, factors, rows, one, z):
    """z += sum over r < rows of factors[r] (x . X[r] + one) G[r], for two points; rows is even."""
    for r in range(0, rows, 2):
        a, b, c, d = _dots(x, X, r)
        a, c = (a + one) * factors[r], (c + one) * factors[r]
        b, d = (b + one) * factors[r + 1], (d + one) * factors[r + 1]
        for o in range(z.shape[1]):
            z[0, o] += a * G[r, o] + b * G[r + 1, o]
            z[1, o] += c * G[r, o] + d * G[r + 1, o]


@inner
def _add_products(x, W, z):
    """z += x W for two points, four rows of W at once: so z is loaded and stored a quarter as often."""
    inputs, outputs = W.shape
    far = W.size > NEAR
    whole = inputs - inputs % 4
    for i in range(0, whole, 4):
        if far:
            _ask_for(W, (i + 4) * outputs, 4 * outputs)
        a0, a1, a2, a3 = x[0, i], x[0, i + 1], x[0, i + 2], x[0, i + 3]
        b0, b1, b2, b3 = x[1, i], x[1, i + 1], x[1, i + 2], x[1, i + 3]
        for o in range(outputs):
            w0, w1, w2, w3 = W[i, o], W[i + 1, o], W[i + 2, o], W[i + 3, o]
            z[0, o] += a0 * w0 + a1 * w1 + a2 * w2 + a3 * w3
            z[1, o] += b0 * w0 + b1 * w1 + b2 * w2 + b3 * w3
    for i in range(whole, inputs):
        for o in range(outputs):
            z[0, o] += x[0, i] * W[i, o]
            z[1, o] += x[1, i] * W[i, o]


@inner
def _affine_columns(x, W, b, first, ones, others, z):
    """z = b + x W for two points and as many vectors of outputs as the tuples are long, from output `first` on.

    Both points' sums (ones, others) stay in registers over all rows.
    """
    inputs, outputs = W.shape
    edge = outputs - LANES  # where the last vector begins
    for k in range(len(ones)):
        bias = load(b, min(first + k * LANES, edge))
        ones, others = put(ones, k, bias), put(others, k, bias)
    for i in range(inputs):
        one, other = repeated(x[0, i]), repeated(x[1, i])
        for k in range(len(ones)):
            w = load(W, i * outputs + min(first + k * LANES, edge))
            ones, others = put(ones, k, ones[k] + one * w), put(others, k, others[k] + other * w)
    for k in range(len(ones)):
        o = min(first + k * LANES, edge)
        store(z, o, ones[k])
        store(z, outputs + o, others[k])


@inner
def _affine_near(x, W, b, z):
    """z = b + x W for two points and near weights, in groups of four vectors of outputs; where these do not come out
    even, also in groups of seven if the registers hold so many sums, else of three.
    """
    v = repeated(np.float32(0))
    four = (v, v, v, v)
    odd = (v, v, v, v, v, v, v) if REGISTERS > 16 else (v, v, v)
    first, left = 0, -(-W.shape[1] // LANES)
    while left > 0:
        if left % 4 and left > len(odd) - 3:
            _affine_columns(x, W, b, first, odd, odd, z)
            taken = len(odd)
        else:
            _affine_columns(x, W, b, first, four, four, z)
            taken = 4
        first += taken * LANES
        left -= taken


@inner
def affine(x, W, b, X, G, factors, rows, z):
    """z = (b + sum over r < rows of factors[r] G[r]) + x (W + sum over r < rows of factors[r] X[r]^T G[r])."""
    points = x.shape[0]
    if points == 2 and not rows and _is_near(W):
        _affine_near(x, W, b, z)
        return
    for p in range(points):
        for o in range(z.shape[1]):
            z[p, o] = b[0, o]
    if points > FEW:
        multiply(x, False, W, False, np.float32(1), np.float32(1), z)
    for p in range(0, points, 2):
        if points <= FEW:
            _add_products(x[p : p + 2], W, z[p : p + 2])
        if rows:
            _add_rank(x[p : p + 2], X, G, factors, rows, np.float32(1), z[p : p + 2])


@inner
def _pull_two(g, W, gx):
    """gx = g W^T for two points, four rows of W at once."""
    inputs, outputs = W.shape
    far = W.size > NEAR
    whole = inputs - inputs % 4
    for i in range(0, whole, 4):
        if far:
            _ask_for(W, (i + 4) * outputs, 4 * outputs)
        a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = np.float32(0)
        for o in range(outputs):
            g0, g1 = g[0, o], g[1, o]
            w0, w1, w2, w3 = W[i, o], W[i + 1, o], W[i + 2, o], W[i + 3, o]
            a0 += w0 * g0
            b0 += w0 * g1
            a1 += w1 * g0
            b1 += w1 * g1
            a2 += w2 * g0
            b2 += w2 * g1
            a3 += w3 * g0
            b3 += w3 * g1
        gx[0, i], gx[0, i + 1], gx[0, i + 2], gx[0, i + 3] = a0, a1, a2, a3
        gx[1, i], gx[1, i + 1], gx[1, i + 2], gx[1, i + 3] = b0, b1, b2, b3
    for i in range(whole, inputs):
        a0 = b0 = np.float32(0)
        for o in range(outputs):
            a0 += W[i, o] * g[0, o]
            b0 += W[i, o] * g[1, o]
        gx[0, i], gx[1, i] = a0, b0


@inner
def pull(g, W, X, G, factors, rows, gx):
    """gx = g (W + sum over r < rows of factors[r] X[r]^T G[r])^T."""
    points = g.shape[0]
    if points > FEW:
        multiply(g, False, W, True, np.float32(1), np.float32(0), gx)
    for p in range(0, points, 2):
        if points <= FEW:
            _pull_two(g[p : p + 2], W, gx[p : p + 2])
        if rows:
            _add_rank(g[p : p + 2], G, X, factors, rows, np.float32(0), gx[p : p + 2])


@inner
def _pull_and_descend_near(g, W, x, lr, gx):
    """`pull_and_descend` for two points and near weights, two rows at once; returns how many rows are done.

    A row's last vector is loaded before any is stored, so that what it has in common with the one before moves once.
    """
    inputs, outputs = W.shape
    edge, over = outputs - LANES, outputs % LANES
    e0, e1 = load(g, edge), load(g, outputs + edge)
    f0, f1 = tail(over, e0), tail(over, e1)
    done = inputs - inputs % 2
    for i in range(0, done, 2):
        x0, x1 = repeated(lr * x[0, i]), repeated(lr * x[0, i + 1])
        y0, y1 = repeated(lr * x[1, i]), repeated(lr * x[1, i + 1])
        upper, lower = i * outputs, (i + 1) * outputs
        v0, v1 = load(W, upper + edge), load(W, lower + edge)
        a0, a1, b0, b1 = v0 * f0, v1 * f0, v0 * f1, v1 * f1
        for o in range(0, outputs - over, LANES):
            g0, g1 = load(g, o), load(g, outputs + o)
            w0, w1 = load(W, upper + o), load(W, lower + o)
            a0 += w0 * g0
            b0 += w0 * g1
            a1 += w1 * g0
            b1 += w1 * g1
            store(W, upper + o, w0 - (x0 * g0 + y0 * g1))
            store(W, lower + o, w1 - (x1 * g0 + y1 * g1))
        store(W, upper + edge, v0 - (x0 * e0 + y0 * e1))
        store(W, lower + edge, v1 - (x1 * e0 + y1 * e1))
        gx[0, i], gx[0, i + 1], gx[1, i], gx[1, i + 1] = total(a0), total(a1), total(b0), total(b1)
    return done


@inner
def pull_and_descend(g, W, x, lr, gx):
    """gx = g W^T, and then W -= lr x^T g, in the same pass; up to `FEW` points."""
    inputs, outputs = W.shape
    points, done = x.shape[0], 0
    last = points - 2
    if points == 2 and _is_near(W):
        done = _pull_and_descend_near(g, W, x, lr, gx)
    for i in range(done, inputs):
        _ask_for(W, (i + 2) * outputs, outputs)
        for p in range(0, last, 2):
            a = b = np.float32(0)
            for o in range(outputs):
                a += W[i, o] * g[p, o]
                b += W[i, o] * g[p + 1, o]
            gx[p, i], gx[p + 1, i] = a, b
        a = b = np.float32(0)
        x0, x1 = lr * x[last, i], lr * x[last + 1, i]
        for o in range(outputs):
            w, g0, g1 = W[i, o], g[last, o], g[last + 1, o]
            a += w * g0
            b += w * g1
            W[i, o] = w - (x0 * g0 + x1 * g1)
        gx[last, i], gx[last + 1, i] = a, b
        for p in range(0, last, 2):
            x0, x1 = lr * x[p, i], lr * x[p + 1, i]
            for o in range(outputs):
                W[i, o] -= x0 * g[p, o] + x1 * g[p + 1, o]
