"""Pickers: each fills a quota from a (part of a) pool.

A picker is called as `function(pool, budget, rng, **parameters)` with a budget of at most the pool's rows,
and returns that many different row indices in the order chosen.
"""

from collections.abc import Callable
from dataclasses import dataclass

from finegold.arrays import Ints
from finegold.selection.pickers.random import random
from finegold.selection.pickers.top import top


@dataclass(frozen=True, slots=True)
class Picker:
    """A picker and what it reads of the pool besides the quality.

    Attributes:
        function: Called as the package says.
        needs: Any of `embeddings`, `graph`, `indicators`, `targets`.
        seeded: Whether another seed gives another answer.
    """

    function: Callable[..., Ints]
    needs: frozenset[str] = frozenset()
    seeded: bool = False


PICKERS: dict[str, Picker] = {
    "top": Picker(top),
    "random": Picker(random, seeded=True),
}

__all__ = ["PICKERS", "Picker", "random", "top"]
