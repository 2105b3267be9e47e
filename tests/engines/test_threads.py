"""Threads keep the order, the window and the exceptions."""

import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finegold.engines import map_ordered
from finegold.engines.threads import IN_FLIGHT


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 3), max_size=40), st.integers(1, 5), st.integers(1, 9))
def test_order_is_kept_whatever_finishes_first(waits: list[int], workers: int, window: int) -> None:
    def work(item: tuple[int, int]) -> int:
        time.sleep(item[1] / 1000)
        return item[0]

    assert list(map_ordered(work, enumerate(waits), workers=workers, window=window)) == list(
        range(len(waits))
    )


def test_no_more_than_the_window_is_drawn_ahead() -> None:
    drawn = 0

    def items() -> Iterator[int]:
        nonlocal drawn
        for number in range(1000):
            drawn += 1
            yield number

    results = map_ordered(lambda number: number, items(), workers=2, window=5)
    for taken, _ in enumerate(results, start=1):
        assert drawn <= taken + 5
        if taken == 50:
            break


def test_an_exception_comes_where_its_result_would() -> None:
    def work(number: int) -> int:
        if number == 3:
            raise ValueError("three")
        return number

    results = map_ordered(work, range(10), workers=2)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(results)


def test_the_caller_works_on_quick_items_and_order_is_kept() -> None:
    def work(number: int) -> tuple[int, bool]:
        if number == 8:
            raise ValueError("eight")
        time.sleep(0.01 * (number % 2))
        return number, threading.current_thread() is caller

    caller = threading.current_thread()
    results = map_ordered(work, range(10), workers=2, quick=lambda number: number % 2 == 0)
    assert [next(results) for _ in range(8)] == [(number, number % 2 == 0) for number in range(8)]
    with pytest.raises(ValueError, match="eight"):
        next(results)


def test_closing_early_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    results = map_ordered(lambda number: number, range(1000), workers=3)
    next(results)
    results.close()
    assert threading.active_count() == before


def test_heavy_items_are_not_drawn_ahead() -> None:
    drawn: list[int] = []

    def items() -> Iterator[int]:
        for item in range(6):
            drawn.append(item)
            yield item

    heavy = map_ordered(str, items(), workers=2, window=6, weigh=lambda _: IN_FLIGHT)
    assert next(heavy) == "0"
    assert len(drawn) == 2
    assert list(heavy) == ["1", "2", "3", "4", "5"]
