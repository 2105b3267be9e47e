"""The four slots of a preset - normalise, quality, allocate, pick - and the plug-ins that fill them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from finegold.errors import ConfigError
from finegold.registry import Registry

Need = Literal["embeddings", "graph", "indicators", "targets", "pairs", "selector"]
"""What a plug-in reads beside quality and groups: image embeddings, their neighbour graph, the normalised
indicators, embedded target examples; or a file that the user names with `--pairs` or `--selector`."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """A function that fills a slot, and what it needs.

    Attributes:
        function: The function, called as its slot says.
        needs: What it reads.
        seeded: Whether another seed gives another answer.
        sees_pinned: Of a picker, whether its pool holds the rows of `Pool.pinned`, which it counts as chosen
            and does not choose again; any other picker is given the pool without them.
        most: Of a picker whose cost grows with rows x budget, the largest product that it is given: of more
            rows it sees a sample. None for a picker that sees all.
    """

    function: Callable[..., Any]
    needs: frozenset[Need] = frozenset()
    seeded: bool = False
    sees_pinned: bool = False
    most: int | None = None

    def __call__(self, *arguments: Any, **parameters: Any) -> Any:
        """Call the function."""
        return self.function(*arguments, **parameters)


def plugin(
    *needs: Need, seeded: bool = False, sees_pinned: bool = False, most: int | None = None
) -> Callable[[Callable[..., Any]], Plugin]:
    """Decorate a function of another package that fills a slot and needs something."""
    return lambda function: Plugin(function, frozenset(needs), seeded, sees_pinned, most)


def _checked(
    name: str,
    found: object,
    needs: Iterable[Need] = (),
    seeded: bool = False,
    sees_pinned: bool = False,
    most: int | None = None,
) -> Plugin:
    if isinstance(found, Plugin):
        return found
    if not callable(found):
        raise ConfigError(f"the plug-in '{name}' is {found!r}, expected a function: repair its package")
    return Plugin(found, frozenset(needs), seeded, sees_pinned, most)


NORMALISERS = Registry("normaliser", "finegold.normalisers", "finegold.selection.normalise", check=_checked)
"""`function(columns)`: indicator columns (n, m) to comparable ones (n, m); NaN stays NaN."""
QUALITIES = Registry("quality", "finegold.qualities", "finegold.selection.quality", check=_checked)
"""`function(columns, weights)`: normalised columns (n, m) and weights (m,) to one number a row (n,)."""
ALLOCATORS = Registry("allocator", "finegold.allocators", "finegold.selection.allocators", check=_checked)
"""`function(pool, budget)`: one quota a group; they sum to the budget, and none is larger than its group."""
PICKERS = Registry("picker", "finegold.pickers", "finegold.selection.pickers", check=_checked)
"""`function(pool, budget, rng, **parameters)`: that many different row indices of the pool, in the order
chosen. The budget is at least 1 and at most the pool's rows."""
