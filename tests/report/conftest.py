"""A small report over made rows: a table, a manifest, and what the rows say; no file read."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image, ImageDraw

from finegold.report.selection.sections import RowContent
from finegold.samples.thumbnails import thumbnail
from finegold.selection.manifest import (
    ClusterInfo,
    Configuration,
    Counts,
    DatasetInfo,
    Manifest,
    ScorerInfo,
)
from finegold.selection.preset import Preset
from finegold.selection.table import EXCLUDED, NOT_SELECTED, SCHEMA, SELECTED

FLOAT = pa.float64()
EXCLUDED_ROWS = (
    ("bad-1", "missing-image", "The image a.jpg does not exist."),
    ("bad-2", "missing-image", "The image b.jpg does not exist."),
    ("bad-3", "empty-answer", "The answer is empty."),
)
"""Id, code and reason of the rows that could not be used."""


def picture(seed: int, size: tuple[int, int] = (240, 180)) -> Image.Image:
    generator = np.random.default_rng(seed)
    coarse = generator.integers(0, 255, (6, 8, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)
    ImageDraw.Draw(image).text((8, 8), str(seed), fill="white")
    return image


def build(
    count: int = 400,
    size: int = 90,
    *,
    clusters: bool = True,
    indicators: bool = True,
    excluded: Iterable[tuple[str, str, str]] = EXCLUDED_ROWS,
    contents: dict[str, RowContent] | None = None,
    rename: dict[str, str] | None = None,
    preset: dict[str, Any] | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """`size` of `count` made rows, picked by quality in four clusters, as the arguments of `render_report`.

    Args:
        count: Usable rows.
        size: Rows that are picked.
        clusters: Whether there are clusters, and embeddings.
        indicators: Whether there are two indicators, and a quality of them.
        excluded: Id, code and reason of rows that could not be used.
        contents: What some rows say, by id, in place of made texts.
        rename: Other ids of some rows.
        preset: Other fields of the preset.
        changes: Other fields of the manifest.
    """
    generator = np.random.default_rng(0)
    ids = [f"row-{index:05d}" for index in range(count)]
    labels = np.sort(generator.integers(0, 4, count))
    clip, length = generator.normal(30, 4, count), generator.integers(1, 200, count).astype(float)
    clip[::50] = np.nan
    quality = clip / 40 + length / 400
    rank = np.zeros(count, dtype=np.int64)
    rank[np.argsort(-np.nan_to_num(quality, nan=-1.0))[:size]] = np.arange(1, size + 1)
    bad = list(excluded)
    total = count + len(bad)
    names = [(rename or {}).get(id, id) for id in ids] + [id for id, _, _ in bad]

    def numbers(values: Any, kind: pa.DataType = FLOAT) -> pa.Array:
        return pa.array([None if value != value else value for value in values] + [None] * len(bad), kind)

    nothing = np.full(count, np.nan)
    columns = {
        "sample_id": names,
        "status": [SELECTED if place else NOT_SELECTED for place in rank] + [EXCLUDED] * len(bad),
        "code": [None] * count + [code for _, code, _ in bad],
        "reason": [None] * count + [reason for _, _, reason in bad],
        "duplicate_of": [None] * total,
        "source": [("coco", "gqa")[row % 2] for row in range(total)],
        "kind": [("yes-no", "counting", "writing")[row % 3] for row in range(total)],
        "group": [None] * total,
        "cluster": numbers(labels.tolist() if clusters else nothing, pa.int64()),
        "quality": numbers(quality if indicators else nothing),
        "rank": pa.array([int(place) or None for place in rank] + [None] * len(bad), pa.int64()),
        "row": range(total),
        "place": [f"pool.json record {row}" for row in range(total)],
        "content_hash": [""] * total,
    }
    table = pa.table({name: pa.array(columns[name], SCHEMA.field(name).type) for name in SCHEMA.names})
    scorers = {"clip": clip, "length": length} if indicators else {}
    for name, values in scorers.items():
        table = table.append_column(name, numbers(values))
    pictures = [thumbnail(picture(number)) for number in range(12)]

    def read(positions: set[int]) -> dict[int, RowContent]:
        """Every ninth row has no picture."""
        return {
            row: (contents or {}).get(names[row])
            or RowContent(
                f"pool.json record {row}",
                "Describe the image.",
                f"A made answer for {names[row]}. " * (1 + row % 40),
                pictures[row % 12] if row % 9 else None,
            )
            for row in positions
        }

    summary = "The best rows by quality inside each cluster."
    content = Preset("instructiongpt4", "1", summary, weights={"clip": 1.0, "length": 0.5}).content()
    fields: dict[str, Any] = {
        "finegold": "0.1.0",
        "libraries": {"numpy": "2.0"},
        "dataset": DatasetInfo(
            fingerprint="sha256:0123456789abcdef",
            format="llava",
            name="pool.json",
            instruction=None,
            ids="record",
        ),
        "configuration": Configuration(
            preset=content | (preset or {}),
            encoder=None,
            scorers=[ScorerInfo(name=name, version="1", fingerprint="", parameters={}) for name in scorers],
            weights=(preset or content).get("weights", {}) if indicators else {},
            clustering=None,
        ),
        "seed": 0,
        "size": size,
        "counts": Counts(
            rows_in=total,
            selected=size,
            not_selected=count - size,
            excluded={code: sum(one == code for _, one, _ in bad) for _, code, _ in bad},
        ),
        "clusters": [
            ClusterInfo(
                cluster=label,
                size=int((labels == label).sum()),
                quota=int((rank[labels == label] > 0).sum()),
                selected=0,
            )
            for label in range(4 if clusters else 0)
        ],
        "notes": ["The indicator reward was not used."],
        "rows": [],
    }
    return {
        "manifest": Manifest(**{**fields, **changes}),
        "table": table,
        "read": read,
        "embedded": (names[:count], generator.random((count, 3)), generator.random((count, 2)))
        if clusters
        else None,
        "commands": ("finegold pick pool.json --size 90 --out picked",),
    }


@pytest.fixture(scope="session")
def made() -> Callable[..., dict[str, Any]]:
    return build


@pytest.fixture(scope="session")
def make_picture() -> Callable[..., Image.Image]:
    return picture
