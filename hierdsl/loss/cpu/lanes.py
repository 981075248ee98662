"""Eight numbers side by side, a row of an (n, 8) array, as one vector.

Written out for LLVM: a loop over so few it unrolls before it looks for loops that become vector instructions, and
Numba does not have it look for such instructions after.
"""

from collections.abc import Callable
from functools import partial
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
def turn(typing, to, i, of, j):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, ARG001
    """to[i + a, b] = of[b, j + a] for a and b below 8: a square of numbers turned over, of an array of eight rows."""

    def write(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        place = partial(_place, context, builder, signature, given)
        rows = [_load(builder, place(2, _whole(n), given[3])) for n in range(LANES)]
        for n, row in enumerate(_turned(builder, rows)):
            _store(builder, row, place(0, builder.add(given[1], _whole(n)), _whole(0)))
        return context.get_dummy_value()

    return types.void(to, types.intp, of, types.intp), write


@_intrinsic
def turn_back(typing, to, rows, j, of):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, ARG001
    """to[rows[a], j + b] = of[j + b, a] for a and b below 8: the same, into rows by their numbers, (8,) int64.

    A row that is named more than once is written the first of them.
    """

    def write(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        place = partial(_place, context, builder, signature, given)
        numbers = context.make_array(signature.args[1])(context, builder, given[1])
        columns = [
            _load(builder, place(3, builder.add(given[2], _whole(n)), _whole(0))) for n in range(LANES)
        ]
        for n, row in reversed(list(enumerate(_turned(builder, columns)))):
            number = builder.load(builder.gep(numbers.data, [_whole(n)]))
            _store(builder, row, place(0, number, given[2]))
        return context.get_dummy_value()

    return types.void(to, rows, types.intp, of), write


def _turned(builder: Any, rows: list[Any]) -> list[Any]:
    """Eight vectors of eight as those of their columns, by instructions that machines with vectors of eight have."""
    halves = [[0, 8, 1, 9, 4, 12, 5, 13], [2, 10, 3, 11, 6, 14, 7, 15]]
    quarters = [[0, 1, 8, 9, 4, 5, 12, 13], [2, 3, 10, 11, 6, 7, 14, 15]]
    wholes = [[0, 1, 2, 3, 8, 9, 10, 11], [4, 5, 6, 7, 12, 13, 14, 15]]
    pairs = [[_mix(builder, rows[n], rows[n + 1], order) for order in halves] for n in range(0, LANES, 2)]
    fours = [
        [_mix(builder, pairs[n][half], pairs[n + 1][half], order) for half in (0, 1) for order in quarters]
        for n in (0, 2)
    ]
    return [_mix(builder, fours[0][n], fours[1][n], order) for order in wholes for n in range(4)]


def _writing(other: int, result: Callable[[Any, Any, Any, Any], Any]) -> Callable[..., Any]:
    """Code that changes the row of the first argument; `other` is the argument that the other row is of."""

    def write(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        target, source = (_row(context, builder, signature, given, argument) for argument in (0, other))
        _store(builder, result(builder, _load(builder, target), _load(builder, source), given), target)
        return context.get_dummy_value()

    return write


def _mix(builder: Any, one: Any, other: Any, order: list[int]) -> Any:
    """A vector of numbers of both, those of the second counted from 8."""
    return builder.shuffle_vector(one, other, ir.Constant(ir.VectorType(ir.IntType(32), LANES), order))


def _whole(number: int) -> Any:
    """A number that is an index."""
    return ir.Constant(ir.IntType(64), number)


def _row(context: Any, builder: Any, signature: Any, given: Any, argument: int) -> Any:
    """Where a row of eight lies: an argument that is the array, and its number in the next one."""
    array = context.make_array(signature.args[argument])(context, builder, given[argument])
    index = builder.mul(given[argument + 1], ir.Constant(given[argument + 1].type, LANES))
    return _as_vector(context, builder, signature.args[argument], builder.gep(array.data, [index]), LANES)


def _place(context: Any, builder: Any, signature: Any, given: Any, argument: int, i: Any, j: Any) -> Any:
    """Where eight numbers of row i lie, from column j on, in an array of any width."""
    array = context.make_array(signature.args[argument])(context, builder, given[argument])
    width = builder.extract_value(array.shape, 1)
    pointer = builder.gep(array.data, [builder.add(builder.mul(i, width), j)])
    return _as_vector(context, builder, signature.args[argument], pointer, LANES)


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
