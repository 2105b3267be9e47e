"""Selection: pure functions on arrays that choose rows, and the presets that combine them."""

from finegold.selection.options import parse_size, parse_weights
from finegold.selection.plugins import ALLOCATORS, NORMALISERS, PICKERS, QUALITIES, Plugin, plugin
from finegold.selection.pool import Pool
from finegold.selection.preset import ClusteringSpec, Preset, find_preset, preset_names
from finegold.selection.select import select
from finegold.selection.selection import ClusterCount, SelectedRows, SelectionInputs

__all__ = [
    "ALLOCATORS",
    "NORMALISERS",
    "PICKERS",
    "QUALITIES",
    "ClusterCount",
    "ClusteringSpec",
    "Plugin",
    "Pool",
    "Preset",
    "SelectedRows",
    "SelectionInputs",
    "find_preset",
    "parse_size",
    "parse_weights",
    "plugin",
    "preset_names",
    "select",
]
