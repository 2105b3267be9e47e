"""Files that are small and unpack to much, and photos that are large: each is picked from in little memory.

The memory is that of the whole command, in a process of its own.
"""

import io
import json
import os
import struct
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from tests.torture.table import MOST_BYTES, Row

SECONDS = 900
"""Most that one command may take; on two free cores the longest takes a minute."""
PROCESSOR_SECONDS = 120
"""Most processor time that one command may take."""
TURNS = [
    {"role": "user", "content": "<image>What is it?"},
    {"role": "assistant", "content": "A plain picture."},
]


@dataclass(frozen=True)
class Bomb:
    """A dataset, and what must come of it.

    Attributes:
        make: Writes it to a folder; returns the file or folder to open.
        usable: Rows that can be used; None if the command must refuse it in one sentence.
        options: Of `pick`.
        then: A further command on the run folder.
        quick: Whether the short form has it too.
    """

    make: Callable[[Path], Path]
    usable: int | None
    options: str = "--preset length-only"
    then: str = ""
    quick: bool = True


def explode(name: str, work: Path) -> Row:
    """Pick from one bomb, and see what was usable and how much memory and time it took."""
    bomb, row = BOMBS[name], Row("bombs", tried=1)
    work.mkdir(parents=True)
    # Made elsewhere: a process begins with the peak of the one that started it.
    maker = [sys.executable, "-m", "tests.torture.bombs", name, str(work)]
    data = subprocess.run(maker, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    size = max(1, min(2, bomb.usable or 1))
    command = ["pick", data, "--size", str(size), "--out", "out", "--run", "run", "--json"]
    commands = [[*command, *bomb.options.split()], *([bomb.then.split()] if bomb.then else [])]
    for words in commands:
        status, said, peak, seconds = _measured(words, work)
        row.peak_bytes = max(row.peak_bytes, peak)
        what = f"{name}: {words[0]}: status {status}, {seconds:.0f} s of processor time, {peak / 1e6:,.0f} MB"
        print(f"  {what}", file=sys.stderr, flush=True)
        if peak > MOST_BYTES or seconds > PROCESSOR_SECONDS or "defect" in said or "Traceback" in said:
            row.unexpected.append(f"{what}: {said[-300:]}")
        elif status != (2 if not bomb.usable else 0):
            row.lost.append(f"{what}: {said[-300:]}")
    if bomb.usable and not row.lost:
        table = pq.read_table(work / "out" / "selection.parquet", columns=["status"])
        usable = sum(status != "excluded" for status in table["status"].to_pylist())
        if usable != bomb.usable:
            row.lost.append(f"{name}: {usable} usable rows, expected {bomb.usable}")
    return row


def _measured(words: list[str], work: Path) -> tuple[int, str, int, float]:
    """Exit status, what was said, most bytes and seconds of the processor of one command."""
    paths = os.pathsep.join(str(Path(one).resolve()) for one in sys.path)
    environment = {**os.environ, "PYTHONPATH": paths, "FINEGOLD_CACHE": str(work / "cache")}
    with (work / "said").open("w+") as said:
        process = subprocess.Popen(
            ["timeout", str(SECONDS), sys.executable, "-m", "finegold", *words],
            cwd=work, env=environment, stdout=said, stderr=subprocess.STDOUT,
        )  # fmt: skip
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read()
    unit = 1 if sys.platform == "darwin" else 1024
    return process.returncode, text, used.ru_maxrss * unit, used.ru_utime + used.ru_stime


def _photo(width: int, height: int, shade: int = 0) -> Image.Image:
    """A picture of plain colours that any format packs well."""
    across = np.linspace(0, 255, width).astype(np.uint8)
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[:] = across[None, :, None]
    pixels[:, :, 1] = np.linspace(0, 255, height).astype(np.uint8)[:, None]
    pixels[:, :, 2] = 37 * shade % 256
    return Image.fromarray(pixels)


def _encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


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
    return {f"small{n}.png": _encoded(_photo(24, 16, n), "PNG") for n in range(count)}


def _photos(count: int, width: int, height: int, **options: Any) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        packed = {"quality": 80, **options}
        return _pool(
            folder, {f"{n}.jpg": _encoded(_photo(width, height, n), "JPEG", **packed) for n in range(count)}
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
            "bits.png": _encoded(grey.convert("1"), "PNG"),
            "clear.png": _encoded(clear, "PNG", compress_level=1),
            "wide.png": _encoded(wide, "PNG", compress_level=1),
            "palette.png": _encoded(palette, "PNG", transparency=0, compress_level=1),
            "cmyk.jpg": _encoded(grey.convert("CMYK"), "JPEG", progressive=True),
            "plain.webp": _encoded(Image.new("RGB", (side, side)), "WEBP", lossless=True, quality=0),
            "packed.tif": _encoded(clear, "TIFF", compression="tiff_deflate"),
        },
    )


def _notes(folder: Path) -> Path:
    """Four PNG of 250 kB, whose notes unpack to 256 MB each."""
    png = _encoded(_photo(24, 16), "PNG")
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
    jpeg = _encoded(_photo(1200, 900), "JPEG", progressive=True)
    scan = jpeg.rindex(b"\xff\xda")
    frames = [Image.new("L", (900, 900), shade % 256) for shade in range(300)]
    gif = _encoded(_photo(24, 16).convert("P"), "GIF")
    start = 13 + (3 << (gif[10] & 7) + 1)
    header = bytearray(_encoded(Image.new("1", (8, 8)), "PNG"))
    header[16:24] = struct.pack(">II", 60_000, 60_000)
    header[29:33] = struct.pack(">I", zlib.crc32(bytes(header[12:29])))
    tags = b"".join(struct.pack("<HHII", 0x8000 + n, 7, 1 << 20, 8) for n in range(5_000))
    exif = b"Exif\0\0" + struct.pack("<2sHI", b"II", 42, 8) + struct.pack("<H", 5_000) + tags[:60_000]
    return _pool(
        folder,
        {
            **_small(),
            "scans.jpg": jpeg[:scan] + jpeg[scan:-2] * 500 + jpeg[-2:],
            "frames.gif": _encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]),
            "frames.png": _encoded(frames[0], "PNG", save_all=True, append_images=frames[1:60]),
            "pages.tif": _encoded(frames[0], "TIFF", save_all=True, append_images=frames[1:60]),
            "comments.gif": gif[:start] + b"\x21\xfe" + (b"\xff" + bytes(255)) * 50_000 + b"\0" + gif[start:],
            "pixels.jpg": _encoded(_photo(9000, 8000), "JPEG", quality=30),
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
        yield tarfile.TarInfo(f"{n}.png"), _encoded(_photo(24, 16, n), "PNG")
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


def _rows(count: int, start: int = 0) -> dict[str, list[Any]]:
    numbers = range(start, start + count)
    pictures = [{"bytes": _encoded(_photo(24, 16, n), "PNG"), "path": None} for n in numbers]
    answers = [f"A plain picture, number {n}." for n in numbers]
    return {
        "id": [f"r{n}" for n in numbers],
        "image": pictures,
        "messages": [[TURNS[0], {"role": "assistant", "content": answer}] for answer in answers],
    }


def _parquet(column: Callable[[], pa.Array], **options: Any) -> Callable[[Path], Path]:
    """A row group of whole rows, then one of rows with a column that unpacks to much."""

    def make(folder: Path) -> Path:
        values = column()
        whole = pa.table({**_rows(2), "more": pa.nulls(2, values.type)})
        bomb = pa.table({**_rows(len(values), 2), "more": values})
        with pq.ParquetWriter(
            folder / "data.parquet", whole.schema, **{"compression": "zstd", **options}
        ) as file:
            file.write_table(whole)
            file.write_table(bomb)
        return folder / "data.parquet"

    return make


def _lying_parquet(folder: Path) -> Path:
    """A page of 900 MB, of which the footer says that it has 1 kB."""
    path = _parquet(lambda: pa.array([bytes(900 << 20)]), use_dictionary=False)(folder)
    data = path.read_bytes()
    sizes = {pq.ParquetFile(path).metadata.row_group(1).column(n).total_uncompressed_size for n in range(6)}
    return _with_number(path, data, max(sizes), 1000)


def _with_number(path: Path, data: bytes, number: int, other: int) -> Path:
    """Replace a number of the footer by a smaller one, as Thrift's compact protocol writes numbers."""
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    footer = data[start:-8].replace(_varint(number), _varint(other))
    path.write_bytes(data[:start] + footer + len(footer).to_bytes(4, "little") + b"PAR1")
    return path


def _varint(number: int) -> bytes:
    left, out = number << 1, bytearray()
    while left > 127:
        out.append(left & 127 | 128)
        left >>= 7
    return bytes([*out, left])


def _arrow(columns: Callable[[], dict[str, pa.Array]], compression: str | None) -> Callable[[Path], Path]:
    """A saved dataset of a batch of whole rows, then one of rows that unpack to much."""

    def make(folder: Path) -> Path:
        data, more = folder / "data", columns()
        data.mkdir()
        count = len(next(iter(more.values())))
        whole = pa.table({**_rows(2), **{name: pa.nulls(2, values.type) for name, values in more.items()}})
        bomb = pa.table({**_rows(count, 2), **more})
        options = pa.ipc.IpcWriteOptions(compression=compression)
        with (
            pa.OSFile(str(data / "a.arrow"), "wb") as sink,
            pa.ipc.new_stream(sink, whole.schema, options=options) as out,
        ):
            out.write_table(whole)
            out.write_table(bomb)
        (data / "state.json").write_text(json.dumps({"_data_files": [{"filename": "a.arrow"}]}))
        (data / "dataset_info.json").write_text("{}")
        return data

    return make


def _repeated(count: int, size: int) -> pa.Array:
    """One text, named by many rows."""
    return pa.DictionaryArray.from_arrays(pa.array([0] * count, pa.int32()), pa.array(["x" * size]))


def _views(count: int, size: int, kind: pa.DataType) -> pa.Array:
    """One text that many rows name, as views."""
    views = struct.pack("<i4sii", size, b"xxxx", 0, 0) * count
    return pa.Array.from_buffers(kind, count, [None, pa.py_buffer(views), pa.py_buffer(b"x" * size)])


def _listed(array: pa.Array) -> pa.Array:
    """One row that holds all values of an array."""
    return pa.ListArray.from_arrays(pa.array([0, len(array)], pa.int32()), array)


def _list_views(count: int, size: int) -> pa.Array:
    """Rows that each name all of the same numbers."""
    starts, sizes = pa.array([0] * count, pa.int32()), pa.array([size] * count, pa.int32())
    return pa.ListViewArray.from_arrays(starts, sizes, pa.array(np.zeros(size, np.int8)))


_WITH_MODEL = "--encoder offline"
BOMBS = {
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
    "a Parquet column": Bomb(
        _parquet(lambda: pa.array([bytes(900 << 20)] * 2), use_dictionary=False), 2, quick=False
    ),
    "many Parquet columns": Bomb(
        _parquet(
            lambda: pa.StructArray.from_arrays(
                [pa.array([bytes(200 << 20)])] * 12, [f"c{n}" for n in range(12)]
            ),
            use_dictionary=False,
        ),
        2,
        quick=False,
    ),
    "a Parquet page that the footer hides": Bomb(_lying_parquet, 2, quick=False),
    "a Parquet dictionary": Bomb(_parquet(lambda: _repeated(64, 200 << 20)), 2, quick=False),
    "a Parquet dictionary in a list": Bomb(_parquet(lambda: _listed(_repeated(4_000, 2 << 20))), 2),
    "Parquet prefixes": Bomb(
        _parquet(
            lambda: pa.array([("x" * (30 << 20)) + str(n) for n in range(40)]),
            use_dictionary=False,
            column_encoding={"more": "DELTA_BYTE_ARRAY"},
        ),
        18,
        quick=False,
    ),
    "an Arrow batch": Bomb(_arrow(lambda: {"more": pa.array([bytes(900 << 20)])}, "zstd"), 2, quick=False),
    "many Arrow columns": Bomb(
        _arrow(lambda: {f"c{n}": pa.array([bytes(200 << 20)]) for n in range(12)}, "lz4"), 2, quick=False
    ),
    "an Arrow dictionary": Bomb(_arrow(lambda: {"more": _repeated(64, 200 << 20)}, "zstd"), 2, quick=False),
    "an Arrow dictionary in a list": Bomb(
        _arrow(lambda: {"more": _listed(_repeated(100_000, 1 << 20))}, None), 2, quick=False
    ),
    "Arrow views": Bomb(_arrow(lambda: {"more": _views(64, 60 << 20, pa.string_view())}, None), 2),
    "Arrow list views": Bomb(_arrow(lambda: {"more": _list_views(3_000, 1_500_000)}, None), 2),
}
"""What is picked from, by name."""


def _gzipped(path: Path) -> Path:
    import gzip

    target = path.with_suffix(".jsonl.gz")
    target.write_bytes(gzip.compress(bytes(512 << 20), 9))
    return target


if __name__ == "__main__":
    print(BOMBS[sys.argv[1]].make(Path(sys.argv[2])))
