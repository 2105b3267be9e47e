"""The run folder's table of image hashes, which the exact and the perceptual pass compare."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from finegold.arrays import Ints
from finegold.dedup.duplicates import content_key
from finegold.dedup.perceptual import perceptual_hash
from finegold.engines import Compute, Engine, Make, Results, ThisProcess, Work, map_ordered
from finegold.run import Columns, PartTable, RunFolder, fill
from finegold.samples import Dataset, Sample
from finegold.samples.exclusions import ImageError
from finegold.samples.images import image_sha256, with_image
from finegold.samples.step import by_block, item_bytes, samples_of_blocks

VERSION = 1
"""Raised when the same images would give other hashes."""
SCHEMA = pa.schema(
    [
        ("sample_id", pa.string()),
        ("images", pa.list_(pa.string())),
        ("perceptual", pa.string()),
        ("reason", pa.string()),
    ]
)
"""`images`: sha256 of each image's bytes; `perceptual`: 120 bits as 30 hexadecimal digits, null for a row of
no image, of several, or of one flat colour; `reason`: why an image could not be read, else null."""


@dataclass(frozen=True, slots=True)
class Contents:
    """Hashes that the exact and the perceptual pass compare, one a row.

    Attributes:
        keys: Hash of images and texts together; different for every row whose image could not be read.
        images: Hash of the images alone; empty for a text-only row.
        hashes: Perceptual hash; None for a row that has none.
    """

    keys: tuple[str, ...]
    images: tuple[str, ...]
    hashes: tuple[int | None, ...]

    def take(self, rows: Ints) -> "Contents":
        """The contents of some of the rows, in that order."""
        picked = rows.tolist()
        return Contents(
            tuple(self.keys[row] for row in picked),
            tuple(self.images[row] for row in picked),
            tuple(self.hashes[row] for row in picked),
        )


@dataclass(frozen=True, slots=True)
class _Hashing(Work[Columns]):
    """Hashing the images of a dataset's usable rows."""

    dataset: Dataset
    usable: npt.NDArray[np.bool_]

    @contextmanager
    def begin(self, compute: Compute) -> Iterator[Make[Columns]]:
        def make(missing: list[int], advance: Callable[[int], None]) -> Results[Columns]:
            samples = samples_of_blocks(self.dataset, self.usable, missing)
            with closing(map_ordered(_hashed, samples, workers=compute.workers, weigh=item_bytes)) as hashed:
                for block, rows in by_block(hashed):
                    advance(len(rows))
                    yield block, pa.Table.from_pylist(rows, schema=SCHEMA)

        yield make


def hash_images(
    run: RunFolder,
    dataset: Dataset,
    *,
    usable: npt.NDArray[np.bool_],
    data: str,
    engine: Engine | None = None,
) -> PartTable:
    """Hash the images of the usable rows, going on where an earlier run stopped.

    Args:
        run: Where the table is written.
        dataset: Read from the first row that is missing.
        usable: One flag a dataset row, by `Row.index`.
        data: Fingerprint of the dataset.
        engine: Who hashes; this process if None.
    """
    table = run.table("hashes", "images", {"data": data, "version": VERSION}, SCHEMA)
    engine = engine or ThisProcess(Compute())
    making = engine.start(_Hashing(dataset, usable), table.blocks)
    about: dict[str, Any] = {"label": "Hashing images"}
    return fill(
        run, table, making.make, usable=usable, step="hash", load=making.load, shard=engine.shard, **about
    )


def _hashed(item: tuple[int, Sample | None]) -> tuple[int, dict[str, Any] | None]:
    block, sample = item
    if sample is None:
        return block, None
    row: dict[str, Any] = {"sample_id": sample.id, "images": [], "perceptual": None, "reason": None}
    try:
        row["images"] = [image_sha256(ref) for ref in sample.images]
        if len(sample.images) == 1:
            found = with_image(sample.images[0], perceptual_hash)
            row["perceptual"] = None if found is None else f"{found:030x}"
    except ImageError as error:
        row["reason"] = error.exclusion.reason
    return block, row


def read_contents(hashes: PartTable, samples: PartTable, ids: Sequence[str]) -> Contents:
    """Read the hashes of some usable rows.

    Args:
        hashes: Finished table of `hash_images`.
        samples: Finished table of the ingest step, for the texts.
        ids: Ids of the rows.
    """
    hashed = {row["sample_id"]: row for row in hashes.read().to_pylist()}
    rows = samples.read(["sample_id", "status", "instruction", "answer"]).to_pylist()
    texts = {
        row["sample_id"]: ("\n".join(row["instruction"]), "\n".join(row["answer"]))
        for row in rows
        if row["status"] == "ok"
    }
    keys, images, perceptual = [], [], []
    for key in ids:
        found = hashed[key]
        image = "+".join(found["images"])
        keys.append(content_key(image, *texts[key]) if found["reason"] is None else f"unread {key}")
        images.append(image)
        perceptual.append(None if (code := found["perceptual"]) is None else int(code, 16))
    return Contents(tuple(keys), tuple(images), tuple(perceptual))
