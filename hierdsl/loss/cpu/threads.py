"""Work handed to threads.

As `concurrent.futures` does it, in half the time: a loss over a few rows takes a tenth of a millisecond, and handing
half of it to an executor and waiting for its future took half of that.
"""

import itertools
import os
from collections.abc import Callable
from functools import lru_cache
from queue import SimpleQueue
from threading import Lock, Thread

import torch


def in_threads(work: Callable[[int], None], count: int) -> None:
    """Do `work(number)` for so many numbers, each thread of torch's number of them taking the next.

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

    others = min(torch.get_num_threads(), count) - 1
    ends: SimpleQueue[BaseException | None] = SimpleQueue()
    if others:
        _helpers().hand(take, others, ends)
    try:
        take()
    finally:
        errors = [ends.get() for _ in range(others)]
    for error in errors:
        if error is not None:
            raise error


class _Helpers:
    """Threads that wait for work, as many as were ever asked for at once."""

    def __init__(self) -> None:
        self._tasks: SimpleQueue[tuple[Callable[[], None], SimpleQueue[BaseException | None]]] = SimpleQueue()
        self._count, self._lock = 0, Lock()

    def hand(self, task: Callable[[], None], times: int, ends: "SimpleQueue[BaseException | None]") -> None:
        """Have a task done so many times; each end is put into `ends`, with what it raised."""
        with self._lock:
            for number in range(self._count, times):
                Thread(target=self._serve, name=f"hierdsl-{number}", daemon=True).start()
                self._count = number + 1
        for _ in range(times):
            self._tasks.put((task, ends))

    def _serve(self) -> None:
        while True:
            task, ends = self._tasks.get()
            error: BaseException | None = None
            try:
                task()
            except BaseException as raised:  # noqa: BLE001 - it is raised where the task was handed out
                error = raised
            del task  # holds the tensors
            ends.put(error)
            del ends, error


@lru_cache(maxsize=1)
def _helpers() -> _Helpers:
    return _Helpers()


# the threads of a process are not in its forked child
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_helpers.cache_clear)
