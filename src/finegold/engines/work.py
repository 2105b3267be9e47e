"""Work that is done in blocks, and who does it.

A step of a run is a list of numbers, those of its missing blocks of rows, and a function that makes what
belongs to each. A `Work` is what that function is made from: plain values, so that it can be sent to another
process, which loads its model once and makes one block after another. What a block holds does not depend on
who makes it.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, closing
from typing import Generic, TypeAlias, TypeVar

from finegold.engines.devices import Compute
from finegold.run import WHOLE, Shard

R = TypeVar("R")
Results: TypeAlias = Generator[tuple[int, R], None, None]
"""What blocks hold, with the numbers of the blocks, each yielded when it is ready."""
Make: TypeAlias = Callable[[list[int], Callable[[int], None]], Results[R]]
"""Makes the blocks of these numbers, in order; calls the function with the number of rows that are done."""


class Work(ABC, Generic[R]):
    """A step of one run, as values that can be pickled."""

    @abstractmethod
    def begin(self, compute: Compute) -> AbstractContextManager[Make[R]]:
        """Load what the blocks need, once in each process that makes some, and close it after the last block.

        Args:
            compute: Device, batch size and threads of this process.
        """


class Making(ABC, Generic[R]):
    """Work on which an engine has begun."""

    @abstractmethod
    def load(self) -> None:
        """Load the models, wherever the blocks are made; raises what that raised."""

    @abstractmethod
    def make(self, numbers: list[int], advance: Callable[[int], None]) -> Results[R]:
        """Make the blocks of these numbers, in any order; loads the models if that is not done.

        Raises:
            FinegoldError: What a block raised.
            RunError: If the workers ended by themselves.
        """


class Engine(ABC):
    """Who makes the blocks of a step.

    Attributes:
        shard: The share of a table's parts for which it is asked.
    """

    shard: Shard = WHOLE

    @abstractmethod
    def start(self, work: Work[R], together: int = 1) -> Making[R]:
        """Take on the work; nothing is loaded yet.

        Args:
            work: The work.
            together: Number of blocks of a part, which one worker makes if that keeps no other idle; 0 where
                workers get one block at a time, as there is nothing between two of them to read past.
        """


class ThisProcess(Engine):
    """Blocks are made one after another in this process."""

    def __init__(self, compute: Compute) -> None:
        """Take device, batch size and threads."""
        self.compute = compute

    def start(self, work: Work[R], together: int = 1) -> Making[R]:
        """See `Engine.start`."""
        del together
        return _MakingHere(self.compute, work)


class _MakingHere(Making[R]):
    def __init__(self, compute: Compute, work: Work[R]) -> None:
        self._compute, self._work = compute, work
        self._close = ExitStack()
        self._make: Make[R] | None = None

    def load(self) -> None:
        if self._make is None:
            self._make = self._close.enter_context(self._work.begin(self._compute))

    def make(self, numbers: list[int], advance: Callable[[int], None]) -> Results[R]:
        with self._close:
            self.load()
            assert self._make is not None
            with closing(self._make(numbers, advance)) as made:
                yield from made


def by_number(results: Results[R], numbers: list[int]) -> Results[R]:
    """The results in the order of the numbers: one that comes before its turn waits."""
    waiting: dict[int, R] = {}
    due = deque(numbers)
    with closing(results):
        for number, result in results:
            waiting[number] = result
            while due and due[0] in waiting:
                number = due.popleft()
                yield number, waiting.pop(number)


def first_chunk(left: deque[int], workers: int, together: int) -> list[int]:
    """Take off the consecutive blocks that a worker gets next: fewer towards the end, so that all end then.

    Args:
        left: The blocks that nobody makes yet, in order.
        workers: Number of workers.
        together: Blocks of a part: it stays with one worker while there is enough for all, so that few parts
            are unfinished at a time; 0 for one block.
    """
    most = len(left) // (4 * workers)
    chunk = [left.popleft()]
    while together and left and left[0] == chunk[-1] + 1:
        if len(chunk) >= most and (most < together or left[0] % together == 0):
            break
        chunk.append(left.popleft())
    return chunk
