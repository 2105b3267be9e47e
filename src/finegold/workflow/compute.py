"""Compute what a selection needs, or find it in the run folder: samples, scores, embeddings, clusters."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from finegold.clustering.table import SCHEMA as CLUSTER_SCHEMA
from finegold.clustering.table import ClusterTable, cluster_run, read_clusters
from finegold.encoders import load_encoder
from finegold.encoders.step import embed
from finegold.errors import DataError, RunError
from finegold.run import PartTable, RunFolder, fingerprint
from finegold.samples import Dataset
from finegold.samples.step import dataset_fingerprint, ingest
from finegold.scorers.base import Scorer
from finegold.scorers.registry import make_scorer
from finegold.scorers.step import SCHEMA, score, scores_table
from finegold.selection.manifest import Manifest
from finegold.selection.pickers import PICKERS
from finegold.selection.preset import Preset

AUTOMATIC = ("clip", "length", "support", "detail", "phrasing")
"""Indicators that `pick` computes without being asked, where the preset or the weights name them."""
WITH_ENCODER = ("clip", "support")


@dataclass(frozen=True, slots=True)
class Rows:
    """The samples of a run and what identifies them.

    Attributes:
        table: Finished samples table.
        usable: Shape (rows,), by position in the dataset.
        fingerprint: Of the usable rows, in whatever order they are.
        sequence: Of the same rows in this order; tables depend on it, since their parts go by position.
    """

    table: PartTable
    usable: npt.NDArray[np.bool_]
    fingerprint: str
    sequence: str


@dataclass(frozen=True, slots=True)
class Computed:
    """What a selection is made from.

    Attributes:
        scores: Indicator name to finished table: those asked for, and what else the run has for these rows.
        embeddings: Finished table, or None.
        clusters: Labels, or None.
        encoder: Identity of the encoder behind `embeddings`, or None.
    """

    rows: Rows
    scores: Mapping[str, PartTable]
    embeddings: PartTable | None = None
    clusters: ClusterTable | None = None
    encoder: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """How to compute: nothing here changes a number beyond floating-point noise."""

    device: str = "auto"
    batch_size: int = 32
    workers: int | None = None


def read_rows(
    run: RunFolder, dataset: Dataset, machine: Machine | None = None, *, strict: bool = False
) -> Rows:
    """Check the dataset's rows, or find that nothing changed.

    Raises:
        DataError: If `strict` and a row is bad, or no row can be used.
    """
    table = ingest(run, dataset, strict=strict, workers=machine.workers if machine else None)
    columns = table.read(["sample_id", "status", "content_hash"])
    usable = np.array([status == "ok" for status in columns["status"].to_pylist()], dtype=np.bool_)
    if not usable.any():
        raise DataError(_nothing_usable(table))
    sequence = fingerprint({name: columns[name].to_pylist() for name in columns.column_names})
    return Rows(table, usable, dataset_fingerprint(columns), sequence)


def _nothing_usable(table: PartTable) -> str:
    codes = Counter(table.read(["code"])["code"].to_pylist())
    if not codes:
        return "the dataset has no rows: name another file or folder"
    code, number = codes.most_common(1)[0]
    hint = "check --images" if "image" in code or code == "outside-root" else "`finegold inspect` lists them"
    return f"none of the {sum(codes.values()):,} rows can be used, {number:,} of them for {code}: {hint}"


def compute(
    run: RunFolder,
    dataset: Dataset,
    rows: Rows,
    preset: Preset,
    *,
    weights: Mapping[str, float] | None,
    encoder: str,
    clusters: int | None,
    machine: Machine,
) -> Computed:
    """Score, embed and cluster the rows as far as a preset needs it."""
    scores = existing_scores(run, rows)
    for name in AUTOMATIC:
        if name in (preset.weights if weights is None else weights):
            own = {"encoder": encoder, "device": machine.device} if name in WITH_ENCODER else {}
            scores[name] = score_rows(run, dataset, rows, make_scorer(name, **own), machine)
    if not _compares_images(preset):
        return Computed(rows, scores)
    embeddings, identity = embed_rows(run, dataset, rows, encoder, machine)
    spec = preset.clustering
    labels = None
    if spec is not None:
        number = spec.count(int(rows.usable.sum())) if clusters is None else clusters
        labels = cluster_run(
            run, embeddings, method=spec.method, clusters=number, neighbours=spec.neighbours, seed=0
        )
    return Computed(rows, scores, embeddings, labels, identity)


def _compares_images(preset: Preset) -> bool:
    needs = PICKERS[preset.pick].needs & {"embeddings", "graph", "targets"}
    return preset.clustering is not None or bool(needs)


def check_encoder(
    preset: Preset, weights: Mapping[str, float] | None, encoder: str, machine: Machine
) -> None:
    """Make sure, before any row is read, that the encoder can be had if the preset needs one.

    Raises:
        ModelError: If it cannot; also MissingExtraError and ConfigError, as `load_encoder`.
    """
    named = preset.weights if weights is None else weights
    if _compares_images(preset) or any(name in named for name in WITH_ENCODER):
        load_encoder(encoder, device=machine.device)


def score_rows(
    run: RunFolder,
    dataset: Dataset,
    rows: Rows,
    scorer: Scorer,
    machine: Machine,
    *,
    retry_failed: bool = False,
) -> PartTable:
    """Score the usable rows, going on where an earlier run stopped.

    With `retry_failed` the parts that hold a failed row are made again.
    """
    if retry_failed:
        table = scores_table(run, scorer, rows.sequence)
        table.drop([part for part in _part_numbers(table) if _has_failed(table, part)])
    if "image_embedding" in scorer.requires:
        # First, so that the batch size is the one that was asked for.
        embed_rows(run, dataset, rows, scorer.encoder, machine)  # type: ignore[attr-defined]
    return score(run, dataset, scorer, usable=rows.usable, data=rows.sequence, workers=machine.workers)


def embed_rows(
    run: RunFolder, dataset: Dataset, rows: Rows, encoder: str, machine: Machine
) -> tuple[PartTable, dict[str, Any]]:
    """Embed the images of the usable rows; also what the encoder says its numbers depend on."""
    model = load_encoder(encoder, device=machine.device)
    table = embed(
        run,
        dataset,
        model,
        usable=rows.usable,
        data=rows.sequence,
        batch_size=machine.batch_size,
        workers=machine.workers,
    )
    return table, model.identity()


def _part_numbers(table: PartTable) -> list[int]:
    return [int(path.stem.removeprefix("part-")) for path in table.paths()]


def _has_failed(table: PartTable, part: int) -> bool:
    return "failed" in pq.read_table(table.part_path(part), columns=["status"])["status"].to_pylist()


def existing(run: RunFolder, rows: Rows) -> Computed:
    """What the run folder holds for these rows: the last scores of each scorer, the last clusters."""
    computed = Computed(rows, existing_scores(run, rows))
    tables = _clusters(run, rows)
    return _with_clusters(run, computed, read_clusters(tables[-1])) if tables else computed


def _with_clusters(run: RunFolder, computed: Computed, clusters: ClusterTable) -> Computed:
    for folder in run.finished("embeddings"):
        parameters = run.parameters(folder)
        table = PartTable(folder, pa.schema([]), parameters)
        if table.fingerprint == clusters.table.parameters["embeddings"]:
            return replace(computed, embeddings=table, clusters=clusters, encoder=parameters["model"])
    return replace(computed, clusters=clusters)


def recorded(run: RunFolder, rows: Rows, manifest: Manifest) -> Computed:
    """The very tables that a selection was made from.

    Raises:
        RunError: If one of them is not in the run folder.
    """
    wanted = {info.fingerprint for info in manifest.configuration.scorers}
    scores = {name: table for name, table in _scores(run, rows) if table.fingerprint in wanted}
    clustering = manifest.configuration.clustering
    clusters = [
        table
        for table in _clusters(run, rows)
        if clustering and table.fingerprint == clustering["fingerprint"]
    ]
    if len(scores) < len(wanted) or (clustering and not clusters):
        raise RunError(
            f"{run.path} lacks scores or clusters that the selection was made from: "
            "give the run folder that it was made in"
        )
    computed = Computed(rows, scores)
    return _with_clusters(run, computed, read_clusters(clusters[0])) if clusters else computed


def existing_scores(run: RunFolder, rows: Rows) -> dict[str, PartTable]:
    """The run's finished scores of these rows, by scorer; of several with other parameters, the last one."""
    return dict(_scores(run, rows))


def _scores(run: RunFolder, rows: Rows) -> list[tuple[str, PartTable]]:
    found = [(folder, run.parameters(folder)) for folder in run.finished("scores")]
    return [
        (parameters["scorer"], PartTable(folder, SCHEMA, parameters))
        for folder, parameters in found
        if parameters["data"] == rows.sequence
    ]


def _clusters(run: RunFolder, rows: Rows) -> list[PartTable]:
    found = [(folder, run.parameters(folder)) for folder in run.finished("clusters")]
    return [
        PartTable(folder, CLUSTER_SCHEMA, parameters)
        for folder, parameters in found
        if parameters["data"] == rows.sequence
    ]
