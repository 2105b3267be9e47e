"""A folder that `datasets` saved to disk: `state.json`, `dataset_info.json` and Arrow stream files.

Read with pyarrow alone. The subset is such a folder too and opens with `datasets.load_from_disk`.
"""

import hashlib
import json
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from finegold.errors import DataError
from finegold.run import arrow_file
from finegold.samples.arrow import (
    DamagedRows,
    TableDataset,
    check_count,
    first_line,
    kept_rows,
    skip_rows,
    validated,
)
from finegold.samples.dataset import FORMATS, DataFiles
from finegold.samples.ipc import MAX_BATCH, packed_batch
from finegold.samples.json_text import dump_json, read_json
from finegold.samples.links import allowed_targets, leaving_link

_WRITTEN = "data-00000-of-00001.arrow"
_COUNTED = ("splits", "dataset_size", "download_size", "download_checksums", "size_in_bytes")
"""Fields of `dataset_info.json` that describe the whole dataset and would be wrong for a subset."""


@FORMATS.register("huggingface")
class HuggingFaceDataset(TableDataset):
    """One split saved to disk."""

    content = "a saved Hugging Face dataset"

    @classmethod
    def find(cls, folder: Path) -> list[Path]:
        """The folder itself, if it is one saved split; raises DataError if it holds several."""
        if _is_saved(folder):
            return [folder]
        if (folder / "dataset_dict.json").is_file():
            splits = sorted(str(child) for child in folder.iterdir() if _is_saved(child))
            raise DataError(
                f"{folder} holds several splits of a Hugging Face dataset, expected one: name one of "
                f"{', '.join(splits) or 'its folders'}"
            )
        return []

    @classmethod
    def fit(cls, source: DataFiles) -> float:
        """Whether it is a folder that was saved."""
        return float(_is_saved(source.files[0]))

    def find_shards(self, source: DataFiles) -> list[Path]:
        """The files that `state.json` names; raises DataError if one is missing or outside of the folder."""
        self.folder = folder = source.files[0]
        state = read_json(folder / "state.json")
        entries = state.get("_data_files") if isinstance(state, dict) else None
        listed = entries if isinstance(entries, list) else []
        names = [entry.get("filename") for entry in listed if isinstance(entry, dict)]
        if not names or not all(isinstance(name, str) for name in names):
            raise DataError(f"{folder / 'state.json'} names no data files, expected what save_to_disk writes")
        if state.get("_indices_data_files"):
            raise DataError(
                f"{folder} was saved by an old version with an index: load and save it again with datasets"
            )
        files = [folder / str(name) for name in names]
        for file in files:
            inside = _can_be_named(file) and os.path.normpath(file) == os.path.normpath(folder / file.name)
            if not inside or leaving_link(str(file.absolute()), allowed_targets(folder, source.allow_links)):
                raise DataError(
                    f"{folder / 'state.json'} names {file.name!r} outside of its folder, expected it inside"
                )
            if not os.path.isfile(file):  # noqa: PTH113 - a name may be too long for a file
                raise DataError(
                    f"{file} is missing, and {folder / 'state.json'} names it: copy the whole folder"
                )
        return files

    def files(self) -> list[Path]:
        """The Arrow files and the two JSON files that describe them."""
        return [self.folder / "state.json", self.folder / "dataset_info.json", *self.shards]

    def written_names(self) -> set[str]:
        """The Arrow file that `write` leaves, and what describes it."""
        return {"state.json", "dataset_info.json", _WRITTEN}

    def count_rows(self, shard: Path) -> int:
        """Number of rows; raises DataError if the file is damaged."""
        return check_count(shard, sum(batch.num_rows for batch in _stream(shard)))

    def batches(self, shard: int, skip: int = 0) -> Iterator[pa.RecordBatch | DamagedRows]:
        """Record batches of one file from row `skip` on; memory-mapped, so that no batch is held whole."""
        for batch in skip_rows(_stream(self.shards[shard]), skip):
            yield validated(batch) if isinstance(batch, pa.RecordBatch) else batch

    def write_records(self, out: Path, keep: set[int]) -> tuple[Path, int]:
        """Write the kept rows as one Arrow file with the same schema and metadata, and what describes it."""
        self.output_names(out)
        with arrow_file(self.shards[0]) as first:
            schema = pa.ipc.open_stream(first).schema
        name = _WRITTEN
        written = position = 0
        with arrow_file(out / name, "wb") as sink, pa.ipc.new_stream(sink, schema) as stream:
            for shard in range(len(self.shards)):
                for batch in self.batches(shard):
                    if isinstance(batch, DamagedRows):
                        position += batch.num_rows
                        continue
                    kept = kept_rows(batch, position, keep)
                    if kept.num_rows:
                        stream.write_batch(kept)
                    written += kept.num_rows
                    position += batch.num_rows
        self._describe(out, name, keep)
        return out, written

    def _describe(self, out: Path, name: str, wanted: set[int]) -> None:
        state = read_json(self.folder / "state.json")
        mark = json.dumps([state.get("_fingerprint"), sorted(wanted)])
        state["_fingerprint"] = hashlib.sha256(mark.encode()).hexdigest()[:16]
        state["_data_files"] = [{"filename": name}]
        (out / "state.json").write_bytes(dump_json(state, indent=2))
        info = read_json(self.folder / "dataset_info.json")
        if not isinstance(info, dict):
            raise DataError(
                f"{self.folder / 'dataset_info.json'} holds no object, expected what save_to_disk writes"
            )
        subset = {key: None if key in _COUNTED else value for key, value in info.items()}
        (out / "dataset_info.json").write_bytes(dump_json(subset, indent=2))


def _is_saved(folder: Path) -> bool:
    return (folder / "state.json").is_file() and (folder / "dataset_info.json").is_file()


def _can_be_named(file: Path) -> bool:
    """Whether a file may have this name: no null character, no half of a surrogate pair."""
    try:
        return b"\0" not in os.fsencode(file)
    except UnicodeEncodeError:
        return False


def _stream(file: Path) -> Iterator[pa.RecordBatch | DamagedRows]:
    """The batches of a file as they are, not validated; one that cannot be decoded counts as one row."""
    try:
        with pa.memory_map(os.fsencode(file)) as source:
            stream, place = pa.ipc.open_stream(source), -1
            while True:
                start = source.tell()
                try:
                    rows, unpacked = packed_batch(source)
                    if unpacked > MAX_BATCH:
                        place = source.tell()
                        reason = f"a batch unpacks to {unpacked:,} bytes, expected at most {MAX_BATCH:,}"
                        yield DamagedRows(rows if 0 <= rows <= source.size() else 1, reason)
                        continue
                except (pa.ArrowException, OSError, EOFError, ValueError, MemoryError, struct.error):
                    pass  # Reading it raises the same, or ends.
                source.seek(start)
                try:
                    batch = stream.read_next_batch()
                except StopIteration:
                    return
                except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
                    yield DamagedRows(1, first_line(error))
                    if source.tell() <= place or source.tell() >= source.size():
                        return
                else:
                    yield batch
                place = source.tell()
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
        raise DataError(
            f"{file} is not a whole Arrow file ({first_line(error)}): check that it was fully copied"
        ) from None
