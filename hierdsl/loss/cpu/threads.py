"""Loops on the threads of torch: a batch is cut into chunks, and each thread takes the next one.

What torch computes on a CPU runs on threads of OpenMP, which stay awake for a while for what comes next. Threads of
our own would take turns with them on the same cores, so a loop goes to those same threads, by `GOMP_parallel`: what
compiled OpenMP code calls, in GNU's library and, for its sake, in those of LLVM and Intel. Where there is none, as on
Windows, and in a forked child, whose OpenMP waits for threads that only its parent has, threads of Python do it.
"""

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from llvmlite import ir
from numba import types
from numba.core import cgutils as untyped
from numba.core.callconv import RETCODE_NONE, RETCODE_OK
from numba.extending import intrinsic
from numpy.typing import NDArray

from hierdsl.loss.cpu.compiled import compiled

# values of one chunk at least: some ten microseconds, beside which a thread is given one for next to nothing
_CHUNK = 1 << 15
_MOST_CHUNKS = 64
cgutils: Any = untyped
_intrinsic: Any = intrinsic  # whose type counts the first parameter among the arguments of a call


class Chunks(NamedTuple):
    """A batch in chunks, which depend on its sizes alone, so that the number of threads changes no sum.

    Attributes:
        next: How many chunks were taken, (1,) int64.
        items: Tiles or rows of the batch.
        pixels: Of one item.
        sums: The loss and the level losses of each chunk, (chunks, 1 + D) float64, to write.
        aside: Numbers of the pixels that were set aside, each chunk's from that of its first pixel on, int64.
        taken: How many each chunk set aside, (chunks,) int64.
    """

    next: NDArray[np.int64]
    items: int
    pixels: int
    sums: NDArray[np.float64]
    aside: NDArray[np.int64]
    taken: NDArray[np.int64]


def in_chunks(items: int, pixels: int, values: int, levels: int) -> Chunks:
    """Cut so many items of so many pixels each, that have so many logits in all, into chunks."""
    count = max(1, min(_MOST_CHUNKS, items, values // _CHUNK))
    if 1 < count < items:
        count += count % 2  # of three, one of two threads would have two
    return Chunks(
        np.zeros(1, np.int64),
        items,
        pixels,
        np.empty((count, 1 + levels)),
        np.empty(items * pixels, np.int64),
        np.zeros(count, np.int64),
    )


def on_threads(loop: Callable[..., None], count: int, *given: Any) -> None:
    """Have the threads of torch do work in so many parts: `loop(begin, threads, *given)`.

    With an address to begin at, the loop hands itself to so many threads by `share`. Without, it takes one part after
    the other until none is left.
    """
    threads, begin = min(count, torch.get_num_threads()), _begin()
    if threads == 1 or begin:
        loop(begin if threads > 1 else 0, threads, *given)
        return
    others = [_pool().submit(loop, 0, 1, *given) for _ in range(threads - 1)]
    try:
        loop(0, 1, *given)
    finally:
        for other in others:
            other.result()


@compiled()
def added_up(sums: Any, taken: Any) -> tuple[Any, bool]:
    """What all chunks come to, (1 + D,), and whether any has set something aside.

    For so few numbers NumPy takes some 30 microseconds more, where other programs ran in between.
    """
    total, aside = np.zeros(sums.shape[1]), False
    for chunk in range(taken.size):
        aside |= taken[chunk] > 0
        for level in range(total.size):
            total[level] += sums[chunk, level]
    return total, aside


@compiled()
def part(chunks: Chunks, number: int) -> tuple[int, int, Any, Any]:
    """The first item of a chunk, the one after the last, and what it writes into of `sums` and `aside`."""
    count = chunks.taken.size
    first, last = chunks.items * number // count, chunks.items * (number + 1) // count
    return first, last, chunks.sums[number], chunks.aside[first * chunks.pixels : last * chunks.pixels]


@_intrinsic
def take(typing, counter):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, ARG001
    """The number in counter[0], an (1,) int64 array, which is one more afterwards; no other thread gets the same."""

    def write(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, given[0])
        return builder.atomic_rmw("add", array.data, ir.Constant(ir.IntType(64), 1), "monotonic")

    return types.int64(counter), write


@_intrinsic
def share(typing, begin, threads):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, ARG001
    """Call the function that this stands in on so many threads, with its own arguments, but 0 for the first.

    Raises a RuntimeError where the function raised something on one of them: what can fail there is to find memory.
    If it called another function, all of that one would be optimized once more with it, for seconds.

    Args:
        typing: Of Numba.
        begin: Address of GOMP_parallel, not 0: the first argument of the function.
        threads: Number.
    """

    def write(context: Any, builder: Any, _: Any, values: Any) -> Any:
        this, anything, number = builder.function, ir.IntType(8).as_pointer(), ir.IntType(32)
        # in Numba's compiled functions, first come the places of the result and of an exception
        places, given = this.args[:2], this.args[2:]
        one = ir.Function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [anything]),
            builder.module.get_unique_name("on_one_thread"),
        )
        one.linkage = "internal"
        # the arguments; the first place, which is not read, is for whether a thread failed
        kind = ir.LiteralStructType([value.type for value in given])
        packed = cgutils.alloca_once(builder, kind)
        for i, value in enumerate([ir.Constant(given[0].type, 0), *given[1:]]):
            builder.store(value, cgutils.gep_inbounds(builder, packed, 0, i))

        inside = ir.IRBuilder(one.append_basic_block())
        there = inside.bitcast(one.args[0], kind.as_pointer())
        read = [inside.load(cgutils.gep_inbounds(inside, there, 0, i)) for i in range(1, len(given))]
        own = [inside.alloca(place.type.pointee) for place in places]
        code = inside.call(this, [*own, ir.Constant(given[0].type, 0), *read])
        fine = [inside.icmp_signed("==", code, status) for status in (RETCODE_OK, RETCODE_NONE)]
        with inside.if_then(inside.not_(inside.or_(*fine))):
            inside.store(ir.Constant(given[0].type, 1), cgutils.gep_inbounds(inside, there, 0, 0))
        inside.ret_void()

        everywhere = ir.FunctionType(ir.VoidType(), [one.type, anything, number, number])
        start = builder.inttoptr(values[0], everywhere.as_pointer())
        of_all = builder.bitcast(packed, anything)
        builder.call(start, [one, of_all, builder.trunc(values[1], number), number(0)])
        failed = builder.load(cgutils.gep_inbounds(builder, packed, 0, 0))
        with cgutils.if_unlikely(builder, cgutils.is_not_null(builder, failed)):
            context.call_conv.return_user_exc(
                builder, RuntimeError, ("a thread of the loss has no memory left",)
            )
        return context.get_dummy_value()

    return types.void(begin, threads), write


@_intrinsic
def lent(typing, value):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, ARG001
    """The same array, or tuple of arrays and others, as nobody's property: for arguments, which outlive the call.

    What a function has made itself it must `keep`.

    Numba counts for each array how often it is in use, at every row that is taken of it, and the threads would wait
    for each other to count.
    """

    def write(context: Any, builder: Any, _: Any, given: Any) -> Any:
        return _lent(context, builder, value, given[0])

    return value(value), write


@_intrinsic
def keep(typing, value):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, ARG001
    """Do nothing: what was lent of this is there until here."""

    def write(context: Any, _: Any, __: Any, ___: Any) -> Any:
        return context.get_dummy_value()

    return types.void(value), write


def _lent(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    if isinstance(kind, types.Array):
        array = context.make_array(kind)(context, builder, value)
        array.meminfo = cgutils.get_null_value(array.meminfo.type)
        array.parent = cgutils.get_null_value(array.parent.type)
        return array._getvalue()  # noqa: SLF001 - Numba's own name for it
    if isinstance(kind, types.BaseTuple):
        kinds: Any = kind
        items = zip(kinds, cgutils.unpack_tuple(builder, value, len(kinds)), strict=True)
        return context.make_tuple(builder, kind, [_lent(context, builder, *item) for item in items])
    return value


@lru_cache(maxsize=1)
def _begin() -> int:
    """Address of GOMP_parallel in the OpenMP that torch has loaded, or 0."""
    try:  # on Windows, nothing can be asked for without a name
        function = ctypes.CDLL(None).GOMP_parallel
    except (AttributeError, OSError, TypeError):
        return 0
    return ctypes.cast(function, ctypes.c_void_p).value or 0


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(1, (os.cpu_count() or 1) - 1), thread_name_prefix="hierdsl")


def _in_child() -> None:
    """Forget the threads: those of a process are not in its forked child."""
    global _begin  # noqa: PLW0603 - one of the two ways is gone for good
    _pool.cache_clear()
    _begin = _none  # type: ignore[assignment]


def _none() -> int:
    return 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
