"""What a selection is made from, and what it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from finegold.arrays import Floats, Ints, Vectors
from finegold.clustering import KnnGraph
from finegold.dedup.settings import Dedup
from finegold.dedup.table import Contents
from finegold.samples import Exclusion
from finegold.selection.preset import Preset


@dataclass(frozen=True, slots=True)
class SelectionInputs:
    """Everything known about the usable rows, in any order; arrays are aligned with `ids`.

    Attributes:
        ids: The n distinct sample ids.
        indicators: Scores by name, shape (n,); NaN where an indicator does not apply to the row. Rows on
            which an indicator failed are not here: what is not known is not guessed.
        labels: Shape (n,), cluster of each row; None if the run has no clusters.
        embeddings: Shape (n, d), a row with NaN where a row has no image; None if the images were not
            embedded.
        graph: Neighbour graph of the rows that have an image, sorted by id; searched when a picker needs it
            and it is None.
        targets: Shape (t, d), embeddings of target examples, for a picker that moves towards them.
        quality: Shape (n,), computed elsewhere (a learned selector): then no indicator is weighed. NaN where
            a row has none; such rows are excluded.
        quality_name: What to call that quality in notes and messages.
        dedup: Which duplicates are left out before the choice; None keeps them.
        contents: Of the rows, for the passes that compare images or texts exactly.
    """

    ids: Sequence[str]
    indicators: Mapping[str, Floats] = field(default_factory=dict)
    labels: Ints | None = None
    embeddings: Vectors | None = None
    graph: KnnGraph | None = None
    graph_ids: Sequence[str] | None = None
    targets: Vectors | None = None
    quality: Floats | None = None
    quality_name: str = "quality"
    dedup: Dedup | None = None
    contents: Contents | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """One selected row.

    Attributes:
        id: Of the sample.
        cluster: Of the row; None without clusters.
        quality: None for a preset that looks at no indicator.
        scores: Every indicator of the run, None where it does not apply.
        rank: 1 is the highest quality; equal qualities are in the order of their ids.
    """

    id: str
    cluster: int | None
    quality: float | None
    scores: Mapping[str, float | None]
    rank: int


@dataclass(frozen=True, slots=True)
class ClusterCount:
    """A cluster: rows that could be chosen, rows that were.

    Attributes:
        cluster: Its label.
        size: Usable rows in it.
        quota: Rows that it was to give; None if the preset did not pick by cluster.
        selected: Rows that it gave.
    """

    cluster: int
    size: int
    quota: int | None
    selected: int


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows were chosen, why, and from what.

    Attributes:
        preset: The recipe.
        weights: The weights that counted, after leaving out indicators that are not there.
        size: Rows chosen.
        seed: Of everything random.
        rows: The chosen rows by rank.
        pool_ids: Rows that could be chosen, sorted by id.
        quality: Shape (len(pool_ids),); None for a preset that looks at no indicator.
        clusters: By label; empty without clusters.
        excluded: Rows that came in and could not be chosen, by id: without a quality, or duplicates.
        notes: What a reader must know.
    """

    preset: Preset
    weights: Mapping[str, float]
    size: int
    seed: int
    rows: tuple[Chosen, ...]
    pool_ids: tuple[str, ...]
    quality: Floats | None
    clusters: tuple[ClusterCount, ...]
    excluded: Mapping[str, Exclusion]
    notes: tuple[str, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        """The chosen ids by rank."""
        return tuple(row.id for row in self.rows)

    @property
    def not_selected(self) -> int:
        """Rows that could be chosen and were not."""
        return len(self.pool_ids) - len(self.rows)
