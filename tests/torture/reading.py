"""Damaged files of every format: none may kill the process, end as a defect, or take more than is stated.

`python tests/torture/reading.py 4000` makes 4,000 files and prints what became of them.
"""

import io
import json
import random
import resource
import signal
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROWS = 6
SECONDS = 20
"""Most processor time that one file may take."""
ADDRESS_SPACE = 3 << 30
IMAGES = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")


@dataclass
class Outcome:
    """What became of damaged files.

    Attributes:
        files: Number of files.
        counts: Files by `read`, `refused` (one sentence), `killed`, `unexpected`, `slow`, `lost`.
        failures: The files that were not simply read or refused: format, seed and what happened.
        peak_bytes: Most memory that a process took.
    """

    files: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    peak_bytes: int = 0


def campaign(files: int, *, seed: int = 0) -> Outcome:
    """Damage `files` files, each in its own way, and read, check and write each as a dataset."""
    outcome = Outcome(files)
    start = 0
    while start < files:
        command = [sys.executable, __file__, "worker", str(seed), str(start), str(files)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        for line in done.stdout.splitlines():
            found = json.loads(line)
            start = found["file"] + 1
            outcome.counts[found["what"]] += 1
            outcome.peak_bytes = max(outcome.peak_bytes, found["peak"])
            if found["what"] not in ("read", "refused"):
                outcome.failures.append(f"{found['format']} {found['file']}: {found['what']} {found['why']}")
        if done.returncode:
            what = "slow" if done.returncode == -signal.SIGALRM else "killed"
            outcome.counts[what] += 1
            outcome.failures.append(f"{start}: {what} ({done.returncode}) {done.stderr[-300:]}")
            start += 1
    return outcome


def damage(data: bytes, draw: random.Random) -> bytes:
    """Flip, replace, insert, remove or cut off a few bytes."""
    body = bytearray(data)
    for _ in range(draw.choice((1, 1, 1, 2, 4, 8))):
        place, kind = draw.randrange(len(body)), draw.random()
        if kind < 0.45:
            body[place] ^= 1 << draw.randrange(8)
        elif kind < 0.6:
            body[place] = draw.choice((0, 1, 127, 128, 255))
        elif kind < 0.72:
            body[place : place + 4] = draw.choice((b"\xff\xff\xff\x7f", b"\xff" * 4, b"\0\0\0\x80", bytes(4)))
        elif kind < 0.82:
            del body[place : place + draw.randrange(1, 24)]
        elif kind < 0.92:
            body[place:place] = draw.randbytes(draw.randrange(1, 24))
        else:
            del body[max(1, place) :]
        body = body or bytearray(b"x")
    return bytes(body)


def _picture(draw: random.Random, format: str) -> bytes:
    import numpy as np
    from PIL import Image

    pixels = np.frombuffer(draw.randbytes(24 * 16 * 3), np.uint8).reshape(16, 24, 3)
    mode = draw.choice(("RGB", "L")) if format == "JPEG" else draw.choice(("RGB", "L", "P", "RGBA"))
    mode = "RGB" if mode == "RGBA" and format in ("BMP", "GIF") else mode
    out = io.BytesIO()
    options: dict[str, Any] = {"progressive": draw.random() < 0.5} if format == "JPEG" else {}
    Image.fromarray(pixels).convert(mode).save(out, format, **options)
    return out.getvalue()


def _records(draw: random.Random, images: list[Any]) -> list[dict[str, Any]]:
    turns = [{"role": "user", "content": "<image>?"}, {"role": "assistant", "content": "An answer."}]
    return [
        {"id": f"r{n}", "images": [image], "messages": turns, "note": "é" * draw.randrange(9)}
        for n, image in enumerate(images)
    ]


def _write_image(folder: Path, draw: random.Random) -> int:
    """One damaged image beside whole ones: the other rows stay."""
    format = draw.choice(IMAGES)
    names = [f"{n}.{format.lower()}" for n in range(ROWS)]
    for n, name in enumerate(names):
        data = _picture(draw, format)
        (folder / name).write_bytes(damage(data, draw) if n == 1 else data)
    (folder / "data.json").write_text(json.dumps(_records(draw, list(names))))
    return ROWS - 1


def _write_text(folder: Path, draw: random.Random) -> int:
    names = [f"{n}.png" for n in range(ROWS)]
    for name in names:
        (folder / name).write_bytes(_picture(draw, "PNG"))
    records = _records(draw, list(names))
    if draw.random() < 0.5:
        (folder / "data.json").write_bytes(damage(json.dumps(records).encode(), draw))
        return 0
    lines = [json.dumps(record).encode() for record in records]
    lines[1] = damage(lines[1], draw).replace(b"\n", b" ")
    (folder / "data.jsonl").write_bytes(b"\n".join(lines))
    return ROWS - 1


def _table(draw: random.Random) -> Any:
    import pyarrow as pa

    records = _records(draw, [{"bytes": _picture(draw, "PNG"), "path": None} for _ in range(ROWS)])
    table = pa.Table.from_pylist(records)
    extra = draw.randrange(4)
    if extra == 1:
        table = table.append_column("kind", pa.array(["a", "b"] * 3).dictionary_encode())
    elif extra == 2:
        table = table.append_column("time", pa.array(range(ROWS), pa.timestamp("ns")))
    return table


def _write_parquet(folder: Path, draw: random.Random) -> int:
    import pyarrow.parquet as pq

    codec = draw.choice(("NONE", "SNAPPY", "ZSTD", "GZIP", "LZ4", "BROTLI"))
    pq.write_table(_table(draw), folder / "data.parquet", compression=codec, row_group_size=2)
    (folder / "data.parquet").write_bytes(damage((folder / "data.parquet").read_bytes(), draw))
    return 0


def _write_arrow(folder: Path, draw: random.Random) -> int:
    import pyarrow as pa

    table = _table(draw)
    if draw.random() < 0.2:
        table = table.append_column("view", pa.array(["x" * (5 * n) for n in range(ROWS)], pa.string_view()))
    options = pa.ipc.IpcWriteOptions(compression=draw.choice((None, None, None, "lz4", "zstd")))
    out = io.BytesIO()
    with pa.ipc.new_stream(out, table.schema, options=options) as stream:
        stream.write_table(table, max_chunksize=2)
    (folder / "a.arrow").write_bytes(out.getvalue())
    name = draw.choice(("a.arrow", "a.arrow", "a.arrow", "state.json"))
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": "a.arrow"}]}))
    (folder / "dataset_info.json").write_text("{}")
    (folder / name).write_bytes(damage((folder / name).read_bytes(), draw))
    return 0


def _write_tar(folder: Path, draw: random.Random) -> int:
    out = io.BytesIO()
    with tarfile.open(
        fileobj=out, mode="w", format=draw.choice((tarfile.PAX_FORMAT, tarfile.GNU_FORMAT))
    ) as tar:
        for n in range(ROWS):
            long = "x" * draw.choice((1, 1, 150))
            for name, data in ((f"{long}{n}.png", _picture(draw, "PNG")), (f"{long}{n}.txt", b"An answer.")):
                member = tarfile.TarInfo(name)
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    (folder / "data.tar").write_bytes(damage(out.getvalue(), draw))
    return 0


FORMATS: dict[str, Callable[[Path, random.Random], int]] = {
    "image": _write_image,
    "text": _write_text,
    "parquet": _write_parquet,
    "arrow": _write_arrow,
    "tar": _write_tar,
}
"""Write a dataset of which one file is damaged; return how many rows must still be usable."""


def read_damaged(folder: Path, least: int) -> tuple[str, str]:
    """Read, check and write a dataset; what came of it, and why."""
    from finegold.errors import FinegoldError
    from finegold.samples import open_dataset
    from finegold.samples.check import check
    from finegold.samples.repeats import Repeats

    try:
        dataset = open_dataset(folder)
        judge = Repeats().judge
        checked = [judge(check(row)) for row in dataset.rows()]
        if len(checked) != dataset.count():
            return "lost", f"{len(checked)} rows of {dataset.count()}"
        usable = [one.row.index for one in checked if one.exclusion is None]
        if len(usable) < least:
            return "lost", f"{len(usable)} usable rows"
        (folder / "out").mkdir()
        written = dataset.write(folder / "out", usable)
        if written.rows != len(usable):
            return "lost", f"{written.rows} written rows of {len(usable)}"
    except FinegoldError as error:
        return ("refused", "") if least == 0 else ("lost", str(error))
    except Exception as error:
        return "unexpected", f"{type(error).__name__}: {error}"
    return "read", ""


def _work(seed: int, start: int, end: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    for file in range(start, end):
        draw = random.Random(f"{seed}/{file}")
        format = list(FORMATS)[file % len(FORMATS)]
        with tempfile.TemporaryDirectory() as folder:
            least = FORMATS[format](Path(folder), draw)
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            what, why = read_damaged(Path(folder), least)
            signal.setitimer(signal.ITIMER_PROF, 0)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(
            json.dumps({"file": file, "format": format, "what": what, "why": why, "peak": peak}), flush=True
        )


if __name__ == "__main__":
    if sys.argv[1] == "worker":
        _work(*map(int, sys.argv[2:5]))
    else:
        found = campaign(int(sys.argv[1]), seed=int(sys.argv[2]) if len(sys.argv) > 2 else 0)
        print("\n".join(found.failures))
        print(f"{found.files:,} files: {dict(found.counts)}, peak {found.peak_bytes / 1e6:,.0f} MB")
