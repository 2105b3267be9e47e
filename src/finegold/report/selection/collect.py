"""What the report of a selection shows, read from its table, the run folder and the dataset."""

import json
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from finegold.arrays import Floats, Ints, Vectors
from finegold.clustering.table import read_embeddings
from finegold.engines import map_ordered
from finegold.errors import ConfigError
from finegold.judging import replay_verdicts
from finegold.report.judge import judgement_section
from finegold.report.selection.comparison import comparison_section
from finegold.report.selection.duplicates import (
    Group,
    duplicate_groups,
    duplicates_section,
    shown_duplicates,
)
from finegold.report.selection.inputs import (
    Cluster,
    DatasetFacts,
    ExcludedRow,
    Indicator,
    PoolRows,
    Provenance,
    ReportInputs,
    RowContent,
    Section,
    SelectionFacts,
)
from finegold.report.selection.layout import layout
from finegold.report.selection.near_misses import near_misses
from finegold.report.thumbnails import thumbnail
from finegold.run import Columns, PartTable, RunFolder, fill_once
from finegold.samples import Dataset, Row
from finegold.samples.exclusions import ImageError
from finegold.samples.images import decode
from finegold.scorers import scorer_label
from finegold.selection.compare import PresetComparison
from finegold.selection.manifest import MANIFEST, Manifest
from finegold.selection.preset import Preset, find_preset
from finegold.selection.table import EXCLUDED

GALLERY = 240
"""Chosen rows that are shown with text and thumbnail, the best first."""
NEAR_MISSES = 24
MOST_EXCLUDED = 24
"""Excluded rows of each code that are listed."""
EXAMPLES = 7
"""Thumbnails a cluster."""
NORMALISE = {"none": "", "minmax": "min-max", "zscore": "z-score"}
LAYOUT_SCHEMA = pa.schema([("sample_id", pa.string()), ("x", pa.float64()), ("y", pa.float64())])


def report_inputs(
    run: RunFolder,
    dataset: Dataset,
    manifest: Manifest,
    table: pa.Table,
    embeddings: PartTable | None,
    judged: Path | None = None,
) -> ReportInputs:
    """Everything that the report of a selection shows.

    Args:
        run: The run folder that the selection was made in; keeps the map's layout.
        dataset: The rows, for texts and thumbnails.
        manifest: Content of `selection.json`.
        table: The selection's table, columns as in `selection.table.SCHEMA`.
        embeddings: Finished table of the images' embeddings, for the map and the clusters' examples; None if
            the selection used none.
        judged: Audit of a judge whose verdicts are shown too.
    """
    preset = Preset(**manifest.configuration.preset)
    pool = table.filter(pc.not_equal(table["status"], EXCLUDED)).sort_by("sample_id")
    excluded = table.filter(pc.equal(table["status"], EXCLUDED)).to_pylist()
    vectors = None if embeddings is None else _vectors(embeddings, pool["sample_id"].to_pylist())
    rows = _pool_rows(run, pool, embeddings)
    clusters = _clusters(manifest, rows, vectors)
    misses = near_misses(rows, clusters, NEAR_MISSES)
    listed = _few_of_each(excluded)
    groups = duplicate_groups(excluded)
    by_rank = sorted(np.flatnonzero(rows.selected).tolist(), key=lambda at: int(rows.rank[at]))
    shown = {rows.ids[at] for at in by_rank[:GALLERY]} | {miss.id for miss in misses}
    shown |= {key for cluster in clusters for key in cluster.examples}
    alike = shown_duplicates(groups)
    position = {row["sample_id"]: row["row"] for row in excluded if row["duplicate_of"] is not None} | dict(
        zip(rows.ids, pool["row"].to_pylist(), strict=True)
    )
    contents, pictures = _contents(
        dataset, {position[key] for key in shown | alike}, {row["row"] for row in listed}
    )
    return ReportInputs(
        dataset=DatasetFacts(
            manifest.dataset.name,
            manifest.dataset.format,
            manifest.counts.rows_in,
            len(pool),
            manifest.dataset.fingerprint,
        ),
        selection=SelectionFacts(
            preset=preset.name,
            version=preset.version,
            summary=preset.summary,
            weights=manifest.configuration.weights,
            quality=preset.quality,
            normalise=NORMALISE.get(preset.normalise, preset.normalise)
            if manifest.configuration.weights
            else "",
            seed=manifest.seed if preset.seeded else None,
            notes=tuple(manifest.notes),
        ),
        rows=rows,
        provenance=_provenance(run, manifest, preset),
        indicators=tuple(_indicators(manifest, pool, excluded)),
        clusters=clusters,
        contents={key: contents[key] for key in shown},
        near_misses=misses,
        excluded=tuple(
            ExcludedRow(
                row["sample_id"] or "?", row["place"], row["code"], row["reason"], pictures.get(row["row"])
            )
            for row in listed
        ),
        excluded_counts=manifest.counts.excluded,
        sections=(
            *_duplicates(manifest, groups, rows, contents),
            *_comparisons(run, manifest),
            *_judgement(judged),
        ),
    )


def _pool_rows(run: RunFolder, pool: pa.Table, embeddings: PartTable | None) -> PoolRows:
    ids = tuple(pool["sample_id"].to_pylist())
    xy = None
    if embeddings is not None:
        places = _map(run, embeddings)
        xy = np.array([places.get(key, (np.nan, np.nan)) for key in ids]).reshape(-1, 2)
    clustered = pool["cluster"].null_count == 0
    return PoolRows(
        ids,
        pool["rank"].fill_null(0).to_numpy().astype(np.int64),
        None if pool["quality"].null_count == len(pool) else _numbers(pool, "quality"),
        pool["cluster"].to_numpy().astype(np.int64) if clustered else None,
        xy,
    )


def _numbers(table: pa.Table, column: str) -> Floats:
    """A column of numbers, NaN where null."""
    found: Floats = table[column].to_numpy().astype(np.float64)
    return found


def _vectors(embeddings: PartTable, ids: Sequence[str]) -> Vectors:
    names, vectors = read_embeddings(embeddings)
    at = {name: index for index, name in enumerate(names)}
    return vectors[[at[key] for key in ids]]


def _clusters(manifest: Manifest, rows: PoolRows, vectors: Vectors | None) -> tuple[Cluster, ...]:
    if rows.labels is None:
        return ()
    return tuple(
        Cluster(
            count.size, count.quota, _examples(rows, np.flatnonzero(rows.labels == count.cluster), vectors)
        )
        for count in manifest.clusters
    )


def _examples(rows: PoolRows, members: Ints, vectors: Vectors | None) -> tuple[str, ...]:
    """The rows nearest to the mean of their cluster, one of each picture; without images the lowest ids."""
    if vectors is None or not np.isfinite(vectors[members]).all():
        return tuple(rows.ids[i] for i in members[:EXAMPLES])
    points = vectors[members]
    nearest = np.argsort(((points - points.mean(axis=0)) ** 2).sum(axis=1), kind="stable")
    _, first = np.unique(points[nearest], axis=0, return_index=True)
    return tuple(rows.ids[i] for i in members[nearest[np.sort(first)[:EXAMPLES]]])


def _few_of_each(excluded: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The first few rows of each code, so that no reason hides another."""
    seen: Counter[str] = Counter()
    kept = []
    for row in excluded:
        seen[row["code"]] += 1
        if seen[row["code"]] <= MOST_EXCLUDED:
            kept.append(row)
    return kept


def _contents(
    dataset: Dataset, positions: set[int], excluded: set[int]
) -> tuple[dict[str, RowContent], dict[int, bytes | None]]:
    """Texts and thumbnails of rows by id, and thumbnails of excluded rows by position."""
    contents: dict[str, RowContent] = {}
    pictures: dict[int, bytes | None] = {}
    for row, picture in map_ordered(_picture, dataset.rows_at(positions | excluded)):
        if row.index in positions and row.sample is not None:
            contents[row.id] = RowContent(row.place, row.sample.instruction, row.sample.answer, picture)
        if row.index in excluded:
            pictures[row.index] = picture
    return contents, pictures


def _picture(row: Row) -> tuple[Row, bytes | None]:
    """A row with the thumbnail of its first image, None if it has none that can be read."""
    if row.sample is None or not row.sample.images:
        return row, None
    try:
        return row, thumbnail(decode(row.sample.images[0]))
    except ImageError:
        return row, None


def _indicators(
    manifest: Manifest, pool: pa.Table, excluded: Sequence[Mapping[str, Any]]
) -> Iterator[Indicator]:
    failed = Counter(row["code"] for row in excluded)
    for scorer in manifest.configuration.scorers:
        label, unit = scorer_label(scorer.name)
        values = _numbers(pool, scorer.name)
        yield Indicator(
            scorer.name, label, unit, values, int(np.isnan(values).sum()), failed[f"{scorer.name}-failed"]
        )


def _map(run: RunFolder, embeddings: PartTable) -> dict[str, tuple[float, float]]:
    """Places on the map, computed once for an embedding table."""
    parameters = {"data": embeddings.parameters["data"], "embeddings": embeddings.fingerprint}
    table = run.table("layout", "tsne", {**parameters, "version": 1, "seed": 0}, LAYOUT_SCHEMA)

    def make() -> Columns:
        ids, vectors = read_embeddings(embeddings)
        xy = layout(ids, vectors)
        return {"sample_id": ids, "x": xy[:, 0], "y": xy[:, 1]}

    rows = fill_once(run, table, make, step="layout").read().to_pydict()
    return dict(zip(rows["sample_id"], zip(rows["x"], rows["y"], strict=True), strict=True))


def _duplicates(
    manifest: Manifest,
    groups: Sequence[Group],
    rows: PoolRows,
    contents: Mapping[str, RowContent],
) -> Iterator[Section]:
    """The section on duplicates, if they were looked for."""
    settings = manifest.configuration.dedup_settings()
    if settings is not None:
        chosen = {key for key, rank in zip(rows.ids, rows.rank, strict=True) if rank}
        yield duplicates_section(groups, chosen, contents, str(settings))


def _comparisons(run: RunFolder, manifest: Manifest) -> Iterator[Section]:
    """What `finegold compare` left in the run folder for these rows, by size."""
    read = [
        (path.stem, PresetComparison.from_json(json.loads(path.read_text(encoding="utf-8"))))
        for path in sorted((run.path / "comparisons").glob("*.json"))
    ]
    for name, found in sorted(read, key=lambda item: (item[1].size, item[0])):
        if found.fingerprint == manifest.dataset.fingerprint:
            yield comparison_section(found, name)


def _judgement(audit: Path | None) -> Iterator[Section]:
    """The comparison of two sets of answers that an audit holds."""
    if audit is not None:
        yield Section("judged", "Answers judged", judgement_section(replay_verdicts(audit)))


def _provenance(run: RunFolder, manifest: Manifest, preset: Preset) -> Provenance:
    data = run.manifest["data"]
    images = ["--images", data["images"]] if data["images"] else []
    replay = ["finegold", "replay", "selection.json", "--data", data["path"], *images, "--out", "AGAIN"]
    return Provenance(
        (shlex.join(replay), shlex.join(select_command(run, manifest, preset))),
        {"finegold": manifest.finegold, **manifest.libraries},
    )


def select_command(run: RunFolder, manifest: Manifest, preset: Preset) -> list[str]:
    """The command that makes the same selection in its run folder, whatever was run there since.

    It names every table that was read. Files are named without their folders, which are not kept.
    """
    asked, selector = manifest.configuration, manifest.configuration.selector or {}
    dedup = asked.dedup_settings()
    words = ["finegold", "select", str(run.path), "--size", str(manifest.size), "--seed", str(manifest.seed)]
    words += ["--preset", _preset_name(run, manifest, preset)]
    if preset.weights:
        words += ["--weights", ",".join(f"{name}={weight!r}" for name, weight in asked.weights.items())]
    if asked.scorers:
        words += ["--scores", ",".join(scorer.table for scorer in asked.scorers if scorer.table)]
    if asked.clustering:
        words += ["--clustering", asked.clustering["table"]]
    if asked.encoder_name:
        words += ["--encoder", asked.encoder_name]
    words += [] if dedup is None else ["--dedup", str(dedup)]
    words += ["--targets", asked.targets["name"]] if asked.targets else []
    words += ["--pairs", selector["pairs"]] if "pairs" in selector else []
    words += ["--selector", selector["checkpoint"]] if "checkpoint" in selector else []
    return [*words, "--out", "AGAIN"]


def _preset_name(run: RunFolder, manifest: Manifest, preset: Preset) -> str:
    """The preset's name; of one that is not installed, the selection that holds it."""
    try:
        known = find_preset(preset.name) == preset
    except ConfigError:
        known = False
    return preset.name if known else str(run.path / "selections" / manifest.folder / MANIFEST)
