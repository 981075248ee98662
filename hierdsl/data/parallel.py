"""Work on many files at once, in threads: Pillow decodes, and NumPy sorts, without the interpreter's lock."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Generic, Self, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

Advance = Callable[[int], None]
"""Told how many images are done; drives a progress bar."""

_T = TypeVar("_T")
_R = TypeVar("_R")


def default_jobs() -> int:
    """A sensible number of threads: one a core, up to 8."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(8, cores)


_TOGETHER = 8
"""Items that are taken at once, at most: handing over is what threads wait for each other for."""


def chunk_size(items: int, jobs: int, ahead: int) -> int:
    """How many items are taken at once: a few chunks for each of a short list, so that none has nothing to do."""
    return max(1, min(_TOGETHER, min(ahead, items) // (4 * jobs)))


class InParallel(Generic[_T, _R]):
    """Results in order. The first are worked on from the start, so that the caller can do other things first.

    Use it in a `with`: what is not asked for any more is then not begun.
    """

    def __init__(
        self, work: Callable[[_T], _R], items: Sequence[_T], jobs: int | None = None, ahead: int | None = None
    ) -> None:
        """Begin.

        Args:
            work: Done for each item.
            items: What there is to do.
            jobs: Threads, chosen if not given; with 1 there is none but the caller's.
            ahead: Results that may wait to be asked for; by default four for each thread.
        """
        self._work = work
        self._items = items
        self._left = False
        self._pool: ThreadPoolExecutor | None = None
        self._pending: deque[Future[list[_R]]] = deque()
        threads = jobs or default_jobs()
        if threads > 1:
            from concurrent import futures  # noqa: PLC0415 - one thread has no use for it

            ahead = 4 * threads if ahead is None else ahead
            size = chunk_size(len(items), threads, ahead)
            self._todo = (items[start : start + size] for start in range(0, len(items), size))
            self._pool = futures.ThreadPoolExecutor(threads)
            self._submit(max(1, ahead // size))

    def _submit(self, count: int) -> None:
        assert self._pool is not None  # noqa: S101 - its only use
        for some in islice(self._todo, count):
            self._pending.append(self._pool.submit(self._do, some))

    def _do(self, some: Sequence[_T]) -> list[_R]:
        done = []
        for item in some:
            if self._left:  # nobody will ask
                break
            done.append(self._work(item))
        return done

    def __iter__(self) -> Iterator[_R]:
        """The results, in the order of the items."""
        if self._pool is None:
            yield from map(self._work, self._items)
            return
        while self._pending:
            done = self._pending.popleft().result()
            self._submit(1)
            yield from done

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._left = True
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
