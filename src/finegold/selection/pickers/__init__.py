"""Pickers: each fills a quota from a (part of a) pool.

A picker is called as `function(pool, budget, rng, **parameters)` with a budget of at least 1 and at most the
pool's rows, and returns that many different row indices in the order chosen.
"""

from collections.abc import Callable
from dataclasses import dataclass

from finegold.arrays import Ints
from finegold.selection.pickers.d2 import d2_pruning
from finegold.selection.pickers.deita import deita
from finegold.selection.pickers.dpp import dpp
from finegold.selection.pickers.facility_location import facility_location
from finegold.selection.pickers.herding import herding
from finegold.selection.pickers.k_center import k_center
from finegold.selection.pickers.leverage import leverage
from finegold.selection.pickers.mig import mig
from finegold.selection.pickers.prism import prism
from finegold.selection.pickers.random import random
from finegold.selection.pickers.rds import rds
from finegold.selection.pickers.self_filter import self_filter
from finegold.selection.pickers.top import top
from finegold.selection.pickers.typicality import typicality
from finegold.selection.pickers.votes import votes


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


_EMBEDDINGS = frozenset({"embeddings"})
_GRAPH = frozenset({"graph"})
PICKERS: dict[str, Picker] = {
    "top": Picker(top),
    "random": Picker(random, seeded=True),
    "deita": Picker(deita, _EMBEDDINGS),
    "d2": Picker(d2_pruning, _GRAPH),
    "facility-location": Picker(facility_location, _GRAPH),
    "herding": Picker(herding, _EMBEDDINGS),
    "prism": Picker(prism, _EMBEDDINGS),
    "leverage": Picker(leverage, _EMBEDDINGS),
    "mig": Picker(mig, _EMBEDDINGS, seeded=True),
    "rds": Picker(rds, frozenset({"embeddings", "targets"})),
    "self-filter": Picker(self_filter, _EMBEDDINGS | _GRAPH),
    "typicality": Picker(typicality, _EMBEDDINGS | _GRAPH),
    "k-center": Picker(k_center, _EMBEDDINGS),
    "dpp": Picker(dpp, _EMBEDDINGS),
    "votes": Picker(votes, frozenset({"indicators"})),
}

__all__ = ["PICKERS", "Picker", "random", "top"]
