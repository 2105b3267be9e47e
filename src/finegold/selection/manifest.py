"""`selection.json`: everything that made a subset, and why each row is in it.

The models are the schema; `Manifest.model_json_schema()` prints it. A number that is missing is null, never
NaN.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

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
    quality: str = Field(description="How normalised indicators become one number: weighted-sum or product")
    partition: Literal["clusters", "none", "score-strata"]
    clustering: dict[str, Any] | None = Field(description="Method and parameters; null without clusters")
    allocate: str
    pick: str
    pick_parameters: dict[str, float]
    drop: float = Field(description="Share of the rows of lowest quality that was not chosen from")


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
    excluded: Mapping[str, int],
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
        origins: (content hash, place) of at least the chosen rows, by id.
        excluded: Rows that were excluded before, by reason code; the selection's own exclusions are added
            under `no-quality`.
    """
    preset = selection.preset
    out = {code: number for code, number in sorted(excluded.items()) if number}
    if selection.excluded:
        out["no-quality"] = out.get("no-quality", 0) + len(selection.excluded)
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
        ),
        seed=selection.seed,
        size=selection.size,
        counts=Counts(
            rows_in=len(selection.pool_ids) + sum(out.values()),
            selected=len(selection.rows),
            not_selected=selection.not_selected,
            excluded=out,
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
