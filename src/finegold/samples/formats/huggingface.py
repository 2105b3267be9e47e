"""A folder that `datasets` saved to disk: `state.json`, `dataset_info.json` and Arrow stream files.

Read with pyarrow alone. The subset is such a folder too and opens with `datasets.load_from_disk`.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from finegold.errors import DataError
from finegold.samples.dataset import ReadOptions, WrittenSubset
from finegold.samples.formats.arrow import TableDataset, find_root, kept_refs
from finegold.samples.formats.json_text import dump_json, read_json
from finegold.samples.formats.rows import check_all_written, check_positions
from finegold.samples.roots import ImageRoot, write_images

_COUNTED = ("splits", "dataset_size", "download_size", "download_checksums", "size_in_bytes")
"""Fields of `dataset_info.json` that describe the whole dataset and would be wrong for a subset."""


@dataclass
class HuggingFaceDataset(TableDataset):
    """One split saved to disk."""

    format: ClassVar[str] = "huggingface"

    @classmethod
    def open(
        cls, path: Path, folder: Path, root: ImageRoot | None, options: ReadOptions
    ) -> "HuggingFaceDataset":
        """Open the files that `state.json` names.

        Raises:
            DataError: If a file is missing, damaged, or outside of the folder, or the columns have no known
                shape.
        """
        shards = _data_files(folder)
        counts = tuple(sum(batch.num_rows for batch in _stream(shard)) for shard in shards)
        probe = cls(path, shards, counts, root or ImageRoot(None, options.allow_urls), options)
        return probe if root else cls(path, shards, counts, find_root(probe, folder), options)

    @property
    def folder(self) -> Path:
        """The folder that holds `state.json`."""
        return self.shards[0].parent

    def files(self) -> list[Path]:
        """The Arrow files and the two JSON files that describe them."""
        return [self.folder / "state.json", self.folder / "dataset_info.json", *self.shards]

    def batches(self, shard: int, skip: int) -> Iterator[pa.RecordBatch]:
        """Record batches of one file from row `skip` on; memory-mapped, so that no batch is held whole."""
        for batch in _stream(self.shards[shard]):
            if skip < batch.num_rows:
                yield batch.slice(skip)
            skip = max(0, skip - batch.num_rows)

    def write(self, out: Path, keep: Sequence[int], *, link: bool = False) -> WrittenSubset:
        """Write the kept rows as one Arrow file with the same schema and metadata, and what describes it."""
        if (out / "state.json").exists() and (out / "state.json").samefile(self.folder / "state.json"):
            raise DataError(f"{out} is the dataset itself: choose another folder to write the subset to")
        wanted = check_positions(keep)
        with pa.OSFile(str(self.shards[0]), "rb") as first:
            schema = pa.ipc.open_stream(first).schema
        name = "data-00000-of-00001.arrow"
        written = position = 0
        with pa.OSFile(str(out / name), "wb") as sink, pa.ipc.new_stream(sink, schema) as stream:
            for shard in self.shards:
                for batch in _stream(shard):
                    rows = [row for row in range(batch.num_rows) if position + row in wanted]
                    if rows:
                        stream.write_batch(batch.take(pa.array(rows, pa.int64())))
                    written += len(rows)
                    position += batch.num_rows
        check_all_written(wanted, written, self.path.name)
        self._describe(out, name, wanted)
        files = write_images(self.root, kept_refs(self, wanted), out / "images", link=link)
        return WrittenSubset(out, out / "images" if files else None, written, files)

    def _describe(self, out: Path, name: str, wanted: set[int]) -> None:
        state = read_json(self.folder / "state.json")
        mark = json.dumps([state.get("_fingerprint"), sorted(wanted)])
        state["_fingerprint"] = hashlib.sha256(mark.encode()).hexdigest()[:16]
        state["_data_files"] = [{"filename": name}]
        (out / "state.json").write_bytes(dump_json(state, indent=2))
        info = {key: None if key in _COUNTED else value for key, value in _info(self.folder).items()}
        (out / "dataset_info.json").write_bytes(dump_json(info, indent=2))


def _info(folder: Path) -> dict[str, Any]:
    info = read_json(folder / "dataset_info.json")
    if not isinstance(info, dict):
        raise DataError(f"{folder / 'dataset_info.json'} holds no object, expected what save_to_disk writes")
    return info


def _data_files(folder: Path) -> list[Path]:
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
        if file.resolve().parent != folder.resolve():
            raise DataError(
                f"{folder / 'state.json'} names {file.name} outside of its folder, expected it inside"
            )
        if not file.is_file():
            raise DataError(f"{file} is missing, and {folder / 'state.json'} names it: copy the whole folder")
    return files


def _stream(file: Path) -> Iterator[pa.RecordBatch]:
    try:
        with pa.memory_map(str(file)) as source:
            yield from pa.ipc.open_stream(source)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0][:200]
        raise DataError(
            f"{file} is not a whole Arrow file ({reason}): check that it was fully copied"
        ) from None
