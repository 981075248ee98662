"""Read what many label images hold, in processes: most of the work on a small PNG is Python's own.

The first images are on their way when a `Reader` is made, so that its owner can do something else meanwhile.
"""

import os
import signal
import sys
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from hierdsl.data.content import Content, read_content

_CHUNK = 8
_FEW = 32
"""So many images a process are read sooner than a process starts."""
_AHEAD = 1 << 25
"""Bytes of files that are read ahead: a photograph given as a label has as many colours as pixels."""


def default_jobs(files: int) -> int:
    """A sensible number of processes for so many images."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, 16, files // _FEW))


class Reader:
    """The contents of label images, in order.

    Args:
        paths: The images.
        jobs: Processes; with 1, the images are read in this one.
    """

    def __init__(self, paths: list[Path], jobs: int) -> None:
        self._paths = paths
        self._chunks = deque(paths[start : start + _CHUNK] for start in range(0, len(paths), _CHUNK))
        self._pending: deque[tuple[int, Future[list[Content]]]] = deque()
        self._ahead = 0
        self._pool: ProcessPoolExecutor | None = None
        if jobs > 1:
            # a process of one thread can be forked, which takes no time; others start afresh
            method = "fork" if _has_one_thread() else "spawn"
            self._pool = ProcessPoolExecutor(jobs, get_context(method), initializer=_leave_interrupts_alone)
            self._submit()

    def contents(self) -> Iterator[Content]:
        """The content of each image.

        Raises:
            concurrent.futures.BrokenExecutor: A process died.
        """
        if self._pool is None:
            yield from map(read_content, self._paths)
            return
        while self._pending:
            size, future = self._pending.popleft()
            yield from future.result()
            self._ahead -= size
            self._submit()

    def close(self) -> None:
        """Stop reading; what was begun is not waited for."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _submit(self) -> None:
        assert self._pool is not None  # noqa: S101 - by the two callers
        while self._chunks and (self._ahead < _AHEAD or not self._pending):
            chunk = self._chunks.popleft()
            size = sum(_size(path) for path in chunk)
            self._ahead += size
            self._pending.append((size, self._pool.submit(_read, chunk)))


def _read(paths: list[Path]) -> list[Content]:
    return [read_content(path) for path in paths]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # told when it is read
        return 0


def _leave_interrupts_alone() -> None:
    """Ctrl-C goes to the whole group; the parent ends the work, without a traceback of each process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _has_one_thread() -> bool:
    return sys.platform == "linux" and len(os.listdir("/proc/self/task")) == 1  # noqa: PTH208 - names will do
