"""JSON text: an array, an object around an array, or one object a line, with records of any known shape.

The format `messages` is what TRL, LLaMA-Factory and ms-swift take; `llava` and `minigpt4` are narrower.
Where fields are mapped (`columns`), JSON text is always `messages`. The
first of the leading records that has a known shape decides; of the formats that know it, the narrowest.
Images are in `images` or `image` (path, URL, `{path}`, `{bytes}` in base64, or a list of these) or inside
the messages' content.
"""

import codecs
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from finegold.errors import DataError
from finegold.samples.dataset import FORMATS, DataFiles, Dataset
from finegold.samples.exclusions import RowError
from finegold.samples.json_array import read_array
from finegold.samples.json_text import (
    Encoding,
    check_depth,
    decode_line,
    detect_encoding,
    dump_json,
    read_lines,
)
from finegold.samples.roots import ImageRoot
from finegold.samples.shapes import has_shape
from finegold.samples.values import MAX_HELD, held_bytes

_LEADING = 100
_LINES = (".jsonl", ".ndjson")


@FORMATS.register("messages")
class JsonDataset(Dataset):
    """Records of JSON arrays, which are held whole, and of JSONL files, which are streamed.

    Attributes:
        breadth: From 0 to below 1; larger for a format that takes records of more shapes.
    """

    content = "JSON text"
    suffixes = (".json", *_LINES)
    breadth: ClassVar[float] = 0.9

    def __init__(self, source: DataFiles, root: ImageRoot | None = None) -> None:
        self._texts = source.once(_read_texts)
        if source.format is None and source.columns is None:
            self._check_shape(source.files[0].name)
        super().__init__(source, root)

    @classmethod
    def is_one_dataset(cls, files: list[Path]) -> bool:
        """Whether they are JSONL files, or files whose names differ in numbers only."""
        lines = all(file.suffix.lower() in _LINES for file in files)
        names = {re.sub(r"\d+", "0", file.name.lower()) for file in files}
        return lines or (len(names) == 1 and all(file.suffix.lower() in cls.suffixes for file in files))

    @classmethod
    def fit(cls, source: DataFiles) -> float:
        """Between 0 and 1 for text: the surer, the earlier a record is one of this format's."""
        # One null character is damage of a line.
        text = 8 * source.head.count(0) < len(source.head) or source.head.startswith(
            (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
        )
        if not source.head.strip() or not text or (source.columns is not None and cls is not JsonDataset):
            return 0.0
        try:
            records = _leading(source.once(_read_texts))
        except DataError:
            records = []
        known = cls.recognises if source.columns is None else source.has_shape
        first = next((place for place, record in enumerate(records) if known(record)), _LEADING)
        return 1 - (first + 1 + cls.breadth) / (_LEADING + 3)

    @classmethod
    def recognises(cls, record: Any) -> bool:
        """Whether a record is one of this format's."""
        return has_shape(record)

    def _check_shape(self, name: str) -> None:
        records = self.first_records()
        if not records:
            raise DataError(f"{name} holds no records, expected at least one")
        if any(self.recognises(record) for record in records):
            return
        sample = next((record for record in records if isinstance(record, dict)), None)
        found = "no objects" if sample is None else f"objects with {', '.join(map(repr, list(sample)[:8]))}"
        raise DataError(
            f"{name} holds {found}, expected 'conversations', 'messages', 'texts', a question and an answer "
            "such as 'prompt' and 'completion', or 'image' and 'caption': name the format with --format"
        )

    def first_records(self) -> Sequence[Any]:
        """The first hundred records."""
        return _leading(self._texts)

    def count(self) -> int:
        """Number of records, or of lines that are not blank."""
        return sum(map(_count, self._texts))

    def records(self, start: int = 0) -> Iterator[tuple[str, Any]]:
        """Every record from `start` on. Places are `NAME record N` or `NAME line N`, from 1."""
        for text in self._texts:
            name, skipped = text.file.name, start
            if text.array is not None:
                start = max(0, start - len(text.array))
                for number, record in enumerate(text.array[skipped:], skipped + 1):
                    yield f"{name} record {number}", _shallow(record)
                continue
            for line_number, line in read_lines(text.file):
                if start:
                    start -= 1
                    continue
                yield f"{name} line {line_number}", _decoded(line, text.encoding)

    def records_at(self, wanted: set[int]) -> Iterator[tuple[int, str, Any]]:
        """As `Dataset.records_at`; lines between the wanted ones are not decoded."""
        index, left = 0, len(wanted)
        for text in self._texts if wanted else ():
            if text.array is not None:
                for number in sorted(one - index for one in wanted if 0 <= one - index < len(text.array)):
                    yield (
                        index + number,
                        f"{text.file.name} record {number + 1}",
                        _shallow(text.array[number]),
                    )
                    left -= 1
                index += len(text.array)
            else:
                for line_number, line in read_lines(text.file):
                    if index in wanted:
                        yield index, f"{text.file.name} line {line_number}", _decoded(line, text.encoding)
                        left -= 1
                    index += 1
                    if not left:
                        return
            if not left:
                return

    def write_records(self, out: Path, keep: set[int]) -> tuple[Path, int]:
        """Write lines byte for byte (from GB18030: the same text in UTF-8), arrays as equal values.

        A file of which nothing is kept is not written.
        """
        targets, written, start = self.output_names(out), 0, 0
        for number, (text, target) in enumerate(zip(self._texts, targets, strict=True)):
            count = _count(text) if len(self._texts) > 1 else max(keep, default=0) + 1
            inside = {index - start for index in keep if start <= index < start + count}
            if inside or (not keep and number == 0):
                written += _write_text(text, target, inside)
            start += count
        return out if len(targets) > 1 else targets[0], written


def _decoded(line: bytes, encoding: Encoding) -> Any:
    """The record of a line, or the RowError of one that cannot be decoded."""
    try:
        return decode_line(line, encoding)
    except ValueError as error:
        return RowError(str(error))


def first_turn(record: Any) -> dict[str, Any] | None:
    """The first turn of a record of `{from, value}` turns; None for any other record."""
    turns = record.get("conversations") if isinstance(record, dict) else None
    first = turns[0] if isinstance(turns, list) and turns else None
    return first if isinstance(first, dict) and "from" in first else None


@dataclass(frozen=True, slots=True)
class _Text:
    """What is read of a JSON text when it is opened.

    Attributes:
        file: The file.
        leading: The first records; of JSONL, the objects among the first lines.
        encoding: Encoding of its lines; of an array, which is decoded, UTF-8.
        array: All records; None for JSONL.
        around: The object that holds the array as `annotations`, if there is one.
    """

    file: Path
    leading: Sequence[Any]
    encoding: Encoding = "utf-8"
    array: list[Any] | None = None
    around: dict[str, Any] | None = None


def _read_texts(source: DataFiles) -> list[_Text]:
    return [_read_text(file, source.has_shape) for file in source.files]


def _leading(texts: Sequence[_Text]) -> list[Any]:
    """Some of the first records of all files, and of these first what has a known shape."""
    share = -(-_LEADING // len(texts))
    leading = [record for text in texts for record in (text.leading[: share - 1], text.leading[-1:])]
    return [record for records in leading for record in records] if len(texts) > 1 else list(texts[0].leading)


def _count(text: _Text) -> int:
    return sum(1 for _ in read_lines(text.file)) if text.array is None else len(text.array)


def _write_text(text: _Text, target: Path, keep: set[int]) -> int:
    if text.array is not None:
        kept = [record for index, record in enumerate(text.array) if index in keep]
        whole = kept if text.around is None else {**text.around, "annotations": kept}
        target.write_bytes(dump_json(whole, indent=1) + b"\n")
        return len(kept)
    written = 0
    with target.open("wb") as file:
        for index, (_, line) in enumerate(read_lines(text.file)):
            if index in keep:
                body = line.decode("gb18030").encode("utf-8") if text.encoding == "gb18030" else line
                file.write(body if body.endswith(b"\n") else body + b"\n")
                written += 1
    return written


def _read_text(file: Path, has_shape: Callable[[Any], bool]) -> _Text:
    lines_by_name = file.suffix.lower() in _LINES
    if lines_by_name or next(read_lines(file), (0, b""))[1].lstrip()[:1] != b"[":
        encoding = detect_encoding(file)
        objects, mostly = _leading_objects(file, encoding, has_shape, named=lines_by_name)
        wrapped = len(objects) == 1 and isinstance(objects[0].get("annotations"), list)
        # Few lines of a pretty-printed document are whole objects; most lines of a JSONL file are.
        if objects and not wrapped and (lines_by_name or mostly):
            return _Text(file, objects, encoding)
    document = read_array(file)
    around = document if isinstance(document, dict) else None
    array = document if around is None else around.get("annotations")
    if isinstance(array, list):
        first = next((place for place, record in enumerate(array) if has_shape(_shallow(record))), 0)
        leading = array[: _LEADING - 1] + array[max(first, _LEADING - 1) :][:1]
        return _Text(file, [_shallow(record) for record in leading], array=array, around=around)
    keys = type(document).__name__ if around is None else ", ".join(map(repr, list(around)[:6]))
    raise DataError(
        f"{file.name} holds one JSON value with {keys}, expected an array of records, one record a line, or "
        '{"annotations": [...]}'
    )


def _leading_objects(
    file: Path, encoding: Encoding, has_shape: Callable[[Any], bool], *, named: bool
) -> tuple[list[dict[str, Any]], bool]:
    """The objects among the first lines, and whether most of the first lines are objects.

    As many lines are read as it takes to find a record of a known shape, since lines that cannot be used do
    not decide on the file. A file that is not `named` as lines must have an object among the first.
    """
    objects: list[dict[str, Any]] = []
    known = mostly = False
    seen = held = 0
    for number, (_, line) in enumerate(read_lines(file)):
        if number >= _LEADING and (known or not (objects or named)):
            break
        try:
            value = decode_line(line, encoding)
        except ValueError:
            continue
        if isinstance(value, dict):
            news = not known and has_shape(value)
            known, seen, held = known or news, seen + 1, held + held_bytes([value])
            if not objects or (held <= MAX_HELD and len(objects) < _LEADING):
                objects.append(value)
            elif news:
                objects[-1] = value
        if number < _LEADING:
            mostly = 2 * seen > number + 1
    return objects, mostly


def _shallow(record: Any) -> Any:
    """The record, or the RowError of one that is nested too deeply."""
    try:
        check_depth(record, "the record")
    except ValueError as error:
        return RowError(str(error))
    return record
