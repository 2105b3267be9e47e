"""Deduplication before selection: exact, perceptual and semantic; the best row of each group stays."""

from finegold.dedup.duplicates import (
    Duplicates,
    as_labels,
    best_first,
    content_key,
    exact_duplicates,
    question_key,
)
from finegold.dedup.mark import deduplicate, mark_duplicates
from finegold.dedup.perceptual import perceptual_duplicates, perceptual_hash
from finegold.dedup.semantic import semantic_cells, semantic_duplicates
from finegold.dedup.settings import Dedup, parse_dedup
from finegold.dedup.table import Contents, hash_images, question_labels, read_contents

__all__ = [
    "Contents",
    "Dedup",
    "Duplicates",
    "as_labels",
    "best_first",
    "content_key",
    "deduplicate",
    "exact_duplicates",
    "hash_images",
    "mark_duplicates",
    "parse_dedup",
    "perceptual_duplicates",
    "perceptual_hash",
    "question_key",
    "question_labels",
    "read_contents",
    "semantic_cells",
    "semantic_duplicates",
]
