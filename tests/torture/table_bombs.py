"""Parquet and Arrow files whose columns unpack to much, or whose rows name one long value."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tests.samples.packed import repeated, restated, views
from tests.torture.bomb import TURNS, Bomb, encoded, photo


def _rows(count: int, start: int = 0) -> dict[str, list[Any]]:
    numbers = range(start, start + count)
    pictures = [{"bytes": encoded(photo(24, 16, n), "PNG"), "path": None} for n in numbers]
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
    sizes = {pq.ParquetFile(path).metadata.row_group(1).column(n).total_uncompressed_size for n in range(6)}
    return restated(path, max(sizes), 1000)


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


def _listed(array: pa.Array) -> pa.Array:
    """One row that holds all values of an array."""
    return pa.ListArray.from_arrays(pa.array([0, len(array)], pa.int32()), array)


def _list_views(count: int, size: int) -> pa.Array:
    """Rows that each name all of the same numbers."""
    starts, sizes = pa.array([0] * count, pa.int32()), pa.array([size] * count, pa.int32())
    return pa.ListViewArray.from_arrays(starts, sizes, pa.array(np.zeros(size, np.int8)))


TABLE_BOMBS = {
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
    "a Parquet dictionary": Bomb(_parquet(lambda: repeated(64, 200 << 20)), 2, quick=False),
    "a Parquet dictionary in a list": Bomb(_parquet(lambda: _listed(repeated(4_000, 2 << 20))), 2),
    "Parquet prefixes": Bomb(
        _parquet(
            lambda: pa.array([("x" * (30 << 20)) + str(n) for n in range(40)]),
            use_dictionary=False,
            column_encoding={"more": "DELTA_BYTE_ARRAY"},
        ),
        18,
        quick=False,
    ),
    "a long text with a wide character": Bomb(
        _parquet(
            lambda: pa.array(["x" * (190 << 20) + "\U0001f600"]), use_dictionary=False, compression=None
        ),
        2,
        quick=False,
    ),
    "an Arrow batch": Bomb(_arrow(lambda: {"more": pa.array([bytes(900 << 20)])}, "zstd"), 2, quick=False),
    "many Arrow columns": Bomb(
        _arrow(lambda: {f"c{n}": pa.array([bytes(200 << 20)]) for n in range(12)}, "lz4"), 2, quick=False
    ),
    "an Arrow dictionary": Bomb(_arrow(lambda: {"more": repeated(64, 200 << 20)}, "zstd"), 2, quick=False),
    "an Arrow dictionary in a list": Bomb(
        _arrow(lambda: {"more": _listed(repeated(100_000, 1 << 20))}, None), 2, quick=False
    ),
    "Arrow views": Bomb(_arrow(lambda: {"more": views(64, 60 << 20, pa.string_view())}, None), 2),
    "Arrow list views": Bomb(_arrow(lambda: {"more": _list_views(3_000, 1_500_000)}, None), 2),
}
"""Bombs by name."""
