"""The run folder: tables, fingerprints, resume, event log."""

from finegold.run.atomic import (
    atomic_path,
    hidden_beside,
    unique_name,
    write_bytes,
    write_json,
    write_lines,
    write_text,
)
from finegold.run.buffers import arrow_file, file_buffer
from finegold.run.caches import cache_folder
from finegold.run.check import check_folder
from finegold.run.filling import filled_folder
from finegold.run.fingerprint import canonical_json, file_hashes, file_sha256, fingerprint
from finegold.run.folder import ROWS, RunFolder, slug
from finegold.run.lines import LineFile, read_sealed_lines, replace_lines, sealed_line
from finegold.run.lock import folder_lock, lock_beside, locked
from finegold.run.progress import progress
from finegold.run.records import from_json, read_record, to_json, write_record
from finegold.run.seal import (
    FILES,
    DamagedError,
    broken_seal,
    file_list,
    listed_files_are_there,
    read_sealed,
    seal,
    write_sealed,
)
from finegold.run.shards import WHOLE, Shard
from finegold.run.steps import Blocks, Columns, fill, fill_once
from finegold.run.tables import BLOCK_ROWS, PartTable, read_parquet, write_parquet
from finegold.run.texts import TextColumn
from finegold.run.working_copies import local_file, mirror_of, with_addresses, working_copy, writing_to

__all__ = [
    "BLOCK_ROWS",
    "FILES",
    "ROWS",
    "WHOLE",
    "Blocks",
    "Columns",
    "DamagedError",
    "LineFile",
    "PartTable",
    "RunFolder",
    "Shard",
    "TextColumn",
    "arrow_file",
    "atomic_path",
    "broken_seal",
    "cache_folder",
    "canonical_json",
    "check_folder",
    "file_buffer",
    "file_hashes",
    "file_list",
    "file_sha256",
    "fill",
    "fill_once",
    "filled_folder",
    "fingerprint",
    "folder_lock",
    "from_json",
    "hidden_beside",
    "listed_files_are_there",
    "local_file",
    "lock_beside",
    "locked",
    "mirror_of",
    "progress",
    "read_parquet",
    "read_record",
    "read_sealed",
    "read_sealed_lines",
    "replace_lines",
    "seal",
    "sealed_line",
    "slug",
    "to_json",
    "unique_name",
    "with_addresses",
    "working_copy",
    "write_bytes",
    "write_json",
    "write_lines",
    "write_parquet",
    "write_record",
    "write_sealed",
    "write_text",
    "writing_to",
]
