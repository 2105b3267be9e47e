"""The run folder's table of image hashes, which the exact and the perceptual pass compare."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from finegold.arrays import Ints
from finegold.dedup.duplicates import DESCRIPTIONS, Keys, as_labels, content_digest, labels_of
from finegold.dedup.hash_index import from_hexadecimal, pack
from finegold.dedup.perceptual import Hashes, perceptual_hash
from finegold.engines import Compute, Engine, Make, Results, ThisProcess, Work, map_ordered
from finegold.run import Columns, PartTable, RunFolder, TextColumn, fill
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
    """What the exact and the perceptual pass compare, one a row.

    Attributes:
        keys: Equal for rows of the same images and texts; different for every row whose image could not be
            read.
        images: Equal for rows of the same images; -1 for a text-only row.
        hashes: Perceptual hash of each row.
    """

    keys: Keys
    images: Keys
    hashes: Hashes

    def take(self, rows: Ints) -> "Contents":
        """The contents of some of the rows, in that order."""
        return Contents(as_labels(self.keys)[rows], as_labels(self.images)[rows], pack(self.hashes)[rows])


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
    names, images, unread, codes = [], [], [], [np.empty((0, 2), np.uint64)]
    for part in hashes.parts():
        names.append(part["sample_id"].combine_chunks())
        images.append(pc.binary_join(part["images"], "+").combine_chunks())
        unread.append(pc.is_valid(part["reason"]).to_numpy())
        codes.append(from_hexadecimal(part["perceptual"]))
    known, image = TextColumn(pa.chunked_array(names)), TextColumn(pa.chunked_array(images))
    wanted = known.find(ids)
    digests = _content_digests(samples, known, image, np.concatenate(unread))
    keys = labels_of(digests[wanted])
    labels = as_labels(image)
    labels[pc.equal(image.array, "").to_numpy(zero_copy_only=False)] = -1
    return Contents(keys, labels[wanted], np.concatenate(codes)[wanted])


def _content_digests(
    samples: PartTable, ids: TextColumn, images: TextColumn, unread: npt.NDArray[np.bool_]
) -> npt.NDArray[np.uint64]:
    """The first 16 bytes of the hash of each row's content, as two numbers, shape (n, 2)."""
    found = np.zeros((len(ids), 2), np.uint64)
    done = 0
    for part in samples.parts(["sample_id", "status", "instruction", "answer"]):
        rows = part.filter(pc.equal(part["status"], "ok"))
        names = TextColumn(rows["sample_id"])
        # Both tables hold the usable rows in dataset order.
        places = np.arange(done, done + len(rows))
        assert ids.take(places) == names
        done += len(rows)
        texts = (pc.binary_join(rows[name], "\n").to_pylist() for name in ("instruction", "answer"))
        columns = (images.take(places), names, *texts, unread[places])
        made = (
            content_digest("unread", name) if bad else content_digest(image, asked, answer)
            for image, name, asked, answer, bad in zip(*columns, strict=True)
        )
        data = b"".join(digest[:16] for digest in made)
        found[places] = np.frombuffer(data, ">u8").reshape(-1, 2)
    return found


def question_labels(parts: Iterable[pa.Table]) -> tuple[TextColumn, Ints]:
    """Ids of some rows, and for each a number: rows have the same where `question_key` is the same.

    Args:
        parts: Rows of the ingest step's table: `sample_id`, `kind` and `instruction`.
    """
    names: list[pa.Array] = []
    digests = [np.empty((0, 2), np.uint64)]
    for part in parts:
        described = pc.is_in(part["kind"], value_set=pa.array(sorted(DESCRIPTIONS)))
        asked = pc.if_else(described, None, pc.binary_join(part["instruction"], "\n")).combine_chunks()
        coded = asked.dictionary_encode()
        questions = (content_digest("", question)[:16] for question in coded.dictionary.to_pylist())
        known = np.frombuffer(b"".join([bytes(16), *questions]), ">u8").astype(np.uint64).reshape(-1, 2)
        digests.append(known[coded.indices.fill_null(-1).to_numpy() + 1])
        names.append(part["sample_id"].combine_chunks())
    return TextColumn(pa.chunked_array(names, pa.string())), labels_of(np.concatenate(digests))
