"""Eight numbers side by side as one vector, in compiled loops.

Written out for LLVM, which makes vectors of loops too, but not well here: a loop over eight numbers it unrolls before
it looks for vectors, and one with a sum over many it works through four vectors at a time, more than there are
registers for.
"""

import operator
import struct
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils as untyped
from numba.core.registry import cpu_target as untyped_target
from numba.core.typing.templates import AbstractTemplate, infer_global
from numba.core.typing.templates import signature as untyped_signature
from numba.extending import intrinsic, lower_builtin, models, register_model

LANES = 8
cgutils: Any = untyped
cpu_target: Any = untyped_target
signature_of: Any = untyped_signature
_INTEGERS = ir.VectorType(ir.IntType(32), LANES)
_intrinsic: Any = intrinsic  # whose type counts the first parameter among the arguments of a call
_EIGHTHS = [struct.unpack("<i", struct.pack("<f", 2 ** (n / LANES)))[0] - (n << 20) for n in range(LANES)]
_CONTRACT = ["contract"]  # a product and a sum may be one instruction


class Vector(types.Type):
    """The type of eight numbers of one floating-point type.

    They can be added, subtracted, multiplied and divided, one by one, and so with a number for all of them.
    """

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        super().__init__(name=f"Vector({dtype})")


@register_model(Vector)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        number = manager.lookup(kind.dtype).get_value_type()
        super().__init__(manager, kind, ir.VectorType(number, LANES))  # type: ignore[no-untyped-call]


def _arithmetic(operation: Any, instruction: str) -> None:
    @infer_global(operation)  # type: ignore[no-untyped-call]
    class _Template(AbstractTemplate):
        def generic(self, args: Any, _: Any) -> Any:
            return _signature(*args) if any(isinstance(kind, Vector) for kind in args) else None

    def write(_: Any, builder: Any, signature: Any, given: Any) -> Any:
        return getattr(builder, instruction)(*_vectors(builder, signature, given), flags=_CONTRACT)

    for kinds in ((Vector, Vector), (Vector, types.Float), (types.Float, Vector)):
        lower_builtin(operation, *kinds)(write)  # type: ignore[no-untyped-call]


def _signature(*kinds: Any) -> Any:
    """That of making a vector of others of its kind, one at least, and of numbers."""
    vector = next(kind for kind in kinds if isinstance(kind, Vector))
    return signature_of(vector, *[kind if isinstance(kind, Vector) else vector.dtype for kind in kinds])


def _vectors(builder: Any, signature: Any, given: Any) -> list[Any]:
    """What is given, a number as a vector of it."""
    return [
        value if isinstance(kind, Vector) else _all(builder, value)
        for kind, value in zip(signature.args, given, strict=True)
    ]


for _operation, _instruction in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _arithmetic(_operation, _instruction)


@_intrinsic
def load(typing, of, at):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, ARG001
    """Eight numbers of a contiguous array of any dimensions, from number `at` of all on."""

    def write(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return _load(builder, _from(context, builder, signature, given))

    return Vector(of.dtype)(of, types.intp), write


@_intrinsic
def store(typing, to, at, vector):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, ARG001
    """Write them there."""

    def write(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        _store(builder, given[2], _from(context, builder, signature, given))
        return context.get_dummy_value()

    return types.void(to, types.intp, vector), write


@_intrinsic
def every(typing, number):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, ARG001
    """The same number eight times."""

    def write(_: Any, builder: Any, __: Any, given: Any) -> Any:
        return _all(builder, given[0])

    return Vector(number)(number), write


@_intrinsic
def larger(typing, one, other):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, ARG001
    """The larger of each two, one of which may be a number for all; the second where either is no number."""

    def write(_: Any, builder: Any, signature: Any, given: Any) -> Any:
        return _larger(builder, *_vectors(builder, signature, given))

    return _signature(one, other), write


@_intrinsic
def smaller(typing, one, other):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, ARG001
    """The smaller of each two; the second where either is no number."""

    def write(_: Any, builder: Any, __: Any, given: Any) -> Any:
        return builder.select(builder.fcmp_ordered("<", *given), *given)

    return one(one, one), write


@_intrinsic
def product(typing, factors, numbers):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, ARG001
    """The products; 0 for a factor of 0, whatever it is that of."""

    def write(_: Any, builder: Any, __: Any, given: Any) -> Any:
        nothing = ir.Constant(given[0].type, [0] * LANES)
        counts = builder.fcmp_unordered("!=", given[0], nothing)
        return builder.fmul(given[0], builder.select(counts, given[1], nothing), flags=_CONTRACT)

    return factors(factors, factors), write


@_intrinsic
def between(typing, vector, first, end):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, ARG001
    """Those from `first` to before `end`, any whole numbers, and 0 for the others."""

    def write(_: Any, builder: Any, __: Any, given: Any) -> Any:
        lanes = ir.Constant(_INTEGERS, list(range(LANES)))
        start, stop = (_all(builder, builder.trunc(place, ir.IntType(32))) for place in given[1:])
        is_one = builder.and_(builder.icmp_signed(">=", lanes, start), builder.icmp_signed("<", lanes, stop))
        return builder.select(is_one, given[0], ir.Constant(given[0].type, [0] * LANES))

    return vector(vector, types.int64, types.int64), write


@_intrinsic
def summed(typing, vector):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, ARG001
    """The sum of the eight."""
    return vector.dtype(vector), _folded(lambda builder, one, other: builder.fadd(one, other))


@_intrinsic
def largest_of(typing, vector):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, ARG001
    """The largest of the eight; any number or none where one is none."""
    return vector.dtype(vector), _folded(_larger)


@_intrinsic
def one_of(typing, vector, lane):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, ARG001
    """The number of a lane."""

    def write(_: Any, builder: Any, __: Any, given: Any) -> Any:
        return builder.extract_element(given[0], given[1])

    return vector.dtype(vector, types.int64), write


@_intrinsic
def vector_of(typing, numbers):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, ARG001
    """Eight numbers, a tuple, as one vector."""

    def write(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        vector = ir.Constant(context.get_value_type(signature.return_type), ir.Undefined)
        for lane, value in enumerate(cgutils.unpack_tuple(builder, given[0], LANES)):
            vector = builder.insert_element(vector, value, ir.Constant(ir.IntType(32), lane))
        return vector

    return Vector(numbers.dtype)(numbers), write


@_intrinsic
def mantissas(typing, vector):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, ARG001
    """The x / 2**k of float32 numbers x above 0 that is in [1, 2)."""

    def write(_: Any, builder: Any, __: Any, given: Any) -> Any:
        bits = builder.bitcast(given[0], _INTEGERS)
        kept = builder.and_(bits, ir.Constant(_INTEGERS, [0x007FFFFF] * LANES))
        return builder.bitcast(builder.or_(kept, ir.Constant(_INTEGERS, [0x3F800000] * LANES)), given[0].type)

    return vector(vector), write


@_intrinsic
def exponents(typing, vector):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, ARG001
    """The k + 127 of them."""

    def write(_: Any, builder: Any, __: Any, given: Any) -> Any:
        bits = builder.bitcast(given[0], _INTEGERS)
        return builder.sitofp(builder.ashr(bits, ir.Constant(_INTEGERS, [23] * LANES)), given[0].type)

    return vector(vector), write


@_intrinsic
def bits_shifted(typing, vector, count):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, ARG001
    """The float32 numbers whose bits are those, so many to the left."""

    def write(_: Any, builder: Any, __: Any, given: Any) -> Any:
        left = builder.shl(
            builder.bitcast(given[0], _INTEGERS), _all(builder, builder.trunc(given[1], ir.IntType(32)))
        )
        return builder.bitcast(left, given[0].type)

    return vector(vector, types.int64), write


def can_look_up() -> bool:
    """Whether Numba compiles for a machine that looks eight numbers up in a vector by one instruction."""
    return "+avx2" in cpu_target.target_context.codegen().magic_tuple()[2].split(",")


@_intrinsic
def eighth_powers(typing, shifted):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, ARG001
    """2**(n / 8), of float32 numbers whose lowest bits are the whole number n, from -1016 on; where `can_look_up`.

    The lowest three bits look up the power of the fraction, less what they add to it when n becomes the exponent.
    """

    def write(_: Any, builder: Any, __: Any, given: Any) -> Any:
        bits = builder.bitcast(given[0], _INTEGERS)
        look_up = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(_INTEGERS, [_INTEGERS, _INTEGERS]), "llvm.x86.avx2.permd"
        )
        fractions = builder.call(look_up, [ir.Constant(_INTEGERS, _EIGHTHS), bits])
        moved = builder.shl(bits, ir.Constant(_INTEGERS, [20] * LANES))
        return builder.bitcast(builder.add(fractions, moved), given[0].type)

    return shifted(shifted), write


@_intrinsic
def turned(typing, rows):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, ARG001
    """The columns of a square, eight vectors, of which the rows are given, a tuple of eight."""

    def write(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        vectors = cgutils.unpack_tuple(builder, given[0], LANES)
        return context.make_tuple(builder, signature.return_type, _turned(builder, vectors))

    return rows(rows), write


def _turned(builder: Any, rows: list[Any]) -> list[Any]:
    """The same by instructions that machines with vectors of eight have."""
    halves = [[0, 8, 1, 9, 4, 12, 5, 13], [2, 10, 3, 11, 6, 14, 7, 15]]
    quarters = [[0, 1, 8, 9, 4, 5, 12, 13], [2, 3, 10, 11, 6, 7, 14, 15]]
    wholes = [[0, 1, 2, 3, 8, 9, 10, 11], [4, 5, 6, 7, 12, 13, 14, 15]]
    pairs = [[_mix(builder, rows[n], rows[n + 1], order) for order in halves] for n in range(0, LANES, 2)]
    fours = [
        [_mix(builder, pairs[n][half], pairs[n + 1][half], order) for half in (0, 1) for order in quarters]
        for n in (0, 2)
    ]
    return [_mix(builder, fours[0][n], fours[1][n], order) for order in wholes for n in range(4)]


def _mix(builder: Any, one: Any, other: Any, order: list[int]) -> Any:
    """A vector of numbers of both, those of the second counted from 8."""
    return builder.shuffle_vector(one, other, ir.Constant(_INTEGERS, order))


def _larger(builder: Any, one: Any, other: Any) -> Any:
    """In the form that is one instruction."""
    return builder.select(builder.fcmp_ordered(">", one, other), one, other)


def _folded(fold: Callable[[Any, Any, Any], Any]) -> Callable[..., Any]:
    """Code that makes one number of eight: of halves, quarters and eighths."""

    def write(_: Any, builder: Any, __: Any, given: Any) -> Any:
        vector = given[0]
        for distance in (4, 2, 1):
            moved = _mix(builder, vector, vector, [lane ^ distance for lane in range(LANES)])
            vector = fold(builder, vector, moved)
        return builder.extract_element(vector, ir.Constant(ir.IntType(32), 0))

    return write


def _from(context: Any, builder: Any, signature: Any, given: Any) -> tuple[Any, int]:
    """Where eight numbers of an array lie, the arguments being that and the first; and the size of one."""
    kind = signature.args[0]
    array = context.make_array(kind)(context, builder, given[0])
    vector = ir.VectorType(context.get_data_type(kind.dtype), LANES)
    place = builder.bitcast(builder.gep(array.data, [given[1]]), vector.as_pointer())
    return place, kind.dtype.bitwidth // 8


def _load(builder: Any, place: Any) -> Any:
    return builder.load(place[0], align=place[1])


def _store(builder: Any, value: Any, place: Any) -> None:
    builder.store(value, place[0], align=place[1])


def _all(builder: Any, number: Any) -> Any:
    """A vector of the same number."""
    numbers = ir.VectorType(number.type, LANES)
    first_is = builder.insert_element(
        ir.Constant(numbers, ir.Undefined), number, ir.Constant(ir.IntType(32), 0)
    )
    return _mix(builder, first_is, first_is, [0] * LANES)
