"""Fill the report from the run folder and the dataset."""

import shlex
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from finegold.arrays import Floats, Ints
from finegold.clustering.table import read_embeddings
from finegold.engines import map_ordered
from finegold.errors import RunError
from finegold.report import (
    Cluster,
    DatasetFacts,
    ExcludedRow,
    Indicator,
    PoolRows,
    Provenance,
    ReportInputs,
    RowContent,
    SelectionFacts,
    write,
)
from finegold.report.layout import layout
from finegold.report.near_misses import near_misses
from finegold.report.thumbnails import thumbnail
from finegold.run import PartTable, RunFolder
from finegold.samples import Dataset, Row
from finegold.samples.images import ImageError, decode
from finegold.selection.manifest import Manifest, read_manifest
from finegold.selection.pickers import PICKERS
from finegold.selection.selection import Selection
from finegold.selection.table import Candidates
from finegold.workflow.choose import Choice, choose
from finegold.workflow.compute import read_rows, recorded
from finegold.workflow.source import continue_run

GALLERY = 240
"""Chosen rows that are shown with text and thumbnail, the best first."""
NEAR_MISSES = 24
EXCLUDED = 60
EXAMPLES = 6
"""Thumbnails a cluster."""
LABELS = {"clip": ("CLIP score", ""), "length": ("Length score", ""), "llm": ("LLM rating", "")}
"""Label and unit of the indicators that are not called by their name."""
LAYOUT_SCHEMA = pa.schema([("sample_id", pa.string()), ("x", pa.float64()), ("y", pa.float64())])


def write_report(run: RunFolder, dataset: Dataset, choice: Choice, path: Path) -> None:
    """Draw the report of a choice to a file."""
    with run.step("report", path=str(path)):
        write(report_inputs(run, dataset, choice), path)


def report_inputs(run: RunFolder, dataset: Dataset, choice: Choice) -> ReportInputs:
    """Everything that the report shows."""
    candidates, selection, manifest = choice.candidates, choice.selection, choice.manifest
    embeddings = choice.computed.embeddings
    rows = _pool_rows(candidates, selection, None if embeddings is None else _map(run, embeddings))
    clusters = _clusters(selection, rows)
    misses = near_misses(rows, clusters, NEAR_MISSES)
    shown = {row.id for row in selection.rows[:GALLERY]} | {miss.id for miss in misses}
    shown |= {key for cluster in clusters for key in cluster.examples}
    positions = dict(zip(candidates.ids, candidates.rows.tolist(), strict=True))
    bad_places = {row.place for row in candidates.excluded[:EXCLUDED]}
    contents: dict[str, RowContent] = {}
    pictures: dict[str, bytes | None] = {}
    wanted = {positions[key] for key in shown}
    for row, picture in map_ordered(_picture, _rows_at(dataset, wanted, bad_places)):
        if row.index in wanted and row.sample is not None:
            sample = row.sample
            contents[row.id] = RowContent(row.place, sample.instruction, sample.answer, picture)
        else:
            pictures[row.place] = picture
    return ReportInputs(
        dataset=DatasetFacts(
            manifest.dataset.name,
            manifest.dataset.format,
            manifest.counts.rows_in,
            len(candidates.ids),
            manifest.dataset.fingerprint,
        ),
        selection=SelectionFacts(
            preset=selection.preset.name,
            version=selection.preset.version,
            summary=selection.preset.summary,
            weights=selection.weights,
            normalise=selection.preset.normalise if selection.weights else "",
            seed=selection.seed if PICKERS[selection.preset.pick].seeded else None,
            notes=tuple(manifest.notes),
        ),
        rows=rows,
        provenance=_provenance(run, manifest),
        indicators=tuple(_indicators(choice)),
        clusters=clusters,
        contents=contents,
        near_misses=misses,
        excluded=tuple(
            ExcludedRow(row.id, row.place, row.code, row.reason, pictures.get(row.place))
            for row in candidates.excluded[:EXCLUDED]
        ),
        excluded_counts=Counter(row.code for row in candidates.excluded),
    )


def _pool_rows(
    candidates: Candidates, selection: Selection, places: dict[str, tuple[float, float]] | None
) -> PoolRows:
    rank = {row.id: row.rank for row in selection.rows}
    quality = None
    if selection.quality is not None:
        known = dict(zip(selection.pool_ids, selection.quality.tolist(), strict=True))
        quality = np.array([known.get(key, np.nan) for key in candidates.ids])
    nowhere = (np.nan, np.nan)
    return PoolRows(
        candidates.ids,
        np.array([rank.get(key, 0) for key in candidates.ids], dtype=np.int64),
        quality,
        candidates.labels,
        None
        if places is None
        else np.array([places.get(key, nowhere) for key in candidates.ids]).reshape(-1, 2),
    )


def _clusters(selection: Selection, rows: PoolRows) -> tuple[Cluster, ...]:
    if rows.labels is None:
        return ()
    return tuple(
        Cluster(count.size, count.selected, _examples(rows, np.flatnonzero(rows.labels == count.cluster)))
        for count in selection.clusters
    )


def _examples(rows: PoolRows, members: Ints) -> tuple[str, ...]:
    """The chosen rows of a cluster by rank, then others by id."""
    rank: Floats = np.where(rows.rank[members] > 0, rows.rank[members], np.inf)
    return tuple(rows.ids[i] for i in members[np.argsort(rank, kind="stable")][:EXAMPLES])


def _indicators(choice: Choice) -> Iterator[Indicator]:
    failed = Counter(row.code for row in choice.candidates.excluded)
    for name, values in choice.candidates.indicators.items():
        label, unit = LABELS.get(name, (name, ""))
        yield Indicator(
            name, label, unit, values, int(np.isnan(values).sum()), failed.get(f"{name}-failed", 0)
        )


def _map(run: RunFolder, embeddings: PartTable) -> dict[str, tuple[float, float]]:
    """Places on the map, computed once for an embedding table."""
    parameters = {"data": embeddings.parameters["data"], "embeddings": embeddings.fingerprint}
    table = run.table("layout", "tsne", {**parameters, "version": 1, "seed": 0}, LAYOUT_SCHEMA)
    if not table.done:
        with run.step("layout", folder=table.folder.name):
            ids, vectors = read_embeddings(embeddings)
            xy = layout(ids, vectors)
            table.write(0, {"sample_id": ids, "x": xy[:, 0], "y": xy[:, 1]})
            table.finish(1)
    rows = table.read().to_pydict()
    return dict(zip(rows["sample_id"], zip(rows["x"], rows["y"], strict=True), strict=True))


def _rows_at(dataset: Dataset, positions: set[int], places: set[str]) -> Iterator[Row]:
    for row in dataset.rows():
        if row.index in positions or row.place in places:
            yield row


def _picture(row: Row) -> tuple[Row, bytes | None]:
    """A row with the thumbnail of its first image, None if it has none that can be read."""
    if row.sample is None or not row.sample.images:
        return row, None
    try:
        return row, thumbnail(decode(row.sample.images[0]))
    except ImageError:
        return row, None


def _provenance(run: RunFolder, manifest: Manifest) -> Provenance:
    data, configuration = run.manifest["data"], manifest.configuration
    images = ["--images", data["images"]] if data["images"] else []
    again = ["finegold", "select", str(run.path), "--size", str(manifest.size), "--seed", str(manifest.seed)]
    again += ["--preset", configuration.preset, "--out", "AGAIN"]
    replay = ["finegold", "replay", "selection.json", "--data", data["path"], *images, "--out", "AGAIN"]
    return Provenance(
        (shlex.join(replay), shlex.join(again)), {"finegold": manifest.finegold, **manifest.libraries}
    )


def report_run(run: str | Path, selection: str | Path, out: str | Path) -> Path:
    """Draw the report of a selection again from its run folder.

    Raises:
        RunError: If the folder no longer gives that selection.
    """
    from finegold.selection.presets import find_preset

    folder, dataset = continue_run(Path(run))
    manifest = read_manifest(Path(selection))
    with folder.writing():
        computed = recorded(folder, read_rows(folder, dataset), manifest)
        choice = choose(
            folder,
            dataset,
            computed,
            find_preset(manifest.configuration.preset),
            str(manifest.size),
            weights=manifest.configuration.weights or None,
            seed=manifest.seed,
        )
        if [row.id for row in choice.manifest.rows] != [row.id for row in manifest.rows]:
            raise RunError(
                f"{folder.path} gives another selection than {selection} holds: "
                "scores or clusters were computed anew since; select again with `finegold select`"
            )
        write_report(folder, dataset, choice, Path(out))
    return Path(out)
