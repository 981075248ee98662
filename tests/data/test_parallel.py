"""Work in threads and in processes: results in order, each item once, and nothing that nobody asks for."""

import os
import signal
import subprocess
import sys
import threading
import time
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hierdsl.data.error import DataError
from hierdsl.data.forked import InProcesses, at_once
from hierdsl.data.parallel import InParallel

linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only")
jobs = st.none() | st.integers(1, 5)
aheads = st.none() | st.integers(1, 300)


@given(st.integers(0, 400), jobs, aheads)
def test_each_item_gives_its_result_in_order(number, jobs, ahead):
    begun = count()

    def work(item):
        next(begun)
        return 2 * item

    with InParallel(work, range(number), jobs, ahead) as results:
        assert list(results) == [2 * item for item in range(number)]
    assert next(begun) == number


@given(st.integers(1, 400), st.data(), jobs, aheads)
def test_the_first_error_in_order_is_raised(number, draws, jobs, ahead):
    wrong = draws.draw(st.sets(st.integers(0, number - 1), min_size=1))

    def work(item):
        if item in wrong:
            raise ValueError(item)
        return item

    with pytest.raises(ValueError) as caught, InParallel(work, range(number), jobs, ahead) as results:
        list(results)
    assert caught.value.args == (min(wrong),)


@pytest.mark.parametrize("number", [2, 7, 40])
def test_a_short_list_is_shared_among_the_threads(number):
    both = threading.Barrier(2, timeout=60)
    first = {0, 1} if number == 2 else {0, number - 1}

    def work(item):
        if item in first:
            both.wait()  # only if another thread has the other one
        return item

    with InParallel(work, range(number), 2, ahead=256) as results:
        assert list(results) == list(range(number))


def test_work_begins_before_the_results_are_asked_for():
    begun = threading.Event()
    with InParallel(lambda _: begun.set(), range(100), 2):
        assert begun.wait(60)


def test_what_is_not_asked_for_any_more_is_not_begun():
    begun = count()
    inside, enough = threading.Event(), threading.Event()

    def work(_):
        if next(begun) == 1:
            enough.set()
        inside.wait(60)
        while not parallel._left:
            time.sleep(0.001)

    with InParallel(work, range(10_000), 2, ahead=256) as parallel:
        inside.set()
        enough.wait(60)
    assert next(begun) == 2


@linux
@settings(max_examples=30, deadline=None)
@given(st.integers(0, 3000), st.integers(1, 5), st.integers(1, 300))
def test_processes_give_each_result_in_order(number, jobs, ahead):
    with InProcesses(lambda item: (item, os.getpid()), range(number), jobs, ahead) as results:
        found = list(results)
    assert [item for item, _ in found] == list(range(number))
    assert os.getpid() not in {process for _, process in found}
    assert no_children()


@linux
def test_results_larger_than_a_pipe_come_whole():
    with InProcesses(lambda item: bytes([item]) * 300_000, range(40), 3, 256) as results:
        assert all(result == bytes([item]) * 300_000 for item, result in enumerate(results))


@linux
@settings(max_examples=30, deadline=None)
@given(st.integers(1, 400), st.data(), st.integers(1, 5), st.integers(1, 300))
def test_the_first_error_of_a_process_is_raised_with_its_place(number, draws, jobs, ahead):
    wrong = draws.draw(st.sets(st.integers(0, number - 1), min_size=1))

    def work(item):
        if item in wrong:
            raise ValueError(item)
        return item

    with pytest.raises(ValueError) as caught, InProcesses(work, range(number), jobs, ahead) as results:
        list(results)
    assert caught.value.args == (min(wrong),)
    assert "raise ValueError(item)" in caught.value.__notes__[0]
    assert no_children()


class ShyError(Exception):
    """One that cannot be made again from what it holds."""

    def __init__(self, one, two):
        super().__init__(f"{one} {two}")


@linux
def test_an_error_that_cannot_travel_is_told_in_words():
    def work(_):
        raise ShyError("not", "here")

    with (
        pytest.raises(RuntimeError, match=r"^ShyError: not here$"),
        InProcesses(work, range(9), 2, 256) as results,
    ):
        list(results)


@linux
@pytest.mark.parametrize("ahead", [1, 256])
def test_a_process_that_is_killed_is_told_of(ahead):
    def work(item):
        if item == 30:
            os.kill(os.getpid(), signal.SIGKILL)
        return item

    with (
        pytest.raises(DataError, match="killed by SIGKILL"),
        InProcesses(work, range(60), 2, ahead) as results,
    ):
        list(results)
    assert no_children()


@linux
def test_processes_begin_before_the_results_are_asked_for_and_end_with_the_block(tmp_path):
    def work(item):
        (tmp_path / str(item)).touch()
        time.sleep(0.01)

    with InProcesses(work, range(10_000), 2, 256):
        while not any(tmp_path.iterdir()):
            time.sleep(0.001)
    assert no_children()
    done = len(list(tmp_path.iterdir()))
    time.sleep(0.1)
    assert len(list(tmp_path.iterdir())) == done < 256


@linux
def test_processes_wait_until_results_are_asked_for(tmp_path):
    def work(item):
        (tmp_path / str(item)).touch()

    with InProcesses(work, range(1000), 2, ahead=10) as results:
        taken = iter(results)
        for asked in range(1, 100):
            next(taken)
            assert len(list(tmp_path.iterdir())) <= asked + 10 + 1


@linux
def test_processes_do_not_outlive_the_program(tmp_path):
    code = (
        "import os, time\n"
        "from hierdsl.data.forked import InProcesses\n"
        f"def work(item):\n open({str(tmp_path)!r} + '/' + str(os.getpid()), 'w').close()\n"
        "with InProcesses(work, range(10 ** 6), 2, 8) as results:\n"
        " for _ in results: print(len(os.listdir(" + repr(str(tmp_path)) + ")), flush=True)\n"
    )
    program = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    while program.stdout.readline().strip() != "2":
        pass
    program.kill()
    program.stdout.close()
    program.wait()
    processes = [int(path.name) for path in tmp_path.iterdir()]
    for _ in range(1000):
        if not any(alive(process) for process in processes):
            break
        time.sleep(0.01)
    assert not any(alive(process) for process in processes)


def test_threads_are_taken_where_others_run():
    inside = threading.Event()
    other = threading.Thread(target=inside.wait)
    other.start()
    try:
        with at_once(lambda item: (item, os.getpid()), range(20), 2, 256) as results:
            assert list(results) == [(item, os.getpid()) for item in range(20)]
    finally:
        inside.set()
        other.join()


@linux
def test_threads_are_taken_where_no_process_is_to_be_had(monkeypatch):
    def refuse():
        raise BlockingIOError("no more")

    before = len(list(Path("/proc/self/fd").iterdir()))
    monkeypatch.setattr(os, "fork", refuse)
    with at_once(lambda item: item, range(20), 2, 256) as results:
        assert list(results) == list(range(20))
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def no_children():
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return True
    return False


def alive(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
