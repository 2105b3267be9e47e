"""Samples: reading, checking and writing datasets of (image, instruction, answer) rows."""

from finegold.samples.dataset import FORMATS, DataFiles, Dataset, WrittenSubset
from finegold.samples.exclusions import Exclusion, ImageError, RowError
from finegold.samples.inspect import Inspection, inspect
from finegold.samples.opening import open_dataset
from finegold.samples.sample import IMAGE_PLACEHOLDER, ImageRef, Pair, Role, Row, Sample, Turn

__all__ = [
    "FORMATS",
    "IMAGE_PLACEHOLDER",
    "DataFiles",
    "Dataset",
    "Exclusion",
    "ImageError",
    "ImageRef",
    "Inspection",
    "Pair",
    "Role",
    "Row",
    "RowError",
    "Sample",
    "Turn",
    "WrittenSubset",
    "inspect",
    "open_dataset",
]
