"""Eight float32 at once, for compiled code: loaded, stored, added, multiplied, summed.

A compiler turns a plain loop into vectors as well, but takes several of them at a time and leaves the rest to single
numbers: of 50 units 18. Loops over these vectors say how many are taken, and let the last one begin earlier, so that it
ends with the row: what it has in common with the one before is computed twice, and is the same both times.

Eight fill a register of a processor with AVX2; one with less makes two or more of each. `index` counts the numbers of
an array that is contiguous, through all axes.
"""

import operator

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

LANES = 8
REGISTERS = 32 if binding.get_host_cpu_features().get("avx512vl") else 16  # for vectors
VECTOR = ir.VectorType(ir.FloatType(), LANES)
INTEGER, WHOLE = ir.IntType(32), ir.IntType(64)


class Vector(types.Type):
    """The type of eight float32, as numba knows it."""

    def __init__(self):
        super().__init__(f"float32x{LANES}")


@register_model(Vector)
class _Model(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, VECTOR)


vector = Vector()


def _serves(array) -> bool:
    """Whether what follows in memory are float32 of this array; with another one a function does not compile."""
    return isinstance(array, types.Array) and array.dtype == types.float32 and array.layout == "C"


def _address(context, builder, kind, array, index):
    numbers = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(numbers, [index]), VECTOR.as_pointer())


def _repeated(builder, number, kind):
    """The number in every lane of a vector of its kind."""
    undefined = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(undefined, number, ir.Constant(INTEGER, 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(INTEGER, LANES), [0] * LANES))


@intrinsic
def load(context, array, index):
    """The eight numbers of an array from `index` on."""

    def emit(context, builder, signature, arguments):
        return builder.load(_address(context, builder, signature.args[0], *arguments), align=4)

    return (vector(array, types.intp), emit) if _serves(array) else None


@intrinsic
def store(context, array, index, numbers):
    """Put eight numbers into an array from `index` on."""

    def emit(context, builder, signature, arguments):
        array, index, numbers = arguments
        builder.store(numbers, _address(context, builder, signature.args[0], array, index), align=4)
        return context.get_dummy_value()

    return (types.void(array, types.intp, vector), emit) if _serves(array) else None


@intrinsic
def repeated(context, number):
    """The same number eight times."""

    def emit(context, builder, signature, arguments):
        return _repeated(builder, arguments[0], VECTOR)

    return vector(types.float32), emit


@intrinsic
def tail(context, count, numbers):
    """The last `count` of eight numbers, and 0 in place of the others."""

    def emit(context, builder, signature, arguments):
        count, numbers = arguments
        kind = ir.VectorType(WHOLE, LANES)
        first = _repeated(builder, builder.sub(ir.Constant(WHOLE, LANES), count), kind)
        kept = builder.icmp_signed(">=", ir.Constant(kind, list(range(LANES))), first)
        return builder.select(kept, numbers, ir.Constant(VECTOR, [0.0] * LANES))

    return vector(types.intp, vector), emit


@intrinsic
def total(context, numbers):
    """The sum of eight numbers."""

    def emit(context, builder, signature, arguments):
        kind = ir.FunctionType(ir.FloatType(), [ir.FloatType(), VECTOR])
        add = cgutils.get_or_insert_function(builder.module, kind, f"llvm.vector.reduce.fadd.v{LANES}f32")
        return builder.call(add, [ir.Constant(ir.FloatType(), -0.0), arguments[0]], fastmath=("reassoc",))

    return types.float32(vector), emit


def _operator(symbol, instruction):
    @intrinsic
    def apply(context, a, b):
        def emit(context, builder, signature, arguments):
            return getattr(builder, instruction)(*arguments, flags=("contract",))  # a product and a sum may be one step

        return vector(vector, vector), emit

    @overload(symbol)
    def choose(a, b):
        if isinstance(a, Vector) and isinstance(b, Vector):
            return lambda a, b: apply(a, b)


_operator(operator.add, "fadd")
_operator(operator.iadd, "fadd")
_operator(operator.sub, "fsub")
_operator(operator.mul, "fmul")
