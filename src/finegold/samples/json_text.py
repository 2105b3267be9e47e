"""JSON text on disk: its encoding, and streaming its lines.

Read: UTF-8, UTF-8 with a byte-order mark, and GB18030 (which holds GBK and GB2312). Written: always UTF-8.
"""

import codecs
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from finegold.errors import DataError

Encoding = Literal["utf-8", "utf-8-sig", "gb18030"]
MAX_DEPTH = 100
"""Lists and objects inside one another, in one record."""
MAX_LINE = 64 << 20
"""Bytes of one line; a longer one is not read, and its row is excluded."""
_CHUNK = 1 << 20


def detect_encoding(path: Path) -> Encoding:
    """The encoding of a text file, from its bytes; reads the file once, a megabyte at a time.

    A file that is not valid UTF-8 is GB18030 if, read as UTF-8, it has more broken than whole non-ASCII
    characters; otherwise it is UTF-8 with damage, which must not turn every other character into nonsense.

    Raises:
        DataError: If it is UTF-16 or UTF-32.
    """
    with path.open("rb") as file:
        head = file.read(4)
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or head == codecs.BOM_UTF32_BE:
            raise DataError(
                f"{path.name} is UTF-16 or UTF-32, expected UTF-8 or GB18030: convert it, for example with "
                f"iconv -f UTF-16 -t UTF-8"
            )
        utf8: Encoding = "utf-8-sig" if head.startswith(codecs.BOM_UTF8) else "utf-8"
        file.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        broken = whole = 0
        while chunk := file.read(_CHUNK):
            if chunk.isascii() and not decoder.getstate()[0]:
                continue
            text = decoder.decode(chunk)
            bad = text.count("\ufffd")
            broken += bad
            whole += len(text) - len(text.encode("ascii", "ignore")) - bad
        broken += len(decoder.decode(b"", final=True))
    return "gb18030" if broken > whole else utf8


def read_json(path: Path) -> Any:
    """Decode a whole JSON file; raises DataError, which names the line, if it is no valid text or JSON."""
    data, encoding = path.read_bytes(), detect_encoding(path)
    try:
        return json.loads(data.decode(encoding).lstrip("\ufeff"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path.name} is not valid {encoding} at line {line}, byte {error.start}: "
            "expected UTF-8 or GB18030 text"
        ) from None
    except json.JSONDecodeError as error:
        at_end = error.pos >= len(error.doc.rstrip())
        what = "ends in the middle, it was probably cut off" if at_end else f"is not valid JSON ({error.msg})"
        raise DataError(
            f"{path.name} {what} at line {error.lineno}, column {error.colno}: expected one whole JSON array"
        ) from None
    except (RecursionError, ValueError) as error:
        raise DataError(
            f"{path.name} cannot be decoded as JSON ({error}): expected an array of records"
        ) from None


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (1-based number, bytes with the line end, without a mark) of each line that is not blank.

    Files that were joined may have a byte-order mark at the start of any line, or between two objects where
    the first file had no line end at its end. Of a line beyond `MAX_LINE`, that many bytes and one more are
    given.
    """
    with path.open("rb") as file:
        number = 0
        while line := file.readline(MAX_LINE + 1):
            number += 1
            rest = line if len(line) > MAX_LINE else b"\n"
            while not rest.endswith(b"\n"):
                rest = file.readline(_CHUNK) or b"\n"
            for body in _split_marks(line) if codecs.BOM_UTF8 in line else (line,):
                if body.strip():
                    yield number, body


def _split_marks(line: bytes) -> Iterator[bytes]:
    """The texts between the byte-order marks of a line; a mark inside of a JSON text belongs to it."""
    whole = b""
    for piece in line.split(codecs.BOM_UTF8):
        whole = whole + codecs.BOM_UTF8 + piece if whole else piece
        if not whole.strip() or _is_json(whole):
            yield whole
            whole = b""
    if whole:
        yield whole


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def decode_line(line: bytes, encoding: Encoding) -> Any:
    """Decode one JSON line; raises ValueError, with a clause for a person, if it is no valid text or JSON."""
    if len(line) > MAX_LINE and not line.endswith(b"\n"):
        raise ValueError(f"the line has more than {MAX_LINE:,} bytes")
    try:
        text = line.decode(encoding.removesuffix("-sig"))
    except UnicodeDecodeError as error:
        raise ValueError(f"the line is not valid {encoding} at byte {error.start + 1}") from None
    return decode_text(text, "the line")


def decode_text(text: str | bytes, what: str = "the text") -> Any:
    """Decode the JSON of one record; raises ValueError, with a clause for a person.

    How deep a record may be nested does not depend on where it is read: `MAX_DEPTH`.
    """
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{what} is not valid JSON ({error.msg} at column {error.colno})") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{what} is not valid {error.encoding} at byte {error.start + 1}") from None
    except RecursionError:
        raise ValueError(f"{what} is nested more than {MAX_DEPTH} deep") from None
    except ValueError:
        raise ValueError(f"{what} holds a number of more digits than can be read") from None
    check_depth(value, what)
    return value


def check_depth(value: Any, what: str) -> None:
    """Raise ValueError if lists and objects are nested more than `MAX_DEPTH` deep in `what`."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [
            child
            for parent in level
            if isinstance(parent, dict | list)
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, dict | list)
        ]
        if not level:
            return
    raise ValueError(f"{what} is nested more than {MAX_DEPTH} deep")


def decode_text_lines(path: Path) -> Iterator[str]:
    """The lines of a text with their ends; a character that cannot be decoded becomes U+FFFD."""
    with path.open(encoding=detect_encoding(path), errors="replace", newline="") as file:
        yield from file


def dump_json(value: Any, indent: int | None = None) -> bytes:
    """Encode as UTF-8; a lone surrogate, which UTF-8 cannot hold, makes it ASCII with escapes."""
    try:
        return json.dumps(value, ensure_ascii=False, indent=indent).encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(value, indent=indent).encode("ascii")
