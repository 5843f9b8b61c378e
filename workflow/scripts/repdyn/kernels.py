"""The two inner loops of training on a CPU, for data sets of two or four points.

With two points a training step is bound by memory traffic over the weights, not by arithmetic. A general matrix
product reads them at a fraction of the memory's speed when one side has only two rows, and a gradient that is stored
first costs two more passes. Here each weight is read once on the way forward; on the way back it is read once more,
used, moved by the rank-two gradient while it is still in a register, and written. (The gradient itself never exists.)
Four points are taken two by two while a few rows of weights are at hand; with more of them nothing is gained.

Shapes: x (network, point, inputs), weight (network, inputs, outputs), bias (network, outputs), everything float32. Each
network is computed by the same instructions whatever else is in the ensemble, so its numbers do not depend on it.
"""

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

# Allows the sums over units to be vectorised; the order of additions is then the compiler's, but a fixed one.
_fast = {"reassoc", "contract", "nsz", "arcp"}

POINTS = (2, 4)
LINE = 16  # float32 in a cache line
AHEAD = 2000  # how far before its use a weight is asked for: about the time that memory takes to answer


@intrinsic
def _prefetch(context, array, index):
    """Ask for the cache line that holds array[index], which may lie beyond the end, without waiting for it."""

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

    return numba.types.void(array, numba.types.intp), emit


@numba.njit(fastmath=_fast, error_model="numpy", cache=True)
def _add_four(z, weight, e, p, i, o, a, b):
    """Add to z of the points p and p + 1 what four inputs give."""
    w0, w1, w2, w3 = weight[e, i, o], weight[e, i + 1, o], weight[e, i + 2, o], weight[e, i + 3, o]
    z[e, p, o] += a[0] * w0 + a[1] * w1 + a[2] * w2 + a[3] * w3
    z[e, p + 1, o] += b[0] * w0 + b[1] * w1 + b[2] * w2 + b[3] * w3


@numba.njit(fastmath=_fast, error_model="numpy", cache=True)
def forward(x, weight, bias, z):
    """z = x @ weight + bias, written into `z`."""
    networks, points, inputs = x.shape
    outputs = weight.shape[2]
    flat, whole = weight.reshape(-1), outputs - outputs % LINE
    for e in range(networks):
        for p in range(points):
            for o in range(outputs):
                z[e, p, o] = bias[e, o]
        i = 0
        while i + 4 <= inputs:  # four rows at once: z is loaded and stored a quarter as often
            coming = (e * inputs + i) * outputs + AHEAD  # by itself a processor foresees one row, not four
            for p in range(0, points, 2):
                a = x[e, p, i], x[e, p, i + 1], x[e, p, i + 2], x[e, p, i + 3]
                b = x[e, p + 1, i], x[e, p + 1, i + 1], x[e, p + 1, i + 2], x[e, p + 1, i + 3]
                for first in range(0, whole, LINE):
                    if p == 0:
                        for line in range(4):
                            _prefetch(flat, coming + 4 * first + line * LINE)
                    for o in range(first, first + LINE):
                        _add_four(z, weight, e, p, i, o, a, b)
                for o in range(whole, outputs):
                    _add_four(z, weight, e, p, i, o, a, b)
            i += 4
        while i < inputs:
            for p in range(0, points, 2):
                a0, b0 = x[e, p, i], x[e, p + 1, i]
                for o in range(outputs):
                    z[e, p, o] += a0 * weight[e, i, o]
                    z[e, p + 1, o] += b0 * weight[e, i, o]
            i += 1


@numba.njit(fastmath=_fast, error_model="numpy", cache=True)
def backward_sgd(g, x, weight, bias, lr, gx):
    """gx = g @ weight^T, written into `gx`; then weight -= lr x^T g and bias -= lr sum(g), in the same pass."""
    networks, points, inputs = x.shape
    outputs, last = weight.shape[2], points - 2
    for e in range(networks):
        rate = -lr[e]
        for p in range(0, points, 2):
            for o in range(outputs):
                bias[e, o] += rate * (g[e, p, o] + g[e, p + 1, o])
        for i in range(inputs):
            for p in range(0, last, 2):
                _pull_pair(g, weight, e, p, i, gx)
            x0, x1 = rate * x[e, last, i], rate * x[e, last + 1, i]
            sum0 = sum1 = np.float32(0)
            for o in range(outputs):
                w, g0, g1 = weight[e, i, o], g[e, last, o], g[e, last + 1, o]
                sum0 += w * g0
                sum1 += w * g1
                weight[e, i, o] = w + x0 * g0 + x1 * g1
            gx[e, last, i] = sum0
            gx[e, last + 1, i] = sum1
            for p in range(0, last, 2):
                x0, x1 = rate * x[e, p, i], rate * x[e, p + 1, i]
                for o in range(outputs):
                    weight[e, i, o] += x0 * g[e, p, o] + x1 * g[e, p + 1, o]


@numba.njit(fastmath=_fast, error_model="numpy", cache=True)
def _pull_pair(g, weight, e, p, i, gx):
    """gx of the points p and p + 1 and of input i."""
    sum0 = sum1 = np.float32(0)
    for o in range(weight.shape[2]):
        sum0 += weight[e, i, o] * g[e, p, o]
        sum1 += weight[e, i, o] * g[e, p + 1, o]
    gx[e, p, i] = sum0
    gx[e, p + 1, i] = sum1


@numba.njit(fastmath=_fast, error_model="numpy", cache=True)
def backward_adam(g, x, weight, first, second, lr, keep1, keep2, root2, epsilon, gx):
    """gx = g @ weight^T, written into `gx`; then one Adam step on `weight`, its moments `first` and `second` with it.

    lr is the rate divided by the first moment's bias correction, root2 the square root of the second moment's.
    """
    networks, points, inputs = x.shape
    outputs = weight.shape[2]
    one = np.float32(1)
    add1, add2 = one - keep1, one - keep2
    gradient = np.empty(outputs, np.float32)
    for e in range(networks):
        rate = lr[e]
        for i in range(inputs):
            gradient[:] = 0
            for p in range(0, points, 2):
                x0, x1 = x[e, p, i], x[e, p + 1, i]
                sum0 = sum1 = np.float32(0)
                for o in range(outputs):
                    w, g0, g1 = weight[e, i, o], g[e, p, o], g[e, p + 1, o]
                    sum0 += w * g0
                    sum1 += w * g1
                    gradient[o] += x0 * g0 + x1 * g1
                gx[e, p, i] = sum0
                gx[e, p + 1, i] = sum1
            for o in range(outputs):  # a loop of its own: the compiler vectorises only loops over few arrays
                m = keep1 * first[e, i, o] + add1 * gradient[o]
                v = keep2 * second[e, i, o] + add2 * gradient[o] * gradient[o]
                first[e, i, o] = m
                second[e, i, o] = v
                weight[e, i, o] -= rate * m / (np.sqrt(v) / root2 + epsilon)
