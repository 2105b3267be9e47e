"""Small datasets in every format, made by code."""

import base64
import csv
import io
import json
import tarfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from tests.samples.remote_server import RemoteServer, rows, serving

Picture = Callable[..., bytes]
Maker = Callable[..., Path]


def picture(seed: int = 0, format: str = "JPEG", size: tuple[int, int] = (24, 16), **options: Any) -> bytes:
    """Encoded noise, different for each seed."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format, **options)
    return out.getvalue()


@pytest.fixture(scope="session", name="picture")
def _picture() -> Picture:
    return picture


def write_dataset(folder: Path, format: str, captions: Sequence[str], ids: Sequence[str]) -> Path:
    """A dataset of one image and one question a row; returns what to open."""
    folder.mkdir(parents=True, exist_ok=True)
    images = [picture(seed) for seed in range(len(captions))]
    talks = [
        [{"from": "human", "value": "<image>\nWhat is it?"}, {"from": "gpt", "value": text}]
        for text in captions
    ]
    if format == "minigpt4":
        save(folder / "image", ids, images)
        rows: list[dict[str, Any]] = [
            {"image_id": i, "caption": t} for i, t in zip(ids, captions, strict=True)
        ]
        (folder / "filter_cap.json").write_text(
            json.dumps({"annotations": rows}, ensure_ascii=False), "utf-8"
        )
        return folder
    if format in ("llava", "messages"):
        save(folder / "images", ids, images)
        rows = [
            {"id": i, "image": f"{i}.jpg", "conversations": talk, "extra": {"b": 1.5, "a": None}}
            for i, talk in zip(ids, talks, strict=True)
        ]
        if format == "llava":
            (folder / "data.json").write_text(json.dumps(rows, ensure_ascii=False), "utf-8")
            return folder / "data.json"
        lines = [
            json.dumps(
                {
                    "id": i,
                    "images": [f"{i}.jpg"],
                    "messages": [
                        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What?"}]},
                        {"role": "assistant", "content": text},
                    ],
                },
                ensure_ascii=position % 2 == 0,
                indent=None,
                separators=(",", ":") if position % 3 else (", ", ": "),
            )
            for position, (i, text) in enumerate(zip(ids, captions, strict=True))
        ]
        (folder / "data.jsonl").write_text("".join(line + "\n" for line in lines), "utf-8")
        return folder / "data.jsonl"
    if format == "mix":
        half = (len(ids) + 1) // 2
        sources = {"one": ("llava", slice(0, half)), "two": ("parquet", slice(half, None))}
        lines = []
        for name, (inner, part) in sources.items():
            if ids[part]:
                path = write_dataset(folder / name, inner, captions[part], ids[part])
                lines.append(
                    f'[[sources]]\nname = "{name}"\npath = "{path.relative_to(folder).as_posix()}"\n'
                )
        (folder / "mix.toml").write_text("\n".join(lines))
        return folder / "mix.toml"
    if format == "vlmevalkit":
        with (folder / "data.tsv").open("w", encoding="utf-8", newline="") as file:
            rows_of_cells = csv.writer(file, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_ALL)
            rows_of_cells.writerow(("index", "image", "question", "answer"))
            for i, data, text in zip(ids, images, captions, strict=True):
                rows_of_cells.writerow((i, base64.b64encode(data).decode(), "What is it?", text))
        return folder
    if format in ("parquet", "huggingface"):
        table = pa.table(
            {
                "id": list(ids),
                "image": [{"bytes": data, "path": f"{i}.jpg"} for i, data in zip(ids, images, strict=True)],
                "conversations": talks,
            }
        )
        if format == "parquet":
            schema = table.schema.with_metadata({"made by": "a test"})
            half = len(ids) // 2
            pq.write_table(table.cast(schema).slice(0, half), folder / "part-0.parquet")
            pq.write_table(table.cast(schema).slice(half), folder / "part-1.parquet", compression="zstd")
            return folder
        return save_to_disk(table, folder / "saved")
    for shard in range(2):
        with tarfile.open(folder / f"shard-{shard}.tar", "w") as tar:
            for position in range(shard, len(ids), 2):
                described = {"id": ids[position], "conversations": talks[position]}
                for name, data in (
                    ("jpg", images[position]),
                    ("json", json.dumps(described, ensure_ascii=False).encode()),
                    ("cls", b"7"),
                ):
                    add_member(tar, f"{position:04d}.{name}", data)
    return folder


def add_member(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    """Add a file to an open tar."""
    member = tarfile.TarInfo(name)
    member.size = len(data)
    member.mtime = 1234567890
    tar.addfile(member, io.BytesIO(data))


def save(folder: Path, ids: Sequence[str], images: Sequence[bytes]) -> None:
    """Write `ID.jpg` files."""
    folder.mkdir()
    for name, data in zip(ids, images, strict=True):
        (folder / f"{name}.jpg").write_bytes(data)


def save_to_disk(table: pa.Table, folder: Path) -> Path:
    """What `datasets.Dataset.save_to_disk` leaves, without the seconds that its import takes."""
    folder.mkdir(parents=True)
    for shard, start in enumerate((0, table.num_rows // 2)):
        part = table.slice(start, None if shard else table.num_rows // 2)
        with (
            pa.OSFile(str(folder / f"data-{shard}.arrow"), "wb") as sink,
            pa.ipc.new_stream(sink, part.schema) as out,
        ):
            out.write_table(part, max_chunksize=3)
    state: dict[str, Any] = {
        "_data_files": [{"filename": f"data-{shard}.arrow"} for shard in range(2)],
        "_fingerprint": "0" * 16,
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": None,
    }
    (folder / "state.json").write_text(json.dumps(state))
    (folder / "dataset_info.json").write_text(json.dumps({"description": "made", "features": None}))
    return folder


@pytest.fixture(scope="session", name="write_dataset")
def _write_dataset() -> Maker:
    return write_dataset


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RemoteServer]:
    """A hub with the dataset `lab/pictures`, of which four of six images have rows, and plain files."""
    monkeypatch.setenv("FINEGOLD_CACHE", str(tmp_path / "cache"))
    photos = {f"images/{number}.jpg": picture(number) for number in range(6)}
    one = RemoteServer({"lab/pictures": {"README.md": b"# Pictures", "data.json": rows(4), **photos}})
    with serving(one):
        monkeypatch.setenv("HF_ENDPOINT", one.url)
        yield one
