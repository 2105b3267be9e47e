"""Compute what a selection needs, or find it in the run folder: samples, scores, embeddings, clusters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from finegold.clustering.table import SCHEMA as CLUSTER_SCHEMA
from finegold.clustering.table import ClusterTable, cluster_run, read_clusters
from finegold.dedup import Contents, Dedup, hash_images, read_contents
from finegold.encoders import load_encoder
from finegold.errors import ConfigError, RunError
from finegold.run import PartTable, RunFolder
from finegold.samples import Dataset
from finegold.scorers.registry import make_scorer
from finegold.scorers.step import SCHEMA
from finegold.selection.manifest import Manifest
from finegold.selection.pickers import PICKERS
from finegold.selection.preset import Preset
from finegold.workflow.files import NOTHING_GIVEN, SelectionFiles
from finegold.workflow.rows import Compute, Rows, embed_rows, score_rows
from finegold.workflow.targets import Targets, embed_targets, recorded_targets

AUTOMATIC = ("clip", "length", "support", "detail", "phrasing")
"""Indicators that `pick` computes without being asked, where the preset or the weights name them."""
WITH_ENCODER = ("clip", "support")


@dataclass(frozen=True, slots=True)
class Computed:
    """What a selection is made from.

    Attributes:
        scores: Indicator name to finished table: those asked for, and what else the run has for these rows.
        embeddings: Finished table, or None.
        clusters: Labels, or None.
        encoder: Identity of the encoder behind `embeddings`, or None.
        hashes: Of the images, finished; None if nothing compares them.
        targets: Examples to move towards, or None.
    """

    rows: Rows
    scores: Mapping[str, PartTable]
    embeddings: PartTable | None = None
    clusters: ClusterTable | None = None
    encoder: dict[str, Any] | None = None
    hashes: PartTable | None = None
    targets: Targets | None = None

    def contents(self, ids: Sequence[str]) -> Contents | None:
        """Of some usable rows, for what compares images and texts exactly; None without hashes."""
        return None if self.hashes is None else read_contents(self.hashes, self.rows.table, ids)


def compute(
    run: RunFolder,
    dataset: Dataset,
    rows: Rows,
    preset: Preset,
    *,
    weights: Mapping[str, float] | None,
    encoder: str,
    clusters: int | None,
    machine: Compute,
    given: SelectionFiles = NOTHING_GIVEN,
) -> Computed:
    """Score, embed and cluster the rows, hash images and embed targets, as far as a preset needs it."""
    # First: a file of targets that cannot be used is found before hours of scoring.
    targets = embed_targets(run, given, encoder, machine) if given.targets and _moves(preset) else None
    scores = existing_scores(run, rows)
    for name in AUTOMATIC:
        if name in (preset.reads if weights is None else weights):
            own = {"encoder": encoder, "device": machine.device} if name in WITH_ENCODER else {}
            scores[name] = score_rows(run, dataset, rows, make_scorer(name, **own), machine)
    hashes = hash_rows(run, dataset, rows, given.dedup, machine)
    if not _compares_images(preset, given):
        return Computed(rows, scores, hashes=hashes)
    embeddings, identity = embed_rows(run, dataset, rows, encoder, machine)
    spec = preset.clustering
    labels = None
    if spec is not None:
        number = spec.count(int(rows.usable.sum())) if clusters is None else clusters
        labels = cluster_run(
            run, embeddings, method=spec.method, clusters=number, neighbours=spec.neighbours, seed=0
        )
    return Computed(rows, scores, embeddings, labels, identity, hashes, targets)


def hash_rows(
    run: RunFolder, dataset: Dataset, rows: Rows, dedup: Dedup | None, machine: Compute
) -> PartTable | None:
    """The image hashes, made or found, if duplicates are to be left out by them."""
    if dedup is None or not dedup.reads_images:
        return None
    return hash_images(run, dataset, usable=rows.usable, data=rows.sequence, workers=machine.workers)


def _moves(preset: Preset) -> bool:
    return "targets" in PICKERS[preset.pick].needs


def _compares_images(preset: Preset, given: SelectionFiles) -> bool:
    needs = PICKERS[preset.pick].needs & {"embeddings", "graph", "targets"}
    semantic = given.dedup is not None and given.dedup.threshold is not None
    return preset.clustering is not None or bool(needs) or semantic


def check_encoder(
    preset: Preset,
    weights: Mapping[str, float] | None,
    encoder: str,
    machine: Compute,
    given: SelectionFiles = NOTHING_GIVEN,
) -> None:
    """Make sure, before any row is read, that the encoder can be had if the preset needs one.

    Raises:
        ModelError: If it cannot; also MissingExtraError and ConfigError, as `load_encoder`.
    """
    named = preset.reads if weights is None else weights
    if _compares_images(preset, given) or any(name in named for name in WITH_ENCODER):
        load_encoder(encoder, device=machine.device)


def existing(
    run: RunFolder,
    dataset: Dataset,
    rows: Rows,
    preset: Preset,
    given: SelectionFiles = NOTHING_GIVEN,
    machine: Compute | None = None,
) -> Computed:
    """What the run folder holds for these rows: the last scores of each scorer, the last clusters.

    Without clusters, the last embeddings. Images are hashed and targets embedded if that was not done, the
    latter with the encoder of the run's embeddings.
    """
    machine = machine or Compute()
    tables = _clusters(run, rows)
    clusters = read_clusters(tables[-1]) if tables else None
    embeddings = _embeddings(run, rows)
    if clusters is not None:
        made_from = clusters.table.parameters["embeddings"]
        embeddings = [table for table in embeddings if table.fingerprint == made_from]
    found = embeddings[-1] if embeddings else None
    targets = None
    if given.targets and _moves(preset):
        if found is None:
            raise ConfigError(
                f"preset '{preset.name}' compares images, and {run.path} has none embedded; run "
                "`finegold cluster` first"
            )
        targets = embed_targets(run, given, found.parameters["name"], machine)
        if targets.encoder != found.parameters["model"]:
            raise RunError(
                f"the encoder '{found.parameters['name']}' is another than when {run.path} was embedded: "
                "embed again with `finegold cluster`"
            )
    hashes = hash_rows(run, dataset, rows, given.dedup, machine)
    return _put_together(rows, existing_scores(run, rows), found, clusters, hashes, targets)


def recorded(run: RunFolder, dataset: Dataset, rows: Rows, manifest: Manifest) -> Computed:
    """The very tables that a selection was made from.

    Raises:
        RunError: If one of them is not in the run folder.
    """
    configuration = manifest.configuration
    wanted = {info.fingerprint for info in configuration.scorers}
    scores = {name: table for name, table in _scores(run, rows) if table.fingerprint in wanted}
    clustering = configuration.clustering
    clusters = [
        table
        for table in _clusters(run, rows)
        if clustering and table.fingerprint == clustering["fingerprint"]
    ]
    embeddings = [
        table for table in _embeddings(run, rows) if table.parameters["model"] == configuration.encoder
    ]
    lacks_embeddings = configuration.encoder is not None and not embeddings
    if len(scores) < len(wanted) or (clustering and not clusters) or lacks_embeddings:
        raise RunError(
            f"{run.path} lacks scores, embeddings or clusters that the selection was made from: "
            "give the run folder that it was made in"
        )
    return _put_together(
        rows,
        scores,
        embeddings[-1] if embeddings else None,
        read_clusters(clusters[0]) if clusters else None,
        hash_rows(run, dataset, rows, configuration.settings(), Compute()),
        None if configuration.targets is None else recorded_targets(run, configuration.targets),
    )


def _put_together(
    rows: Rows,
    scores: Mapping[str, PartTable],
    embeddings: PartTable | None,
    clusters: ClusterTable | None,
    hashes: PartTable | None,
    targets: Targets | None,
) -> Computed:
    encoder = None if embeddings is None else embeddings.parameters["model"]
    return Computed(rows, scores, embeddings, clusters, encoder, hashes, targets)


def _embeddings(run: RunFolder, rows: Rows) -> list[PartTable]:
    found = [(folder, run.parameters(folder)) for folder in run.finished("embeddings")]
    return [
        PartTable(folder, pa.schema([]), parameters)
        for folder, parameters in found
        if parameters["data"] == rows.sequence
    ]


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
