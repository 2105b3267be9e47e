"""`selection.json`: everything that made a subset, and why each row is in it.

The models are the schema; `Manifest.model_json_schema()` prints it. A number that is missing is null, never
NaN.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from finegold.dedup.settings import Dedup
from finegold.errors import DataError
from finegold.selection.selection import Selection

SCHEMA: Literal["finegold/selection/1"] = "finegold/selection/1"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class DatasetInfo(_Model):
    """The dataset that was selected from."""

    fingerprint: str = Field(description="Hash of the records and images, in whatever order they are stored")
    format: str = Field(description="minigpt4, llava, messages, parquet, huggingface or webdataset")
    name: str = Field(description="File or folder name, without its path")
    instruction: str | None = Field(
        description="What rows without an instruction were given; null for the recipe's"
    )
    ids: Literal["record", "row"] = Field(
        description="Where ids come from: the records, or the rows' positions"
    )


class ScorerInfo(_Model):
    """An indicator of the run."""

    name: str
    version: str
    fingerprint: str = Field(description="Of the data, the model and the parameters")
    parameters: dict[str, Any]


class DedupInfo(_Model):
    """The passes that looked for duplicates."""

    exact: bool = Field(description="Same images and texts")
    radius: int | None = Field(
        description="Differing bits of 120 of the image hashes; null without that pass"
    )
    threshold: float | None = Field(description="Cosine of the embeddings; null without that pass")


class Configuration(_Model):
    """What was asked for: with the dataset and the seed, all that the subset depends on."""

    preset: str
    preset_version: str
    encoder: dict[str, Any] | None = Field(
        description="Identity of the image-text encoder; null if none was used"
    )
    scorers: list[ScorerInfo]
    weights: dict[str, float] = Field(description="Weights that counted, by indicator")
    normalise: str
    quality: str = Field(
        description="How indicators become one number: weighted-sum, product, learned or mm-lima"
    )
    partition: Literal["clusters", "none", "score-strata"]
    clustering: dict[str, Any] | None = Field(description="Method and parameters; null without clusters")
    allocate: str
    pick: str
    pick_parameters: dict[str, float]
    drop: float = Field(description="Share of the rows of lowest quality that was not chosen from")
    dedup: DedupInfo | None = Field(
        default=None, description="Which duplicates were left out first; null if none were looked for"
    )
    targets: dict[str, Any] | None = Field(
        default=None, description="Examples that were moved towards: name, numbers, place in the run folder"
    )
    selector: dict[str, Any] | None = Field(
        default=None, description="What a quality of measured subsets or of a checkpoint was computed with"
    )

    def settings(self) -> Dedup | None:
        """Which duplicates were left out, as a selection takes it."""
        return None if self.dedup is None else Dedup(**self.dedup.model_dump())


class ExcludedInfo(_Model):
    """A row that could not be chosen."""

    id: str
    place: str = Field(description="Where the record is: file and line, record or member")
    code: str = Field(description="Short name of the reason, as counted under `counts`")
    reason: str
    duplicate_of: str | None = Field(
        default=None, description="The row that stays in its place; null unless it is a duplicate"
    )


class Counts(_Model):
    """Rows: `rows_in` = selected + not_selected + the sum of excluded."""

    rows_in: int
    selected: int
    not_selected: int
    excluded: dict[str, int] = Field(description="Rows that could not be used, by reason code")


class ClusterInfo(_Model):
    """A cluster of the pool."""

    cluster: int
    size: int = Field(description="Usable rows")
    quota: int | None = Field(description="Rows it was to give; null if rows were not picked by cluster")
    selected: int


class RowInfo(_Model):
    """A chosen row."""

    id: str
    cluster: int | None
    quality: float | None = Field(description="Null for a preset that looks at no indicator")
    scores: dict[str, float | None] = Field(description="Indicator values, null where skipped or failed")
    rank: int = Field(description="1 is the highest quality; ties in the order of ids")
    content_hash: str = Field(description="Of the record and its images")
    place: str = Field(description="Where the record is: file and line, record or member")


class Manifest(_Model):
    """The content of `selection.json`."""

    schema_name: Literal["finegold/selection/1"] = Field(default=SCHEMA, alias="schema")
    finegold: str = Field(description="Version of finegold")
    libraries: dict[str, str] = Field(description="Versions of the libraries that numbers depend on")
    dataset: DatasetInfo
    configuration: Configuration
    seed: int
    size: int
    counts: Counts
    clusters: list[ClusterInfo]
    notes: list[str]
    rows: list[RowInfo] = Field(description="By rank")
    excluded: list[ExcludedInfo] = Field(
        default_factory=list, description="Every row that could not be chosen, bad rows first"
    )


def build_manifest(
    selection: Selection,
    *,
    finegold: str,
    libraries: Mapping[str, str],
    dataset: DatasetInfo,
    encoder: Mapping[str, Any] | None,
    scorers: Sequence[ScorerInfo],
    clustering: Mapping[str, Any] | None,
    origins: Mapping[str, tuple[str, str]],
    excluded: Sequence[ExcludedInfo],
    dedup: Dedup | None = None,
    targets: Mapping[str, Any] | None = None,
    selector: Mapping[str, Any] | None = None,
) -> Manifest:
    """Describe a selection.

    Args:
        selection: What was chosen.
        finegold: Version.
        libraries: Versions by package.
        dataset: Where it was chosen from.
        encoder: `Encoder.identity()`, or None.
        scorers: The run's indicators.
        clustering: Method and parameters of the clusters, or None.
        origins: (content hash, place) of the rows that were chosen from, by id.
        excluded: Rows that were excluded before; the selection's own exclusions follow them.
        dedup: Which duplicates were left out.
        targets: What the selection moved towards.
        selector: What its quality was computed with, if not from weights.
    """
    preset = selection.preset
    out = [
        *excluded,
        *(
            ExcludedInfo(
                id=key,
                place=origins[key][1],
                code=found.code,
                reason=found.reason,
                duplicate_of=found.duplicate_of,
            )
            for key, found in sorted(selection.excluded.items())
        ),
    ]
    counted = Counter(row.code for row in out)
    return Manifest(
        finegold=finegold,
        libraries=dict(libraries),
        dataset=dataset,
        configuration=Configuration(
            preset=preset.name,
            preset_version=preset.version,
            encoder=None if encoder is None else dict(encoder),
            scorers=list(scorers),
            weights=dict(selection.weights),
            normalise=preset.normalise,
            quality=preset.quality,
            partition=preset.partition,
            clustering=None if clustering is None else dict(clustering),
            allocate=preset.allocate,
            pick=preset.pick,
            pick_parameters=dict(preset.pick_parameters),
            drop=preset.drop,
            dedup=None if dedup is None else DedupInfo(**asdict(dedup)),
            targets=None if targets is None else dict(targets),
            selector=None if selector is None else dict(selector),
        ),
        seed=selection.seed,
        size=selection.size,
        counts=Counts(
            rows_in=len(selection.pool_ids) + len(out),
            selected=len(selection.rows),
            not_selected=selection.not_selected,
            excluded=dict(sorted(counted.items())),
        ),
        clusters=[
            ClusterInfo(cluster=c.cluster, size=c.size, quota=c.quota, selected=c.selected)
            for c in selection.clusters
        ],
        notes=list(selection.notes),
        rows=[
            RowInfo(
                id=row.id,
                cluster=row.cluster,
                quality=row.quality,
                scores=dict(row.scores),
                rank=row.rank,
                content_hash=origins[row.id][0],
                place=origins[row.id][1],
            )
            for row in selection.rows
        ],
        excluded=out,
    )


def manifest_text(manifest: Manifest) -> str:
    """The JSON text of `selection.json`, indented, UTF-8 characters as they are, ending in a newline."""
    return manifest.model_dump_json(indent=2, by_alias=True) + "\n"


def read_manifest(path: Path) -> Manifest:
    """Read `selection.json`.

    Raises:
        DataError: If the file is missing or is not a manifest of this schema.
    """
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); name a selection.json") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "its beginning"
        raise DataError(
            f"{path} is not a selection of schema {SCHEMA}: at {where}, {first['msg'].lower()}; "
            "name the selection.json that finegold wrote"
        ) from error
