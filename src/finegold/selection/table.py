"""Bring together, from the run folder, what a selection chooses from."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from finegold.arrays import Floats, Ints, Vectors
from finegold.clustering.table import ClusterTable, read_embeddings
from finegold.run import PartTable


@dataclass(frozen=True, slots=True)
class Excluded:
    """A row that cannot be chosen, its position in the dataset, where it is for people, and why."""

    row: int
    id: str
    place: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Candidates:
    """The usable rows of a run, sorted by id, and the rows that are not usable.

    Attributes:
        ids: The n sample ids, sorted.
        rows: Shape (n,), position of each in the dataset.
        places: Where each is, for people.
        hashes: Content hash of each.
        indicators: Name to values, shape (n,); NaN where the indicator does not apply.
        labels: Shape (n,), cluster of each row; None without clusters.
        embeddings: Shape (n, d), raw, NaN where a row has no image; None without any.
        excluded: Bad rows in dataset order, then rows on which an indicator failed.
    """

    ids: tuple[str, ...]
    rows: Ints
    places: tuple[str, ...]
    hashes: tuple[str, ...]
    indicators: dict[str, Floats]
    labels: Ints | None
    embeddings: Vectors | None
    excluded: tuple[Excluded, ...]


def gather(
    samples: PartTable,
    scores: Mapping[str, PartTable],
    clusters: ClusterTable | None = None,
    embeddings: PartTable | None = None,
) -> Candidates:
    """Join the tables of a run by sample id.

    A row on which one of the indicators failed is excluded with the indicator's reason: a failure never
    becomes a number. A row whose image could not be embedded is excluded likewise.

    Args:
        samples: Finished table of the ingest step.
        scores: Indicator name to its finished table.
        clusters: Labels of the embedded rows.
        embeddings: Finished table of the embedding step.
    """
    table = samples.read(
        ["row", "sample_id", "place", "status", "code", "reason", "content_hash", "n_images"]
    )
    bad = table.filter(pc.not_equal(table["status"], "ok"))
    excluded = [
        Excluded(entry["row"], entry["sample_id"], entry["place"], entry["code"], entry["reason"])
        for entry in bad.select(["row", "sample_id", "place", "code", "reason"]).to_pylist()
    ]
    good = table.filter(pc.equal(table["status"], "ok"))
    place = dict(zip(good["sample_id"].to_pylist(), good["place"].to_pylist(), strict=True))
    row_of = dict(zip(good["sample_id"].to_pylist(), good["row"].to_pylist(), strict=True))
    failed: dict[str, tuple[str, str]] = {}
    values: dict[str, dict[str, float | None]] = {}
    if embeddings is not None:
        with_image = set(good.filter(pc.greater(good["n_images"], 0))["sample_id"].to_pylist())
        reasons = embeddings.read(["sample_id", "reason"]).to_pydict()
        for sample_id, reason in zip(reasons["sample_id"], reasons["reason"], strict=True):
            if reason is not None and sample_id in with_image:
                failed[sample_id] = ("embedding-failed", reason)
    for name, part_table in scores.items():
        rows = part_table.read().to_pydict()
        values[name] = dict(zip(rows["sample_id"], rows["value"], strict=True))
        for sample_id, status, reason in zip(rows["sample_id"], rows["status"], rows["reason"], strict=True):
            if status == "failed" and sample_id in place:
                failed.setdefault(sample_id, (f"{name}-failed", reason or f"the scorer {name} failed"))
    excluded += [Excluded(row_of[key], key, place[key], *failed[key]) for key in place if key in failed]
    ids = tuple(sorted(key for key in place if key not in failed))
    position = {key: index for index, key in enumerate(good["sample_id"].to_pylist())}
    order = np.array([position[key] for key in ids], dtype=np.int64)
    chosen = good.take(order)
    return Candidates(
        ids=ids,
        rows=np.asarray(chosen["row"], dtype=np.int64),
        places=tuple(chosen["place"].to_pylist()),
        hashes=tuple(chosen["content_hash"].to_pylist()),
        indicators={
            name: np.array([column.get(key) for key in ids], dtype=np.float64)
            for name, column in values.items()
        },
        labels=None if clusters is None else np.array([clusters.labels[key] for key in ids], dtype=np.int64),
        embeddings=None if embeddings is None else _aligned(embeddings, ids),
        excluded=tuple(excluded),
    )


def _aligned(table: PartTable, ids: tuple[str, ...]) -> Vectors:
    names, vectors = read_embeddings(table)
    position = {name: index for index, name in enumerate(names)}
    return vectors[[position[key] for key in ids]]
