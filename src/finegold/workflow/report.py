"""Fill the report from the run folder and the dataset."""

import json
import shlex
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from markupsafe import Markup

from finegold.arrays import Ints, Vectors
from finegold.clustering.table import read_embeddings
from finegold.engines import map_ordered
from finegold.errors import RunError
from finegold.judging import replay as replay_verdicts
from finegold.report import (
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
    write,
)
from finegold.report.judge import section as judge_section
from finegold.report.selection.comparison import comparison_section
from finegold.report.selection.layout import layout
from finegold.report.selection.near_misses import near_misses
from finegold.report.thumbnails import thumbnail
from finegold.run import PartTable, RunFolder
from finegold.samples import Dataset, Row
from finegold.samples.exclusions import ImageError
from finegold.samples.images import decode
from finegold.selection.compare import PresetComparison
from finegold.selection.manifest import Configuration, Manifest, read_manifest
from finegold.selection.pickers import PICKERS
from finegold.selection.table import Excluded
from finegold.workflow.choose import Choice, choose
from finegold.workflow.compute import recorded
from finegold.workflow.files import SelectionFiles
from finegold.workflow.report_duplicates import duplicates_sections, shown_groups
from finegold.workflow.rows import read_rows
from finegold.workflow.source import continue_run

GALLERY = 240
"""Chosen rows that are shown with text and thumbnail, the best first."""
NEAR_MISSES = 24
EXCLUDED = 24
"""Excluded rows of each code that are listed."""
EXAMPLES = 7
"""Thumbnails a cluster."""
NORMALISE = {"none": "", "minmax": "min-max", "zscore": "z-score", "rank": "rank"}
LABELS = {
    "clip": ("CLIP score", ""),
    "length": ("Length score", ""),
    "llm": ("LLM rating", ""),
    "support": ("Support of the weakest sentence", "spreads"),
    "detail": ("Detail", ""),
    "phrasing": ("Phrasing", ""),
}
"""Label and unit of the indicators that are not called by their name."""
LAYOUT_SCHEMA = pa.schema([("sample_id", pa.string()), ("x", pa.float64()), ("y", pa.float64())])


def write_report(
    run: RunFolder, dataset: Dataset, choice: Choice, path: Path, judged: Path | None = None
) -> None:
    """Draw the report of a choice to a file; with `judged`, a comparison's audit is shown too."""
    with run.step("report", path=str(path)):
        sections = [*_comparisons(run, choice.manifest), *_judgement(judged)]
        write(report_inputs(run, dataset, choice, tuple(sections)), path)


def report_inputs(
    run: RunFolder, dataset: Dataset, choice: Choice, sections: tuple[Section, ...] = ()
) -> ReportInputs:
    """Everything that the report shows."""
    candidates, selection, manifest = choice.candidates, choice.selection, choice.manifest
    rows = _pool_rows(run, choice)
    clusters = _clusters(choice, rows)
    misses = near_misses(rows, clusters, NEAR_MISSES)
    excluded = [*candidates.excluded, *_not_chosen_from(choice)]
    listed = _few_of_each(excluded)
    shown = {row.id for row in selection.rows[:GALLERY]} | {miss.id for miss in misses}
    shown |= {key for cluster in clusters for key in cluster.examples}
    position = dict(zip(candidates.ids, candidates.rows.tolist(), strict=True))
    alike = {key for kept, removed in shown_groups(choice).items() for key in (kept, *removed)}
    contents, pictures = _contents(
        dataset, {position[key] for key in shown | alike}, {row.row for row in listed}
    )
    return ReportInputs(
        dataset=DatasetFacts(
            manifest.dataset.name,
            manifest.dataset.format,
            manifest.counts.rows_in,
            len(selection.pool_ids),
            manifest.dataset.fingerprint,
        ),
        selection=SelectionFacts(
            preset=selection.preset.name,
            version=selection.preset.version,
            summary=selection.preset.summary,
            weights=selection.weights,
            quality=selection.preset.quality,
            normalise=NORMALISE[selection.preset.normalise] if selection.weights else "",
            seed=selection.seed if PICKERS[selection.preset.pick].seeded else None,
            notes=tuple(manifest.notes),
        ),
        rows=rows,
        provenance=_provenance(run, manifest),
        indicators=tuple(_indicators(choice)),
        clusters=clusters,
        contents={key: contents[key] for key in shown},
        near_misses=misses,
        excluded=tuple(
            ExcludedRow(row.id or "?", row.place, row.code, row.reason, pictures.get(row.row))
            for row in listed
        ),
        excluded_counts=manifest.counts.excluded,
        sections=(*duplicates_sections(choice, contents), *sections),
    )


def _pool_rows(run: RunFolder, choice: Choice) -> PoolRows:
    selection, candidates, embeddings = choice.selection, choice.candidates, choice.computed.embeddings
    ids = selection.pool_ids
    rank = {row.id: row.rank for row in selection.rows}
    xy = None
    if embeddings is not None:
        places = _map(run, embeddings)
        xy = np.array([places.get(key, (np.nan, np.nan)) for key in ids]).reshape(-1, 2)
    return PoolRows(
        ids,
        np.array([rank.get(key, 0) for key in ids], dtype=np.int64),
        selection.quality,
        None if candidates.labels is None else candidates.labels[_places(choice)],
        xy,
    )


def _places(choice: Choice) -> Ints:
    """Index among the candidates of each row that could be chosen."""
    at = {key: index for index, key in enumerate(choice.candidates.ids)}
    return np.array([at[key] for key in choice.selection.pool_ids], dtype=np.int64)


def _clusters(choice: Choice, rows: PoolRows) -> tuple[Cluster, ...]:
    if rows.labels is None:
        return ()
    embeddings = choice.candidates.embeddings
    vectors = None if embeddings is None else embeddings[_places(choice)]
    return tuple(
        Cluster(
            count.size, count.quota, _examples(rows, np.flatnonzero(rows.labels == count.cluster), vectors)
        )
        for count in choice.selection.clusters
    )


def _examples(rows: PoolRows, members: Ints, vectors: Vectors | None) -> tuple[str, ...]:
    """The rows nearest to the mean of their cluster, one of each picture; else the lowest ids."""
    if vectors is None or not np.isfinite(vectors[members]).all():
        return tuple(rows.ids[i] for i in members[:EXAMPLES])
    points = vectors[members]
    nearest = np.argsort(((points - points.mean(axis=0)) ** 2).sum(axis=1), kind="stable")
    _, first = np.unique(points[nearest], axis=0, return_index=True)
    return tuple(rows.ids[i] for i in members[nearest[np.sort(first)[:EXAMPLES]]])


def _not_chosen_from(choice: Choice) -> list[Excluded]:
    candidates = choice.candidates
    at = {key: index for index, key in enumerate(candidates.ids)}
    return [
        Excluded(int(candidates.rows[at[key]]), key, candidates.places[at[key]], found.code, found.reason)
        for key, found in choice.selection.excluded.items()
    ]


def _few_of_each(excluded: list[Excluded]) -> list[Excluded]:
    """The first few rows of each code, so that no reason hides another."""
    seen: Counter[str] = Counter()
    kept = []
    for row in excluded:
        seen[row.code] += 1
        if seen[row.code] <= EXCLUDED:
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


def _indicators(choice: Choice) -> Iterator[Indicator]:
    failed = Counter(row.code for row in choice.candidates.excluded)
    places = _places(choice)
    for name, column in choice.candidates.indicators.items():
        label, unit = LABELS.get(name, (name, ""))
        values = column[places]
        yield Indicator(name, label, unit, values, int(np.isnan(values).sum()), failed[f"{name}-failed"])


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


def _comparisons(run: RunFolder, manifest: Manifest) -> Iterator[Section]:
    """What `finegold compare` left in the run folder for these rows."""
    for path in sorted((run.path / "comparisons").glob("*.json"), key=lambda path: int(path.stem)):
        found = PresetComparison.from_json(json.loads(path.read_text(encoding="utf-8")))
        if found.fingerprint == manifest.dataset.fingerprint:
            yield comparison_section(found)


def _judgement(audit: Path | None) -> Iterator[Section]:
    """The comparison of two sets of answers that an audit holds."""
    if audit is not None:
        yield Section("judged", "Answers judged", Markup(judge_section(replay_verdicts(audit))))


def _provenance(run: RunFolder, manifest: Manifest) -> Provenance:
    data, configuration = run.manifest["data"], manifest.configuration
    images = ["--images", data["images"]] if data["images"] else []
    again = ["finegold", "select", str(run.path), "--size", str(manifest.size), "--seed", str(manifest.seed)]
    again += ["--preset", configuration.preset, *_again(configuration), "--out", "AGAIN"]
    replay = ["finegold", "replay", "selection.json", "--data", data["path"], *images, "--out", "AGAIN"]
    return Provenance(
        (shlex.join(replay), shlex.join(again)), {"finegold": manifest.finegold, **manifest.libraries}
    )


def _again(configuration: Configuration) -> list[str]:
    """Options of what was given beside the data; files by their names, since their places are not kept."""
    dedup, selector = configuration.settings(), configuration.selector or {}
    options = [] if dedup is None else ["--dedup", str(dedup)]
    options += ["--targets", configuration.targets["name"]] if configuration.targets else []
    options += ["--pairs", selector["pairs"]] if "pairs" in selector else []
    return options + (["--selector", selector["checkpoint"]] if "checkpoint" in selector else [])


def report_run(run: str | Path, selection: str | Path, out: str | Path, judged: Path | None = None) -> Path:
    """Draw the report of a selection again from its run folder.

    Raises:
        RunError: If the folder no longer gives that selection.
    """
    from finegold.selection.presets import find_preset

    folder, dataset = continue_run(Path(run))
    manifest = read_manifest(Path(selection))
    with folder.writing():
        configuration = manifest.configuration
        computed = recorded(folder, dataset, read_rows(folder, dataset), manifest)
        choice = choose(
            folder,
            dataset,
            computed,
            find_preset(configuration.preset),
            str(manifest.size),
            weights=configuration.weights or None,
            seed=manifest.seed,
            given=SelectionFiles(dedup=configuration.settings()),
            origin=configuration.selector,
        )
        if [row.id for row in choice.manifest.rows] != [row.id for row in manifest.rows]:
            raise RunError(
                f"{folder.path} gives another selection than {selection} holds: "
                "scores or clusters were computed anew since; select again with `finegold select`"
            )
        write_report(folder, dataset, choice, Path(out), judged)
    return Path(out)
