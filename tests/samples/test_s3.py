"""A pool and its photos in an S3-like store on loopback, read with the real s3fs."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.samples.conftest import picture
from tests.samples.remote_server import RemoteServer, serving
from tests.samples.remote_server import rows as hub_rows
from tests.samples.s3_server import S3Server, reachable_s3

import finegold
from finegold.errors import DataError
from finegold.samples.opening import open_dataset
from finegold.workflow import DataSource

s3fs = pytest.importorskip("s3fs")


def lines(count: int, image: str = "{}.jpg") -> bytes:
    rows = [
        {
            "id": f"r{one}",
            "prompt": "What is it?",
            "completion": f"It is a thing {one}.",
            "image": image.format(one),
        }
        for one in range(count)
    ]
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    monkeypatch.setenv("FINEGOLD_CACHE", str(tmp_path / "cache"))
    photos = {f"pool/images/{number}.jpg": picture(number) for number in range(7)}
    one = S3Server({"lab": {"pool/data.jsonl": lines(5), **photos}})
    with reachable_s3(one, monkeypatch):
        yield one


@pytest.mark.parametrize(
    ("address", "images"),
    [
        ("s3://lab/pool", None),
        ("s3://lab/pool/", None),
        ("s3://lab/pool/data.jsonl", "s3://lab/pool/images/"),
        ("s3://lab/pool/*.jsonl", None),
        ("s3://lab/pool/data.jsonl", "s3://photos/set one"),
    ],
)
def test_rows_are_picked_with_their_images_from_the_store(
    store: S3Server, tmp_path: Path, address: str, images: str | None
) -> None:
    store.buckets["photos"] = {f"set one/{number}.jpg": picture(number) for number in range(5)}
    selection = finegold.pick(
        DataSource.of(address, images), 2, tmp_path / "out", preset="length-only", run=tmp_path / "run"
    )
    assert sum(selection.manifest.counts.excluded.values()) == 0
    assert finegold.inspect(tmp_path / "out").usable == 2
    fetched = {line.partition(" bytes")[0] for line in store.downloads() if ".jpg" in line}
    assert len(fetched) == 5  # those that no row names are not downloaded
    kept = json.loads((tmp_path / "run/manifest.json").read_text())["data"]
    assert kept["path"] == address
    assert len(kept["revision"]) == 64


def test_images_of_a_folder_in_which_many_are_wanted_are_found_by_its_list(
    store: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finegold.run.stores.LISTED", 4)
    store.buckets["lab"]["pool/data.jsonl"] = lines(9)  # of which two have no image
    found = finegold.inspect("s3://lab/pool/data.jsonl", images="s3://lab/pool/images")
    assert (found.usable, found.codes) == (7, {"missing-image": 2})
    assert not [line for line in store.requests if line.startswith("HEAD") and ".jpg" in line]


def test_what_is_in_the_cache_is_not_downloaded_again_and_a_change_is_noticed(store: S3Server) -> None:
    source = DataSource.of("s3://lab/pool")
    assert finegold.inspect(source.open()).usable == 5
    store.requests.clear()
    s3fs.S3FileSystem.clear_instance_cache()
    assert finegold.inspect("s3://lab/pool").usable == 5
    assert store.downloads() == []
    store.buckets["lab"]["pool/data.jsonl"] = lines(3)
    s3fs.S3FileSystem.clear_instance_cache()
    assert len(open_dataset("s3://lab/pool")) == 3
    assert len(source.open()) == 5  # the revision of the run, from the cache


def test_a_mix_reads_sources_in_the_store(store: S3Server, tmp_path: Path) -> None:
    store.buckets["lab"]["other/rows.jsonl"] = lines(2, "{}.jpg").replace(b"thing", b"other thing")
    mix = tmp_path / "mix.toml"
    mix.write_text(
        '[[sources]]\nname = "a"\npath = "s3://lab/pool"\n'
        '[[sources]]\nname = "b"\npath = "s3://lab/other/rows.jsonl"\nimages = "s3://lab/pool/images"\n'
    )
    assert finegold.inspect(mix).usable == 7


def test_what_the_store_refuses_or_does_not_have_is_a_sentence(
    store: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for address in ("s3://lab/none.jsonl", "s3://none/data.jsonl", "s3://lab/none/*.jsonl", "s3://lab/none/"):
        with pytest.raises(DataError, match=rf"there (is nothing|are no files) at '{re.escape(address)}'"):
            open_dataset(address)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(
        DataError, match=r"access to 's3://lab/pool' was refused: check your credentials for s3://"
    ):
        open_dataset("s3://lab/pool")


def test_a_store_that_is_away_is_a_sentence(store: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(
        DataError, match=r"'s3://lab/pool' cannot be read .*check the address and the network"
    ):
        open_dataset("s3://lab/pool")


@pytest.mark.parametrize("address", ["s3://lab/pool", "s3://lab/*.jsonl", "{url}/data.jsonl"])
def test_a_store_that_takes_requests_and_does_not_answer_is_a_sentence(
    store: S3Server, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setattr("finegold.run.stores.ANSWER_SECONDS", 1)
    store.silent.set()
    with pytest.raises(DataError, match=r"cannot be read .*check the address and the network"):
        open_dataset(address.format(url=store.url))


@pytest.mark.parametrize("address", ["s3://lab/pool", "{url}/data.json", "hf://datasets/lab/pool"])
def test_a_store_that_falls_silent_in_a_download_is_a_sentence_and_the_download_goes_on(
    store: S3Server, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    hub = RemoteServer({"lab/pool": {"train.json": hub_rows(4)}}, {"/data.json": hub_rows(4)})
    monkeypatch.setattr("finegold.run.stores.CHUNK_SECONDS", 1)
    with serving(hub):
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        store.stalled = hub.stalled = True
        with pytest.raises(DataError, match=r"' of '.*' cannot be read \(no answer within 1 seconds\)"):
            open_dataset(address.format(url=hub.url))
        store.stalled = hub.stalled = False
        assert len(open_dataset(address.format(url=hub.url))) > 0
