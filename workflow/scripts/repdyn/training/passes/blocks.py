"""Blocks of the flat buffers that hold all layers of a network, and what compiled code does with whole blocks."""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

from repdyn.training.passes.code import inner


@intrinsic
def block(context, flat, first, rows, columns):
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
def view(flat, at, points, units):
    """The block (points, units) of a buffer that holds all layers for so many points, `at` units before it."""
    return block(flat, at * points, points, units)


@inner
def parameters(theta, first, inputs, outputs):
    """Weight (inputs, outputs) and bias (1, outputs) of a layer, views of theta."""
    return block(theta, first, inputs, outputs), block(theta, first + inputs * outputs, 1, outputs)


@inner
def copy(of, to):
    """to = of, both (point, unit); in loops, for numba takes seconds to compile an assignment of whole arrays."""
    for p in range(to.shape[0]):
        for i in range(to.shape[1]):
            to[p, i] = of[p, i]


@inner
def add(a, b, made):
    """made = a + b, all (point, unit)."""
    for p in range(made.shape[0]):
        for i in range(made.shape[1]):
            made[p, i] = a[p, i] + b[p, i]


@inner
def scale(a, b, made):
    """made = a b, all (point, unit)."""
    for p in range(made.shape[0]):
        for i in range(made.shape[1]):
            made[p, i] = a[p, i] * b[p, i]


@intrinsic
def prefetch(context, array, index):
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
