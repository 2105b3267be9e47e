"""What encoded images hold beside their pixels, looked at before a decoder unpacks or walks it.

A decoder reads notes, colour profiles and tags with no regard for their size: a few kilobytes of a PNG may
unpack to gigabytes, five thousand tags may each mean the same megabyte, and a JPEG may go over its pixels
five hundred times. Nothing here decodes pixels.
"""

import io
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

PNG_MARK = b"\x89PNG\r\n\x1a\n"
MAX_NOTE = 1 << 20
"""Bytes of one unpacked note or colour profile; Pillow reads no larger one. Larger ones are left out."""
MAX_NOTES = 16 << 20
"""Bytes of all of them in one image."""
MAX_TAGS = 4 << 20
"""Bytes of the camera's tags (EXIF) in one image."""
MAX_SCANS = 100
"""Passes over the pixels of one JPEG; cameras and converters write 1 to 12."""
MAX_PIECES = 100_000
"""Chunks, segments or blocks of one file."""
_NOTES = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_BARE = frozenset((0x01, *range(0xD0, 0xD9)))
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}


def find_excess(data: bytes) -> str | None:
    """What of an encoded image goes beyond the limits, as the end of a sentence; None if nothing does."""
    try:
        if data.startswith(b"\xff\xd8"):
            return _jpeg_excess(data)
        if data.startswith((b"GIF87a", b"GIF89a")):
            return _gif_excess(data)
        if data.startswith(PNG_MARK):
            return _png_excess(data)
        if data.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
            return _tags_excess(data, len(data))
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp_excess(data)
    except (struct.error, IndexError):
        pass  # Damage, of which the decoder says more.
    return None


def without_large_notes(data: bytes) -> bytes:
    """A PNG without the notes and colour profiles that are larger than `MAX_NOTE` or beyond `MAX_NOTES`.

    The pixels are the same. Other data is returned as it is.
    """
    if not data.startswith(PNG_MARK):
        return data
    left, keep, dropped = MAX_NOTES, [PNG_MARK], False
    for kind, start, end in _png_chunks(data):
        size = _unpacked_size(kind, data[start + 8 : end - 4]) if kind in _NOTES else 0
        if size > min(MAX_NOTE, left):
            dropped = True
        else:
            left -= size
            keep.append(data[start:end])
    return b"".join(keep) if dropped else data


def with_end_marker(data: bytes) -> tuple[bytes, ...] | None:
    """A JPEG that lacks its end marker, ended in three ways; None for other data.

    Where every pixel is there, all decode to the same picture. Where some are missing, a decoder takes what
    follows for pixels, and the pictures differ.
    """
    if not data.startswith(b"\xff\xd8") or data.rstrip(b"\0").endswith(b"\xff\xd9"):
        return None
    if not _all_passes(data):
        return None
    body = data[:-1] if data.endswith(b"\xff") else data
    return tuple(body + bits * 64 + b"\xff\xd9" for bits in (b"", b"\x5a\xa5\x3c\x99", b"\xa5\x5a\xc3\x66"))


def notes_excess(info: Mapping[Any, Any]) -> bool:
    """Whether the camera's tags among the notes of an opened image go beyond the limits."""
    tags, profile = info.get("exif"), info.get("Raw profile type exif")
    if isinstance(profile, str):
        with suppress(ValueError):
            tags = bytes.fromhex("".join(profile.split("\n")[3:]))
    try:
        body = tags.removeprefix(b"Exif\0\0") if isinstance(tags, bytes) else b""
        return len(body) > MAX_TAGS or _tags_excess(body, MAX_TAGS) is not None
    except struct.error:
        return False


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of each chunk; what follows a chunk that is cut off is of the kind `????`."""
    place = len(PNG_MARK)
    while place + 12 <= len(data):
        end = place + 12 + int.from_bytes(data[place : place + 4], "big")
        if end > len(data):
            break
        yield data[place + 4 : place + 8], place, end
        place = end
    if place < len(data):
        yield b"????", place, len(data)


def _unpacked_size(kind: bytes, body: bytes) -> int:
    """Bytes of a note, unpacked up to one more than `MAX_NOTE`."""
    head = body.find(b"\0") + 1
    if kind == b"tEXt" or (kind == b"iTXt" and body[head : head + 1] != b"\1"):
        return len(body)
    packed = body[head + 1 :]
    if kind == b"iTXt":
        packed = body[head + 2 :].split(b"\0", 2)[-1]
    try:
        return len(zlib.decompressobj().decompress(packed, MAX_NOTE + 1))
    except zlib.error:
        return len(body)


def _png_excess(data: bytes) -> str | None:
    for number, (kind, start, end) in enumerate(_png_chunks(data)):
        if number > MAX_PIECES:
            return f"has more than {MAX_PIECES:,} chunks"
        if kind == b"eXIf" and (excess := _tags_excess(data[start + 8 : end - 4], MAX_TAGS)):
            return excess
    return None


def _webp_excess(data: bytes) -> str | None:
    place = 12
    for _ in range(MAX_PIECES):
        if place + 8 > len(data):
            return None
        size = int.from_bytes(data[place + 4 : place + 8], "little")
        if data[place : place + 4] == b"EXIF":
            tags = data[place + 8 : place + 8 + size]
            if excess := _tags_excess(tags.removeprefix(b"Exif\0\0"), MAX_TAGS):
                return excess
        place += 8 + size + size % 2
    return f"has more than {MAX_PIECES:,} chunks"


def _gif_excess(data: bytes) -> str | None:
    """Comments, which Pillow puts together block by block."""
    flags = data[10]
    place, comments = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0), 0
    for _ in range(MAX_PIECES):
        if data[place] == 0x21:
            is_comment = data[place + 1] == 0xFE
            place += 2
            while size := data[place]:
                place += size + 1
                comments += size if is_comment else 0
                if comments > MAX_NOTE:
                    return f"has comments of more than {MAX_NOTE:,} bytes"
            place += 1
        else:
            return None  # The first picture, or the end.
    return f"has more than {MAX_PIECES:,} blocks"


def _jpeg_excess(data: bytes) -> str | None:
    tags, scans, parts = io.BytesIO(), 0, 0
    for number, (marker, start, end) in enumerate(_jpeg_segments(data)):
        if number > MAX_PIECES:
            return f"has more than {MAX_PIECES:,} segments"
        if marker in (0xC0, 0xC1) and start + 5 < len(data):
            parts = data[start + 5]
        if marker == 0xDA:
            if parts and data[start] == parts:
                break  # One pass that holds everything: nothing behind it is read.
            scans += 1
        if scans > MAX_SCANS:
            return f"has more than {MAX_SCANS} passes over its pixels"
        if marker == 0xE1 and data[start : start + 6] == b"Exif\0\0":
            tags.write(data[start + 6 : end])
            if tags.tell() > MAX_TAGS:
                return f"has tags of more than {MAX_TAGS:,} bytes"
    return _tags_excess(tags.getvalue(), MAX_TAGS)


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of the body of each segment up to the end marker; pixels are passed over."""
    place = 0
    while (found := _MARKER.search(data, place)) is not None:
        marker, place = data[found.start() + 1], found.end()
        if marker == 0xD9:
            return
        if marker in _BARE:
            continue
        size = int.from_bytes(data[place : place + 2], "big")
        yield marker, place + 2, place + max(2, size)
        place += max(2, size)


def _all_passes(data: bytes) -> bool:
    """Whether the scans of a JPEG bring every coefficient of every component to its last bit."""
    missing: set[tuple[int, int]] | None = None
    for marker, start, _ in _jpeg_segments(data):
        if marker in (0xC0, 0xC1, 0xC2) and len(data) > start + 6:
            parts = data[start + 5]
            missing = {(data[start + 6 + 3 * part], k) for part in range(parts) for k in range(64)}
        elif marker == 0xDA and missing is not None:
            body = data[start : start + 16]
            count = body[0]
            first, last, bits = body[1 + 2 * count : 4 + 2 * count]
            if bits & 15 == 0:
                missing -= {(body[1 + 2 * part], k) for part in range(count) for k in range(first, last + 1)}
    return missing == set()


def _tags_excess(data: bytes, limit: int) -> str | None:
    """Tags (TIFF, EXIF) whose values add up to more than `limit` bytes: they name the same bytes again."""
    if len(data) < 8:
        return None
    order: str = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    place = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)[0]
    count = struct.unpack_from(order + ("Q" if big else "H"), data, place)[0]
    place += 8 if big else 2
    entry = struct.Struct(order + ("HHQ8x" if big else "HHI4x"))
    total = 0
    for number in range(min(count, MAX_PIECES)):
        if place + (number + 1) * entry.size > len(data):
            break
        _, kind, values = entry.unpack_from(data, place + number * entry.size)
        size = values * _TYPE_BYTES.get(kind, 0)
        total += size if size > (8 if big else 4) else 0
    return f"has tags that stand for {total:,} bytes, more than it holds" if total > limit else None
