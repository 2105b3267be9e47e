"""Memory does not grow with the number of images."""

import base64
import io
import json
import tarfile
import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from finegold.samples import open_dataset

SIZE = 64 << 10


def make(folder: Path, format: str, images: int) -> Path:
    folder.mkdir()
    random = np.random.default_rng(0)
    noise = [random.bytes(SIZE) for _ in range(images)]
    if format == "webdataset":
        with tarfile.open(folder / "a.tar", "w") as tar:
            for number, data in enumerate(noise):
                for name, content in ((f"{number}.jpg", data), (f"{number}.txt", b"Noise.")):
                    member = tarfile.TarInfo(name)
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))
    elif format == "messages":
        with (folder / "a.jsonl").open("w") as file:
            for data in noise:
                image = {"bytes": base64.b64encode(data).decode()}
                file.write(json.dumps({"images": [image], "prompt": "What?", "completion": "Noise."}) + "\n")
    else:
        table = pa.table(
            {"image": [{"bytes": data, "path": None} for data in noise], "text": ["Noise."] * images}
        )
        if format == "parquet":
            pq.write_table(table, folder / "a.parquet", row_group_size=20)
        else:
            with (
                pa.OSFile(str(folder / "a.arrow"), "wb") as sink,
                pa.ipc.new_stream(sink, table.schema) as out,
            ):
                out.write_table(table, max_chunksize=images)
            (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": "a.arrow"}]}))
            (folder / "dataset_info.json").write_text("{}")
    return folder


def peak(folder: Path, images: int) -> int:
    """Bytes of Python and Arrow memory at the worst moment of reading all rows."""
    dataset = open_dataset(folder)
    before, arrow = pa.total_allocated_bytes(), 0
    tracemalloc.start()
    try:
        seen = 0
        for row in dataset.rows():
            assert row.sample is not None
            assert len(row.sample.images[0].data or b"") == SIZE
            arrow = max(arrow, pa.total_allocated_bytes() - before)
            seen += 1
        assert seen == images
        return tracemalloc.get_traced_memory()[1] + arrow
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("format", ["messages", "parquet", "huggingface", "webdataset"])
def test_reading_four_times_the_images_takes_no_more_memory(tmp_path: Path, format: str) -> None:
    peak(make(tmp_path / "warm", format, 40), 40)
    small = peak(make(tmp_path / "small", format, 80), 80)
    large = peak(make(tmp_path / "large", format, 320), 320)
    assert large < 1.5 * small
    assert large < 320 * SIZE / 2
