"""The run folder: tables, fingerprints, resume, event log."""

from finegold.run.atomic import atomic_path, write_json, write_text
from finegold.run.fingerprint import canonical_json, file_sha256, fingerprint
from finegold.run.folder import RunFolder, slug
from finegold.run.progress import progress
from finegold.run.steps import Columns, Parts, fill, fill_once
from finegold.run.tables import PART_ROWS, PartTable

__all__ = [
    "PART_ROWS",
    "Columns",
    "PartTable",
    "Parts",
    "RunFolder",
    "atomic_path",
    "canonical_json",
    "file_sha256",
    "fill",
    "fill_once",
    "fingerprint",
    "progress",
    "slug",
    "write_json",
    "write_text",
]
