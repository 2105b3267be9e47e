"""A budget of memory that threads share: who needs more than is left waits."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition, Lock


class MemoryBudget:
    """A number of bytes that may be in use at the same time.

    Those who wait are served in the order in which they came, so that a large one is not passed over. One
    that needs more than the whole budget has it alone. A holder must not reserve again.

    Attributes:
        total: The bytes.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self._free = total
        self._turn = Lock()
        self._changed = Condition()

    @contextmanager
    def reserve(self, size: int) -> Iterator[None]:
        """Hold `size` bytes of the budget, as soon as they are free."""
        size = min(size, self.total)
        with self._turn, self._changed:
            while self._free < size:
                self._changed.wait()
            self._free -= size
        try:
            yield
        finally:
            with self._changed:
                self._free += size
                self._changed.notify_all()
