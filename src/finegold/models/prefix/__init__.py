"""Projected-prefix models: a frozen language model that sees an image as a prefix of projected features."""

from finegold.models.prefix.network import PrefixNetwork
from finegold.models.prefix.storage import (
    NEW_MODELS,
    Parts,
    check_parts,
    is_prefix_name,
    load_network,
    save_network,
)

__all__ = [
    "NEW_MODELS",
    "Parts",
    "PrefixNetwork",
    "check_parts",
    "is_prefix_name",
    "load_network",
    "save_network",
]
