"""JSON text: an array, an object around an array, or one object a line, with records of any known shape.

The format `messages` is what TRL, LLaMA-Factory and ms-swift take; `llava` and `minigpt4` are narrower. The
first of the leading records that has a known shape decides; of the formats that know it, the narrowest.
Images are in `images` or `image` (path, URL, `{path}`, `{bytes}` in base64, or a list of these) or inside
the messages' content.
"""

import codecs
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from finegold.errors import DataError
from finegold.samples.dataset import FORMATS, DataFiles, Dataset
from finegold.samples.exclusions import RowError
from finegold.samples.json_text import (
    Encoding,
    decode_line,
    detect_encoding,
    dump_json,
    read_json,
    read_lines,
)
from finegold.samples.roots import ImageRoot
from finegold.samples.shapes import has_shape

_LEADING = 100


@FORMATS.register("messages")
class JsonDataset(Dataset):
    """Records of one JSON array, which is held whole, or of one JSONL file, which is streamed.

    Attributes:
        breadth: From 0 to below 1; larger for a format that takes records of more shapes.
    """

    content = "JSON text"
    suffixes = (".json", ".jsonl", ".ndjson")
    breadth: ClassVar[float] = 0.9

    def __init__(self, source: DataFiles, root: ImageRoot | None = None) -> None:
        self.file = source.files[0]
        self._text = source.once(_read_text)
        if source.format is None:
            self._check_shape()
        super().__init__(source, root)

    @classmethod
    def fit(cls, source: DataFiles) -> float:
        """Between 0 and 1 for text: the surer, the earlier a record is one of this format's."""
        text = b"\0" not in source.head or source.head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        if not source.head.strip() or not text:
            return 0.0
        try:
            records = source.once(_read_text).leading
        except DataError:
            records = ()
        first = next((place for place, record in enumerate(records) if cls.recognises(record)), _LEADING)
        return 1 - (first + 1 + cls.breadth) / (_LEADING + 3)

    @classmethod
    def recognises(cls, record: Any) -> bool:
        """Whether a record is one of this format's."""
        return has_shape(record)

    def _check_shape(self) -> None:
        records = self._text.leading
        if not records:
            raise DataError(f"{self.file.name} holds no records, expected at least one")
        if any(self.recognises(record) for record in records):
            return
        sample = next((record for record in records if isinstance(record, dict)), None)
        found = "no objects" if sample is None else f"objects with {', '.join(map(repr, list(sample)[:8]))}"
        raise DataError(
            f"{self.file.name} holds {found}, expected 'conversations', 'messages', 'prompt' and "
            "'completion', 'instruction' and 'output', or 'image_id' and 'caption': name the format with "
            "--format"
        )

    def first_records(self) -> Sequence[Any]:
        """The first hundred records."""
        return self._text.leading

    def count(self) -> int:
        """Number of records, or of lines that are not blank."""
        array = self._text.array
        return sum(1 for _ in read_lines(self.file)) if array is None else len(array)

    def records(self, start: int = 0) -> Iterator[tuple[str, Any]]:
        """Every record from `start` on. Places are `NAME record N` or `NAME line N`, from 1."""
        if self._text.array is not None:
            for number, record in enumerate(self._text.array[start:], start + 1):
                yield f"{self.file.name} record {number}", record
            return
        encoding = self.source.once(_encoding)
        for line_number, line in islice(read_lines(self.file), start, None):
            found: Any
            try:
                found = decode_line(line, encoding)
            except ValueError as error:
                found = RowError(str(error))
            yield f"{self.file.name} line {line_number}", found

    def write_records(self, out: Path, keep: set[int]) -> tuple[Path, int]:
        """Write lines byte for byte (from GB18030: the same text in UTF-8), arrays as equal values."""
        (target,) = self.output_names(out)
        if self._text.array is None:
            return target, self._write_lines(target, keep)
        kept = [record for index, record in enumerate(self._text.array) if index in keep]
        whole = kept if self._text.around is None else {**self._text.around, "annotations": kept}
        target.write_bytes(dump_json(whole, indent=1) + b"\n")
        return target, len(kept)

    def _write_lines(self, target: Path, keep: set[int]) -> int:
        gb18030, written = self.source.once(_encoding) == "gb18030", 0
        with target.open("wb") as file:
            for index, (_, line) in enumerate(read_lines(self.file)):
                if index in keep:
                    body = line.decode("gb18030").encode("utf-8") if gb18030 else line
                    file.write(body if body.endswith(b"\n") else body + b"\n")
                    written += 1
        return written


def first_turn(record: Any) -> dict[str, Any] | None:
    """The first turn of a record of `{from, value}` turns; None for any other record."""
    turns = record.get("conversations") if isinstance(record, dict) else None
    first = turns[0] if isinstance(turns, list) and turns else None
    return first if isinstance(first, dict) and "from" in first else None


@dataclass(frozen=True, slots=True)
class _Text:
    """What is read of a JSON text when it is opened.

    Attributes:
        leading: The first records; of JSONL, the objects among the first lines.
        array: All records; None for JSONL.
        around: The object that holds the array as `annotations`, if there is one.
    """

    leading: Sequence[Any]
    array: list[Any] | None = None
    around: dict[str, Any] | None = None


def _read_text(source: DataFiles) -> _Text:
    file = source.files[0]
    lines_by_name = file.suffix.lower() in (".jsonl", ".ndjson")
    if lines_by_name or next(read_lines(file), (0, b""))[1].lstrip()[:1] != b"[":
        objects, mostly = _leading_objects(source, named=lines_by_name)
        wrapped = len(objects) == 1 and isinstance(objects[0].get("annotations"), list)
        # Few lines of a pretty-printed document are whole objects; most lines of a JSONL file are.
        if objects and not wrapped and (lines_by_name or mostly):
            return _Text(objects)
    document = read_json(file)
    around = document if isinstance(document, dict) else None
    array = document if around is None else around.get("annotations")
    if isinstance(array, list):
        first = next((place for place, record in enumerate(array) if has_shape(record)), 0)
        return _Text(array[: _LEADING - 1] + array[max(first, _LEADING - 1) :][:1], array, around)
    keys = type(document).__name__ if around is None else ", ".join(map(repr, list(around)[:6]))
    raise DataError(
        f"{file.name} holds one JSON value with {keys}, expected an array of records, one record a line, or "
        '{"annotations": [...]}'
    )


def _leading_objects(source: DataFiles, *, named: bool) -> tuple[list[dict[str, Any]], bool]:
    """The objects among the first lines, and whether most of the first lines are objects.

    As many lines are read as it takes to find a record of a known shape, since lines that cannot be used do
    not decide on the file. A file that is not `named` as lines must have an object among the first.
    """
    objects: list[dict[str, Any]] = []
    known = mostly = False
    for number, (_, line) in enumerate(read_lines(source.files[0])):
        if number >= _LEADING and (known or not (objects or named)):
            break
        try:
            value = decode_line(line, source.once(_encoding))
        except ValueError:
            continue
        if isinstance(value, dict):
            known = known or has_shape(value)
            if len(objects) < _LEADING or known:
                objects = [*objects[: _LEADING - 1], value]
        if number < _LEADING:
            mostly = 2 * len(objects) > number + 1
    return objects, mostly


def _encoding(source: DataFiles) -> Encoding:
    return detect_encoding(source.files[0])
