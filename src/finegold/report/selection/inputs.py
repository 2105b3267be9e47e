"""What a report is drawn from: plain data, no run folder and no model behind it.

Rows are referred to by sample id. Numbers of every usable row are in `PoolRows` and `Indicator.values`; texts
and thumbnails, which only a few hundred rows need, are in `ReportInputs.contents`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from finegold.arrays import Floats, Ints


@dataclass(frozen=True, slots=True)
class DatasetFacts:
    """The dataset as `inspect` counted it.

    Attributes:
        name: What a person calls it, usually the file's or folder's name.
        format: Registered format name.
        rows: Records read; `usable + excluded`.
        usable: Records that could be chosen from.
        fingerprint: Identifies the data, as in `selection.json`.
    """

    name: str
    format: str
    rows: int
    usable: int
    fingerprint: str

    @property
    def excluded(self) -> int:
        """Records that could not be used."""
        return self.rows - self.usable


@dataclass(frozen=True, slots=True)
class SelectionFacts:
    """How the rows were chosen.

    Attributes:
        preset: Its name.
        version: Its version.
        summary: What the preset does, in one sentence.
        weights: Indicator name to weight in the quality; empty if the quality is not a weighted sum.
        quality: `weighted-sum` or `product`: how the weights are meant.
        normalise: How indicators were made comparable before weighting, such as "min-max"; may be empty.
        seed: None if nothing was random.
        notes: Sentences a reader must know: indicators left out, a disconnected graph, a cluster too small.
    """

    preset: str
    version: str
    summary: str
    weights: Mapping[str, float] = field(default_factory=dict)
    quality: str = "weighted-sum"
    normalise: str = ""
    seed: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def formula(self) -> str:
        """The quality as a person writes it: `1 × clip + 0.5 × length`, or `support^4 × detail^2`."""
        if self.quality == "product":
            powers = (name if power == 1 else f"{name}^{power:g}" for name, power in self.weights.items())
            return " × ".join(powers)
        return " + ".join(f"{weight:g} × {name}" for name, weight in self.weights.items())


@dataclass(frozen=True, slots=True)
class Indicator:
    """One column of scores.

    Attributes:
        name: The scorer's name.
        label: What a person calls it: "CLIP score".
        unit: What it is counted in, such as "tokens"; empty for a bare number.
        values: Shape (n,), in the order of `PoolRows.ids`; NaN where there is no score.
        skipped: Rows to which it does not apply.
        failed: Rows on which it broke.
    """

    name: str
    label: str
    unit: str
    values: Floats
    skipped: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class PoolRows:
    """Every usable row, as parallel arrays.

    Attributes:
        ids: The n sample ids.
        rank: Shape (n,), 1 for the first row chosen, 2 for the second, ...; 0 where a row was not chosen.
        quality: Shape (n,), higher is better, NaN where unknown; None if the preset ranks by no quality.
        labels: Shape (n,), 0-based index into `ReportInputs.clusters`; None without clusters.
        xy: Shape (n, 2), map coordinates in 0..1, NaN where a row has no image; None without embeddings.
    """

    ids: tuple[str, ...]
    rank: Ints
    quality: Floats | None = None
    labels: Ints | None = None
    xy: Floats | None = None

    @property
    def selected(self) -> npt.NDArray[np.bool_]:
        """Shape (n,), True where a row was chosen."""
        return self.rank > 0


@dataclass(frozen=True, slots=True)
class Cluster:
    """One cluster; its label is its position in `ReportInputs.clusters`.

    Attributes:
        size: Usable rows in it.
        quota: Rows it was to give; None if the preset did not pick by cluster.
        examples: Ids to show; those without a thumbnail in `ReportInputs.contents` are left out.
    """

    size: int
    quota: int | None
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RowContent:
    """What one row says.

    Attributes:
        place: Where it is in the dataset: `pool.json record 12`.
        instruction: May be empty.
        answer: What a model would be trained to say.
        thumbnail: WebP or JPEG bytes, see `finegold.report.thumbnails`; None for a text-only row.
    """

    place: str
    instruction: str
    answer: str
    thumbnail: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A row that was almost chosen, and the sentence that says why not."""

    id: str
    why: str


@dataclass(frozen=True, slots=True)
class ExcludedRow:
    """A row that could not be used.

    Attributes:
        id: Its id, or what could be read of it.
        place: Where it is in the dataset.
        code: The problem's short name.
        reason: One sentence.
        thumbnail: None where no image could be read.
    """

    id: str
    place: str
    code: str
    reason: str
    thumbnail: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Provenance:
    """How to make the same subset again.

    Attributes:
        commands: Shell lines.
        versions: Name to version of what the numbers depend on.
    """

    commands: tuple[str, ...]
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Section:
    """A further part of the report, shown before "How to make it again".

    Attributes:
        anchor: Unique HTML id: a letter, then letters, digits and hyphens.
        title: Plain text.
        body: HTML built by an autoescaping template. It may use the page's classes, and no script.
    """

    anchor: str
    title: str
    body: Markup


@dataclass(frozen=True, slots=True)
class ReportInputs:
    """Everything in a report.

    Attributes:
        indicators: In the order to show them; may be empty.
        clusters: Empty if the selection used none.
        contents: Texts and thumbnails by sample id. The gallery shows the chosen rows that are in it, so its
            size bounds the report's: 200 rows are about 2 MB.
        near_misses: Best first; each id must be in `contents`.
        excluded: The excluded rows to list; may be fewer than there are.
        excluded_counts: Exclusion code to number of rows, over all excluded rows.
        sections: Judging, comparison and other parts that not every run has.
    """

    dataset: DatasetFacts
    selection: SelectionFacts
    rows: PoolRows
    provenance: Provenance
    indicators: tuple[Indicator, ...] = ()
    clusters: tuple[Cluster, ...] = ()
    contents: Mapping[str, RowContent] = field(default_factory=dict)
    near_misses: tuple[NearMiss, ...] = ()
    excluded: tuple[ExcludedRow, ...] = ()
    excluded_counts: Mapping[str, int] = field(default_factory=dict)
    sections: tuple[Section, ...] = ()
