from threading import Lock, Thread

import pytest

from finegold.samples.memory_budget import MemoryBudget


def test_threads_never_hold_more_than_the_budget() -> None:
    budget, lock = MemoryBudget(10), Lock()
    held: list[int] = []
    most = [0]

    def work(size: int) -> None:
        for _ in range(50):
            with budget.reserve(size):
                with lock:
                    held.append(min(size, 10))
                    most[0] = max(most[0], sum(held))
                with lock:
                    held.remove(min(size, 10))

    threads = [Thread(target=work, args=(size,)) for size in (1, 3, 4, 6, 10, 25)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    assert 0 < most[0] <= 10


def test_memory_is_given_back_after_an_error() -> None:
    budget = MemoryBudget(4)
    with pytest.raises(ValueError, match="once"), budget.reserve(4):
        raise ValueError("once")
    with budget.reserve(4):
        pass
