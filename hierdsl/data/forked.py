"""Work on many files at once, in forked processes, none of which waits for the lock of another's interpreter.

Python's own pools of processes would do as well, but to import them takes longer than to start these.
"""

import os
import pickle
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, NoReturn, Self, TypeVar

from hierdsl.data.error import DataError
from hierdsl.data.parallel import InParallel, chunk_size, default_jobs

_T = TypeVar("_T")
_R = TypeVar("_R")


def at_once(
    work: Callable[[_T], _R], items: Sequence[_T], jobs: int | None, ahead: int
) -> "InProcesses[_T, _R] | InParallel[_T, _R]":
    """The results of `work` in order, from processes where that is safe, else from threads.

    Args:
        work: Done for each item; what it gives can be pickled.
        items: What there is to do.
        jobs: Processes or threads, chosen if not given.
        ahead: Results that may wait to be asked for.
    """
    jobs = min(jobs or default_jobs(), max(1, len(items)))
    # elsewhere the system's own libraries may not survive a fork; other threads may hold locks, which nobody
    # would open in the child
    if jobs > 1 and sys.platform == "linux" and threading.active_count() == 1:
        try:
            return InProcesses(work, items, jobs, ahead)
        except OSError:  # no more processes or pipes are to be had
            pass
    return InParallel(work, items, jobs, ahead)


class InProcesses(Generic[_T, _R]):
    """Results in order, as `InParallel` gives them: the first are worked on from the start.

    The numbers of the chunks wait in one pipe, from which each process takes the next; its results come back in a
    pipe of its own. A process ends when that first pipe is closed, so that none outlives this one.
    """

    def __init__(self, work: Callable[[_T], _R], items: Sequence[_T], jobs: int, ahead: int) -> None:
        """Begin.

        Args:
            work: See `at_once`.
            items: See there.
            jobs: Processes beside this one.
            ahead: See there.

        Raises:
            OSError: There are no more processes or pipes to be had.
        """
        self._work, self._items = work, items
        self._size = chunk_size(len(items), jobs, ahead)
        self._chunks = -(-len(items) // self._size)
        self._given = 0
        self._processes: dict[int, int] = {}
        self._results = select.poll()
        self._todo, self._orders = os.pipe()
        try:
            # at most so many bytes as any pipe takes at once
            self._give(max(1, min(ahead // self._size, 1000)))
            for _ in range(jobs):
                self._start()
        except OSError:
            self.__exit__()
            raise

    def _give(self, count: int) -> None:
        for number in range(self._given, min(self._given + count, self._chunks)):
            os.write(self._orders, number.to_bytes(4))
            self._given = number + 1
        if self._given == self._chunks:
            self._close_orders()

    def _close_orders(self) -> None:
        if self._orders >= 0:
            os.close(self._orders)
            self._orders = -1

    def _start(self) -> None:
        ours, theirs = os.pipe()
        try:
            process = os.fork()
        except OSError:
            os.close(ours)
            os.close(theirs)
            raise
        if process == 0:
            try:
                signal.signal(signal.SIGINT, signal.SIG_DFL)  # it ends without a word
                self._close_orders()
                for other in (ours, *self._processes):
                    os.close(other)
                self._serve(theirs)
            finally:  # and never goes on with what this process would do next
                os._exit(0)
        os.close(theirs)
        self._processes[ours] = process
        self._results.register(ours, select.POLLIN)

    def _serve(self, results: int) -> None:
        while order := os.read(self._todo, 4):
            number = int.from_bytes(order)
            start = number * self._size
            try:
                done: Any = [self._work(item) for item in self._items[start : start + self._size]]
            except Exception as error:  # noqa: BLE001 - raised again where the results are asked for
                done = _that_travels(error)
            data = pickle.dumps((number, done), pickle.HIGHEST_PROTOCOL)
            rest = memoryview(len(data).to_bytes(8) + data)
            while rest:
                rest = rest[os.write(results, rest) :]

    def __iter__(self) -> Iterator[_R]:
        """The results, in the order of the items."""
        waiting: dict[int, Any] = {}
        for number in range(self._chunks):
            while number not in waiting:
                for pipe, _ in self._results.poll():
                    if size := _read(pipe, 8):
                        other, done = pickle.loads(_read(pipe, int.from_bytes(size)))  # noqa: S301 - our own bytes
                        waiting[other] = done
                    else:
                        self._ended(pipe)
            done = waiting.pop(number)
            if isinstance(done, Exception):
                raise done
            if self._given < self._chunks:
                self._give(1)
            yield from done

    def _ended(self, pipe: int) -> None:
        """A process is gone: as it should, when all is given out, or else with what it had in hand."""
        self._results.unregister(pipe)
        os.close(pipe)
        process = self._processes.pop(pipe)
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        if code < 0 or self._orders >= 0:
            _lost(code)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close_orders()
        if self._todo >= 0:
            os.close(self._todo)
            self._todo = -1
        for pipe, process in self._processes.items():
            os.close(pipe)
            os.kill(process, signal.SIGKILL)  # what is not asked for any more is not begun
            os.waitpid(process, 0)
        self._processes.clear()


def _read(pipe: int, size: int) -> bytes:
    """So many bytes; fewer if the writer is gone."""
    parts = []
    while size > 0 and (part := os.read(pipe, min(size, 1 << 20))):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _that_travels(error: Exception) -> Exception:
    """The error, or one of its words if it does not come whole through a pipe."""
    import traceback  # noqa: PLC0415 - for what nobody foresaw

    error.add_note(traceback.format_exc())
    try:
        copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    except Exception:  # noqa: BLE001 - whatever its constructor wants
        copy = None
    return error if isinstance(copy, Exception) else RuntimeError(f"{type(error).__name__}: {error}")


def _lost(code: int) -> NoReturn:
    how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
    raise DataError(f"a process that read images was {how}: was the memory used up? Try a smaller --jobs")
