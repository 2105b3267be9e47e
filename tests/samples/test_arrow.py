"""Tables that are damaged, or hold values that Python does not have."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.samples.packed import repeated, restated, views

from finegold.errors import DataError
from finegold.samples import open_dataset

TURNS = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "An answer."}]


def table(rows: int = 6, **columns: Any) -> pa.Table:
    made = pa.table({"id": [f"r{n}" for n in range(rows)], "messages": [TURNS] * rows})
    for name, column in columns.items():
        made = made.append_column(name, column)
    return made


def save_arrow(made: pa.Table, folder: Path, group: int = 2) -> Path:
    folder.mkdir(exist_ok=True)
    with pa.OSFile(str(folder / "a.arrow"), "wb") as sink, pa.ipc.new_stream(sink, made.schema) as stream:
        stream.write_table(made, max_chunksize=group)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": "a.arrow"}]}))
    (folder / "dataset_info.json").write_text("{}")
    return folder


def save_parquet(made: pa.Table, folder: Path, group: int = 2) -> Path:
    folder.mkdir(exist_ok=True)
    pq.write_table(made, folder / "a.parquet", row_group_size=group, compression="zstd")
    return folder / "a.parquet"


SAVES = [save_arrow, save_parquet]
Save = Callable[..., Path]


def ids(path: Path) -> list[str | None]:
    """The id of each row that can be used, None for the others."""
    return [row.id if row.exclusion is None else None for row in open_dataset(path).rows()]


@pytest.mark.parametrize("save", SAVES)
def test_a_time_that_python_does_not_have_costs_its_row_only(tmp_path: Path, save: Save) -> None:
    times = pa.array([0, 1, 2**62, 3, 4, 5], pa.timestamp("s" if save is save_arrow else "ms"))
    path = save(table(time=times), tmp_path / "data")
    assert ids(path) == ["r0", "r1", None, "r3", "r4", "r5"]
    (tmp_path / "out").mkdir()
    open_dataset(path).write(tmp_path / "out", [1, 3])


@pytest.mark.parametrize("save", SAVES)
def test_nanoseconds_are_read(tmp_path: Path, save: Save) -> None:
    assert None not in ids(save(table(time=pa.array(range(6), pa.timestamp("ns"))), tmp_path / "data"))


def test_two_fields_of_one_name_are_a_reason(tmp_path: Path) -> None:
    twice = pa.StructArray.from_arrays([pa.array(range(6)), pa.array(range(6))], names=["a", "a"])
    with pytest.raises(DataError, match="cannot be understood"):
        open_dataset(save_arrow(table(extra=twice), tmp_path / "data"))


@pytest.mark.parametrize("save", SAVES)
def test_lists_of_nothing_do_not_fill_the_memory(tmp_path: Path, save: Save) -> None:
    offsets = pa.array([0, 0, 0, 0, 300_000_000, 300_000_000, 300_000_000], pa.int32())
    lists = pa.ListArray.from_arrays(offsets, pa.nulls(300_000_000))
    if save is save_parquet:
        lists = pa.ListArray.from_arrays(pa.array([0, 0, 0, 0, *[2_000_000] * 3]), pa.nulls(2_000_000))
    assert ids(save(table(extra=lists), tmp_path / "data")) == ["r0", "r1", "r2", None, "r4", "r5"]


def test_more_rows_than_bytes_are_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": pa.nulls(5_000_000)}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="at most one row a byte"):
        open_dataset(tmp_path / "a.parquet")


def test_a_column_that_unpacks_to_too_much_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finegold.samples.parquet_pages._UNPACKED", 1 << 20)
    zeros = pa.array([b"", b"", bytes(2 << 20), b"", b"", b""], pa.binary())
    path = save_parquet(table(extra=zeros), tmp_path / "data")
    assert ids(path) == ["r0", "r1", None, None, "r4", "r5"]


@pytest.mark.parametrize("group", [0, 1, 2])
def test_a_damaged_page_costs_its_row_group(tmp_path: Path, group: int) -> None:
    path = save_parquet(table(), tmp_path / "data")
    place = pq.ParquetFile(path).metadata.row_group(group).column(1).dictionary_page_offset
    data = bytearray(path.read_bytes())
    data[place : place + 8] = b"\xff" * 8
    path.write_bytes(data)
    expected: list[str | None] = [f"r{n}" for n in range(6)]
    expected[2 * group : 2 * group + 2] = [None, None]
    assert ids(path) == expected
    dataset = open_dataset(path)
    assert dataset.count() == 6
    assert [row.index for row in dataset.rows(3)] == [3, 4, 5]


def test_offsets_beyond_the_data_are_a_reason_and_kill_nothing(tmp_path: Path) -> None:
    folder = save_arrow(table(), tmp_path / "data")
    data = (folder / "a.arrow").read_bytes()
    offsets = data.index(b"\0\0\0\0\2\0\0\0\4\0\0\0")
    damaged = data[:offsets] + b"\0\0\0\0\2\0\0\0\xff\xff\xff\x7f" + data[offsets + 12 :]
    (folder / "a.arrow").write_bytes(damaged)
    assert ids(folder) == [None, None, "r2", "r3", "r4", "r5"]


def test_texts_of_the_newer_kind_are_read_and_written(tmp_path: Path) -> None:
    views = pa.array(["x" * 20 * n for n in range(6)], pa.string_view())
    folder = save_arrow(table(extra=views), tmp_path / "data")
    (tmp_path / "out").mkdir()
    written = open_dataset(folder).write(tmp_path / "out", [1, 4])
    assert ids(written.data) == ["r1", "r4"]


def test_an_arrow_batch_that_unpacks_to_too_much_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finegold.samples.formats.huggingface.MAX_BATCH", 1 << 20)
    zeros = pa.array([b"", b"", bytes(2 << 20), b"", b"", b""], pa.binary())
    made, folder = table(extra=zeros), save_arrow(table(), tmp_path / "data")
    for codec in ("zstd", "lz4"):
        options = pa.ipc.IpcWriteOptions(compression=codec)
        out = io.BytesIO()
        with pa.ipc.new_stream(out, made.schema, options=options) as stream:
            stream.write_table(made, max_chunksize=2)
        (folder / "a.arrow").write_bytes(out.getvalue())
        assert ids(folder) == ["r0", "r1", None, None, "r4", "r5"]
        (row, _) = [row for row in open_dataset(folder).rows() if row.exclusion is not None]
        assert row.exclusion is not None
        assert "unpacks to 2,0" in row.exclusion.reason
    # What is not compressed is read where it lies.
    assert None not in ids(save_arrow(made, tmp_path / "data"))


def test_a_parquet_page_is_measured_by_its_own_header(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finegold.samples.parquet_pages._UNPACKED", 1 << 20)
    zeros = pa.array([b"", b"", bytes(2 << 20), b"", b"", b""], pa.binary())
    path = save_parquet(table(extra=zeros), tmp_path / "data")
    group = pq.ParquetFile(path).metadata.row_group(1)
    stated = max(group.column(place).total_uncompressed_size for place in range(group.num_columns))
    restated(path, stated, stated - 1_500_000)
    assert ids(path) == ["r0", "r1", None, None, "r4", "r5"]


@pytest.mark.parametrize("save", SAVES)
def test_a_text_that_a_row_names_again_and_again_is_counted_as_often(tmp_path: Path, save: Save) -> None:
    count = 8_000
    lists = pa.ListArray.from_arrays(
        pa.array([0, 0, 0, 0, *[count] * 3], pa.int32()), repeated(count, 200_000)
    )
    found = ids(save(table(extra=lists), tmp_path / "data"))
    assert found[:2] + found[4:] == ["r0", "r1", "r4", "r5"]
    assert found[3] is None


def listed(values: pa.Array) -> pa.Array:
    """One value a row, in a list."""
    return pa.ListArray.from_arrays(pa.array(range(len(values) + 1), pa.int32()), values)


MANY = 600
"""Rows of a batch of which each names the same text of a mebibyte and more: 600 MiB and more."""
LONG = (1 << 20) + 9
NAMED = {
    "texts": lambda: views(MANY, LONG, pa.string_view()),
    "bytes": lambda: views(MANY, LONG, pa.binary_view()),
    "lists of texts": lambda: listed(views(MANY, LONG, pa.string_view())),
    "a dictionary": lambda: repeated(MANY, LONG),
    "list views": lambda: pa.ListViewArray.from_arrays(
        pa.array([0] * MANY, pa.int32()), pa.array([1] * MANY, pa.int32()), pa.array(["x" * LONG])
    ),
    "runs": lambda: pa.RunEndEncodedArray.from_arrays(pa.array([MANY], pa.int32()), pa.array(["x" * LONG])),
}


@pytest.mark.parametrize("kind", NAMED)
def test_a_batch_whose_rows_name_the_same_long_text_is_not_read(tmp_path: Path, kind: str) -> None:
    path = save_arrow(table(MANY, extra=NAMED[kind]()), tmp_path / "data", MANY)
    # It is the only batch: there is nothing to read.
    with pytest.raises(DataError, match=r"its rows name texts of 629,1\d\d,\d\d\d bytes"):
        open_dataset(path)


def test_a_row_group_whose_rows_name_the_same_long_text_is_read_up_to_the_limit(tmp_path: Path) -> None:
    made = table(MANY, extra=repeated(MANY, LONG))
    found = ids(save_parquet(made, tmp_path / "data", MANY))
    assert len(found) == MANY
    read = [one for one in found if one is not None]
    assert found[: len(read)] == read
    assert 480 <= len(read) <= 512


@pytest.mark.parametrize("save", SAVES)
def test_a_dictionary_is_counted_by_the_texts_that_are_named(tmp_path: Path, save: Save) -> None:
    words = pa.array(["x" * LONG, "What is it?"])
    extra = pa.DictionaryArray.from_arrays(pa.array([0, *[1] * (MANY - 1)], pa.int32()), words)
    assert None not in ids(save(table(MANY, extra=extra), tmp_path / "data", MANY))


def test_views_that_lie_over_one_another_are_counted_as_often(tmp_path: Path) -> None:
    starts, sizes = pa.array([0] * 6, pa.int32()), pa.array([1, 1, 1, 2_000_000, 1, 1], pa.int32())
    lists = pa.ListViewArray.from_arrays(starts, sizes, pa.nulls(2_000_000))
    assert ids(save_arrow(table(extra=lists), tmp_path / "data")) == ["r0", "r1", "r2", None, "r4", "r5"]


@pytest.mark.parametrize("save", SAVES)
def test_columns_of_every_type_are_read(tmp_path: Path, save: Save) -> None:
    columns = {
        "map": pa.array(
            [[("k", "v")], [], None, [("k", None)], [("a", "b"), ("c", "d")], []],
            pa.map_(pa.string(), pa.string()),
        ),
        "fixed": pa.array([[1, 2]] * 6, pa.list_(pa.int8(), 2)),
        "large": pa.array([["x"], None] * 3, pa.large_list(pa.large_string())),
        "bytes": pa.array([b"abc"] * 6, pa.binary(3)),
        "kinds": pa.array(["a", "b"] * 3).dictionary_encode(),
        "decimal": pa.array([None] * 6, pa.decimal128(9, 2)),
    }
    if save is save_arrow:
        columns["view"] = pa.array(["short", "x" * 40] * 3, pa.string_view())
        columns["runs"] = pa.RunEndEncodedArray.from_arrays(
            pa.array([2, 6], pa.int32()), pa.array(["a", "b"])
        )
        columns["lists"] = pa.array([[1], [2, 3]] * 3, pa.list_view(pa.int32()))
    made = table(**columns)
    assert None not in ids(save(made, tmp_path / "data"))
    assert ids(save(made.slice(0, 5), tmp_path / "data")) == ["r0", "r1", "r2", "r3", "r4"]
