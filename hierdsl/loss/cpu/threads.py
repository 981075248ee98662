"""Work on the threads of torch's number of them."""

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import torch


def in_threads(work: Callable[[int], None], count: int) -> None:
    """Do `work(number)` for so many numbers, each thread taking the next.

    Raises:
        Exception: What the work raised, once no thread works any more.
    """
    if count == 1:
        work(0)
        return
    numbers = itertools.count()

    def take() -> None:
        while (number := next(numbers)) < count:
            work(number)

    others = [_pool().submit(take) for _ in range(min(torch.get_num_threads(), count) - 1)]
    try:
        take()
    finally:
        for other in others:
            other.result()


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(1, (os.cpu_count() or 1) - 1), thread_name_prefix="hierdsl")


# the threads of a process are not in its forked child
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)
