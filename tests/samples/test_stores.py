"""Data at plain addresses and in stores of objects."""

import importlib.util
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.samples.conftest import picture
from tests.samples.remote_server import RemoteServer, rows

import finegold
from finegold.errors import DataError, MissingExtraError
from finegold.samples.opening import open_dataset
from finegold.workflow import DataSource


def test_a_plain_address_opens_and_a_change_of_it_is_found(server: RemoteServer, tmp_path: Path) -> None:
    server.files = {"/a/data.json": rows(3), **{f"/p/{n}.jpg": picture(n) for n in range(5)}}
    source = DataSource.of(f"{server.url}/a/data.json", f"{server.url}/p")
    run = finegold.Run.open(tmp_path / "run", source)
    assert int(run.rows().usable.sum()) == 3
    assert not [line for line in server.sent("GET") if "/p/4.jpg" in line]
    server.files["/a/data.json"] = rows(2)
    assert len(finegold.Run.open(tmp_path / "run").dataset) == 3  # from the cache
    assert len(open_dataset(f"{server.url}/a/data.json")) == 2
    with pytest.raises(DataError, match="has changed since the run began"):
        open_dataset(f"{server.url}/a/data.json", revision="0" * 64)


def test_a_server_without_ranges_is_read_from_the_start(server: RemoteServer) -> None:
    server.ranges = False
    server.files = {"/data.jsonl": b"\n".join(json.dumps(row).encode() for row in json.loads(rows(50)))}
    assert len(open_dataset(f"{server.url}/data.jsonl")) == 50


def test_plain_addresses_that_fail_are_said(server: RemoteServer) -> None:
    server.refused.add("/secret.json")
    with pytest.raises(DataError, match="there is nothing at"):
        open_dataset(f"{server.url}/none.json")
    with pytest.raises(DataError, match=r"access to .* was refused"):
        open_dataset(f"{server.url}/secret.json")
    with pytest.raises(DataError, match=r"cannot be read \(Cannot connect"):
        open_dataset("http://127.0.0.1:9/data.json")


def test_a_download_that_breaks_off_goes_on_where_it_stopped(server: RemoteServer) -> None:
    content = b"\n".join(json.dumps({**row, "pad": "x" * 1000}).encode() for row in json.loads(rows(20_000)))
    server.files = {"/big.jsonl": content}
    server.cut = 10 << 20
    with pytest.raises(DataError, match="run the command again"):
        open_dataset(f"{server.url}/big.jsonl")
    server.cut = None
    server.requests.clear()
    data = open_dataset(f"{server.url}/big.jsonl")
    assert data.files()[0].read_bytes() == content
    assert f"bytes={8 << 20}-" in server.sent("GET")[0]


@pytest.mark.parametrize(
    "address",
    ["memory://pool", "memory://pool/data.json", "memory://pool/d*.json", "memory://pool/d[a-z]ta.json"],
)
def test_a_store_of_objects_opens_by_folder_file_and_pattern(server: RemoteServer, address: str) -> None:
    store = pytest.importorskip("fsspec").filesystem("memory")
    store.pipe("/pool/data.json", rows(3))
    for number in range(3):
        store.pipe(f"/pool/images/{number}.jpg", picture(number))
    try:
        images = "memory://pool/images" if address.endswith("data.json") else None
        assert finegold.inspect(address, images=images).usable == 3
    finally:
        store.rm("/pool", recursive=True)


def test_a_table_of_a_store_holds_some_images_and_names_others(server: RemoteServer) -> None:
    store = pytest.importorskip("fsspec").filesystem("memory")
    images = [{"bytes": picture(number), "path": None} for number in range(20)]
    named = {"id": "named", "image": {"bytes": None, "path": "far.jpg"}, "caption": "A far thing."}
    kept = [{"id": str(at), "image": one, "caption": f"Thing {at}."} for at, one in enumerate(images)]
    table = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([*kept, named]), table)
    store.pipe("/table/data.parquet", table.getvalue())
    store.pipe("/table/images/far.jpg", picture(99))
    try:
        assert finegold.inspect("memory://table").usable == 21
    finally:
        store.rm("/table", recursive=True)


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for scheme, package in (("s3", "s3fs"), ("gs", "gcsfs")):
        if importlib.util.find_spec(package) is None:
            with pytest.raises(MissingExtraError, match=package):
                open_dataset(f"{scheme}://bucket/data.json")
