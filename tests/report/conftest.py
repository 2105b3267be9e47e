"""A small report over made rows: everything in it, no file read."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from finegold.report.selection.inputs import (
    Cluster,
    DatasetFacts,
    ExcludedRow,
    Indicator,
    PoolRows,
    Provenance,
    ReportInputs,
    RowContent,
    SelectionFacts,
)
from finegold.report.selection.near_misses import near_misses
from finegold.report.thumbnails import thumbnail


def picture(seed: int, size: tuple[int, int] = (240, 180)) -> Image.Image:
    generator = np.random.default_rng(seed)
    coarse = generator.integers(0, 255, (6, 8, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)
    ImageDraw.Draw(image).text((8, 8), str(seed), fill="white")
    return image


def build(count: int = 400, size: int = 90, seed: int = 0, **changes: Any) -> ReportInputs:
    """`size` of `count` made rows, picked by quality in four clusters; `changes` replace fields."""
    generator = np.random.default_rng(seed)
    ids = tuple(f"row-{index:05d}" for index in range(count))
    labels = np.sort(generator.integers(0, 4, count)).astype(np.int64)
    clip = generator.normal(30, 4, count)
    clip[::50] = np.nan
    length = generator.integers(1, 200, count).astype(np.float64)
    quality = clip / 40 + length / 400
    ranked = np.argsort(-np.nan_to_num(quality, nan=-1.0))[:size]
    rank = np.zeros(count, dtype=np.int64)
    rank[ranked] = np.arange(1, size + 1)
    sizes, quotas = np.bincount(labels, minlength=4), np.bincount(labels[ranked], minlength=4)
    clusters = tuple(
        Cluster(
            int(sizes[label]),
            int(quotas[label]),
            tuple(ids[row] for row in np.flatnonzero(labels == label)[:5]),
        )
        for label in range(4)
    )
    pool = PoolRows(ids, rank, quality, labels, generator.random((count, 2)))
    misses = near_misses(pool, clusters, 8)
    shown = {ids[row] for row in ranked} | {miss.id for miss in misses}
    shown |= {id for cluster in clusters for id in cluster.examples}
    pictures = [thumbnail(picture(number)) for number in range(12)]
    contents = {
        id: RowContent(
            f"pool.json record {int(id[4:])}",
            "Describe the image.",
            f"A made answer for {id}. " * (1 + int(id[4:]) % 40),
            pictures[int(id[4:]) % 12] if int(id[4:]) % 9 else None,
        )
        for id in sorted(shown)
    }
    fields: dict[str, Any] = {
        "dataset": DatasetFacts("pool.json", "llava", count + 3, count, "sha256:0123456789abcdef" * 4),
        "selection": SelectionFacts(
            "instructiongpt4",
            "1",
            "The best rows by quality inside each cluster.",
            {"clip": 1.0, "length": 0.5},
            "min-max",
            notes=("The indicator reward was left out.",),
        ),
        "rows": pool,
        "provenance": Provenance(("finegold pick pool.json --size 90 --out picked",), {"finegold": "0.1.0"}),
        "indicators": (
            Indicator("clip", "CLIP score", "100 × cosine", clip, failed=int(np.isnan(clip).sum())),
            Indicator("length", "Answer length", "tokens", length),
        ),
        "clusters": clusters,
        "contents": contents,
        "near_misses": misses,
        "excluded": (
            ExcludedRow("bad-1", "pool.json record 7", "missing-image", "The image a.jpg does not exist."),
            ExcludedRow("bad-2", "pool.json record 8", "empty-answer", "The answer is empty.", pictures[0]),
        ),
        "excluded_counts": {"missing-image": 2, "empty-answer": 1},
    }
    return ReportInputs(**{**fields, **changes})


@pytest.fixture(scope="session")
def made() -> Callable[..., ReportInputs]:
    return build


@pytest.fixture(scope="session")
def make_picture() -> Callable[..., Image.Image]:
    return picture
