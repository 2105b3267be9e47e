"""Threads of one machine: work ahead of the consumer, in order, with a bounded window."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")
IN_FLIGHT = 128 << 20
"""Bytes of items that threads work on at the same time; one item may have more."""


def own_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def default_workers() -> int:
    """Cores that this process may use, at most 16."""
    return min(16, own_cores())


def map_ordered(
    function: Callable[[T], R],
    items: Iterable[T],
    *,
    workers: int | None = None,
    window: int | None = None,
    weigh: Callable[[T], int] | None = None,
    quick: Callable[[T], bool] | None = None,
) -> Generator[R, None, None]:
    """Apply a function to items in threads and yield the results in the items' order.

    At most `window` items are in flight, so memory does not grow with the number of items, and the items are
    drawn from their iterator in the caller's thread. An exception of the function is raised where its result
    would come. Decoding an image frees the interpreter lock, so threads scale for it.

    Args:
        function: Called in a worker thread.
        items: Drawn lazily.
        workers: Threads; the cores of the process if None.
        window: Items in flight; four a worker if None.
        weigh: Bytes that an item holds. Beyond `IN_FLIGHT` bytes, fewer items than `window` are in flight.
        quick: Whether an item takes less time than to wait for a thread; the caller works on it then.
    """
    workers = workers or default_workers()
    window = window or 4 * workers
    pending: deque[tuple[Future[R], int]] = deque()
    held = 0
    pool = ThreadPoolExecutor(workers)
    try:
        for item in items:
            future = _done(function, item) if quick and quick(item) else pool.submit(function, item)
            pending.append((future, weigh(item) if weigh else 0))
            held += pending[-1][1]
            while len(pending) >= window or (pending and held > IN_FLIGHT):
                future, weight = pending.popleft()
                held -= weight
                yield future.result()
        while pending:
            yield pending.popleft()[0].result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _done(function: Callable[[T], R], item: T) -> Future[R]:
    """What a thread would give, made in this one."""
    future: Future[R] = Future()
    try:
        future.set_result(function(item))
    except Exception as error:
        future.set_exception(error)
    return future
