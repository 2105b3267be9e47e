"""The run folder: tables, fingerprints, resume, event log."""

from finegold.run.atomic import atomic_path, write_json, write_text
from finegold.run.fingerprint import canonical_json, file_hashes, file_sha256, fingerprint
from finegold.run.folder import RunFolder, cache_folder, slug
from finegold.run.progress import progress
from finegold.run.records import from_json, read_record, to_json, write_record
from finegold.run.steps import Columns, Parts, fill, fill_once
from finegold.run.tables import PART_ROWS, PartTable

__all__ = [
    "PART_ROWS",
    "Columns",
    "PartTable",
    "Parts",
    "RunFolder",
    "atomic_path",
    "cache_folder",
    "canonical_json",
    "file_hashes",
    "file_sha256",
    "fill",
    "fill_once",
    "fingerprint",
    "from_json",
    "progress",
    "read_record",
    "slug",
    "to_json",
    "write_json",
    "write_record",
    "write_text",
]
