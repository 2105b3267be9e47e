"""What a preset is: a named, versioned filling of the four slots normalise, quality, allocate and pick."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isqrt
from typing import Literal

from finegold.clustering import Method

Partition = Literal["clusters", "none", "score-strata"]


@dataclass(frozen=True, slots=True)
class ClusteringSpec:
    """The clusters that a preset picks within.

    Attributes:
        method: As `cluster_rows` names it.
        clusters: Their number; None for sqrt(rows / 2), which CaR takes (arXiv 2402.18191).
        neighbours: Of the graph, a row itself counted; `spectral` only.
    """

    method: Method = "spectral"
    clusters: int | None = 10
    neighbours: int = 10

    def count(self, rows: int) -> int:
        """Number of clusters for that many rows."""
        return max(1, isqrt(rows // 2)) if self.clusters is None else self.clusters


@dataclass(frozen=True, slots=True)
class Preset:
    """A named way to select. A change in what it chooses is a new version.

    Attributes:
        name: As the user writes it.
        version: Counts up.
        summary: What it does, in a sentence.
        weights: Indicator to weight. Indicators that a run does not have are left out, and that is said.
            Empty for a preset that looks at no indicator.
        normalise: A name of `NORMALISERS`.
        quality: A name of `QUALITIES`: how normalised indicators become one number; or of
            `GIVEN_QUALITIES`, which are computed before the selection, from files that the user gives.
        partition: Pick within clusters, within strata of quality, or from the whole pool at once.
        clustering: Which clusters; None if it uses none.
        allocate: A name of `ALLOCATORS`.
        pick: A name of `PICKERS`.
        pick_parameters: For the picker; its own defaults otherwise.
        strata: Number of equally wide quality strata, for `score-strata`.
        drop: Share of the rows, those of lowest quality, that is not chosen from while enough are left.
        notes: What a reader of the result must know.
        indicators: What a given quality reads as far as it is there; empty for the others.
    """

    name: str
    version: str
    summary: str
    weights: Mapping[str, float] = field(default_factory=dict)
    normalise: str = "minmax"
    quality: str = "weighted-sum"
    partition: Partition = "clusters"
    clustering: ClusteringSpec | None = field(default_factory=ClusteringSpec)
    allocate: str = "largest-remainder"
    pick: str = "top"
    pick_parameters: Mapping[str, float] = field(default_factory=dict)
    strata: int = 50
    drop: float = 0.0
    notes: tuple[str, ...] = ()
    indicators: tuple[str, ...] = ()

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the indicators that the quality is made of."""
        return self.indicators or tuple(self.weights)
