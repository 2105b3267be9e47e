"""The step that embeds a dataset's images into the run folder."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from finegold.arrays import Vectors
from finegold.encoders.base import Encoder, TextEncoder, load_encoder
from finegold.engines import Compute, Engine, HalvingBatches, Make, Results, ThisProcess, Work, map_ordered
from finegold.run import Columns, PartTable, RunFolder, fill
from finegold.samples import Dataset, Sample
from finegold.samples.images import with_image
from finegold.samples.step import item_bytes, samples_of_blocks

E = TypeVar("E", bound=TextEncoder)
VERSION = 1
"""Raised when the same images and encoder would give other numbers."""


@dataclass(slots=True)
class _Row:
    """A sample of a block: its images' embeddings so far, or why there are none."""

    sample_id: str
    reason: str | None = None
    vectors: list[Vectors] = field(default_factory=list)


def embeddings_table(run: RunFolder, encoder: Encoder, data: str) -> PartTable:
    """The run's table of image embeddings of this encoder, finished or not.

    Columns: `sample_id`; `embedding`, d float32, raw, the mean over a sample's images, NaN where there is
    none; `reason`, why an image could not be embedded, null for embedded and for text-only rows.
    """
    parameters = {"data": data, "version": VERSION, "model": encoder.identity()}
    return run.table("embeddings", encoder.name, parameters, embeddings_schema(encoder.dim))


def embeddings_schema(dim: int) -> pa.Schema:
    """Columns of a table of embeddings of `dim` numbers: see `embeddings_table`."""
    return pa.schema(
        [("sample_id", pa.string()), ("embedding", pa.list_(pa.float32(), dim)), ("reason", pa.string())]
    )


def embeddings_of(table: pa.Table) -> Vectors:
    """The column `embedding` as an array, shape (n, d)."""
    column = table["embedding"].combine_chunks()
    vectors: Vectors = column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), -1)
    return vectors


@dataclass(frozen=True, slots=True)
class EncoderWork(Work[Columns], Generic[E]):
    """Blocks that an encoder makes.

    Attributes:
        encoder: The encoder, where it is used in this process.
        load: Loads it in another process, for a device.
        make: Makes the blocks of some numbers with an encoder and compute settings; tells done rows.
    """

    encoder: E | None
    load: Callable[..., E]
    make: Callable[[E, Compute, list[int], Callable[[int], None]], Results[Columns]]

    @contextmanager
    def begin(self, compute: Compute) -> Iterator[Make[Columns]]:
        """See `Work.begin`."""
        encoder = self.encoder or self.load(device=compute.device)
        encoder.load()
        yield partial(self.make, encoder, compute)


def embed(
    run: RunFolder,
    dataset: Dataset,
    encoder: Encoder,
    *,
    usable: npt.NDArray[np.bool_],
    data: str,
    engine: Engine | None = None,
    dtype: str = "auto",
) -> PartTable:
    """Embed the images of the usable rows, going on where an earlier run stopped.

    Images are decoded and preprocessed in threads beside the forward pass. Batches end where blocks end, so a
    resumed run computes the same batches and so the same bytes. An image that cannot be used makes a row of
    NaN with a reason.

    Args:
        run: Where the table is written.
        dataset: Read from the first row that is missing.
        encoder: Loaded here if there is something to do, or by its name in other processes.
        usable: One flag a dataset row, by `Row.index`: whether to embed it; rows beyond the flags are not.
        data: Fingerprint of the dataset.
        engine: Who embeds, with which batch size; this process if None.
        dtype: Precision of the encoder in other processes, as in `load_encoder`.

    Raises:
        ModelError: If the encoder cannot be loaded.
        DataError: If the dataset cannot be read on.
    """
    engine = engine or ThisProcess(Compute())
    here = encoder if isinstance(engine, ThisProcess) else None
    table = embeddings_table(run, encoder, data)
    load = partial(load_encoder, encoder.name, dtype=dtype)
    making = engine.start(EncoderWork(here, load, partial(_embed_blocks, dataset, usable)), table.blocks)
    about: dict[str, Any] = {"label": "Embedding images", "encoder": encoder.name}
    return fill(
        run, table, making.make, usable=usable, step="embed", load=making.load, shard=engine.shard, **about
    )


def _embed_blocks(
    dataset: Dataset,
    usable: npt.NDArray[np.bool_],
    encoder: Encoder,
    compute: Compute,
    missing: list[int],
    advance: Callable[[int], None],
) -> Results[Columns]:
    batch_size = compute.batch_size
    fitting = HalvingBatches("images")

    def prepare(item: tuple[int, Sample | None]) -> tuple[int, _Row | None, list[Any]]:
        block, sample = item
        if sample is None:
            return block, None, []
        try:
            return block, _Row(sample.id), [with_image(ref, encoder.preprocess) for ref in sample.images]
        except Exception as error:
            return block, _Row(sample.id, str(error) or type(error).__name__), []

    samples = samples_of_blocks(dataset, usable, missing)
    rows: list[_Row] = []
    waiting: list[tuple[_Row, Any]] = []
    # Not block by block: images of the next block are decoded while the encoder is busy with this one.
    window = 2 * batch_size
    with closing(
        map_ordered(prepare, samples, workers=compute.workers, window=window, weigh=item_bytes)
    ) as items:
        for block, row, inputs in items:
            if row is not None:
                rows.append(row)
                waiting += [(row, image) for image in inputs]
            while len(waiting) >= batch_size or (row is None and waiting):
                batch, waiting = waiting[:batch_size], waiting[batch_size:]
                vectors = fitting.apply(encoder.encode_images, [image for _, image in batch])
                for (owner, _), vector in zip(batch, vectors, strict=True):
                    owner.vectors.append(vector)
            if row is None:
                yield block, _columns(rows, encoder.dim)
                rows = []
            else:
                advance(1)


def _columns(rows: list[_Row], dim: int) -> dict[str, Any]:
    embeddings = np.full((len(rows), dim), np.nan, np.float32)
    for place, row in enumerate(rows):
        if row.vectors:
            embeddings[place] = sum(row.vectors) / np.float32(len(row.vectors))
            if not np.isfinite(embeddings[place]).all():
                embeddings[place] = np.nan
                row.reason = "the encoder returned a number that is not finite"
    return {
        "sample_id": [row.sample_id for row in rows],
        "embedding": pa.FixedSizeListArray.from_arrays(pa.array(embeddings.reshape(-1)), dim),
        "reason": [row.reason for row in rows],
    }
