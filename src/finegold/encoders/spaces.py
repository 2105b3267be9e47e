"""Spaces in which rows are compared: their images, their texts, their first instructions, or both."""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from finegold.arrays import Vectors
from finegold.encoders.base import TextEncoder
from finegold.encoders.step import EncoderWork, embeddings_of, embeddings_schema
from finegold.encoders.text import embed_long_texts, load_text_encoder
from finegold.engines import Compute, Engine, Results, ThisProcess
from finegold.run import Columns, PartTable, RunFolder, fill, fill_once
from finegold.samples import Dataset, Sample
from finegold.samples.sample import IMAGE_PLACEHOLDER
from finegold.samples.step import by_block, samples_of_blocks

Space = Literal["image", "text", "instruction", "both"]
"""`image`: the mean of a row's image embeddings. `text`: the embedding of its questions and answers.
`instruction`: that of its first question. `both`: images and texts, each scaled to 1, side by side."""
VERSION = 1
"""Raised when the same texts and encoder would give other numbers."""


def embed_texts_of_rows(
    run: RunFolder,
    dataset: Dataset,
    encoder: TextEncoder,
    space: Space,
    *,
    usable: npt.NDArray[np.bool_],
    data: str,
    engine: Engine | None = None,
) -> PartTable:
    """Embed the texts of the usable rows, going on where an earlier run stopped.

    Columns as in `embeddings_table`; a row without any text has NaN.

    Args:
        run: Where the table is written.
        dataset: Read from the first row that is missing.
        encoder: Loaded here if there is something to do, or by its name in other processes.
        space: `text` or `instruction`.
        usable: One flag a dataset row.
        data: Fingerprint of the dataset.
        engine: Who embeds; this process if None.
    """
    engine = engine or ThisProcess(Compute())
    here = encoder if isinstance(engine, ThisProcess) else None
    parameters = {"data": data, "version": VERSION, "model": encoder.identity(), "space": space}
    table = run.table("texts", f"{space}-{encoder.name}", parameters, embeddings_schema(encoder.dim))
    load = partial(load_text_encoder, encoder.name)
    making = engine.start(
        EncoderWork(here, load, partial(_embed_blocks, dataset, usable, space)), table.blocks
    )
    about: dict[str, Any] = {"label": "Embedding texts", "encoder": encoder.name}
    return fill(
        run,
        table,
        making.make,
        usable=usable,
        step="embed texts",
        load=making.load,
        shard=engine.shard,
        **about,
    )


def _embed_blocks(
    dataset: Dataset,
    usable: npt.NDArray[np.bool_],
    space: Space,
    encoder: TextEncoder,
    compute: Compute,
    missing: list[int],
    advance: Callable[[int], None],
) -> Results[Columns]:
    del compute
    read = samples_of_blocks(dataset, usable, missing)
    named = ((block, (one.id, row_text(one, space)) if one is not None else None) for block, one in read)
    for block, rows in by_block(named):
        texts = [text for _, text in rows]
        vectors = np.full((len(rows), encoder.dim), np.nan, np.float32)
        if there := [text for text in texts if text]:
            vectors[[bool(text) for text in texts]] = embed_long_texts(encoder, there)
        advance(len(rows))
        yield block, _columns([key for key, _ in rows], vectors, [None] * len(rows))


def row_text(sample: Sample, space: Space) -> str:
    """The text of a row in a space, image placeholders removed."""
    turns = [turn for turn in sample.turns if turn.role != "system"]
    if space == "instruction":
        turns = [turn for turn in turns if turn.role == "user"][:1]
    texts = (turn.text.replace(IMAGE_PLACEHOLDER, "").strip() for turn in turns)
    return "\n".join(filter(None, texts))


def join_spaces(run: RunFolder, images: PartTable, texts: PartTable) -> PartTable:
    """A table of both spaces: each vector scaled to length one, image first; 0 for what a row lacks.

    The cosine of two rows that have both is the mean of their two cosines. A row without an image is compared
    by its text. A row whose image could not be embedded keeps its reason.
    """
    parameters: dict[str, Any] = {
        "data": images.parameters["data"],
        "version": VERSION,
        "images": images.fingerprint,
        "texts": texts.fingerprint,
    }

    def make() -> Columns:
        image, text = images.read(), texts.read()
        vectors = np.hstack([_unit(embeddings_of(image)), _unit(embeddings_of(text))])
        vectors[~vectors.any(axis=1)] = np.nan
        return _columns(image["sample_id"], vectors, image["reason"])

    width = sum(_width(table) for table in (images, texts))
    table = run.table("texts", "both", parameters, embeddings_schema(width))
    return fill_once(run, table, make, step="join spaces")


def _width(table: PartTable) -> int:
    # Of a part: a table that was brought has no schema of its own.
    width: int = next(table.parts(["embedding"])).schema.field("embedding").type.list_size
    return width


def _unit(vectors: Vectors) -> Vectors:
    finite = np.where(np.isfinite(vectors), vectors, 0)
    norms = np.linalg.norm(finite, axis=1, keepdims=True)
    unit: Vectors = (finite / np.where(norms > 0, norms, 1)).astype(np.float32)
    return unit


def _columns(ids: Any, vectors: Vectors, reasons: Any) -> dict[str, Any]:
    column = pa.FixedSizeListArray.from_arrays(
        pa.array(vectors.reshape(-1).astype(np.float32)), vectors.shape[1]
    )
    return {"sample_id": ids, "embedding": column, "reason": reasons}
