"""Work in threads: results in order, each item once, and nothing that nobody asks for."""

import threading
import time
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hierdsl.data.parallel import InParallel

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
