import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from finegold.samples.exclusions import ImageError
from finegold.samples.images import check_image, decode
from finegold.samples.sample import ImageRef

GRADIENT = np.linspace(0, 255, 24 * 16).astype(np.uint8).reshape(16, 24)


def encode(format: str, **options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(GRADIENT).save(out, format, **options)
    return out.getvalue()


def reason(data: bytes) -> str:
    """Why an image is too large, which checking and decoding agree on."""
    found = set()
    for look in (check_image, decode):
        with pytest.raises(ImageError) as error:
            look(ImageRef("", data=data))
        assert error.value.exclusion.code == "large-image"
        found.add(error.value.exclusion.reason)
    (one,) = found
    return one


def repeated_tags(count: int, size: int) -> bytes:
    """Tags that each stand for the same bytes."""
    entries = b"".join(struct.pack("<HHII", 0x8000 + n, 7, size, 8) for n in range(count))
    head = struct.pack("<2sHI", b"II", 42, 8 + size)
    return head + bytes(size) + struct.pack("<H", count) + entries + bytes(4)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def test_a_jpeg_of_many_passes_is_refused_before_it_is_decoded() -> None:
    data = encode("JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    assert "more than 100 passes" in reason(data[:last] + data[last:-2] * 500 + data[-2:])
    decode(ImageRef("", data=data))


def test_tags_that_stand_for_more_than_they_hold_are_refused() -> None:
    tags = repeated_tags(900, 50_000)
    exif = b"Exif\0\0" + tags
    jpeg = encode("JPEG")
    segment = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    assert "tags" in reason(jpeg[:2] + segment + jpeg[2:])
    png = encode("PNG")
    assert "tags" in reason(png[:33] + chunk(b"eXIf", tags) + png[33:])
    assert "tags" in reason(tags)
    webp = encode("WEBP", exif=exif, lossless=True)
    assert "tags" in reason(webp)
    profile = "\nexif\n  4\n" + exif.hex()
    note = b"Raw profile type exif\0\0" + zlib.compress(profile.encode())
    assert decode(ImageRef("", data=png[:33] + chunk(b"zTXt", note) + png[33:])).size == (24, 16)


def test_a_comment_of_a_gif_is_bounded() -> None:
    gif = encode("GIF")
    start = 13 + (3 << (gif[10] & 7) + 1)
    comment = b"\x21\xfe" + (b"\xff" + bytes(255)) * 5000 + b"\0"
    assert "comments" in reason(gif[:start] + comment + gif[start:])


def test_a_file_of_a_million_pieces_is_refused() -> None:
    png, jpeg = encode("PNG"), encode("JPEG")
    assert "chunks" in reason(png[:33] + chunk(b"teSt", b"") * 150_000 + png[33:])
    assert "segments" in reason(jpeg[:2] + b"\xff\xfe\0\x02" * 150_000 + jpeg[2:])
