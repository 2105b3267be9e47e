"""Deduplication before selection: exact, perceptual and semantic; the best row of each group stays."""

from finegold.selection.dedup.duplicates import Duplicates, best_first
from finegold.selection.dedup.exact import content_key, exact_duplicates
from finegold.selection.dedup.perceptual import perceptual_duplicates, perceptual_hash
from finegold.selection.dedup.semantic import semantic_cells, semantic_duplicates
from finegold.selection.dedup.stages import deduplicate

__all__ = [
    "Duplicates",
    "best_first",
    "content_key",
    "deduplicate",
    "exact_duplicates",
    "perceptual_duplicates",
    "perceptual_hash",
    "semantic_cells",
    "semantic_duplicates",
]
