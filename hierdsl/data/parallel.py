"""Work on many files at once, in threads: Pillow decodes, and NumPy sorts, without the interpreter's lock."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
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


class InParallel(Generic[_T, _R]):
    """Results in order. The first are worked on from the start, so that the caller can do other things first.

    Use it in a `with`: what is not asked for any more is then not begun.
    """

    def __init__(
        self, work: Callable[[_T], _R], items: Iterable[_T], jobs: int | None = None, ahead: int | None = None
    ) -> None:
        """Begin.

        Args:
            work: Done for each item.
            items: What there is to do.
            jobs: Threads, chosen if not given; with 1 there is none but the caller's.
            ahead: Results that may wait to be asked for; by default four for each thread.
        """
        self._work = work
        self._todo = iter(items)
        self._pool: ThreadPoolExecutor | None = None
        self._pending: deque[Future[_R]] = deque()
        threads = jobs or default_jobs()
        if threads > 1:
            from concurrent import futures  # noqa: PLC0415 - one thread has no use for it

            self._pool = pool = futures.ThreadPoolExecutor(threads)
            for item in islice(self._todo, 4 * threads if ahead is None else ahead):
                self._pending.append(pool.submit(work, item))

    def __iter__(self) -> Iterator[_R]:
        """The results, in the order of the items."""
        if self._pool is None:
            yield from map(self._work, self._todo)
            return
        while self._pending:
            yield self._pending.popleft().result()
            for item in islice(self._todo, 1):
                self._pending.append(self._pool.submit(self._work, item))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
