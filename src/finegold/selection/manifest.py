"""`selection.json`: everything that a subset depends on, and its rows; the table beside it has every row.

The models are the schema; `Manifest.model_json_schema()` prints it. A number that is missing is null, never
NaN.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from finegold.dedup import Dedup
from finegold.errors import DataError, first_fault, why_unread
from finegold.run import DamagedError, broken_seal, fingerprint, read_parquet, read_sealed, seal, slug
from finegold.run.seal import FILES
from finegold.selection.id_list import IdList
from finegold.selection.preset import Preset
from finegold.selection.table import as_selection_table

SCHEMA: Literal["finegold/selection/2"] = "finegold/selection/2"
MANIFEST = "selection.json"
TABLE = "selection.parquet"
"""File name of the selection's table, beside `selection.json`."""
MOST_ROWS = 100_000
"""Chosen rows up to which `selection.json` holds them; beyond, they are in the table alone."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class DatasetInfo(_Model):
    """The dataset that was selected from."""

    fingerprint: str = Field(description="Hash of the records and images, in whatever order they are stored")
    sequence: str = Field(default="", description="Hash of the records and images in their order")
    format: str = Field(
        description="minigpt4, llava, messages, parquet, huggingface, webdataset, vlmevalkit, mix or other"
    )
    name: str = Field(description="File or folder name, without its path")
    instruction: str | None = Field(description="Instruction of rows that have none; null for MiniGPT-4's")
    ids: Literal["record", "row"] = Field(
        description="Where ids come from: the records, or the rows' positions"
    )
    columns: str | None = Field(
        default=None,
        description="Which fields hold what, as `--columns` takes it; null for the usual names",
    )


class ScorerInfo(_Model):
    """An indicator of the run."""

    name: str = Field(description="Name of the indicator")
    version: str = Field(description="Version of the scorer")
    fingerprint: str = Field(description="Fingerprint of the data, the model and the parameters")
    parameters: dict[str, Any] = Field(description="Parameters of the scorer")
    table: str | None = Field(default=None, description="Folder of its table in the run folder")


class DedupInfo(_Model):
    """The passes that looked for duplicates."""

    exact: bool = Field(description="Same images and texts")
    radius: int | None = Field(
        description="Differing bits of 120 of the image hashes; null without that pass"
    )
    threshold: float | None = Field(description="Cosine of the embeddings; null without that pass")

    @classmethod
    def of(cls, settings: Dedup) -> "DedupInfo":
        """The settings as they are stored."""
        return cls(exact=settings.exact, radius=settings.radius, threshold=settings.threshold)


class IdListInfo(_Model):
    """A list of ids."""

    name: str = Field(description="Name of the file; empty for ids of a program")
    sha256: str = Field(description="Hash of the ids, sorted; the run folder keeps them under its start")
    count: int = Field(description="Number of ids")
    ids: list[str] = Field(description="The ids; empty for more than 100,000, which the run folder keeps")

    @classmethod
    def of(cls, ids: IdList | None) -> "IdListInfo | None":
        """The list as it is stored."""
        if ids is None:
            return None
        kept = list(ids.ids) if len(ids.ids) <= MOST_ROWS else []
        return cls(name=ids.name, sha256=ids.sha256, count=len(ids.ids), ids=kept)


class OverlapInfo(_Model):
    """A benchmark whose items no chosen row contains."""

    name: str = Field(description="Name of the task or of the file or folder")
    where: str = Field(description="How it was named: a path, or TASK/SPLIT=FOLDER")
    items: int = Field(description="Items that rows were compared with")
    fingerprint: str = Field(description="Hash of the items and of how they are compared")
    rows: int = Field(description="Rows that were excluded for it")


class Configuration(_Model):
    """What was asked for: with the dataset and the seed, all that the subset depends on."""

    preset: dict[str, Any] = Field(description="The preset, whole: see the reference of presets")
    encoder: dict[str, Any] | None = Field(
        description="Identity of the image-text encoder; null if no image was embedded"
    )
    encoder_name: str | None = Field(default=None, description="The encoder as the user named it")
    text_encoder: dict[str, Any] | None = Field(
        default=None, description="Identity of the text encoder; null if no text was embedded"
    )
    text_encoder_name: str | None = Field(default=None, description="The text encoder as the user named it")
    scorers: list[ScorerInfo] = Field(description="The indicators that were read")
    weights: dict[str, float] = Field(description="Weights that counted, by indicator")
    clustering: dict[str, Any] | None = Field(description="Method and parameters; null without clusters")
    dedup: DedupInfo | None = Field(
        default=None, description="Which duplicates were excluded first; null if none were looked for"
    )
    without: list[OverlapInfo] = Field(
        default=[], description="Benchmarks whose items no chosen row contains"
    )
    targets: dict[str, Any] | None = Field(
        default=None, description="Examples that were moved towards: name, numbers, place in the run folder"
    )
    selector: dict[str, Any] | None = Field(
        default=None, description="What a quality of measured subsets or of a checkpoint was computed with"
    )
    attributes: list[dict[str, Any]] = Field(
        default=[], description="Attributes from columns of files: name, file, column and sha256"
    )
    where: str | None = Field(default=None, description="Condition that the rows met; null for none")
    include: IdListInfo | None = Field(default=None, description="Ids that were chosen first")
    exclude: IdListInfo | None = Field(default=None, description="Ids that were not chosen from")

    def dedup_settings(self) -> Dedup | None:
        """Which duplicates were excluded first; None if none were looked for."""
        return None if self.dedup is None else Dedup(**self.dedup.model_dump())


class Counts(_Model):
    """Rows: `rows_in` = selected + not_selected + the sum of excluded."""

    rows_in: int = Field(description="Rows of the pool")
    selected: int = Field(description="Rows that were chosen")
    not_selected: int = Field(description="Rows that could be chosen and were not")
    excluded: dict[str, int] = Field(description="Rows that could not be used, by reason code")


class ClusterInfo(_Model):
    """A cluster of the pool."""

    cluster: int = Field(description="Label of the cluster, from 0")
    size: int = Field(description="Usable rows")
    quota: int | None = Field(description="Rows it was to give; null if rows were not picked by cluster")
    selected: int = Field(description="Rows that it gave")


class GroupInfo(_Model):
    """A group of the pool."""

    group: str = Field(description="Its name: the values of the attributes, joined by a colon")
    rows_in: int = Field(description="Rows of the pool")
    size: int = Field(description="Usable rows")
    quota: int | None = Field(description="Rows it was to give; null if all groups were chosen from together")
    selected: int = Field(description="Rows that it gave")


class RowInfo(_Model):
    """A chosen row."""

    id: str = Field(description="Sample id")
    cluster: int | None = Field(description="Label of its cluster; null without clusters")
    quality: float | None = Field(description="Null for a preset that looks at no indicator")
    scores: dict[str, float | None] = Field(description="Indicator values, null where skipped or failed")
    rank: int = Field(description="1 is the highest quality; ties in the order of ids")
    content_hash: str = Field(description="Hash of the record and its images")
    place: str = Field(description="Where the record is: file and line, record or member")


class Manifest(_Model):
    """The content of `selection.json`."""

    schema_name: Literal["finegold/selection/2"] = Field(default=SCHEMA, alias="schema")
    finegold: str = Field(description="Version of finegold")
    libraries: dict[str, str] = Field(description="Versions of the libraries that numbers depend on")
    dataset: DatasetInfo = Field(description="The dataset that was selected from")
    configuration: Configuration = Field(description="What was asked for")
    seed: int = Field(description="Seed of every random choice")
    size: int = Field(description="Rows that were chosen")
    counts: Counts = Field(description="Rows in, chosen, not chosen and excluded")
    clusters: list[ClusterInfo] = Field(description="Clusters by label; empty without clusters")
    groups: list[GroupInfo] = Field(default=[], description="Groups by name; empty without groups")
    notes: list[str] = Field(description="What a reader must know, sentence by sentence")
    rows: list[RowInfo] = Field(
        description="The chosen rows by rank; empty for more than 100,000, which are in the table alone"
    )
    files: dict[str, str] = Field(default_factory=dict, description="sha256 of the table beside this file")
    sha256: str = Field(default="", description="sha256 of the canonical JSON of all other fields")

    @property
    def fingerprint(self) -> str:
        """Short name of what the subset depends on; libraries and notes do not count."""
        depends = self.configuration.model_dump(
            mode="json", exclude={"preset", "encoder_name", "text_encoder_name"}
        )
        if self.configuration.text_encoder is None:
            del depends["text_encoder"]  # so that older selections keep their names
        del depends["without"]
        if self.configuration.without:
            depends["without"] = sorted({one.fingerprint for one in self.configuration.without})
        if self.configuration.targets is not None:
            # Its folder is named after a path, which does not matter.
            depends["targets"] = {key: self.configuration.targets[key] for key in ("name", "embeddings")}
        if not depends["attributes"]:
            del depends["attributes"]
        for name in ("where", "include", "exclude"):
            value = depends.pop(name)
            if value is not None:
                depends[name] = value if name == "where" else value["sha256"]
        depends["preset"] = Preset.read(self.configuration.preset).fingerprint
        return fingerprint(
            {
                "data": self.dataset.sequence or self.dataset.fingerprint,
                "seed": self.seed,
                "size": self.size,
                **depends,
            }
        )

    @property
    def folder(self) -> str:
        """Name of the selection's folder in the run folder; equal selections have the same one."""
        name = Preset.read(self.configuration.preset).name
        return f"{slug(name)}-{self.size}-{self.fingerprint}"


def chosen_rows(table: pa.Table, indicators: list[str]) -> list[RowInfo]:
    """The chosen rows of a selection's table, by rank.

    Args:
        table: A table with the columns of `selection.table.SCHEMA`.
        indicators: Names of the indicators' columns.
    """
    chosen = table.filter(pc.is_valid(table["rank"])).sort_by("rank").to_pylist()
    return [
        RowInfo(
            id=row["sample_id"],
            cluster=row["cluster"],
            quality=row["quality"],
            scores={name: row[name] for name in indicators},
            rank=row["rank"],
            content_hash=row["content_hash"],
            place=row["place"],
        )
        for row in chosen
    ]


def manifest_text(manifest: Manifest) -> str:
    """The JSON text of `selection.json` with its seal, indented, ending in a newline."""
    sealed = seal(manifest.model_dump(mode="json", by_alias=True))
    text = json.dumps({**sealed, "rows": []}, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    if not sealed["rows"]:
        return text
    # Another text cannot hold this: there a line end is an escape.
    before, _, after = text.rpartition('\n  "rows": []')
    rows = ",\n    ".join(map(_row_text, sealed["rows"]))
    return f'{before}\n  "rows": [\n    {rows}\n  ]{after}'


def _row_text(row: Mapping[str, Any], indent: str = "\n      ") -> str:
    """A row as `json.dumps` indents it in the manifest, in a fraction of its time: there may be 100,000."""
    members = []
    for name, value in row.items():
        inner = isinstance(value, dict) and value
        text = _row_text(value, indent + "  ") if inner else json.dumps(value, ensure_ascii=False)
        members.append(f"{json.dumps(name, ensure_ascii=False)}: {text}")
    return f"{{{indent}{(',' + indent).join(members)}{indent[:-2]}}}"


def read_manifest(path: Path) -> Manifest:
    """Read a `selection.json`, of this schema or of the one before; rows of the table are put in.

    What seals the file and its table (`sha256`, `files`) is left out: it belongs to the files, not to the
    selection.

    Raises:
        DataError: If the file is missing or is not a manifest.
        RunError: If its content does not fit its hash.
    """
    try:
        content = json.loads(path.read_bytes())
        if broken_seal(content):
            raise DamagedError(path, "its content does not fit its hash")
        if not isinstance(content, dict) or not str(content.get("schema")).startswith("finegold/selection/"):
            raise _unlike(path, "it is other JSON")
        if content["schema"] == "finegold/selection/1":
            content = _from_schema_1(content)
        manifest = Manifest.model_validate(content).model_copy(update={"sha256": "", "files": {}})
    except OSError as error:
        what = f"cannot be read ({why_unread(error)}): name a selection.json"
        if path.is_dir():
            what = f"is a folder, expected a selection.json: name {path / MANIFEST}"
        raise DataError(f"{path} {what}") from None
    except ValidationError as error:
        raise _unlike(path, first_fault(error)) from None
    except KeyError as error:
        raise _unlike(path, f"{error} is missing") from None
    except (ValueError, RecursionError):
        raise _unlike(path, "it is no JSON") from None
    except TypeError as error:
        raise _unlike(path, str(error)) from None
    if len(manifest.rows) == manifest.size:
        return manifest
    indicators = [scorer.name for scorer in manifest.configuration.scorers]
    return manifest.model_copy(update={"rows": chosen_rows(read_table(path), indicators)})


def read_table(manifest: Path) -> pa.Table:
    """The table that lies beside a `selection.json`; columns that an older one lacks are null.

    Raises:
        DataError: If it is not there, as beside one of an older finegold.
        RunError: If its content does not fit its hash.
    """
    path = manifest.with_name(TABLE)
    try:
        sealed = read_sealed(manifest)
        known = (sealed.get(FILES) or {}).get(TABLE)
        indicators = [scorer["name"] for scorer in sealed["configuration"]["scorers"]]
        return as_selection_table(read_parquet(path, {known} if known else ()), indicators)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowException) as error:
        why = "is not there" if not path.exists() else f"cannot be read ({error})"
        raise DataError(
            f"the table {TABLE} beside {manifest} {why}: if an older finegold made the selection, "
            "select again with `finegold select`"
        ) from None


def _unlike(path: Path, why: str) -> DataError:
    return DataError(
        f"{path} is no selection of the schema {SCHEMA} ({why}): name the selection.json that finegold wrote"
    )


def _from_schema_1(content: dict[str, Any]) -> dict[str, Any]:
    """What the schema before this one said, as this one says it."""
    old = content["configuration"]
    preset = Preset(
        old["preset"],
        old["preset_version"],
        "",
        weights=old["weights"],
        normalise=old["normalise"],
        quality=old["quality"],
        allocate=old["allocate"],
        pick=old["pick"],
        pick_parameters=old["pick_parameters"],
        drop=old["drop"],
    )
    kept = ("encoder", "scorers", "weights", "clustering", "dedup", "targets", "selector")
    configuration = {"preset": preset.content(), **{key: old[key] for key in kept if key in old}}
    fields = {key: value for key, value in content.items() if key != "excluded"}
    return {**fields, "schema": SCHEMA, "configuration": configuration}
