"""Threads of one machine: work ahead of the consumer, in order, with a bounded window."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def default_workers() -> int:
    """Cores that this process may use, at most 16."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(16, cores)


def map_ordered(
    function: Callable[[T], R], items: Iterable[T], *, workers: int | None = None, window: int | None = None
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
    """
    workers = workers or default_workers()
    window = window or 4 * workers
    pending: deque[Future[R]] = deque()
    pool = ThreadPoolExecutor(workers)
    try:
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) >= window:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
