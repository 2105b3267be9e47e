"""A dataset as a table in memory: Arrow, pandas, or Hugging Face `datasets`."""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from finegold.extras import require
from finegold.samples.images import read_bytes
from finegold.samples.sample import Row

SCHEMA = pa.schema(
    [
        ("row", pa.int64()),
        ("id", pa.string()),
        ("place", pa.string()),
        ("code", pa.string()),
        ("reason", pa.string()),
        ("images", pa.list_(pa.string())),
        ("messages", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
    ]
)
"""Columns of `to_arrow`: `code` and `reason` say why a record cannot be read; `images` are its names."""


def to_arrow(found: Iterable[Row]) -> pa.Table:
    """Rows as a table, columns as in `SCHEMA`; the images are not opened."""
    rows = [
        {
            "row": row.index,
            "id": row.id,
            "place": row.place,
            "code": row.exclusion and row.exclusion.code,
            "reason": row.exclusion and row.exclusion.reason,
            "images": row.sample and [image.name for image in row.sample.images],
            "messages": row.sample
            and [{"role": turn.role, "content": turn.text} for turn in row.sample.turns],
        }
        for row in found
    ]
    return pa.Table.from_pylist(rows, SCHEMA)


def to_hugging_face(found: Iterable[Row]) -> Any:
    """The readable rows as a `datasets.Dataset`: `id`, `images` (bytes as they lie there), `messages`.

    Raises:
        MissingExtraError: If the package `datasets` is not installed.
        ImageError: If an image cannot be read.
    """
    datasets = require("datasets", extra="tune", why="a Hugging Face dataset")
    samples = [row.sample for row in found if row.sample is not None]
    features = datasets.Features(
        {
            "id": datasets.Value("string"),
            "images": datasets.List(datasets.Image()),
            "messages": datasets.List(
                {"role": datasets.Value("string"), "content": datasets.Value("string")}
            ),
        }
    )
    columns = {
        "id": [sample.id for sample in samples],
        "images": [
            [{"bytes": read_bytes(image), "path": None} for image in sample.images] for sample in samples
        ],
        "messages": [
            [{"role": turn.role, "content": turn.text} for turn in sample.turns] for sample in samples
        ],
    }
    return datasets.Dataset.from_dict(columns, features=features)
