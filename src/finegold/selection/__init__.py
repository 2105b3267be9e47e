"""Selection: pure functions on arrays that choose rows, the presets that combine them, and the manifest."""

from finegold.selection.allocate import ALLOCATORS, Allocator
from finegold.selection.manifest import (
    DatasetInfo,
    ExcludedInfo,
    Manifest,
    ScorerInfo,
    build_manifest,
    manifest_text,
    read_manifest,
)
from finegold.selection.normalise import NORMALISERS, Normaliser
from finegold.selection.options import parse_size, parse_weights
from finegold.selection.pickers import PICKERS, Picker
from finegold.selection.pool import Pool
from finegold.selection.preset import ClusteringSpec, Preset
from finegold.selection.presets import PRESETS, find_preset
from finegold.selection.quality import weighted_sum
from finegold.selection.select import select
from finegold.selection.selection import Chosen, ClusterCount, Selection, SelectionInputs

__all__ = [
    "ALLOCATORS",
    "NORMALISERS",
    "PICKERS",
    "PRESETS",
    "Allocator",
    "Chosen",
    "ClusterCount",
    "ClusteringSpec",
    "DatasetInfo",
    "ExcludedInfo",
    "Manifest",
    "Normaliser",
    "Picker",
    "Pool",
    "Preset",
    "ScorerInfo",
    "Selection",
    "SelectionInputs",
    "build_manifest",
    "find_preset",
    "manifest_text",
    "parse_size",
    "parse_weights",
    "read_manifest",
    "select",
    "weighted_sum",
]
