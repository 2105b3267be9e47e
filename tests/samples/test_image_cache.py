"""The images of a remote folder on this machine: no more than a limit, and damaged ones fetched again."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.samples.conftest import picture
from tests.samples.s3_server import S3Server, reachable_s3
from tests.samples.test_s3 import lines

import finegold
from finegold.errors import ConfigError, DataError
from finegold.run.stores import remote_cache
from finegold.samples.images import read_bytes

s3fs = pytest.importorskip("s3fs")
PHOTOS = 12


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    monkeypatch.setenv("FINEGOLD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("finegold.run.store_errors.FIRST_WAIT", 0.01)
    photos = {f"pool/images/{number}.jpg": picture(number) for number in range(PHOTOS)}
    one = S3Server({"lab": {"pool/data.jsonl": lines(PHOTOS), **photos}})
    with reachable_s3(one, monkeypatch):
        yield one


def here() -> list[Path]:
    """The image files that are on this machine."""
    return sorted(remote_cache().rglob("*.jpg"), key=lambda path: int(path.stem))


def held() -> int:
    """Bytes of the image files that are on this machine, while processes may delete some."""
    total = 0
    for folder, _, names in os.walk(remote_cache()):
        for name in names:
            with suppress(FileNotFoundError):
                total += (Path(folder) / name).stat().st_size if name.endswith(".jpg") else 0
    return total


def photo_downloads(store: S3Server) -> list[str]:
    return [line.split()[1].rpartition("/")[2] for line in store.downloads() if ".jpg" in line]


def test_images_are_fetched_when_they_are_read_and_the_least_recently_read_go_first(
    store: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = [len(picture(number)) for number in range(PHOTOS)]
    limit = sum(sizes[:5])
    monkeypatch.setenv("FINEGOLD_IMAGE_CACHE", str(limit))
    data = finegold.open_dataset("s3://lab/pool")
    assert photo_downloads(store) == []
    refs = [row.sample.images[0] for row in data if row.sample is not None]
    for number in (0, 1, 2, 3):
        assert read_bytes(refs[number]) == picture(number)
        assert held() <= limit
    read_bytes(refs[0])
    assert photo_downloads(store) == ["0.jpg", "1.jpg", "2.jpg", "3.jpg"]  # the second time from the cache
    most = 0
    for number in range(4, PHOTOS):
        read_bytes(refs[0])
        read_bytes(refs[number])
        most = max(most, held())
    assert limit / 2 < most <= limit
    assert here()[0].name == "0.jpg"
    assert "1.jpg" not in {path.name for path in here()}
    store.requests.clear()
    assert finegold.inspect("s3://lab/pool").usable == PHOTOS
    assert held() <= limit
    assert len(photo_downloads(store)) >= PHOTOS - 5


def test_all_images_are_fetched_at_once_where_they_fit_and_once(store: S3Server) -> None:
    assert finegold.inspect("s3://lab/pool").usable == PHOTOS
    assert len(here()) == PHOTOS
    store.requests.clear()
    assert finegold.inspect("s3://lab/pool").usable == PHOTOS
    assert photo_downloads(store) == []


def test_a_damaged_file_is_fetched_again(store: S3Server) -> None:
    data = finegold.open_dataset("s3://lab/pool")
    refs = [row.sample.images[0] for row in data if row.sample is not None]
    assert [read_bytes(ref) for ref in refs] == [picture(number) for number in range(PHOTOS)]
    path = here()[3]
    content = path.read_bytes()
    for damaged in (content[:9], content[:-20] + b"!" + content[-19:], None):
        if damaged is None:
            path.unlink()
        else:
            path.write_bytes(damaged)
        store.requests.clear()
        assert read_bytes(refs[3]) == content
        assert photo_downloads(store) == ["3.jpg"]
        assert path.read_bytes() == content


def test_an_image_that_was_replaced_in_its_store_is_not_taken_for_the_one_that_was_checked(
    store: S3Server, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    finegold.pick("s3://lab/pool", 2, tmp_path / "out", preset="length-only", run=run)
    here()[3].unlink()
    store.buckets["lab"]["pool/images/3.jpg"] = picture(40)
    with pytest.raises(DataError, match=r"'images/3.jpg' of 's3://lab/pool' has other bytes than when"):
        finegold.inspect("s3://lab/pool")
    del store.buckets["lab"]["pool/images/3.jpg"]
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(
        DataError, match=r"nothing at 'images/3.jpg' of .* was there when the data was opened"
    ):
        finegold.inspect("s3://lab/pool")


def test_processes_share_the_cache_and_its_limit(store: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = sum(len(picture(number)) for number in range(4))
    monkeypatch.setenv("FINEGOLD_IMAGE_CACHE", str(limit))
    code = "import finegold; assert finegold.inspect('s3://lab/pool').usable == 12"
    running = [subprocess.Popen([sys.executable, "-c", code], env=os.environ.copy()) for _ in range(2)]
    most = 0
    while any(one.poll() is None for one in running):
        most = max(most, held())
    assert [one.wait() for one in running] == [0, 0]
    assert 0 < most <= limit
    (counted,) = (
        sqlite3.connect(remote_cache() / "images.sqlite3").execute("SELECT bytes FROM held").fetchone()
    )
    assert counted == held()


def test_a_busy_store_is_asked_again_and_one_that_stays_busy_is_a_sentence(
    store: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So that finegold's own tries are seen, and not those of s3fs and botocore below.
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
    data = finegold.open_dataset("s3://lab/pool")
    refs = [row.sample.images[0] for row in data if row.sample is not None]
    store.busy = 2
    assert read_bytes(refs[0]) == picture(0)
    store.busy = 10_000
    with pytest.raises(DataError, match=r"'images/1.jpg' of 's3://lab/pool' .*status 503: try again later"):
        read_bytes(refs[1])
    store.busy = 0
    assert read_bytes(refs[1]) == picture(1)


def test_a_limit_that_is_no_size_is_refused(store: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINEGOLD_IMAGE_CACHE", "much")
    with pytest.raises(ConfigError, match="the limit of the image cache is 'much', expected a size such as"):
        finegold.inspect("s3://lab/pool")
