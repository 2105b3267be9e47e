"""Photos that are large, and files of images, tar members or lines that unpack to much."""

import gzip
import io
import json
import struct
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tests.torture.bomb import TURNS, Bomb, encoded, photo


def _pool(folder: Path, files: dict[str, bytes]) -> Path:
    """A dataset of image files, with a row of an answer of its own for each."""
    (folder / "images").mkdir()
    records = []
    for number, (name, data) in enumerate(files.items()):
        (folder / "images" / name).write_bytes(data)
        turns = [TURNS[0], {"role": "assistant", "content": f"A plain picture, number {number}."}]
        records.append({"id": name, "images": [name], "messages": turns})
    (folder / "data.json").write_text(json.dumps(records))
    return folder / "data.json"


def _small(count: int = 2) -> dict[str, bytes]:
    return {f"small{n}.png": encoded(photo(24, 16, n), "PNG") for n in range(count)}


def _photos(count: int, width: int, height: int, **options: Any) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        packed = {"quality": 80, **options}
        return _pool(
            folder, {f"{n}.jpg": encoded(photo(width, height, n), "JPEG", **packed) for n in range(count)}
        )

    return make


def _large_pngs(folder: Path) -> Path:
    """Pixel layouts of which a decoder makes several copies."""
    side = 7999
    grey = Image.fromarray(np.zeros((side, side), np.uint8))
    clear = Image.new("RGBA", (side, side), (9, 99, 200, 77))
    wide = Image.fromarray(np.full((side, side), 40_000, np.uint16))
    palette = grey.convert("P")
    return _pool(
        folder,
        {
            **_small(),
            "bits.png": encoded(grey.convert("1"), "PNG"),
            "clear.png": encoded(clear, "PNG", compress_level=1),
            "wide.png": encoded(wide, "PNG", compress_level=1),
            "palette.png": encoded(palette, "PNG", transparency=0, compress_level=1),
            "cmyk.jpg": encoded(grey.convert("CMYK"), "JPEG", progressive=True),
            "plain.webp": encoded(Image.new("RGB", (side, side)), "WEBP", lossless=True, quality=0),
            "packed.tif": encoded(clear, "TIFF", compression="tiff_deflate"),
        },
    )


def _notes(folder: Path) -> Path:
    """Four PNG of 250 kB, whose notes unpack to 256 MB each."""
    png = encoded(photo(24, 16), "PNG")
    packed = zlib.compress(bytes(256 << 20), 9)
    files = _small()
    for n, (kind, head) in enumerate(
        ((b"zTXt", b"note\0\0"), (b"iCCP", b"profile\0\0"), (b"iTXt", b"note\0\1\0\0\0"), (b"zTXt", b"x\0\0"))
    ):
        files[f"note{n}.png"] = png[:33] + _chunk(kind, head + packed) + png[33:]
    return _pool(folder, files)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _refused_images(folder: Path) -> Path:
    """Images that are not decoded: too many pixels, passes, frames, comments or tags."""
    jpeg = encoded(photo(1200, 900), "JPEG", progressive=True)
    scan = jpeg.rindex(b"\xff\xda")
    frames = [Image.new("L", (900, 900), shade % 256) for shade in range(300)]
    gif = encoded(photo(24, 16).convert("P"), "GIF")
    start = 13 + (3 << (gif[10] & 7) + 1)
    header = bytearray(encoded(Image.new("1", (8, 8)), "PNG"))
    header[16:24] = struct.pack(">II", 60_000, 60_000)
    header[29:33] = struct.pack(">I", zlib.crc32(bytes(header[12:29])))
    tags = b"".join(struct.pack("<HHII", 0x8000 + n, 7, 1 << 20, 8) for n in range(5_000))
    exif = b"Exif\0\0" + struct.pack("<2sHI", b"II", 42, 8) + struct.pack("<H", 5_000) + tags[:60_000]
    return _pool(
        folder,
        {
            **_small(),
            "scans.jpg": jpeg[:scan] + jpeg[scan:-2] * 500 + jpeg[-2:],
            "frames.gif": encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]),
            "frames.png": encoded(frames[0], "PNG", save_all=True, append_images=frames[1:60]),
            "pages.tif": encoded(frames[0], "TIFF", save_all=True, append_images=frames[1:60]),
            "comments.gif": gif[:start] + b"\x21\xfe" + (b"\xff" + bytes(255)) * 50_000 + b"\0" + gif[start:],
            "pixels.jpg": encoded(photo(9000, 8000), "JPEG", quality=30),
            "header.png": bytes(header),
            "tags.jpg": jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:],
        },
    )


def _tar(members: Iterator[tuple[tarfile.TarInfo, bytes]], folder: Path, mode: str = "w") -> Path:
    path = folder / ("data.tar.gz" if mode.endswith("gz") else "data.tar")
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for member, data in members:
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def _pairs(count: int) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    for n in range(count):
        yield tarfile.TarInfo(f"{n}.png"), encoded(photo(24, 16, n), "PNG")
        yield tarfile.TarInfo(f"{n}.txt"), f"A plain picture, number {n}.".encode()


def _sparse_tar(folder: Path) -> Path:
    """A member of one block that stands for 6 GB, between whole rows."""

    def members() -> Iterator[tuple[tarfile.TarInfo, bytes]]:
        yield from _pairs(2)
        sparse = tarfile.TarInfo("z.png")
        sparse.pax_headers = {
            "GNU.sparse.major": "1",
            "GNU.sparse.minor": "0",
            "GNU.sparse.realsize": str(6 << 30),
        }
        yield sparse, b"1\n0\n512\n".ljust(512, b"\0") + bytes(512)
        yield tarfile.TarInfo("z.txt"), b"A picture."

    path = folder / "data.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for member, data in members():
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def _empty_members(folder: Path) -> Path:
    """Six thousand empty members of one key, behind whole rows."""

    def members() -> Iterator[tuple[tarfile.TarInfo, bytes]]:
        yield from _pairs(2)
        for n in range(6_000):
            yield tarfile.TarInfo(f"z.{n}.png"), b""

    return _tar(members(), folder)


def _packed_tar(folder: Path) -> Path:
    return _tar(iter([(tarfile.TarInfo("0.txt"), bytes(256 << 20))]), folder, "w:gz")


def _gzipped(path: Path) -> Path:
    target = path.with_suffix(".jsonl.gz")
    target.write_bytes(gzip.compress(bytes(512 << 20), 9))
    return target


_WITH_MODEL = "--encoder offline"
IMAGE_BOMBS = {
    "60 photos of 12 megapixels": Bomb(
        _photos(60, 4000, 3000), 60, _WITH_MODEL, "score run --scorer gain", False
    ),
    "4 photos of 64 megapixels": Bomb(
        _photos(4, 8000, 7999, progressive=True), 4, "--preset random", "score run --scorer necessity", False
    ),
    "64 megapixels of every layout": Bomb(_large_pngs, 9, "--encoder offline --preset random", quick=False),
    "notes of PNG": Bomb(_notes, 6, "--encoder offline --preset random", quick=False),
    "refused images": Bomb(_refused_images, 2),
    "a sparse tar": Bomb(_sparse_tar, 2),
    "6,000 empty members": Bomb(_empty_members, 2),
    "a packed tar": Bomb(_packed_tar, None, quick=False),
    "packed JSON lines": Bomb(lambda folder: _gzipped(folder / "data.jsonl"), None, quick=False),
}
"""Bombs by name."""
