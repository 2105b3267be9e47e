"""Shards: a command that is started several times at once, each time for one part of the work."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from finegold.errors import ConfigError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several shares of the work, counted from 1."""

    index: int = 1
    count: int = 1

    @classmethod
    def parse(cls, text: str | None) -> "Shard":
        """The shard that a text such as `2/4` names; the whole work if None.

        Raises:
            ConfigError: If the text has another form.
        """
        if text is None:
            return cls()
        found = re.fullmatch(r"(\d+)/(\d+)", text)
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            raise ConfigError(f"the shard is '{text}', expected I/N with I from 1 to N, such as 2/4")
        return cls(int(found[1]), int(found[2]))

    @property
    def whole(self) -> bool:
        """Whether there is no other shard."""
        return self.count == 1

    def every(self, items: Sequence[T]) -> list[T]:
        """Every `count`-th item, from the `index`-th on."""
        return list(items[self.index - 1 :: self.count])

    def run_of(self, total: int) -> range:
        """Consecutive ones of `total` numbers, as many as for the other shards or one more."""
        return range((self.index - 1) * total // self.count, self.index * total // self.count)

    @property
    def ending(self) -> str:
        """What tells a file of this shard from those of the others: `.2-of-4`; nothing for the whole."""
        return "" if self.whole else f".{self.index}-of-{self.count}"


WHOLE = Shard()
