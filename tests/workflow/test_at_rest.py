"""What lies in files: flipped bits, kills, a full disk, two processes and replaced images, in short."""

import io
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from tests.conftest import MakeDataset
from tests.torture.disturb import NAMES, Disturbance, disturb
from tests.torture.flips import flips
from tests.torture.pool import make_pool
from tests.torture.table import Row
from tests.torture.verbs import named

from finegold.errors import DataError
from finegold.samples import open_dataset
from finegold.workflow import Run, pick


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "finegold", *map(str, words)]


def test_flipped_bits_are_found_or_change_nothing_and_the_repair_makes_the_same_again(tmp_path: Path) -> None:
    row, said = flips(tmp_path, 2, encoder=None)
    assert row.tried > 20
    assert said > 5
    assert row.problems == []


@pytest.fixture(scope="module")
def disturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[Disturbance, Row]:
    """What became of a pick that was disturbed in each way."""
    rows = disturb(named("pick"), tmp_path_factory.mktemp("disturbed"), random.Random(0))
    return dict(zip(NAMES, rows, strict=True))


@pytest.mark.parametrize("how", NAMES, ids=NAMES.get)
def test_kills_a_full_disk_and_a_second_process_lose_nothing(
    how: Disturbance, disturbed: dict[Disturbance, Row]
) -> None:
    assert (disturbed[how].tried, disturbed[how].problems) == (1, [])


def test_an_image_that_was_replaced_with_equal_size_and_time_is_noticed(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    data = make_dataset(30)
    before = pick(data, 5, preset="random", run=tmp_path / "run")
    image = data.parent / "images/0003.png"
    found, other = image.stat(), image.read_bytes()
    # Another picture of the same length: bytes behind the end of a PNG are allowed.
    Image.new("RGB", (96, 80), "yellow").save(tmp_path / "new.png")
    image.write_bytes((tmp_path / "new.png").read_bytes().ljust(len(other), b"\0"))
    os.utime(image, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert (image.stat().st_size, image.stat().st_mtime_ns) == (found.st_size, found.st_mtime_ns)
    after = pick(data, 5, preset="random", run=tmp_path / "run")
    assert before.manifest.dataset.fingerprint != after.manifest.dataset.fingerprint


def test_images_that_were_only_linked_or_touched_are_not_read_into_new_tables(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    data = make_dataset(300)
    first = pick(data, 40, tmp_path / "out", preset="length-only", run=tmp_path / "run", link=True)
    events = (tmp_path / "run/events.jsonl").read_text().count('"ingest"')
    again = Run.open(tmp_path / "run", data)
    assert again.rows().sequence == first.manifest.dataset.sequence
    assert pick(data, 40, preset="length-only", run=tmp_path / "run").ids == first.ids
    steps = [json.loads(line) for line in (tmp_path / "run/events.jsonl").read_text().splitlines()]
    assert sum(step.get("step") == "score" for step in steps) == 2
    assert events <= 2


def test_a_changed_image_is_not_hidden_by_others_that_were_touched(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    data = make_dataset(20)
    pick(data, 5, preset="random", run=tmp_path / "run")
    for path in (data.parent / "images").iterdir():
        path.chmod(0o600)
    (data.parent / "images/0000.png").unlink()
    rows = Run.open(tmp_path / "run", data).rows()
    assert rows.usable.tolist() == [False] + [True] * 19


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("/proc/finegold-out", "/proc"),
        ("{file}/out", "a file stands where a folder is needed"),
        ("{folder}/" + "n" * 300, "give it a shorter name"),
    ],
)
def test_a_folder_that_cannot_be_written_is_one_sentence(
    make_dataset: MakeDataset, tmp_path: Path, place: str, words: str
) -> None:
    (tmp_path / "file").write_text("x")
    out = place.format(file=tmp_path / "file", folder=tmp_path)
    done = subprocess.run(
        command("pick", make_dataset(5), "--size", 2, "--preset", "random", "--out", out),
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip
    assert done.returncode == 2
    assert "defect" not in done.stderr
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_path_that_is_not_utf_8_works(make_dataset: MakeDataset, tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/data-\xff"
    data = make_dataset(12)
    os.rename(data.parent, folder)  # noqa: PTH104 - a name that is no text
    run = os.fsdecode(folder) + "/run"
    chosen = pick(
        os.fsdecode(folder) + "/data.json", 3, Path(os.fsdecode(folder) + "-out"), preset="random", run=run
    )
    assert len(chosen.ids) == 3
    opened = Run.open(run)
    assert opened.selection(os.fsdecode(folder) + "-out/selection.json").ids == chosen.ids
    # Arrow's own functions take names in UTF-8 alone.
    for ending in ("csv", "parquet"):
        table = opened.export(f"{os.fsdecode(folder)}/rows.{ending}", format=ending)
        assert len(table) == 12
    brought = opened.bring_column(os.fsdecode(folder) + "/rows.parquet", "answer_chars", "chars")
    assert brought.name == "chars"


def test_tables_below_a_folder_whose_name_is_not_utf_8_are_read_and_written(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/data-\xff"))
    folder.mkdir()
    turns = [
        [{"role": "user", "content": "q"}, {"role": "assistant", "content": f"It is {n}."}] for n in range(4)
    ]
    table = pa.table({"id": list("abcd"), "messages": turns})
    packed, stream = io.BytesIO(), io.BytesIO()
    pq.write_table(table, packed)
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    (folder / "data.parquet").write_bytes(packed.getvalue())
    (folder / "saved").mkdir()
    (folder / "saved" / "data.arrow").write_bytes(stream.getvalue())
    (folder / "saved" / "state.json").write_text('{"_data_files": [{"filename": "data.arrow"}]}')
    (folder / "saved" / "dataset_info.json").write_text("{}")
    for data in (folder / "data.parquet", folder / "saved"):
        out = folder / f"{data.name}-out"
        assert len(pick(data, 2, out, preset="length-only").ids) == 2
        assert open_dataset(out / data.name if data.suffix else out).count() == 2


def test_a_scorer_may_lie_in_the_current_folder_and_no_other_module_of_it_is_imported(tmp_path: Path) -> None:
    for name in ("aiohttp", "orjson", "brotli", "cchardet", "json"):
        (tmp_path / f"{name}.py").write_text(f"open('imported-{name}', 'w')\n")
    (tmp_path / "mine.py").write_text(
        "from dataclasses import dataclass\nfrom finegold.scorers import Score, Scorer\n"
        "@dataclass(frozen=True)\nclass Mine(Scorer):\n"
        "    name = 'mine'\n    version = '1'\n    requires = frozenset()\n"
        "    def prepare(self, context):\n"
        "        return lambda batch: [Score.ok(1.0) for _ in batch.samples]\n"
    )
    data = make_pool(tmp_path / "pool", 4)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for scorer, code in (("mine:Mine", 0), ("finegold.scorers.llm:LlmScorer", None)):
        words = command(
            "score", "run", "--data", data, "--scorer", scorer, "--base-url", "http://127.0.0.1:9/v1"
        )
        words = words[: None if code is None else -2]
        done = subprocess.run(
            words, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path
        )
        if code is not None:
            assert done.returncode == code, done.stderr
    assert not list(tmp_path.glob("imported-*"))


def test_a_labels_file_that_was_cut_is_one_sentence(tmp_path: Path) -> None:
    from finegold.workflow.compare import read_labels

    (tmp_path / "labels.json").write_text('{"a": "go')
    with pytest.raises(DataError, match="cannot be read"):
        read_labels(tmp_path / "labels.json", ["good"])
