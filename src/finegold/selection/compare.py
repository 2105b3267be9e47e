"""What tells one selection from another: pure functions on arrays."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from finegold.arrays import Floats, Ints, Vectors
from finegold.run import TextColumn, from_json
from finegold.run.cards import card
from finegold.selection.pickers.edges import unit_rows
from finegold.statistics import Estimate

SCHEMA = "finegold/preset-comparison/1"
NEAR_DUPLICATE = 0.95
"""Cosine above which two chosen images count as near duplicates."""
CHUNK = 2_048


@dataclass(frozen=True, slots=True)
class PresetFigures:
    """One preset, over its seeds.

    Attributes:
        preset: Its name.
        version: Its version.
        seeds: How many ran; one for a preset that draws nothing at random.
        figures: Estimate of each figure: `mean <indicator>`, `cluster coverage`, `distance`,
            `near duplicates`, `skew` (of kinds, or of the good labels), `seconds`, and with labels `bad` and
            `is <label>`, shares from 0 to 1.
        chosen: Ids of the first seed's selection, by rank.
    """

    preset: str
    version: str
    seeds: int
    figures: Mapping[str, Estimate]
    chosen: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PresetComparison:
    """Presets side by side on one dataset.

    Attributes:
        fingerprint: Fingerprint of the dataset.
        size: Rows each chose.
        presets: Figures of each preset, in the order of the command.
        overlap: Shape (presets, presets): share of rows in common, first seeds.
        pool: Figures of the whole pool that make sense for it: indicator means, label shares.
        dedup: Duplicates that were excluded before every choice, as `parse_dedup` reads it.
    """

    fingerprint: str
    size: int
    presets: tuple[PresetFigures, ...]
    overlap: tuple[tuple[float, ...], ...]
    pool: Mapping[str, float]
    dedup: str = "none"

    def _repr_html_(self) -> str:
        names = list(dict.fromkeys(name for one in self.presets for name in one.figures))
        cells = [
            (
                f"{one.preset} {one.version}",
                *(one.figures[name].value if name in one.figures else None for name in names),
            )
            for one in self.presets
        ]
        return card(
            f"{len(self.presets)} presets", {"rows each": f"{self.size:,}"}, ("preset", *names), cells
        )

    @classmethod
    def from_json(cls, value: Any) -> "PresetComparison":
        """The comparison that a file holds; in older files the numbers are called `mean`.

        Raises:
            DataError: If something is missing or of another type.
        """
        presets = [
            entry
            | {
                "figures": {
                    name: {"value": each.get("mean")} | each for name, each in entry["figures"].items()
                }
            }
            for entry in value["presets"]
        ]
        value = {**value, "presets": presets}
        return from_json(
            cls, value, SCHEMA, place="a comparison of presets", advice="compare the presets again"
        )

    def names(self) -> list[str]:
        """Every figure that a preset has, in order."""
        return list(dict.fromkeys(name for entry in self.presets for name in entry.figures))


def overlap(first: Collection[str], second: Collection[str]) -> float:
    """Share of the smaller selection that is in the other, 0 to 1."""
    smaller = min(len(first), len(second))
    return int(TextColumn(list(first)).isin(second).sum()) / smaller if smaller else 0.0


def indicator_means(indicators: Mapping[str, Floats], chosen: Ints) -> dict[str, float]:
    """Mean of each indicator over the chosen rows to which it applies; NaN if to none."""
    found = {}
    for name, values in indicators.items():
        there = values[chosen][np.isfinite(values[chosen])]
        found[name] = float(there.mean()) if len(there) else float("nan")
    return found


def cluster_coverage(labels: Ints, chosen: Ints) -> float:
    """How evenly clusters are covered: exp of the entropy of the chosen rows' clusters, over their number.

    1 when each cluster gives the same number of rows, 1 / clusters when one gives all.
    """
    clusters = len(np.unique(labels))
    shares = np.bincount(labels[chosen]) / max(1, len(chosen))
    shares = shares[shares > 0]
    return float(np.exp(-(shares * np.log(shares)).sum()) / clusters)


def embedding_distance(embeddings: Vectors, chosen: Ints) -> float:
    """Mean cosine distance from each pool row to the nearest chosen one: lower covers the pool better.

    Args:
        embeddings: Shape (n, d), raw; rows with NaN have no image and do not count.
        chosen: Row indices.

    Returns:
        0 (every row is chosen or equals a chosen one) to 2; NaN if no chosen row has an image.
    """
    finite = np.asarray(np.isfinite(embeddings).all(axis=1))
    picked = unit_rows(embeddings[chosen[finite[chosen]]])
    if not len(picked):
        return float("nan")
    pool = unit_rows(embeddings[finite])
    nearest = [
        1 - (pool[start : start + CHUNK] @ picked.T).max(axis=1) for start in range(0, len(pool), CHUNK)
    ]
    return float(np.maximum(np.concatenate(nearest), 0).mean())


def near_duplicates(embeddings: Vectors, chosen: Ints) -> int:
    """Chosen rows whose image is a near duplicate of that of an earlier chosen row."""
    finite = np.asarray(np.isfinite(embeddings).all(axis=1))
    picked = unit_rows(embeddings[chosen[finite[chosen]]])
    count = 0
    for start in range(0, len(picked), CHUNK):
        block = np.asarray(picked[start : start + CHUNK] @ picked[: start + CHUNK].T)
        earlier = np.arange(block.shape[1])[None, :] < start + np.arange(len(block))[:, None]
        count += int(((block > NEAR_DUPLICATE) & earlier).any(axis=1).sum())
    return count


def shares(labels: Collection[str], chosen: pa.Array) -> dict[str, float]:
    """Share of the chosen rows under each label, by label; rows without a label count under `unlabelled`.

    Args:
        labels: All labels that there are.
        chosen: Label of each chosen row; null for none.
    """
    names = sorted(labels)
    counts = chosen.fill_null("unlabelled").value_counts().to_pylist()
    found = {one["values"]: one["counts"] for one in counts}
    if "unlabelled" in found:
        names.append("unlabelled")
    return {name: found.get(name, 0) / max(1, len(chosen)) for name in names}
