"""The step that embeds a dataset's images into the run folder."""

from collections import deque
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from finegold.arrays import Vectors
from finegold.encoders.base import Encoder
from finegold.engines import map_ordered
from finegold.run import Parts, PartTable, RunFolder, fill
from finegold.samples import Dataset, Sample
from finegold.samples.images import decode
from finegold.samples.step import samples_of_parts

VERSION = 1
"""Raised when the same images and encoder would give other numbers."""
IMAGE_BATCH = 32


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A sample on its way: the encoder's inputs, or why there are none; `sample` is None at a part's end."""

    part: int
    sample: Sample | None
    inputs: tuple[Any, ...] = ()
    reason: str | None = None


def embeddings_table(run: RunFolder, encoder: Encoder, data: str) -> PartTable:
    """The run's table of image embeddings of this encoder, finished or not.

    Columns: `sample_id`; `embedding`, d float32, raw, the mean over a sample's images, NaN where there is
    none; `reason`, why an image could not be embedded, null for embedded and for text-only rows.
    """
    schema = pa.schema(
        [
            ("sample_id", pa.string()),
            ("embedding", pa.list_(pa.float32(), encoder.dim)),
            ("reason", pa.string()),
        ]
    )
    parameters = {"data": data, "version": VERSION, "model": encoder.identity()}
    return run.table("embeddings", encoder.name, parameters, schema)


def embeddings_of(table: pa.Table) -> Vectors:
    """The column `embedding` as an array, shape (n, d)."""
    column = table["embedding"].combine_chunks()
    vectors: Vectors = column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), -1)
    return vectors


def embed(
    run: RunFolder,
    dataset: Dataset,
    encoder: Encoder,
    *,
    usable: npt.NDArray[np.bool_],
    data: str,
    batch_size: int = IMAGE_BATCH,
    workers: int | None = None,
) -> PartTable:
    """Embed the images of the usable rows, going on where an earlier run stopped.

    Images are decoded and preprocessed in threads beside the forward pass. Batches end where parts end, so a
    resumed run computes the same batches and so the same bytes. An image that cannot be used makes a row of
    NaN with a reason.

    Args:
        run: Where the table is written.
        dataset: Read from the first row that is missing.
        encoder: Loaded here if there is something to do.
        usable: One flag a dataset row, by `Row.index`; other rows, and those beyond the flags, are left out.
        data: Fingerprint of the dataset.
        batch_size: Images a forward pass.
        workers: Decoding threads; the cores of the process if None.

    Raises:
        ModelError: If the encoder cannot be loaded.
        DataError: If the dataset cannot be read on.
    """

    def prepare(item: tuple[int, Sample | None]) -> _Prepared:
        part, sample = item
        if sample is None:
            return _Prepared(part, None)
        try:
            return _Prepared(part, sample, tuple(encoder.preprocess(decode(ref)) for ref in sample.images))
        except Exception as error:
            return _Prepared(part, sample, reason=str(error) or type(error).__name__)

    def make(missing: list[int], advance: Callable[[int], None]) -> Parts:
        samples = samples_of_parts(dataset, usable, missing)
        # Not part by part: images of the next part are decoded while the encoder is busy with this one.
        with closing(map_ordered(prepare, samples, workers=workers, window=2 * batch_size)) as items:
            part = _Part(encoder, batch_size)
            for item in items:
                if item.sample is None:
                    yield item.part, part.close()
                    part = _Part(encoder, batch_size)
                else:
                    part.add(item)
                    advance(1)

    table = embeddings_table(run, encoder, data)
    about = {"label": "Embedding images", "encoder": encoder.name}
    return fill(run, table, make, usable=usable, step="embed", load=encoder.load, **about)


class _Part:
    """The rows of one part: inputs wait until a batch is full, embeddings are summed up by row."""

    def __init__(self, encoder: Encoder, batch_size: int) -> None:
        self._encoder = encoder
        self._batch_size = batch_size
        self._ids: list[str] = []
        self._counts: list[int] = []
        self._reasons: list[str | None] = []
        self._sums: list[Vectors] = []
        self._waiting: deque[tuple[int, Any]] = deque()

    def add(self, item: _Prepared) -> None:
        if item.sample is None:
            return
        row = len(self._ids)
        self._ids.append(item.sample.id)
        self._counts.append(len(item.inputs))
        self._reasons.append(item.reason)
        self._sums.append(np.zeros(self._encoder.dim, np.float32))
        self._waiting.extend((row, image) for image in item.inputs)
        while len(self._waiting) >= self._batch_size:
            self._encode(self._batch_size)

    def _encode(self, count: int) -> None:
        batch = [self._waiting.popleft() for _ in range(count)]
        vectors = self._encoder.encode_images([image for _, image in batch])
        for (row, _), vector in zip(batch, vectors, strict=True):
            self._sums[row] = self._sums[row] + vector

    def close(self) -> dict[str, Any]:
        """Encode what waits; the part's columns."""
        if self._waiting:
            self._encode(len(self._waiting))
        dim = self._encoder.dim
        embeddings = np.full((len(self._ids), dim), np.nan, np.float32)
        for row, count in enumerate(self._counts):
            if count and self._reasons[row] is None:
                embeddings[row] = self._sums[row] / np.float32(count)
                if not np.isfinite(embeddings[row]).all():
                    embeddings[row] = np.nan
                    self._reasons[row] = "the encoder returned a number that is not finite"
        return {
            "sample_id": self._ids,
            "embedding": pa.FixedSizeListArray.from_arrays(pa.array(embeddings.reshape(-1)), dim),
            "reason": self._reasons,
        }
