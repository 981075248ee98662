"""Eight numbers side by side, a row of an (n, 8) array, as one vector.

Written out for LLVM: a loop over so few it unrolls before it looks for loops that become vector instructions, and
Numba does not have it look for such instructions after.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

LANES = 8
_intrinsic: Any = intrinsic  # whose type counts the first parameter among the arguments of a call


@_intrinsic
def add(typing, to, i, of, j):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, ARG001
    """to[i] += of[j]."""
    write = _writing(2, lambda builder, old, other, _: builder.fadd(old, other))
    return types.void(to, types.intp, of, types.intp), write


@_intrinsic
def divide(typing, to, i, number, of, j):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, ARG001
    """to[i] = number / of[j]."""
    write = _writing(3, lambda builder, _, other, given: builder.fdiv(_all(builder, given[2]), other))
    return types.void(to, types.intp, to.dtype, of, types.intp), write


@_intrinsic
def subtract_product(typing, to, i, of, j, number):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, ARG001
    """to[i] = number - to[i] * of[j]."""

    def result(builder: Any, old: Any, other: Any, given: Any) -> Any:
        product = builder.fmul(old, other, flags=["contract"])
        return builder.fsub(_all(builder, given[4]), product, flags=["contract"])

    return types.void(to, types.intp, of, types.intp, to.dtype), _writing(2, result)


@_intrinsic
def turn(typing, to, i, j, of, k, m):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, ARG001
    """to[i + a, j + b] = of[k + b, m + a] for a and b below 8: a square of numbers turned over.

    By squares of four, which machines with vectors of four numbers have instructions for.
    """

    def write(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        half = LANES // 2
        for a in (0, half):
            for b in (0, half):
                rows = [
                    _load(builder, _place(context, builder, signature, given, 3, b + n, a, half))
                    for n in range(half)
                ]
                pairs = [_mix(builder, rows[n], rows[n + 2], at) for n in (0, 1) for at in (0, 2)]
                # pairs: low halves of 0 and 2, high halves of 0 and 2, and of 1 and 3, one of each in turn
                low_even, high_even, low_odd, high_odd = pairs
                turned = [
                    _mix(builder, low_even, low_odd, 0),
                    _mix(builder, low_even, low_odd, 2),
                    _mix(builder, high_even, high_odd, 0),
                    _mix(builder, high_even, high_odd, 2),
                ]
                for n, row in enumerate(turned):
                    _store(builder, row, _place(context, builder, signature, given, 0, a + n, b, half))
        return context.get_dummy_value()

    return types.void(to, types.intp, types.intp, of, types.intp, types.intp), write


def _writing(other: int, result: Callable[[Any, Any, Any, Any], Any]) -> Callable[..., Any]:
    """Code that changes the row of the first argument; `other` is the argument that the other row is of."""

    def write(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        target, source = (_row(context, builder, signature, given, argument) for argument in (0, other))
        _store(builder, result(builder, _load(builder, target), _load(builder, source), given), target)
        return context.get_dummy_value()

    return write


def _mix(builder: Any, one: Any, other: Any, at: int) -> Any:
    """Two numbers of each in turn, from a place on."""
    order = ir.Constant(ir.VectorType(ir.IntType(32), 4), [at, 4 + at, at + 1, 5 + at])
    return builder.shuffle_vector(one, other, order)


def _row(context: Any, builder: Any, signature: Any, given: Any, argument: int) -> Any:
    """Where a row of eight lies: an argument that is the array, and its number in the next one."""
    array = context.make_array(signature.args[argument])(context, builder, given[argument])
    index = builder.mul(given[argument + 1], ir.Constant(given[argument + 1].type, LANES))
    return _as_vector(context, builder, signature.args[argument], builder.gep(array.data, [index]), LANES)


def _place(
    context: Any, builder: Any, signature: Any, given: Any, argument: int, down: int, right: int, length: int
) -> Any:
    """Where some numbers of a row lie, in an array of any width."""
    array = context.make_array(signature.args[argument])(context, builder, given[argument])
    width = builder.extract_value(array.shape, 1)
    row = builder.add(given[argument + 1], ir.Constant(width.type, down))
    column = builder.add(given[argument + 2], ir.Constant(width.type, right))
    pointer = builder.gep(array.data, [builder.add(builder.mul(row, width), column)])
    return _as_vector(context, builder, signature.args[argument], pointer, length)


def _as_vector(context: Any, builder: Any, of: Any, pointer: Any, length: int) -> Any:
    """The pointer to one number of an array as one to so many, and that number's size."""
    number, size = context.get_data_type(of.dtype), of.dtype.bitwidth // 8
    return builder.bitcast(pointer, ir.VectorType(number, length).as_pointer()), size


def _load(builder: Any, place: Any) -> Any:
    return builder.load(place[0], align=place[1])


def _store(builder: Any, value: Any, place: Any) -> None:
    builder.store(value, place[0], align=place[1])


def _all(builder: Any, number: Any) -> Any:
    """A vector of the same number."""
    one = builder.insert_element(
        ir.Constant(ir.VectorType(number.type, LANES), ir.Undefined), number, ir.Constant(ir.IntType(32), 0)
    )
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(one, one, zeros)
