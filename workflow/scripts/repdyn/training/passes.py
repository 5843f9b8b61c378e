"""Forward and backward passes through dense layers, compiled: no interpreter between layers, or between steps.

With a few points a step is bound by memory traffic over the weights, not by arithmetic. A general matrix product reads
them at a fraction of the memory's speed when one side has only two rows, and a gradient that is stored first costs two
more passes. Here each weight is read once on the way forward; on the way back it is read once more, used, moved by the
gradient of rank two while it is at hand, and written. Weights that a near cache holds are bound by arithmetic instead,
and go through `vectors`. More points than `FEW` go through the products of the BLAS.

Both passes can also go through weights that are never formed, W + sum over r of c_r x_r^T g_r: what went into a layer
(x) and the gradient that came back (g) at other times, as the stages of `flow` need.

Shapes: x (point, inputs), W (inputs, outputs), g and z (point, outputs), everything float32, points an even number.
Each network is computed by the same instructions whatever else is trained beside it, so its numbers are its own.
"""

from types import FunctionType

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

from repdyn.networks.activations import ACTIVATIONS
from repdyn.training.compiled_code import keep_here
from repdyn.training.optimisers import OPTIMISERS
from repdyn.training.vectors import LANES, load, repeated, store, tail, total

keep_here()

# Allows the sums over units to be vectorised; the order of additions is then the compiler's, but a fixed one.
_fast = {"reassoc", "contract", "nsz", "arcp"}
once = numba.njit(fastmath=_fast, error_model="numpy")
inner = numba.njit(fastmath=_fast, error_model="numpy", forceinline=True)  # a call costs as much as a narrow layer

FEW = 8  # points up to which the loops here serve better than a matrix product of the BLAS
NEAR = 2**15  # weights of a layer that a near cache holds
LINE = 16  # float32 in a cache line


def single(function, **names):
    """A copy of a plain function whose numbers are single precision and that finds `names` among its globals."""

    def narrow(value):
        return np.float32(value) if isinstance(value, float) else value

    code = function.__code__
    code = code.replace(co_consts=tuple(map(narrow, code.co_consts)))
    scope = {name: narrow(value) for name, value in function.__globals__.items() if name in code.co_names}
    return FunctionType(code, {**scope, **names, "__builtins__": __builtins__}, function.__name__)


@numba.njit(fastmath={"contract"})  # said here, or it inherits its caller's, which may reorder what has to cancel
def _expm1(z):
    """e^z - 1 in single precision, within 3 units in the last place; no branch, so loops over it are vectorised.

    With z = n ln 2 + r, |r| <= ln 2 / 2: 2^n (e^r - 1) + (2^n - 1), e^r - 1 by its series; 2^n is made of its bits.
    """
    z = min(max(z, np.float32(-87.0)), np.float32(88.0))
    shifted = z * np.float32(1.44269504) + np.float32(12582912.0)  # 1.5 * 2^23: the whole number is in the last bits
    n = shifted - np.float32(12582912.0)
    r = z - n * np.float32(0.693359375)
    r = r + n * np.float32(2.12194440e-4)
    p = np.float32(1 / 5040) * r + np.float32(1 / 720)
    p = p * r + np.float32(1 / 120)
    p = p * r + np.float32(1 / 24)
    p = p * r + np.float32(1 / 6)
    p = p * r + np.float32(0.5)
    p = p * r * r + r
    bits = (np.float32(shifted).view(np.int32) + np.int32(127)) << np.int32(23)
    two_to_n = np.int32(bits).view(np.float32)
    return two_to_n * p + (two_to_n - np.float32(1.0))


def _chosen(loop, functions):
    """One compiled loop for all functions: its first argument says which of them it applies.

    Written out, as a chain: functions that call each other were compiled once for each one before them.
    """
    scope = {f"apply_{n}": loop(function) for n, function in enumerate(functions)}
    chain = [f"if which == {n}: apply_{n}(*arrays)" for n in range(len(functions))]
    exec("def choose(which, *arrays):\n    " + "\n    el".join(chain), scope)
    return inner(scope["choose"])


def _activating(function):
    function = numba.njit(function)

    @inner
    def loop(z, a):
        for p in range(z.shape[0]):
            for i in range(z.shape[1]):
                a[p, i] = function(z[p, i])

    return loop


def _pulling(slope):
    slope = numba.njit(slope)

    @inner
    def loop(z, a, g):
        for p in range(z.shape[0]):
            for i in range(z.shape[1]):
                g[p, i] *= slope(z[p, i], a[p, i])

    return loop


# activate(which, z, a): a = phi(z). pull_activation(which, z, a, g): g <- g phi'(z), where a = phi(z). All (point,
# unit); `which` is the activation's place in the registry
activate = _chosen(_activating, [single(a.function, expm1=_expm1) for a in ACTIVATIONS.values()])
pull_activation = _chosen(_pulling, [single(a.slope, expm1=_expm1) for a in ACTIVATIONS.values()])


@intrinsic
def _prefetch(context, array, index):
    """Ask for the cache line that holds the number at `index`, counted through all axes, without waiting for it.

    It may lie beyond the end.
    """

    def emit(context, builder, signature, arguments):
        values = context.make_array(signature.args[0])(context, builder, arguments[0])
        integer, pointer = ir.IntType(32), ir.IntType(8).as_pointer()
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(ir.VoidType(), [pointer, *[integer] * 3]), "llvm.prefetch.p0i8"
        )
        address = builder.bitcast(builder.gep(values.data, [arguments[1]]), pointer)
        to_read, keep, data = (ir.Constant(integer, n) for n in (0, 3, 1))
        builder.call(function, [address, to_read, keep, data])
        return context.get_dummy_value()

    return types.void(array, types.intp), emit


@intrinsic
def _block(context, flat, first, rows, columns):
    """flat[first : first + rows * columns] as (rows, columns), at a tenth of the cost of slicing and reshaping."""
    made = types.Array(flat.dtype, 2, "C")

    def emit(context, builder, signature, arguments):
        source = context.make_array(signature.args[0])(context, builder, arguments[0])
        array = context.make_array(made)(context, builder)
        populate_array(
            array,
            data=builder.gep(source.data, [arguments[1]]),
            shape=cgutils.pack_array(builder, arguments[2:]),
            strides=cgutils.pack_array(builder, [builder.mul(arguments[3], source.itemsize), source.itemsize]),
            itemsize=source.itemsize,
            meminfo=None,  # the buffer outlives it
        )
        return array._getvalue()

    return made(flat, types.intp, types.intp, types.intp), emit


@inner
def _is_near(W):
    """Whether weights come from a near cache, in rows of at least one vector."""
    return W.size <= NEAR and W.shape[1] >= LANES


@inner
def _ask_for(W, first, count):
    """Ask for the next rows of weights: by itself a processor foresees one row, not four."""
    for i in range(first, first + count, LINE):
        _prefetch(W, i)


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
def _affine_near(x, W, b, z):
    """z = b + x W for two points and near weights: four vectors of outputs at once stay in registers over all rows."""
    inputs, outputs = W.shape
    edge = outputs - LANES  # where the last vector begins
    for o in range(0, outputs, 4 * LANES):
        o0, o1, o2, o3 = min(o, edge), min(o + LANES, edge), min(o + 2 * LANES, edge), min(o + 3 * LANES, edge)
        a0 = b0 = load(b, o0)
        a1 = b1 = load(b, o1)
        a2 = b2 = load(b, o2)
        a3 = b3 = load(b, o3)
        for i in range(inputs):
            row = i * outputs
            w0, w1, w2, w3 = load(W, row + o0), load(W, row + o1), load(W, row + o2), load(W, row + o3)
            a, c = repeated(x[0, i]), repeated(x[1, i])
            a0 += a * w0
            a1 += a * w1
            a2 += a * w2
            a3 += a * w3
            b0 += c * w0
            b1 += c * w1
            b2 += c * w2
            b3 += c * w3
        store(z, o0, a0)
        store(z, o1, a1)
        store(z, o2, a2)
        store(z, o3, a3)
        store(z, outputs + o0, b0)
        store(z, outputs + o1, b1)
        store(z, outputs + o2, b2)
        store(z, outputs + o3, b3)


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
    """`_pull_and_descend` for two points and near weights, two rows at once; returns how many rows are done.

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
def _pull_and_descend(g, W, x, lr, gx):
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


def _moving(rule_and_memory):
    """A loop that moves weights (inputs, outputs) by an optimiser's rule, which remembers so many arrays."""
    rule, memory = numba.njit(rule_and_memory[0]), rule_and_memory[1]

    @inner
    def loop(W, M, V, x, g, lr, c1, c2):
        gradient = np.empty(W.shape[1], np.float32)
        for i in range(W.shape[0]):
            gradient[:] = np.float32(0)
            for p in range(x.shape[0]):
                for o in range(gradient.size):
                    gradient[o] += x[p, i] * g[p, o]
            for o in range(gradient.size):
                m = M[i, o] if memory > 0 else np.float32(0)
                v = V[i, o] if memory > 1 else np.float32(0)
                d, m, v = rule(gradient[o], m, v, c1, c2)
                W[i, o] -= lr * d
                if memory > 0:
                    M[i, o] = m
                if memory > 1:
                    V[i, o] = v

    return loop


# move(which, W, M, V, x, g, lr, c1, c2): one step of the optimiser that has this place in the registry
move = _chosen(_moving, [(single(o.rule), o.memory) for o in OPTIMISERS.values()])
DESCENT = list(OPTIMISERS).index("sgd")
NONE = -1  # in place of an optimiser: gradients are wanted, and no step


@inner
def view(flat, at, points, units):
    """The block (points, units) of a buffer that holds all layers for so many points, `at` units before it."""
    return _block(flat, at * points, points, units)


@inner
def parameters(theta, first, inputs, outputs):
    """Weight (inputs, outputs) and bias (1, outputs) of a layer, views of theta."""
    return _block(theta, first, inputs, outputs), _block(theta, first + inputs * outputs, 1, outputs)


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


@inner
def _copy(of, to):
    """to = of, both (point, unit); in loops, for numba takes seconds to compile an assignment of whole arrays."""
    for p in range(to.shape[0]):
        for i in range(to.shape[1]):
            to[p, i] = of[p, i]


@inner
def _add(a, b, made):
    """made = a + b, all (point, unit)."""
    for p in range(made.shape[0]):
        for i in range(made.shape[1]):
            made[p, i] = a[p, i] + b[p, i]


@inner
def _scale(a, b, made):
    """made = a b, all (point, unit)."""
    for p in range(made.shape[0]):
        for i in range(made.shape[1]):
            made[p, i] = a[p, i] * b[p, i]


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
    _copy(x, view(H, 0, points, widths[0]))
    for n in range(widths.size - 1):
        inputs, outputs = widths[n], widths[n + 1]
        u = view(H, at[n], points, inputs)
        if mask.size:
            u = view(U, at[n], points, inputs)
            _scale(view(H, at[n], points, inputs), view(mask, at[n], points, inputs), u)
        z, h = view(Z, at[n + 1], points, outputs), view(H, at[n + 1], points, outputs)
        W, b = parameters(theta, place[n], shapes[n, 0], shapes[n, 1])
        if channels[n]:
            u, z_rows = windows(u, shapes[n], channels[n]), _block(Z, at[n + 1] * points, z.size // b.size, b.size)
            for q in range(z_rows.shape[0]):
                _copy(b, z_rows[q : q + 1])
            multiply(u, False, W, False, np.float32(1), np.float32(1), z_rows)
        else:
            affine(u, W, b, view(X, at[n], room, inputs), view(G, at[n + 1], room, outputs), factors, rows, z)
        a = view(A, at[n + 1], points, outputs) if skips[n] else h
        activate(activations[n], z, a)
        if skips[n]:
            _add(a, view(H, at[n + 1 - skips[n]], points, outputs), h)


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
            _add(earlier, g, earlier)
        a = view(A if skips[n] else H, at[n + 1], points, outputs)
        pull_activation(activations[n], view(Z, at[n + 1], points, outputs), a, g)
        u = view(U if mask.size else H, at[n], points, inputs)
        W, b = parameters(theta, place[n], shapes[n, 0], shapes[n, 1])
        gx = view(spare, 0, points, inputs) if skipping else view(D, at[n], points, inputs)
        fused = which == DESCENT and points <= FEW and not channels[n]
        if channels[n]:
            u, g = windows(u, shapes[n], channels[n]), _block(D, at[n + 1] * points, g.size // b.size, b.size)
            if n:
                pull_windows(g, W, channels[n], gx)
        elif fused:
            _pull_and_descend(g, W, u, lr, gx)
        elif n:
            pull(g, W, view(X, at[n], room, inputs), view(G, at[n + 1], room, outputs), factors, rows, gx)
        if n and mask.size:
            _scale(gx, view(mask, at[n], points, inputs), gx)
        if n and skipping:
            total = view(D, at[n], points, inputs)
            _add(total, gx, total)
        if which == NONE:
            _copy(u, view(X, at[n], room, inputs)[rows : rows + points])
            _copy(g, view(G, at[n + 1], room, outputs)[rows : rows + points])
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
    _copy(view(buffers[0], at[last], points, widths[last]), output)


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


@numba.njit(fastmath=_fast, error_model="numpy", cache=True)
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
            _copy(here_x, batch_x[: here_x.shape[0]])
            _copy(here_y, batch_y[: here_y.shape[0]])
        reached[e] = first + steps
        for k in range(steps):
            true_points = sizes[k] if order.size else here_x.shape[0]
            if order.size:
                for p in range(true_points):
                    q = order[e, k, p]
                    _copy(here_x[q : q + 1], batch_x[p : p + 1])
                    _copy(here_y[q : q + 1], batch_y[p : p + 1])
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


@numba.njit(fastmath=_fast, error_model="numpy", cache=True)
def look(net, theta, x, hidden):
    """A forward pass on x (1 or network, point, input), an even number of points; fills hidden (network, all
    layers).
    """
    buffers = workspace(net, x.shape[1])
    nothing = np.empty(0, np.float32)
    for e in range(theta.shape[0]):
        forward(net, theta[e], nothing, nothing, nothing, 0, x[e % x.shape[0]], nothing, buffers)
        hidden[e] = buffers[0]
