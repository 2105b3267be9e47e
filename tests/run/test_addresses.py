"""What is an address, and which names of a store are safe."""

from pathlib import Path

import pytest
from tests.docs.desk import finegold

from finegold.run.addresses import is_safe_name, pattern_folder, read_address


@pytest.mark.parametrize("name", ["../a", "a/../b", "/a", "a//b", "C:/a", "a\\b", "a\nb", "", ".", "a\0b"])
def test_names_that_are_not_safe(name: str) -> None:
    assert not is_safe_name(name)


def test_a_path_object_of_an_address_is_the_address() -> None:
    for text in ("s3://bucket/a.json", "hf://datasets/a/b", "https://host/a.json"):
        assert read_address(Path(text)) == read_address(text) is not None
    for text in ("a/b/c", "data.json", "../a", "a/*.json", "owner/data.jsonl", "/a/b"):
        assert read_address(text) is None


def test_a_pattern_begins_with_a_folder_and_a_host_in_brackets_is_none() -> None:
    assert pattern_folder("bucket/pool/a[0-9]*.json") == "bucket/pool"
    assert pattern_folder("http://[::1]:80/pool/*.json") == "http://[::1]:80/pool"
    for place in ("bucket/pool/", "http://[::1]:80/pool/"):
        assert pattern_folder(place) is None


@pytest.mark.parametrize(
    "words",
    [
        ["export", "pool.run", "--out", "s3://lab/exported"],
        ["evaluate", "offline", "--task-data", "s3://lab/benchmarks", "--tasks", "vsr", "--out", "out"],
        ["report", "pool.run", "--selection", "s3://lab/elsewhere/selection.json", "--out", "report.html"],
    ],
)
def test_an_address_where_a_file_of_this_computer_belongs_is_refused_in_a_sentence(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINEGOLD_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    done = finegold(*words)
    assert done.status == 2
    assert "is an address, expected a file or folder of this computer" in done.err
    assert list(tmp_path.iterdir()) == []
