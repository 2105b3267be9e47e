"""Run folders in an S3-like store on loopback: from several computers, killed, at once, with faults."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.samples.conftest import picture
from tests.samples.s3_server import S3Server, reachable_s3
from tests.samples.test_s3 import lines

import finegold
from finegold.errors import DataError, RunError
from finegold.run import RunFolder, working_copy
from finegold.run.addresses import read_address
from finegold.run.lease import Lease
from finegold.run.store_folder import StoreFolder
from finegold.view.marks import MARKS, Marks
from finegold.view.server import open_view

s3fs = pytest.importorskip("s3fs")
RUN = "s3://lab/pool.run"
ROWS = 9
SECRET = "hidden-c8c7d1"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    monkeypatch.setattr("finegold.run.store_errors.FIRST_WAIT", 0.01)
    monkeypatch.setattr("finegold.run.lease.POLL_SECONDS", 0.05)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
    photos = {f"photos/{number}.jpg": picture(number) for number in range(ROWS)}
    one = S3Server({"lab": {"data.jsonl": lines(ROWS), **photos}}, page=1000)
    with reachable_s3(one, monkeypatch):
        yield one


@pytest.fixture
def on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Go on as on another computer: one that has a cache folder of its own."""

    def computer(name: str) -> None:
        monkeypatch.setenv("FINEGOLD_CACHE", str(tmp_path / name))
        s3fs.S3FileSystem.clear_instance_cache()

    computer("a")
    return computer


def begin() -> finegold.Run:
    return finegold.Run.open(RUN, "s3://lab/data.jsonl", images="s3://lab/photos")


def stored(store: S3Server) -> dict[str, bytes]:
    """The files of the run folder in the store."""
    return {
        key.removeprefix("pool.run/"): content
        for key, content in store.buckets["lab"].items()
        if key.startswith("pool.run/") and "/." not in key
    }


def tables(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: content for name, content in files.items() if name.endswith((".parquet", ".sha256"))}


def test_a_run_is_begun_on_one_computer_and_chosen_from_on_another(
    store: S3Server, on: Callable[[str], None], tmp_path: Path
) -> None:
    begin().score("length")
    first = stored(store)
    assert {"manifest.json", "events.jsonl"} <= first.keys()
    assert sum(name.endswith("done.json") for name in first) == 3  # rows, scores, turns
    on("b")
    store.requests.clear()
    selection = finegold.Run.open(RUN).select(3, preset="length-only")
    assert not [line for line in store.downloads() if ".jpg" in line]  # no row was checked again
    selection.write(tmp_path / "out")
    assert finegold.inspect(tmp_path / "out").usable == 3
    assert {name: stored(store)[name] for name in tables(first)} == tables(first)
    chosen = [name for name in stored(store) if name.endswith("selection.json")]
    on("a")
    assert [path.name for path in (working_copy(RUN) / chosen[0]).parent.iterdir()]
    finegold.Run.open(RUN).selection(working_copy(RUN) / chosen[0]).report(tmp_path / "report.html")
    here = tmp_path / "local.run"
    local = finegold.Run.open(here, "s3://lab/data.jsonl", images="s3://lab/photos")
    local.score("length")
    made = {
        path.relative_to(here).as_posix(): path.read_bytes() for path in here.rglob("*") if path.is_file()
    }
    assert tables(made) == tables(first)
    log = stored(store)["events.jsonl"].decode().splitlines()
    assert len(log) == len(set(log))
    assert {json.loads(line)["step"] for line in log if "step" in line} >= {
        "ingest",
        "score",
        "write",
        "report",
    }


def test_parts_are_fetched_when_they_are_read(store: S3Server, on: Callable[[str], None]) -> None:
    begin().score("length")
    on("b")
    copy = RunFolder.open(RUN).path
    assert list(copy.rglob("done.json"))
    assert not list(copy.rglob("part-*"))
    (table,) = RunFolder.open(RUN).tables("scores")
    assert len(table.read()) == ROWS
    assert [path.parent.parent.name for path in copy.rglob("part-*")] == ["scores"]
    key = next(key for key in store.buckets["lab"] if "/scores/" in key and key.endswith(".parquet"))
    on("c")
    store.buckets["lab"][key] = store.buckets["lab"][key][:-9] + b"!" + store.buckets["lab"][key][-8:]
    (table,) = RunFolder.open(RUN).tables("scores")
    with pytest.raises(
        RunError, match=r"s3://lab/pool.run/scores/.*parquet is damaged.*check s3://lab/pool.run"
    ):
        table.read()


SCORE = (
    "import finegold, time\n"
    "from finegold.run import mirror, lease, tables\n"
    "mirror.SEND_SECONDS = lease.RENEW_SECONDS = mirror.RENEW_SECONDS = 0.05\n"
    "real = tables.PartTable.finish\n"
    "def finish(self, parts):\n"
    "    time.sleep(SLOW if 'scores' in str(self.folder) else 0)\n"
    "    real(self, parts)\n"
    "tables.PartTable.finish = finish\n"
    "finegold.Run.open('s3://lab/pool.run', 's3://lab/data.jsonl', images='s3://lab/photos').score('length')\n"
)


def start(code: str, **environment: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", code], env=os.environ | environment, text=True, stderr=subprocess.PIPE
    )


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(1200):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen within a minute")


def test_a_killed_process_goes_on_here_and_elsewhere_with_the_same_bytes(
    store: S3Server, on: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finegold.run.lease.LEASE_SECONDS", 0.5)
    killed = start(SCORE.replace("SLOW", "60"))
    wait_for(lambda: any("/scores/" in key and "part-" in key for key in tuple(store.buckets["lab"])))
    on("b")
    monkeypatch.setattr("finegold.run.lease.LEASE_SECONDS", 30.0)
    with pytest.raises(
        RunError, match=rf"is writing to {RUN} \(process {killed.pid} on .*: wait until it ends"
    ):
        begin().score("length")
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    half = stored(store)
    assert not [name for name in half if name.startswith("scores/") and name.endswith("done.json")]
    monkeypatch.setattr("finegold.run.lease.LEASE_SECONDS", 0.5)
    begin().score("length")
    elsewhere = tables(stored(store))
    for key in [key for key in store.buckets["lab"] if key.startswith("pool.run/")]:
        del store.buckets["lab"][key]
    store.buckets["lab"] |= {f"pool.run/{name}": content for name, content in half.items()}
    on("a")  # where it was killed
    begin().score("length")
    assert tables(stored(store)) == elsewhere
    assert len(elsewhere) == 6


def test_a_network_that_goes_midway_loses_nothing(store: S3Server, on: Callable[[str], None]) -> None:
    store.broken_after = 6
    with pytest.raises(
        DataError, match=r"s3://lab/pool.run.*kept on this computer, and the same command sends"
    ):
        begin().score("length")
    store.broken_after = None
    assert not [name for name in stored(store) if name.startswith("scores/") and name.endswith("done.json")]
    begin().score("length")
    on("b")
    (table,) = finegold.Run.open(RUN).folder.tables("scores")
    assert len(table.read()) == ROWS


def test_of_several_that_want_the_turn_one_has_it(
    store: S3Server, on: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    address = read_address(RUN)
    assert address is not None
    folder = StoreFolder(address)
    inside: list[int] = []
    most: list[int] = []

    def write(number: int) -> None:
        lease = Lease(folder, f"copy {number}")
        lease.acquire("wait", wait=True)
        inside.append(number)
        most.append(len(inside))
        lease.renew()
        inside.remove(number)
        lease.release()

    threads = [threading.Thread(target=write, args=[number]) for number in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert most == [1, 1, 1]
    Lease(folder, "copy a").acquire("wait", wait=False)  # of a process that was killed on this computer
    held, second = Lease(folder, "copy a"), Lease(folder, "copy b")
    held.acquire("wait", wait=False)
    (turn,) = [key for key in store.buckets["lab"] if "/.turns/" in key]
    with monkeypatch.context() as patch:
        # Another one began in the same instant, in a store without conditional writes.
        patch.setitem(store.buckets["lab"], turn, b'{"token": "of another"}')
        with pytest.raises(RunError, match=r"another process took over s3://lab/pool\.run"):
            held.renew()
    monkeypatch.setattr("finegold.run.lease.LEASE_SECONDS", 0.1)
    second.acquire("wait", wait=False)  # of a process that does not renew it
    with pytest.raises(RunError, match=r"another process took over s3://lab/pool\.run"):
        held.renew()


def test_shards_on_several_computers_make_the_same_table(
    store: S3Server, on: Callable[[str], None], tmp_path: Path
) -> None:
    rows = [{"prompt": f"How many are {n}?", "completion": f"There are {n} of them."} for n in range(600)]
    store.buckets["lab"]["texts.jsonl"] = "".join(f"{json.dumps(row)}\n" for row in rows).encode()

    def score(run: str | Path, shard: str | None = None) -> finegold.run.PartTable:
        compute = finegold.Compute(shard=shard)
        return finegold.Run.open(run, "s3://lab/texts.jsonl", compute=compute).score("length")

    assert not score(RUN, "2/3").done
    on("b")
    assert not score(RUN, "1/3").done
    on("c")
    table = score(RUN, "3/3")
    assert table.done
    assert len(list(table.folder.glob("part-*"))) == 1  # those of the others were not fetched
    assert len(table.read()) == 600
    whole = score(tmp_path / "local.run")
    assert whole.folder.name == table.folder.name
    assert len({name.split("/")[1] for name in stored(store) if name.startswith("samples/")}) == 1
    assert [path.read_bytes() for path in whole.paths()] == [path.read_bytes() for path in table.paths()]
    done = stored(store)[f"scores/{table.folder.name}/done.json"]
    assert json.loads(done)["files"] == json.loads((whole.folder / "done.json").read_text())["files"]


def test_one_computer_at_a_time_marks_rows_in_a_view(
    store: S3Server, on: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("duckdb")
    monkeypatch.setattr("finegold.run.mirror.RENEW_SECONDS", 0.05)
    begin().score("length")
    on("b")
    with open_view(RUN):
        Marks(working_copy(RUN) / MARKS, read_only=False).set("veto", ["r1"])
        on("a")
        with pytest.raises(RunError, match=r"writing to s3://lab/pool\.run .* or look with --read-only"):
            open_view(RUN).__enter__()
        with open_view(RUN, read_only=True):
            on("b")
    assert b'"r1"' in stored(store)[MARKS]
    on("c")
    assert Marks(working_copy(RUN) / MARKS, read_only=True).ids("veto") == ["r1"]


def test_what_is_deleted_here_is_deleted_there_and_a_deleted_run_begins_anew(
    store: S3Server, on: Callable[[str], None], tmp_path: Path
) -> None:
    begin().score("length")
    on("b")
    run = begin()
    with run.folder.writing():
        (table,) = run.folder.tables("scores")
        table.drop([0])
    assert not [name for name in stored(store) if name.startswith("scores/") and "part-" in name]
    run.score("length")
    assert [name for name in stored(store) if name.startswith("scores/") and "part-" in name]
    shutil.rmtree(working_copy(RUN))  # nothing is deleted in the store for it
    before = tables(stored(store))
    begin().score("length")
    assert tables(stored(store)) == before
    for key in [key for key in store.buckets["lab"] if key.startswith("pool.run/")]:
        del store.buckets["lab"][key]
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(RunError, match="is not a run folder"):
        finegold.Run.open(RUN)
    begin().score("length")
    assert tables(stored(store)) == before


def test_no_credentials_are_written(
    store: S3Server, on: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", f"token of {SECRET}")
    on("b")
    run = begin()
    run.score("length")
    run.select(2, preset="length-only").write(tmp_path / "out")
    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    for content in [*files, *store.buckets["lab"].values()]:
        assert SECRET.encode() not in content
    with pytest.raises(DataError, match="the ftp:// address names a password"):
        finegold.Run.open("ftp://me:open@host/pool.run")


def test_faults_of_the_store_are_sentences(
    store: S3Server, on: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataError, match=r"there is no bucket for 's3://none/pool.run': make it"):
        finegold.Run.open("s3://none/pool.run", "s3://lab/data.jsonl", images="s3://lab/photos").score(
            "length"
        )
    with pytest.raises(RunError, match="is not a run folder"):
        finegold.Run.open("s3://lab/none.run")
    for address in ("https://example.org/pool.run", "hf://datasets/a/b/pool.run"):
        with pytest.raises(DataError, match="can be read only, and a run folder is written to"):
            finegold.Run.open(address)
    with pytest.raises(DataError, match="the rows are in memory and the run folder is in a store"):
        finegold.Run.open(RUN, [{"prompt": "What?", "completion": "That."}])
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    on("b")
    with pytest.raises(DataError, match=r"access to 's3://lab/pool.run' was refused: check your credentials"):
        finegold.Run.open(RUN)
