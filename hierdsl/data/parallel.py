"""Work on many files at once, in threads: Pillow decodes, and NumPy sorts, without the interpreter's lock."""

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

Advance = Callable[[int], None]
"""Told how many images are done; drives a progress bar."""

_T = TypeVar("_T")
_R = TypeVar("_R")


def default_jobs() -> int:
    """A sensible number of threads: one a core, up to 8."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(8, cores)


def in_parallel(work: Callable[[_T], _R], items: Iterable[_T], jobs: int | None = None) -> Iterator[_R]:
    """Results in order, a few ahead at a time, so that memory holds only what is used.

    Args:
        work: Done for each item.
        items: What there is to do.
        jobs: Threads, chosen if not given; with 1 there is none but the caller's.
    """
    threads = jobs or default_jobs()
    if threads == 1:
        yield from map(work, items)
        return
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - one thread has no use for it

    with ThreadPoolExecutor(threads) as pool:
        todo = iter(items)
        pending = [pool.submit(work, item) for item in islice(todo, 4 * threads)]
        try:
            while pending:
                yield pending.pop(0).result()
                pending += [pool.submit(work, item) for item in islice(todo, 1)]
        finally:
            for future in pending:
                future.cancel()
