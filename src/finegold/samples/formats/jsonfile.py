"""Datasets in one JSON text: an array, an object around an array, or one object a line."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal

from finegold.errors import DataError
from finegold.samples.dataset import Dataset, ReadOptions, WrittenSubset
from finegold.samples.exclusions import Exclusion
from finegold.samples.formats.json_text import (
    Encoding,
    decode_line,
    detect_encoding,
    dump_json,
    read_json,
    read_lines,
)
from finegold.samples.formats.records import Parsed, kind, parse_record
from finegold.samples.formats.rows import build_row, check_all_written, check_positions
from finegold.samples.roots import ImageRoot, write_images
from finegold.samples.sample import ImageRef, Row


@dataclass
class JsonDataset(Dataset):
    """Records of one JSON array, or of one JSONL file.

    Attributes:
        layout: `array`, `lines`, or `annotations` (an object that holds the array under that name).
        document: The decoded file, None until it is needed; never set for `lines`, which are streamed.
    """

    format: ClassVar[str]
    images_folder: ClassVar[str] = "images"

    path: Path
    file: Path
    layout: Literal["array", "lines", "annotations"]
    root: ImageRoot
    options: ReadOptions = field(default_factory=ReadOptions)
    document: Any = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.image_root = self.root.folder
        self._encoding: Encoding | None = None

    def count(self) -> int:
        """Number of records, or of lines that are not blank."""
        return sum(1 for _ in read_lines(self.file)) if self.layout == "lines" else len(self._records())

    def files(self) -> list[Path]:
        """The JSON file."""
        return [self.file]

    def locate(self, name: str) -> Path | None:
        """The file below the image root that a name means."""
        return self.root.find(name)

    def parse(self, record: Any) -> tuple[Parsed, tuple[ImageRef, ...]]:
        """Read one record and locate its images; raises RowError."""
        parsed = parse_record(record, self.options.instruction)
        return parsed, tuple(self.root.ref(image) for image in parsed.images)

    def rows(self, start: int = 0) -> Iterator[Row]:
        """Every record from `start` on. Places are `NAME record N` or `NAME line N`, from 1."""
        if self.layout == "lines":
            return self._line_rows(start)
        return map(self._row, range(start, len(self._records())))

    def rows_at(self, positions: Collection[int]) -> Iterator[Row]:
        """Yield some records; of an array, only these are looked at."""
        if self.layout == "lines":
            return super().rows_at(positions)
        return map(self._row, sorted(positions))

    def _row(self, index: int) -> Row:
        record = self._records()[index]
        place = f"{self.file.name} record {index + 1}"
        return build_row(index, place, record, self.options, partial(self.parse, record))

    def _line_rows(self, start: int) -> Iterator[Row]:
        for index, (number, line) in enumerate(read_lines(self.file)):
            if index < start:
                continue
            place = f"{self.file.name} line {number}"
            try:
                record = decode_line(line, self.encoding)
            except ValueError as error:
                yield Row(index, place, None, Exclusion("malformed-row", str(error)), f"row {index}")
                continue
            yield build_row(index, place, record, self.options, partial(self.parse, record))

    @property
    def encoding(self) -> Encoding:
        """Of the JSON file."""
        if self._encoding is None:
            self._encoding = detect_encoding(self.file)
        return self._encoding

    def _records(self) -> list[Any]:
        if self.document is None:
            self.document = read_json(self.file)
        records = self.document["annotations"] if self.layout == "annotations" else self.document
        if not isinstance(records, list):
            raise DataError(f"{self.file.name} holds {kind(records)}, expected a list of records")
        return records

    def write(self, out: Path, keep: Sequence[int], *, link: bool = False) -> WrittenSubset:
        """Write the kept records to `out` under the input's file name.

        Images go to `out/images`, for MiniGPT-4 to `out/image`.
        Lines are written as they are, byte for byte (from GB18030: as the same text in UTF-8); arrays as
        equal values. The subset opens without `--images`: absolute paths in it are found through the note
        that `roots` describes.
        """
        target = out / self.file.name
        if target.exists() and target.samefile(self.file):
            raise DataError(f"{target} is the dataset itself: choose another folder to write the subset to")
        wanted = check_positions(keep)
        if self.layout == "lines":
            self._write_lines(target, wanted)
        else:
            self._write_array(target, wanted)
        images = out / self.images_folder
        refs = (
            ref
            for row in self.rows(min(wanted, default=0))
            if row.index in wanted and row.sample is not None
            for ref in row.sample.images
        )
        files = write_images(self.root, refs, images, link=link)
        return WrittenSubset(target, images if files else None, len(wanted), files)

    def _write_lines(self, target: Path, wanted: set[int]) -> None:
        written = 0
        with target.open("wb") as file:
            for index, (_, line) in enumerate(read_lines(self.file)):
                if index in wanted:
                    body = line if self.encoding != "gb18030" else line.decode("gb18030").encode("utf-8")
                    file.write(body if body.endswith(b"\n") else body + b"\n")
                    written += 1
        check_all_written(wanted, written, self.file.name)

    def _write_array(self, target: Path, wanted: set[int]) -> None:
        records = self._records()
        kept = [records[index] for index in sorted(wanted) if index < len(records)]
        check_all_written(wanted, len(kept), self.file.name)
        whole = {**self.document, "annotations": kept} if self.layout == "annotations" else kept
        target.write_bytes(dump_json(whole, indent=1) + b"\n")
