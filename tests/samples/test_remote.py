"""Data of a hub on loopback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.samples.conftest import picture
from tests.samples.remote_server import COMMIT, RemoteServer, rows
from tests.samples.s3_server import S3Server, serving_s3

import finegold
from finegold.errors import ConfigError, DataError
from finegold.extras import check_hub
from finegold.run import cache_folder
from finegold.samples.opening import open_dataset
from finegold.samples.remote import download_bytes
from finegold.workflow import DataSource


def usable(data: finegold.Dataset) -> int:
    return finegold.inspect(data).usable


@pytest.mark.parametrize(
    "address",
    [
        "lab/pictures",
        "lab/pictures@main",
        f"lab/pictures@{COMMIT}",
        "hf://datasets/lab/pictures",
        f"hf://datasets/lab/pictures@{COMMIT}",
    ],
)
def test_a_dataset_of_the_hub_opens_with_the_images_that_it_names(server: RemoteServer, address: str) -> None:
    data = open_dataset(address)
    assert len(data) == usable(data) == 4
    assert data.name == "pictures"
    assert not [line for line in server.sent("GET") if "5.jpg" in line]  # no row names it


def test_one_file_of_the_hub_and_the_page_of_the_hub_open(server: RemoteServer) -> None:
    server.repositories["lab/pictures"]["more/other.json"] = rows(2)
    for address in (
        "hf://datasets/lab/pictures/more/other.json",
        f"{server.url}/datasets/lab/pictures/blob/main/more/other.json",
        f"{server.url}/datasets/lab/pictures/resolve/main/more/other.json",
    ):
        assert len(open_dataset(address)) == 2
    assert len(open_dataset(f"{server.url}/datasets/lab/pictures/tree/main/more")) == 2


def test_what_is_in_the_cache_is_not_downloaded_again(server: RemoteServer) -> None:
    open_dataset("lab/pictures")
    server.requests.clear()
    server.commit = "b" * 40  # the same files at another commit
    open_dataset("lab/pictures")
    assert not [line for line in server.requests if "/resolve/" in line and "HEAD" not in line]


def test_a_run_keeps_the_commit_and_opens_without_the_hub(
    server: RemoteServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finegold.pick("lab/pictures", 2, tmp_path / "out", preset="length-only")
    kept = json.loads((tmp_path / "out.run/manifest.json").read_text())["data"]
    assert kept["path"] == f"hf://datasets/lab/pictures@{COMMIT}"
    assert kept["revision"] == COMMIT
    server.commit = "b" * 40
    server.repositories["lab/pictures"]["data.json"] = rows(1)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert len(finegold.Run.open(tmp_path / "out.run").dataset) == 4


def test_a_pick_without_a_folder_keeps_its_run_in_the_cache(server: RemoteServer) -> None:
    selection = finegold.pick("lab/pictures", 2, preset="length-only")
    assert selection.run.path.is_relative_to(cache_folder())


def test_a_split_is_chosen_by_name(server: RemoteServer) -> None:
    server.repositories["lab/splits"] = {
        "data/train-00000-of-00001.jsonl": b'{"messages": [{"role": "user", "content": "a"}]}',
        "train.json": rows(3),
        "test.json": rows(2, 10),
    }
    assert len(open_dataset("lab/splits", split="test")) == 2
    assert len(open_dataset("lab/splits", split="train")) == 3
    with pytest.raises(DataError, match=r"has no split or configuration 'dev', expected one of test, train"):
        open_dataset("lab/splits", split="dev")
    with pytest.raises(DataError, match=rf"hf://datasets/lab/splits@{COMMIT} holds several splits"):
        open_dataset("lab/splits")


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_split_of_a_folder_on_disk_is_chosen_by_name(tmp_path: Path, split: str) -> None:
    (tmp_path / "train.json").write_bytes(rows(3))
    (tmp_path / "test.json").write_bytes(rows(2))
    assert len(open_dataset(tmp_path, split=split)) == {"train": 3, "test": 2}[split]
    with pytest.raises(DataError, match="one file, so there is no split"):
        open_dataset(tmp_path / "test.json", split="train")


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("lab/nothing", "nothing at the path lab/nothing, and as a hub id: the hub has no dataset"),
        ("hf://datasets/lab/nothing", "the hub has no dataset 'lab/nothing'"),
        ("lab/pictures@v9", "has no revision 'v9'"),
        ("hf://datasets/lab/pictures/nothing.json", "there is nothing at"),
        ("hf://lab/pictures", "names no dataset of the hub, expected hf://datasets/OWNER/NAME"),
        ("hf://datasets/lab", "names no dataset of the hub"),
        ("lab/gated", "the hub refuses access to the dataset 'lab/gated'"),
        ("ftq://host/a.json", "unknown protocol 'ftq'"),
        ("lab/nothing.json", "there is nothing at lab/nothing.json, expected a dataset file"),
    ],
)
def test_what_is_not_there_is_one_sentence(server: RemoteServer, address: str, message: str) -> None:
    server.refused.add("lab/gated")
    with pytest.raises(DataError, match=message) as caught:
        open_dataset(address)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("address", ["lab/pictures", "hf://datasets/lab/pictures"])
def test_a_hub_that_does_not_answer_is_said(
    server: RemoteServer, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(DataError, match="does not answer"):
        open_dataset(address)


def test_a_hub_that_answers_again_is_read_again(
    server: RemoteServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = pytest.importorskip("huggingface_hub")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    check_hub("nobody/nothing")
    with pytest.raises(DataError, match="does not answer"):
        open_dataset("lab/pictures")
    assert package.is_offline_mode()  # the loaders of models do not try for minutes
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    assert len(open_dataset("lab/pictures")) == 4
    assert not package.is_offline_mode()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(DataError, match="that HF_HUB_OFFLINE is not set"):
        open_dataset("lab/pictures")


def test_a_path_that_exists_wins(
    server: RemoteServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lab/pictures").mkdir(parents=True)
    (tmp_path / "lab/pictures/data.json").write_bytes(rows(1))
    monkeypatch.chdir(tmp_path)
    assert len(open_dataset("lab/pictures")) == 1
    assert not server.requests


def test_images_of_data_on_disk_may_be_remote(server: RemoteServer, tmp_path: Path) -> None:
    (tmp_path / "data.json").write_bytes(rows(7))
    found = finegold.inspect(tmp_path / "data.json", images="hf://datasets/lab/pictures/images")
    assert found.usable == 6
    assert found.codes == {"missing-image": 1}


def test_a_download_that_is_killed_goes_on_where_it_stopped(server: RemoteServer) -> None:
    content = b"\n".join(json.dumps({**row, "pad": "x" * 1000}).encode() for row in json.loads(rows(30_000)))
    server.repositories["lab/big"] = {"data.jsonl": content}
    code = (
        "import os, finegold.run.stores as s\n"
        "real = s.RemoteStore._chunks\n"
        "def chunks(self, file, done, output):\n"
        "    for number, chunk in enumerate(real(self, file, done, output)):\n"
        "        yield chunk\n"
        "        output.flush()\n"
        "        if number == 1: os.kill(os.getpid(), 9)\n"
        "s.RemoteStore._chunks = chunks\n"
        "import finegold; finegold.open_dataset('lab/big')\n"
    )
    killed = subprocess.run([sys.executable, "-c", code], env=os.environ, capture_output=True, check=False)
    assert killed.returncode == -9, killed.stderr
    assert list(cache_folder().rglob("*.part"))
    server.requests.clear()
    assert open_dataset("lab/big").files()[0].read_bytes() == content
    assert not [line for line in server.requests if "bytes=0-" in line and "big" in line]
    assert not list(cache_folder().rglob("*.part"))


def test_more_than_the_limit_is_not_downloaded(server: RemoteServer) -> None:
    with pytest.raises(DataError, match=r"more than the limit of 0.0 MB: raise it with --download-limit"):
        open_dataset("lab/pictures", download_limit="100B")
    assert not [line for line in server.sent("GET") if "data.json" in line]
    with pytest.raises(DataError, match="more than the limit"):
        open_dataset("lab/pictures", download_limit="2KB")  # the images


def test_names_that_leave_the_cache_folder_are_not_written(server: RemoteServer, tmp_path: Path) -> None:
    server.repositories["evil/one"] = {
        "data.json": rows(2).replace(b"0.jpg", b"../../../../../../gone.jpg"),
        "../../../../gone.json": b"[]",
        "images/1.jpg": picture(1),
    }
    found = finegold.inspect("evil/one")
    assert found.usable == 1
    assert not list(tmp_path.rglob("gone*"))
    outside = [path for path in tmp_path.rglob("*") if not path.is_relative_to(tmp_path / "cache")]
    assert not outside


def test_a_size_is_read() -> None:
    assert download_bytes("20GB") == 20 * 10**9
    assert download_bytes("1.5 M") == 1_500_000
    with pytest.raises(ConfigError, match="expected a size such as 20GB"):
        download_bytes("much")


def test_the_sources_of_a_mix_may_lie_elsewhere_and_keep_their_revision(
    server: RemoteServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files |= {
        "/pool/data.jsonl": b"".join(
            json.dumps(one).encode() + b"\n" for one in json.loads(rows(3).replace(b"thing", b"web thing"))
        )
    }
    server.files |= {f"/photos/{number}.jpg": picture(number) for number in range(3)}
    (tmp_path / "own.json").write_bytes(rows(2).replace(b"thing", b"own thing"))
    (tmp_path / "images").mkdir()
    for number in range(2):
        (tmp_path / f"images/{number}.jpg").write_bytes(picture(number))
    mix = tmp_path / "mix.toml"
    mix.write_text(
        '[[sources]]\nname = "hub"\npath = "lab/pictures"\n'
        f'[[sources]]\nname = "web"\npath = "{server.url}/pool/data.jsonl"\nimages = "{server.url}/photos"\n'
        '[[sources]]\nname = "own"\npath = "own.json"\n'
        '[[sources]]\nname = "page"\npath = "hf://datasets/lab/pictures@main/data.json"\n'
        f'images = "{server.url}/photos"\n'
    )
    assert (len(open_dataset(mix)), usable(open_dataset(mix))) == (4 + 3 + 2 + 4, 4 + 3 + 2)  # one twice
    out = tmp_path / "out"
    selection = finegold.pick(mix, 5, out, preset="length-only")
    kept = json.loads(json.loads((tmp_path / "out.run/manifest.json").read_text())["data"]["revision"])
    assert kept["hub"] == [f"hf://datasets/lab/pictures@{COMMIT}", COMMIT]
    assert set(kept) == {"hub", "web", "page"}
    assert sorted(row.id for row in open_dataset(out)) == sorted(selection.ids)
    server.commit = "b" * 40
    server.repositories["lab/pictures"]["data.json"] = rows(1)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    server.files.clear()
    assert len(finegold.Run.open(tmp_path / "out.run").dataset) == 4 + 3 + 2 + 4
    with pytest.raises(DataError, match=r"mix.toml: the source 'hub': .*does not answer"):
        DataSource.of(mix)


def test_a_source_of_a_mix_that_is_neither_a_path_nor_on_the_hub_says_both(
    server: RemoteServer, tmp_path: Path
) -> None:
    mix = tmp_path / "mix.toml"
    mix.write_text('[[sources]]\nname = "a"\npath = "lab/none"\n')
    with pytest.raises(
        DataError, match=r"the source 'a': there is nothing at the path lab/none, and as a hub id"
    ):
        open_dataset(mix)
    with pytest.raises(ConfigError, match=r"the revision of .*write OWNER/NAME@REVISION at the source"):
        open_dataset(mix, revision="abc")


def test_an_entry_of_dataset_info_may_lie_on_the_hub(server: RemoteServer, tmp_path: Path) -> None:
    turns = {"columns": {"messages": "conversations", "images": "image"}, "formatting": "sharegpt"}
    split = {
        f"french/{name}-00000-of-00001.jsonl": json.dumps(json.loads(rows(2, start))[0]).encode() + b"\n"
        for name, start in (("train", 3), ("test", 4))
    }
    server.repositories["lab/splits"] = {**split, **{f"images/{n}.jpg": picture(n) for n in range(6)}}
    info = {
        "whole": {"hf_hub_url": "lab/pictures", **turns},
        "part": {"hf_hub_url": "lab/splits", "subset": "french", "split": "test", **turns},
        "usual": {"hf_hub_url": "lab/splits", "subset": "french", **turns},
        "none": {"hf_hub_url": "lab/none", **turns},
        "cloud": {"cloud_file_name": f"{server.url}/a/data.json", **turns},
    }
    server.files = {"/a/data.json": rows(2)}
    (tmp_path / "dataset_info.json").write_text(json.dumps(info))
    found = {
        name: [row.id for row in open_dataset(f"{tmp_path}#{name}")]
        for name in ("whole", "part", "usual", "cloud")
    }
    assert found == {
        "whole": ["r0", "r1", "r2", "r3"],
        "part": ["r4"],
        "usual": ["r3"],
        "cloud": ["r0", "r1"],
    }
    assert finegold.inspect(f"{tmp_path}#whole").usable == 4
    finegold.pick(f"{tmp_path}#whole", 2, tmp_path / "out", preset="length-only")
    kept = json.loads((tmp_path / "out.run/manifest.json").read_text())["data"]
    assert kept["revision"] == COMMIT
    assert json.loads((tmp_path / "out/dataset_info.json").read_text())["whole"]["file_name"] == "data.json"
    with pytest.raises(DataError, match="the hub has no dataset 'lab/none'"):
        open_dataset(f"{tmp_path}#none")


def test_a_dataset_info_on_the_hub_is_followed(server: RemoteServer, tmp_path: Path) -> None:
    turns = {"columns": {"messages": "conversations", "images": "image"}, "formatting": "sharegpt"}
    info = {
        "whole": {"file_name": "data/one.json", **turns},
        "out": {"file_name": "../data.json", **turns},
    }
    files = {"dataset_info.json": json.dumps(info).encode(), "data/one.json": rows(3)}
    server.repositories["lab/factory"] = {**files, **{f"{n}.jpg": picture(n) for n in range(3)}}
    assert [row.id for row in open_dataset("lab/factory#whole")] == ["r0", "r1", "r2"]
    assert finegold.inspect(open_dataset("hf://datasets/lab/factory@main#whole")).usable == 3
    finegold.pick("lab/factory#whole", 2, tmp_path / "out", preset="length-only")
    kept = json.loads((tmp_path / "out.run/manifest.json").read_text())["data"]
    assert kept["path"] == f"hf://datasets/lab/factory@{COMMIT}/data/one.json"
    server.requests.clear()
    assert len(finegold.Run.open(tmp_path / "out.run").select(2, preset="random").ids) == 2
    with pytest.raises(
        DataError, match=r"factory@a+/dataset_info.json states no dataset 'whle' \(did you mean 'whole'\?\)"
    ):
        open_dataset("lab/factory#whle")
    with pytest.raises(DataError, match="outside of its folder"):
        open_dataset("lab/factory#out")
    with pytest.raises(DataError, match=r"there is no dataset_info.json at 'hf://datasets/lab/pictures'"):
        open_dataset("lab/pictures#whole")


def test_a_hub_that_takes_requests_and_does_not_answer_is_a_sentence(
    server: RemoteServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finegold.run.stores.ANSWER_SECONDS", 1)
    silent = S3Server()
    silent.silent.set()
    with serving_s3(silent):
        monkeypatch.setenv("HF_ENDPOINT", silent.url)
        with pytest.raises(
            DataError, match=r"'hf://datasets/lab/pictures' cannot be read .*check the address"
        ):
            open_dataset("hf://datasets/lab/pictures")
