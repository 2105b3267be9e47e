"""Work for engines, in a module that their processes can import."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from finegold.engines import Compute, Make, Results, Work
from finegold.errors import DataError, FinegoldError


class PickyError(FinegoldError):
    """An error that does not take a message, as `DamagedError`."""

    def __init__(self, one: int, other: int) -> None:
        super().__init__(f"{one} is not {other}")


@dataclass(frozen=True)
class Squares(Work[int]):
    """The square of each number; a block has as many rows as its number.

    Attributes:
        fatal: Number at which the process is killed.
        marks: Folder in which each kill leaves a file.
        kills: Kills after which the number is made after all.
        bad: Number that raises a DataError; the next one a PickyError, the one after it a KeyError.
        unloadable: Whether the model cannot be loaded.
        fatal_load: Whether loading the model kills the process.
        gate: Folder in which a process that is at a number from `waits` on leaves a file, and waits for one
            named `open`.
        waits: See `gate`.
    """

    fatal: int = -1
    marks: Path = Path()
    kills: int = 0
    bad: int = -9
    unloadable: bool = False
    fatal_load: bool = False
    gate: Path | None = None
    waits: int = 0

    @contextmanager
    def begin(self, compute: Compute) -> Iterator[Make[int]]:
        if self.unloadable:
            raise DataError("there is no such model")
        if self.fatal_load:
            os.kill(os.getpid(), signal.SIGKILL)

        def make(numbers: list[int], advance: Callable[[int], None]) -> Results[int]:
            for number in numbers:
                if self.gate is not None and number >= self.waits:
                    (self.gate / str(os.getpid())).touch()
                    while not (self.gate / "open").exists():
                        time.sleep(0.01)
                if number == self.fatal and len(list(self.marks.iterdir())) < self.kills:
                    (self.marks / str(os.getpid())).touch()
                    os.kill(os.getpid(), signal.SIGKILL)
                if number == self.bad:
                    raise DataError(f"row {number} is bad")
                if number == self.bad + 1:
                    raise PickyError(number, 0)
                if number == self.bad + 2:
                    raise KeyError(number)
                advance(number)
                yield number, number * number

        yield make
