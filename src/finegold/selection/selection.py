"""What a selection is made from, and which rows were chosen."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from finegold.arrays import Floats, Ints, Vectors
from finegold.clustering import KnnGraph
from finegold.dedup.duplicates import Keys
from finegold.dedup.settings import Dedup
from finegold.dedup.table import Contents
from finegold.run import TextColumn
from finegold.samples import Exclusion
from finegold.samples.excluded import ExcludedRows
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
        dedup: Which duplicates are excluded before the choice; None keeps them.
        contents: Hashes of images and texts, for the passes that compare them exactly.
        groups: Name of the group of each row, for a preset with `group_by`.
        group_names: Names of all groups of the data: a weight may name one of which no row is here.
        questions: What each row asks, for duplicates by images: see `dedup.question_labels`.
        pinned: Ids that are chosen first.
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
    groups: Sequence[str] | None = None
    group_names: Collection[str] = ()
    questions: Keys | None = None
    pinned: frozenset[str] = frozenset()


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
class GroupCount:
    """A group: rows that could be chosen, rows that were.

    Attributes:
        group: Its name.
        size: Usable rows in it.
        quota: Rows that it was to give; None if rows were chosen from all groups together.
        selected: Rows that it gave.
    """

    group: str
    size: int
    quota: int | None
    selected: int


@dataclass(frozen=True, slots=True)
class SelectedRows:
    """Which rows were chosen, and from what.

    Attributes:
        preset: How they were chosen.
        weights: The weights that counted: those of indicators that the run has.
        seed: Seed of everything random.
        pool_ids: Rows that could be chosen, sorted by id.
        rows: Shape (len(pool_ids),), their positions among the rows that came in.
        quality: Shape (len(pool_ids),); None for a preset that looks at no indicator.
        rank: Shape (len(pool_ids),). 1 is the chosen row of highest quality, equal qualities are in the order
            of their ids; 0 is a row that was not chosen.
        clusters: Clusters by label; empty without clusters.
        excluded_rows: Rows that came in and could not be chosen, by position: no quality, or duplicates.
        input_ids: Ids of the rows that came in.
        notes: What a reader must know.
        groups: Groups by name; empty without groups.
    """

    preset: Preset
    weights: Mapping[str, float]
    seed: int
    pool_ids: TextColumn
    rows: Ints
    quality: Floats | None
    rank: Ints
    clusters: tuple[ClusterCount, ...]
    excluded_rows: tuple[ExcludedRows, ...]
    input_ids: TextColumn
    notes: tuple[str, ...]
    groups: tuple[GroupCount, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """The chosen ids by rank."""
        chosen = np.flatnonzero(self.rank)
        return tuple(self.pool_ids.take(chosen[np.argsort(self.rank[chosen])]))

    @property
    def excluded(self) -> dict[str, Exclusion]:
        """Why rows that came in could not be chosen, by id."""
        return {key: found for one in self.excluded_rows for key, found in one.by_id(self.input_ids).items()}

    @property
    def not_selected(self) -> int:
        """Rows that could be chosen and were not."""
        return len(self.pool_ids) - int(np.count_nonzero(self.rank))
