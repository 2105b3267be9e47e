"""The rows of a run, and the steps that go over all of them: check, score, embed."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from finegold.arrays import Ints
from finegold.dedup import hash_images, question_labels
from finegold.encoders import Space, load_encoder, load_text_encoder
from finegold.encoders.spaces import embed_texts_of_rows
from finegold.encoders.step import embed
from finegold.engines import Compute, choose_engine
from finegold.errors import DataError, RunError
from finegold.run import BLOCK_ROWS, PartTable, RunFolder, Shard, TextColumn, locked
from finegold.samples import Dataset, Sample
from finegold.samples.attributes import brought_attribute, read_attribute
from finegold.samples.step import columns_fingerprint, dataset_fingerprint, ingest, samples_table
from finegold.scorers import Context, Scorer
from finegold.scorers.step import score, scores_table
from finegold.selection.groups import join_groups


def is_brought(table: PartTable) -> bool:
    """Whether a table of embeddings came from a column of a file."""
    return bool(table.parameters["model"].get("kind") == "column")


def check_encoder(run: RunFolder, name: str, device: str) -> None:
    """Raise ModelError if there is neither an encoder of this name nor embeddings that were brought as it."""
    if not any(map(is_brought, run.tables("embeddings", name=name))):
        load_encoder(name, device=device)


@dataclass(frozen=True, slots=True)
class Rows:
    """The checked rows of a run, and what is needed to go over them.

    Attributes:
        folder: The run folder.
        dataset: The dataset.
        compute: Device, batch size and workers.
        table: Finished samples table.
        usable: One flag a row, shape (rows,), by position in the dataset.
        fingerprint: Fingerprint of the usable rows, in whatever order they are.
        sequence: Fingerprint of the same rows in this order; tables depend on it, since their parts go by
            position.
    """

    folder: RunFolder
    dataset: Dataset
    compute: Compute
    table: PartTable
    usable: npt.NDArray[np.bool_]
    fingerprint: str
    sequence: str

    def samples(self) -> Iterator[Sample]:
        """The usable rows, read again."""
        return (
            row.sample for row in self.dataset.rows() if self.usable[row.index] and row.sample is not None
        )

    def score(self, scorer: Scorer, context: Context | None = None) -> PartTable:
        """Score the usable rows, going on where an earlier run stopped.

        If the context says `retry`, the parts that hold a failed row are made again.
        """
        compute = self.compute
        context = replace(context or Context(), device=compute.device, workers=compute.workers)
        if context.retry:
            table = scores_table(self.folder, scorer, self.sequence, context)
            parts = -(-len(self.usable) // (BLOCK_ROWS * table.blocks))
            own = Shard.parse(compute.shard).run_of(parts)
            table.drop([part for part in _part_numbers(table) if part in own and _has_failed(table, part)])
        return score(
            self.folder,
            self.dataset,
            scorer,
            usable=self.usable,
            data=self.sequence,
            context=context,
            engine=choose_engine(compute),
        )

    def embed(self, encoder: str) -> PartTable:
        """Embed the images of the usable rows, going on where an earlier run stopped."""
        brought = self.brought_embeddings(encoder)
        if brought is not None:
            return brought
        return embed(
            self.folder,
            self.dataset,
            load_encoder(encoder, device=self.compute.device),
            usable=self.usable,
            data=self.sequence,
            engine=choose_engine(self.compute),
        )

    def brought_embeddings(self, name: str) -> PartTable | None:
        """The embeddings of this name that came from a column of a file, or None."""
        tables = self.folder.tables("embeddings", data=self.sequence, name=name)
        return next((table for table in tables if is_brought(table)), None)

    def embed_texts(self, encoder: str, space: Space) -> PartTable:
        """Embed the texts of the usable rows in the space `text` or `instruction`, going on likewise."""
        return embed_texts_of_rows(
            self.folder,
            self.dataset,
            load_text_encoder(encoder, device=self.compute.device),
            space,
            usable=self.usable,
            data=self.sequence,
            engine=choose_engine(self.compute),
        )

    def questions(self, ids: Sequence[str]) -> Ints:
        """What each of some usable rows asks, for duplicates by their images: see `question_labels`."""
        parts = self.table.parts(["sample_id", "status", "kind", "instruction"])
        known, labels = question_labels(part.filter(pc.equal(part["status"], "ok")) for part in parts)
        return labels[known.find(ids)]

    def brought_attributes(self, names: Iterable[str]) -> list[dict[str, Any]]:
        """Those of some attributes that came from columns of files, with their origin."""
        found = {name: brought_attribute(self.folder, self.table, name) for name in sorted(set(names))}
        return [{"name": name, **one.parameters["column"]} for name, one in found.items() if one is not None]

    def groups(self, attributes: Sequence[str]) -> TextColumn | None:
        """Name of the group of every row by these attributes; None without attributes.

        Raises:
            ConfigError: If no row has one of them.
        """
        if not attributes:
            return None
        return join_groups(
            [read_attribute(self.folder, self.dataset, self.table, name) for name in attributes]
        )

    def hash_images(self) -> PartTable:
        """Hash the images of the usable rows, going on where an earlier run stopped."""
        return hash_images(
            self.folder,
            self.dataset,
            usable=self.usable,
            data=self.sequence,
            engine=choose_engine(self.compute),
        )


def read_rows(folder: RunFolder, dataset: Dataset, compute: Compute, *, strict: bool = False) -> Rows:
    """Check the dataset's rows, or find that nothing changed.

    Raises:
        DataError: If `strict` and a row is bad, or no row can be used.
    """
    return _rows_of(folder, dataset, compute, ingest(folder, dataset, strict=strict, workers=compute.workers))


def checked_rows(folder: RunFolder, dataset: Dataset, compute: Compute) -> Rows:
    """The rows as an earlier command checked them; writes nothing, and looks at no image.

    Raises:
        RunError: If the rows were not checked to their end, or the data changed since.
        DataError: If no row can be used.
    """
    table = samples_table(folder, dataset)
    if not table.done:
        raise RunError(
            f"{folder.path} does not hold the rows of {dataset.path} as they are now, checked by this "
            "version of finegold: run the command that made the folder again, such as `finegold pick` or "
            "`finegold score`"
        )
    return _rows_of(folder, dataset, compute, table)


@contextmanager
def beside_shards(
    folder: RunFolder, dataset: Dataset, compute: Compute, read: Callable[[], Rows]
) -> Iterator[Rows]:
    """The rows, with the folder's lock; shards work beside one another, and one of them checks the rows.

    Args:
        folder: The run folder.
        dataset: The dataset.
        compute: Says which shard it is.
        read: Checks the rows.

    Raises:
        RunError: If another process writes to the folder, or is the same shard.
    """
    shard = Shard.parse(compute.shard)
    if shard.whole:
        with folder.writing():
            yield read()
        return
    with locked(folder.path / f".shard{shard.ending}", folder.path, "give --shard another number"):
        try:
            rows = checked_rows(folder, dataset, compute)
        except RunError:
            with folder.writing(wait=True):
                rows = read()
        with folder.sending():
            yield rows


def _rows_of(folder: RunFolder, dataset: Dataset, compute: Compute, table: PartTable) -> Rows:
    columns = table.read(["sample_id", "status", "content_hash"])
    usable = pc.equal(columns["status"], "ok").to_numpy()
    if not usable.any():
        raise DataError(_nothing_usable(table))
    sequence, unordered = columns_fingerprint(columns), dataset_fingerprint(columns)
    del columns
    pa.default_memory_pool().release_unused()  # tens of bytes a row, which later steps need
    return Rows(folder, dataset, compute, table, usable, unordered, sequence)


def _nothing_usable(table: PartTable) -> str:
    found = table.read(["code"])["code"].value_counts().to_pylist()
    codes = Counter({str(one["values"]): one["counts"] for one in found})
    if not codes:
        return "the dataset has no rows: name another file or folder"
    code, number = codes.most_common(1)[0]
    hint = "check --images" if "image" in code or code == "outside-root" else "`finegold inspect` lists them"
    return f"none of the {sum(codes.values()):,} rows can be used, {number:,} of them for {code}: {hint}"


def _part_numbers(table: PartTable) -> list[int]:
    return [int(path.stem.removeprefix("part-")) for path in table.paths()]


def _has_failed(table: PartTable, part: int) -> bool:
    return bool(pc.any(pc.equal(table.part(part, ["status"])["status"], "failed")).as_py())
