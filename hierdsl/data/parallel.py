"""Work on many files at once, in threads: Pillow decodes without the interpreter's lock."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from os import cpu_count
from typing import TypeVar

Advance = Callable[[int], None]
"""Told how many images are done; drives a progress bar."""

_T = TypeVar("_T")
_R = TypeVar("_R")


def in_parallel(work: Callable[[_T], _R], items: Iterable[_T]) -> Iterator[_R]:
    """Results in order, a few ahead at a time, so that memory holds only what is used."""
    threads = min(8, cpu_count() or 1)
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
